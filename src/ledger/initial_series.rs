//! Which series exist before anything is counted in them: `increase()` takes a series that begins above 0 for one that
//! has not moved.

use crate::attribute::Id;
use crate::vocabulary::{Cause, ExitReason, Outcome, RootCause};

use super::Ledger;

/// With these every upstream begins: some 50 series. A retry that hides failures and half a page are what alerts look
/// for, each with any cause.
const FIRST: &[Outcome] = &[Outcome::Failed, Outcome::Rescued, Outcome::Truncated];

/// Whether an attempt may fail like this and end like that.
fn is_possible(cause: Cause, outcome: Outcome) -> bool {
    match cause {
        // No attempt failed.
        Cause::UpstreamStatus | Cause::CachedError | Cause::NginxReturn | Cause::Unknown => false,
        Cause::ResponseTruncated => outcome == Outcome::Truncated,
        // The disk may be full in the middle of an answer.
        Cause::NginxResources => true,
        _ => outcome != Outcome::Truncated,
    }
}

impl Ledger {
    /// A server and an upstream are seen together.
    pub(super) fn start_pair(&mut self, server: Id, upstream: Id) {
        for cause in Cause::ALL {
            for code in cause.codes() {
                self.errors.entry((server, upstream, *code, *cause)).or_default();
            }
        }
        for root in RootCause::ALL {
            for code in root.codes() {
                self.roots.entry((upstream, *code, *root)).or_default();
            }
        }
        self.start_failures(upstream, Outcome::Failed);
    }

    /// An attempt at an upstream had, or may have, this outcome. Those that most upstreams never see (`background`,
    /// `unmatched`) would double the number of series, so they begin when the upstream has its first.
    pub(super) fn start_failures(&mut self, upstream: Id, outcome: Outcome) {
        // Any one of its series tells that all are there.
        for start in FIRST.iter().chain((!FIRST.contains(&outcome)).then_some(&outcome)) {
            if self.failures.contains_key(&(upstream, Cause::NginxResources, *start)) {
                continue;
            }
            for cause in Cause::ALL.iter().filter(|cause| is_possible(**cause, *start)) {
                self.failures.entry((upstream, *cause, *start)).or_default();
            }
        }
    }

    /// A pool is known.
    pub fn start_exits(&mut self, fpm: Id, pool: Id) {
        for reason in ExitReason::ALL {
            self.exits.entry((fpm, pool, *reason)).or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Sink;

    fn series(ledger: &Ledger, upstream: Id, outcome: Outcome) -> usize {
        ledger.failures.keys().filter(|(of, _, as_)| (*of, *as_) == (upstream, outcome)).count()
    }

    fn all(ledger: &Ledger, upstream: Id) -> Vec<usize> {
        Outcome::ALL.iter().map(|outcome| series(ledger, upstream, *outcome)).collect()
    }

    #[test]
    fn an_upstream_begins_with_zeros_however_it_is_seen_first() {
        let (by_access, by_error) = (Id::at(2), Id::at(3));
        let mut ledger = Ledger::default();
        ledger.pair(Id::at(2), by_access);
        ledger.failure(by_error, Cause::ConnectionReset, Outcome::Rescued);
        let attempts = Cause::ALL.iter().filter(|cause| is_possible(**cause, Outcome::Failed)).count();
        // failed, rescued, truncated, background, unmatched
        for upstream in [by_access, by_error] {
            assert_eq!(all(&ledger, upstream), [attempts, attempts, 2, 0, 0]);
        }
        assert_eq!(ledger.failures[&(by_error, Cause::ConnectionReset, Outcome::Rescued)], 1);
        assert_eq!(ledger.failures.values().sum::<u64>(), 1);

        ledger.failure(by_error, Cause::ConnectionRefused, Outcome::Unmatched);
        assert_eq!(all(&ledger, by_error), [attempts, attempts, 2, 0, attempts]);
    }

    #[test]
    fn zeros_come_back_after_a_restart() {
        let mut ledger = Ledger::default();
        ledger.failure(Id::at(3), Cause::ResponseTruncated, Outcome::Truncated);
        ledger.failure(Id::at(3), Cause::DnsFailure, Outcome::Background);
        ledger.start_exits(Id::at(4), Id::at(5));
        let resumed = Ledger::resume(ledger.save());
        assert_eq!((resumed.failures, resumed.exits), (ledger.failures, ledger.exits));
    }

    #[test]
    fn a_pool_begins_with_every_reason() {
        let mut ledger = Ledger::default();
        ledger.start_exits(Id::at(4), Id::at(2));
        assert_eq!(ledger.exits.len(), ExitReason::ALL.len());
        ledger.exit(Id::at(4), Id::at(2), ExitReason::Crash);
        ledger.start_exits(Id::at(4), Id::at(2));
        assert_eq!(ledger.exits[&(Id::at(4), Id::at(2), ExitReason::Crash)], 1);
    }
}
