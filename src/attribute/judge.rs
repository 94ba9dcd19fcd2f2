//! What a line of the access log means for the entries that belong to it: a verdict for a failed response, and what became of
//! each failed attempt.

use super::decide::{self, Decision};
use super::join::{self, Group, Keys};
use super::keepalive;
use super::names::Id;
use super::pending::{Evidence, WaitingEntry};
use super::root_cause::{self, PendingRootCause, Target};
use super::{Attributor, Sink, Verdict};
use crate::record::access::{Access, Written};
use crate::record::list;
use crate::record::stamp::Local;
use crate::vocabulary::{Cause, Outcome, RootCause};

impl Attributor {
    /// `$msec` has no zone and the error log no epoch: one request that is in both tells the difference.
    pub(super) fn learn_offset(&mut self, access: &Access<'_>, group: &Group) {
        if let (false, Some(Written::Epoch(millis)), Some((_, entry))) =
            (self.offset_known, access.written(), group.entries.last())
            && access.connection().is_some()
            && !entry.shadowed
        {
            let difference = entry.at - millis.div_euclid(1000);
            let quarters = (difference + 450).div_euclid(900) * 900;
            if quarters.abs() <= 86_400 {
                self.offset = quarters as i32;
            }
        }
    }

    pub(super) fn failed(
        &mut self,
        access: &Access<'_>,
        keys: &Keys<'_>,
        group: &Group,
        (server, kept): (Id, Option<Id>),
        sink: &mut impl Sink,
    ) {
        let decision = decide::decide(access, group, self.sees_errors());
        let last = access.last_attempt();
        let last_addr = last.map(|attempt| attempt.addr).filter(|addr| !list::missing(addr));
        let decided_by = if let Decision::Entry((seq, _), _) = decision { Some(*seq) } else { None };
        let (cause, upstream, root, fastcgi, at) = match decision {
            Decision::Entry((_, entry), cause) => {
                (cause, join::peer(entry, &mut self.names, last_addr), entry.root, entry.fastcgi, entry.at)
            }
            Decision::Line { cause, root } => {
                // A script's words name the peer that a format without upstreams does not have.
                let said = group.php_peer().filter(|_| cause == Cause::UpstreamStatus);
                let (upstream, fastcgi) = match (last_addr, said) {
                    (Some(addr), _) => (self.names.upstreams.id(addr), None),
                    (None, Some(entry)) => (entry.upstream, entry.fastcgi),
                    (None, None) => (Id::NONE, None),
                };
                (cause, upstream, root, fastcgi, keys.end)
            }
        };
        let verdict = Verdict { status: keys.status, cause, server, upstream, at: keys.end };
        sink.pair(server, upstream);
        sink.error(&verdict);
        let target = keys.target();
        let stale = kept == Some(upstream) && keepalive::may_be_stale(cause, &target);
        let root = root.or(stale.then_some(RootCause::StaleKeepalive));
        self.explain(verdict, root, fastcgi, at, &target, sink);
        for (seq, entry) in &group.entries {
            let Evidence::Failure(cause) = entry.evidence else {
                self.pending.take(*seq);
                continue;
            };
            let decided = decided_by == Some(*seq);
            let outcome = if entry.subrequest && !decided { Outcome::Background } else { Outcome::Failed };
            if self.pending.take(*seq) {
                let peer = join::peer(entry, &mut self.names, last_addr);
                sink.failure(peer, cause, outcome, keys.end);
            }
        }
    }

    /// The root cause: at once where only the cause can tell, else when FPM's log had its time.
    fn explain(
        &mut self,
        verdict: Verdict,
        root: Option<RootCause>,
        fastcgi: Option<bool>,
        at: Local,
        target: &[u8],
        sink: &mut impl Sink,
    ) {
        let otherwise =
            root.unwrap_or_else(|| verdict.cause.own_root(self.names.upstreams.text(verdict.upstream)));
        let may_come =
            self.options.fpm && fastcgi != Some(false) && root_cause::is_explained_later(verdict.cause);
        if !may_come {
            return sink.root(&verdict, otherwise, 1);
        }
        let asked = self.clock(at);
        // FPM's log names the request only of a connection that it drops.
        let lost = root_cause::is_lost_connection(verdict.cause);
        let target = if lost { Target::of(target) } else { Target::default() };
        let (upstream, count) = (verdict.upstream, 1);
        let verdict = Some(verdict);
        let question = PendingRootCause { verdict, at, asked, target, upstream, fastcgi, otherwise, count };
        if let Some(PendingRootCause { verdict: Some(oldest), otherwise, count, .. }) =
            self.roots.ask(question)
        {
            sink.root(&oldest, otherwise, count);
        }
    }

    pub(super) fn succeeded(&mut self, keys: &Keys<'_>, group: &Group, sink: &mut impl Sink) {
        // 499: the client left after the attempt had failed; nothing saved it.
        let outcome = if keys.status == 499 { Outcome::Failed } else { Outcome::Rescued };
        for (seq, entry) in &group.entries {
            // A failed subrequest decides nothing of a line that did not fail.
            if keys.connection.is_none() && !entry.subrequest {
                // Only probable: a failed line of the same client and request may still come.
                self.pending.rescue(*seq);
                if is_refused(entry, keys.status) && self.pending.count(*seq) {
                    sink.failure(entry.upstream, Cause::NginxLimit, Outcome::Failed, keys.end);
                }
                continue;
            }
            match entry.evidence {
                Evidence::Failure(cause) if is_refused(entry, keys.status) => {
                    if self.pending.take(*seq) {
                        sink.failure(entry.upstream, cause, Outcome::Failed, keys.end);
                    }
                }
                Evidence::Failure(cause) => {
                    let outcome = match cause {
                        _ if entry.subrequest => Outcome::Background,
                        Cause::ResponseTruncated => Outcome::Truncated,
                        _ => outcome,
                    };
                    if self.pending.take(*seq) {
                        sink.failure(entry.upstream, cause, outcome, keys.end);
                    }
                }
                Evidence::Php(_) | Evidence::AuthRequest => {
                    self.pending.take(*seq);
                }
            }
        }
    }
}

/// limit_req_status, limit_conn_status: whatever the client got, it was refused.
fn is_refused(entry: &WaitingEntry, status: u16) -> bool {
    entry.evidence == Evidence::Failure(Cause::NginxLimit) && status >= 400 && !entry.subrequest
}

/// Counts an entry that found no line of its own.
pub(super) fn settle(entry: &WaitingEntry, sink: &mut impl Sink) {
    // A shadowed entry that belongs to no response proves nothing.
    if let (Evidence::Failure(cause), false) = (entry.evidence, entry.shadowed) {
        let outcome = match (entry.rescued, cause) {
            (false, _) => Outcome::Unmatched,
            (true, Cause::ResponseTruncated) => Outcome::Truncated,
            (true, _) => Outcome::Rescued,
        };
        sink.failure(entry.upstream, cause, outcome, entry.at);
    }
}
