//! The counters as a [`View`], with 0 for what may happen and did not: `increase()` takes a series that begins above 0 for
//! one that has not moved.

use super::Ledger;
use crate::attribute::{Id, Names};
use crate::view::{Errors, Exits, Failures, Overflow, Responses, RootCauses, Seconds, View};
use crate::vocabulary::possible::{self, Transport};
use crate::vocabulary::{Cause, Outcome, Phase};

impl Ledger {
    /// Everything, under the names of the labels.
    pub fn view(&self, names: &Names) -> View {
        let sums = self.observed.iter().map(|((what, labels), sum)| (*what, labels.clone(), *sum));
        let mut view = View {
            responses: self.responses_of(names),
            errors: self.errors_of(names),
            roots: self.roots_of(names),
            failures: self.failures_of(names),
            seconds: self.seconds_of(names),
            exits: self.exits_of(names),
            sums: sums.collect(),
            episodes: self.episodes.view(names),
            now: 0,
            findings: None,
            offset: 0,
            history: self.history.clone(),
            machine: self.machine.clone(),
            logs: self.logs.clone(),
            overflow: Overflow {
                server: names.servers.overflowed() + self.pairs_overflowed(),
                upstream: names.upstreams.overflowed(),
                pool: names.pools.overflowed() + names.fpms.overflowed(),
            },
            durable: self.durable,
            rejected: self.rejected.iter().map(|(reason, count)| (reason.clone(), *count)).collect(),
            compat: self.compat,
        };
        self.budget.cut(&mut view);
        view
    }

    fn responses_of(&self, names: &Names) -> Vec<Responses> {
        let servers = names.servers.ids().zip(&self.responses);
        let each = servers.flat_map(|(server, codes)| {
            let server = names.servers.shared(server);
            codes.iter().map(move |(code, count)| Responses {
                server: server.clone(),
                code: *code,
                count: *count,
            })
        });
        each.collect()
    }

    fn errors_of(&self, names: &Names) -> Vec<Errors> {
        let mut out = Vec::new();
        for (server, upstream) in self.pairs() {
            let (server_name, upstream_name) =
                (names.servers.shared(server), names.upstreams.shared(upstream));
            let transport = Transport::of(&upstream_name);
            for cause in Cause::ALL {
                for code in possible::codes(*cause, transport) {
                    let count =
                        self.errors.get(&(server, upstream, *code, *cause)).copied().unwrap_or_default();
                    let (server, upstream) = (server_name.clone(), upstream_name.clone());
                    out.push(Errors { server, upstream, code: *code, cause: *cause, count });
                }
            }
        }
        let is_shown = |server: Id, upstream: Id, code: u16, cause: Cause| {
            let transport = Transport::of(names.upstreams.text(upstream));
            self.is_known(server, upstream) && possible::codes(cause, transport).contains(&code)
        };
        let others = self.errors.iter();
        let mut others: Vec<_> = others
            .filter(|((server, upstream, code, cause), _)| !is_shown(*server, *upstream, *code, *cause))
            .collect();
        others.sort();
        out.extend(others.into_iter().map(|((server, upstream, code, cause), count)| Errors {
            server: names.servers.shared(*server),
            upstream: names.upstreams.shared(*upstream),
            code: *code,
            cause: *cause,
            count: *count,
        }));
        out
    }

    fn roots_of(&self, names: &Names) -> Vec<RootCauses> {
        let mut roots: Vec<_> = self.roots.iter().collect();
        roots.sort();
        let row = |((server, upstream, code, root), count): (&(Id, Id, u16, _), &u64)| RootCauses {
            server: names.servers.shared(*server),
            upstream: names.upstreams.shared(*upstream),
            code: *code,
            root: *root,
            count: *count,
        };
        roots.into_iter().map(row).collect()
    }

    fn failures_of(&self, names: &Names) -> Vec<Failures> {
        let mut out = Vec::new();
        for upstream in names.upstreams.ids().filter(|upstream| self.has_attempts(*upstream)) {
            let name = names.upstreams.shared(upstream);
            let transport = Transport::of(&name);
            for cause in Cause::ALL {
                for outcome in Outcome::ALL {
                    let count = self.failures.get(&(upstream, *cause, *outcome)).copied();
                    let starts = possible::attempts(*cause, *outcome, transport);
                    if let Some(count) = count.or(starts.then_some(0)) {
                        out.push(Failures {
                            upstream: name.clone(),
                            cause: *cause,
                            outcome: *outcome,
                            count,
                        });
                    }
                }
            }
        }
        out
    }

    fn seconds_of(&self, names: &Names) -> Vec<Seconds> {
        let mut out = Vec::new();
        for (upstream, phases) in names.upstreams.ids().zip(&self.seconds) {
            for (phase, histogram) in
                Phase::ALL.iter().zip(phases).filter(|(_, histogram)| histogram.count() > 0)
            {
                let upstream = names.upstreams.shared(upstream);
                out.push(Seconds { upstream, phase: *phase, histogram: histogram.clone() });
            }
        }
        out
    }

    fn exits_of(&self, names: &Names) -> Vec<Exits> {
        let mut exits: Vec<_> = self.exits.iter().collect();
        exits.sort();
        let row = |((fpm, pool, reason), count): (&(Id, Id, _), &u64)| Exits {
            fpm: names.fpms.shared(*fpm),
            pool: names.pools.shared(*pool),
            reason: *reason,
            count: *count,
        };
        exits.into_iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{Sink, Verdict};
    use crate::vocabulary::{ExitReason, RootCause};

    fn counted(view: &View) -> (u64, u64) {
        (view.errors.iter().map(|row| row.count).sum(), view.failures.iter().map(|row| row.count).sum())
    }

    #[test]
    fn an_upstream_begins_with_what_it_can_have_and_impossible_things_are_counted_all_the_same() {
        let (mut ledger, mut names) = (Ledger::default(), Names::default());
        let (server, upstream) = (names.servers.id(b"a.test"), names.upstreams.id(b"unix:/run/a.sock"));
        ledger.pair(server, upstream);
        let view = ledger.view(&names);
        let of = |view: &View| {
            view.errors.iter().filter(|row| &*row.upstream == "unix:/run/a.sock").cloned().collect::<Vec<_>>()
        };
        assert_eq!((of(&view).len(), counted(&view)), (19, (0, 0)));
        assert!(of(&view).iter().any(|row| row.cause == Cause::BacklogFull && row.code == 502));
        assert!(view.roots.is_empty() && view.failures.iter().all(|row| row.outcome == Outcome::Failed));
        let verdict = Verdict { status: 504, cause: Cause::TlsFailure, server, upstream, at: 0 };
        ledger.error(&verdict);
        ledger.root(&verdict, RootCause::Tls, 1);
        ledger.failure(upstream, Cause::TlsFailure, Outcome::Rescued, 0);
        let view = ledger.view(&names);
        assert_eq!((of(&view).len(), counted(&view), view.roots.len()), (20, (1, 1), 1));
        let again = Ledger::resume(ledger.save()).view(&names);
        assert_eq!((again.errors, again.failures, again.roots), (view.errors, view.failures, view.roots));
    }

    #[test]
    fn a_pool_begins_with_every_reason() {
        let (mut ledger, mut names) = (Ledger::default(), Names::default());
        let (fpm, pool) = (names.fpms.id(b"8.2"), names.pools.id(b"www"));
        ledger.start_exits(fpm, pool);
        ledger.exit(fpm, pool, ExitReason::Crash, 0);
        ledger.start_exits(fpm, pool);
        let exits = ledger.view(&names).exits;
        assert_eq!((exits.len(), exits.iter().map(|row| row.count).sum::<u64>()), (ExitReason::ALL.len(), 1));
    }
}
