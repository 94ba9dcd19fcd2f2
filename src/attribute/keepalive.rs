//! Connections that nginx kept to an upstream, as far as its access log shows them: the evidence for `stale_keepalive`.
//!
//! The upstream may close an idle connection at the moment nginx sends a request on it. nginx then takes another one by
//! itself (`ngx_http_upstream_next`: `u->peer.cached` adds a try), but not for a POST, PATCH or LOCK that was sent
//! already. No log says that a connection was a kept one. What can be known: the same worker had a complete answer from
//! the same peer a little before, so it kept that connection, and this attempt took no time to connect, lasted hardly
//! longer than a packet's way, and got not one byte.

use std::collections::{HashMap, VecDeque};

use crate::record::access::{Access, Attempt};
use crate::record::{list, stamp};

use super::names::{Id, Interner};
use crate::vocabulary::Cause;

/// Longest attempt, in seconds, that is taken for one on a dead connection: the answer to its first packet is FIN or
/// RST, one way there and back. That is far below a millisecond on one machine and some within a data centre; a request
/// that an application worked on before it died mostly took longer.
const AT_ONCE: f64 = 0.050;

/// `$msec` and the times of an attempt come from two clocks that tick in different places of a millisecond.
const SLACK: i64 = 1;

/// Most peers of workers that are remembered, and most responses cut short whose line is still to come.
const MOST: usize = 16_384;
const MOST_CUT: usize = 1024;

/// By upstream, how long an idle connection to it is kept, in milliseconds.
pub type Kept = HashMap<Id, i64>;

/// When each worker last had a complete answer from each peer. Not saved over a restart: then a claim is not made for
/// want of evidence, and the evidence comes again with the next answer.
#[derive(Debug, Default)]
pub(super) struct PeerAnswers {
    /// By worker and peer, in milliseconds since the epoch.
    last: HashMap<(u64, Id), i64>,
    /// Responses that broke off, by worker and connection: their line looks like that of a complete one.
    cut: VecDeque<(u64, u64)>,
}

impl PeerAnswers {
    /// A response broke off after its header: its connection is closed and not kept.
    pub(super) fn cut(&mut self, pid: u64, connection: u64) {
        self.cut.push_back((pid, connection));
        if self.cut.len() > MOST_CUT {
            self.cut.pop_front();
        }
    }

    /// A line of the access log. Gives the peer if its only attempt failed just as one on a kept connection would.
    /// Each answer leaves one connection, and so is evidence for one failure.
    pub(super) fn follow(
        &mut self,
        access: &Access<'_>,
        kept: &Kept,
        upstreams: &mut Interner,
    ) -> Option<Id> {
        let (pid, end) = (access.pid()?, access.millis()?);
        let connection = access.connection()?;
        let cut = self.cut.iter().position(|cut| *cut == (pid, connection));
        let cut = cut.and_then(|at| self.cut.remove(at)).is_some();
        let (mut attempts, mut stale) = (0, None);
        for attempt in access.each_attempt() {
            attempts += 1;
            if list::missing(attempt.addr) {
                continue;
            }
            let peer = upstreams.id(attempt.addr);
            let Some(timeout) = kept.get(&peer) else { continue };
            let last = self.last.remove(&(pid, peer));
            if is_answer(&attempt) && !cut {
                self.last.insert((pid, peer), end);
            } else if let (Some(last), Some(lasted)) = (last, broke_at_once(&attempt)) {
                let idle = end - lasted - last;
                stale = (-SLACK..*timeout).contains(&idle).then_some(peer);
            }
        }
        if self.last.len() > MOST {
            let longest = kept.values().copied().max().unwrap_or_default();
            self.last.retain(|_, last| *last > end.saturating_sub(longest));
        }
        stale.filter(|_| attempts == 1)
    }
}

/// Whether nginx can have taken the failure for final although it was on a kept connection.
pub(super) fn may_be_stale(cause: Cause, target: &[u8]) -> bool {
    let lost = matches!(cause, Cause::ClosedPrematurely | Cause::ConnectionReset | Cause::SendFailed);
    let once = [b"POST ".as_slice(), b"PATCH ", b"LOCK "];
    lost && once.iter().any(|method| target.starts_with(method))
}

/// A complete answer, behind which a connection can be kept. One that was upgraded is no longer HTTP's.
fn is_answer(attempt: &Attempt<'_>) -> bool {
    attempt.header.is_some_and(|header| stamp::duration(header).is_some()) && attempt.status != b"101"
}

/// How long the attempt lasted in milliseconds, if it ended at once and without a byte. A kept connection needs no time
/// to connect: nginx writes 0 before it sends.
fn broke_at_once(attempt: &Attempt<'_>) -> Option<i64> {
    let no_header = list::missing(attempt.header?);
    let connected = stamp::duration(attempt.connect?)?;
    let lasted = stamp::duration(attempt.response?)?;
    let nothing = attempt.bytes? == b"0";
    (no_header && nothing && connected == 0.0 && lasted <= AT_ONCE)
        .then_some((lasted * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests;
