//! What an observer of the machine has seen of PHP-FPM, and what it explains.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::peers::{At, Peers, Site};
use super::{CAPACITY, PendingRootCause, is_failed_connect, push};
use crate::attribute::Verdict;
use crate::record::stamp::Local;
use crate::sample::facts::Fact;
use crate::topology::{GroupKey, PoolKey};
use crate::vocabulary::{Cause, RootCause};

/// How long changes are kept, in seconds: longer than a response may wait for its answer.
const KEPT: Local = 120;

/// How long before the end of a vain attempt to connect its last request may have met a full queue, in seconds. The kernel
/// repeats it ever more seldom (after 1, 3, 7, 15 and 31 s; tcp(7), `tcp_syn_retries`); nginx gives up after
/// `fastcgi_connect_timeout`, 60 s by default.
const UNANSWERED: Local = 30;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Seen {
    at: Local,
    fact: Fact,
}

/// The recent past, as changes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Observed {
    seen: VecDeque<Seen>,
    /// The last change of each kind that was dropped for its age: how things were before the first of `seen`.
    before: Vec<Fact>,
    #[serde(skip)]
    sees_oom_kills: bool,
}

impl Observed {
    pub(super) fn add(&mut self, at: Local, fact: Fact) {
        match fact {
            Fact::SeesOomKills => self.sees_oom_kills = true,
            fact => push(&mut self.seen, Seen { at, fact }),
        }
        // Also while nothing fails and nobody asks.
        self.forget(at.saturating_sub(KEPT));
    }

    pub(super) fn sees_oom_kills(&self) -> bool {
        self.sees_oom_kills
    }

    /// Uses up one OOM kill near that second, in that cgroup if it is known. The counters are looked at a little later
    /// than they move.
    pub(super) fn take_oom_kill(&mut self, at: Local, group: Option<GroupKey>) -> bool {
        for seen in &mut self.seen {
            if let Fact::OomKills(left @ 1.., of) = &mut seen.fact
                && (-1..=2).contains(&(seen.at - at))
                && (of.is_none() || group.is_none() || *of == group)
            {
                *left -= 1;
                return true;
            }
        }
        false
    }

    pub(super) fn explain(
        &mut self,
        question: &PendingRootCause,
        site: Site<'_>,
        peers: &Peers,
    ) -> Option<RootCause> {
        let cause = question.cause();
        if question.is_of_group() {
            return self.explain_group(question, peers);
        }
        let pool = match site.at {
            At::Pool(pool) => pool,
            At::Nobody if is_failed_connect(cause) && peers.any => return Some(RootCause::WrongAddress),
            At::Nobody if is_failed_connect(cause) => return Some(RootCause::FpmNotRunning),
            At::Nobody | At::Elsewhere | At::Unknown => return None,
        };
        if question.fastcgi == Some(false) {
            return None;
        }
        let stopped = self.happened(question, Fact::Stopped(pool.key)).then_some(RootCause::FpmStopped);
        if cause == Cause::ConnectTimeout {
            let full = self.was_since(question.at - UNANSWERED, question, Fact::Full(pool.key, true));
            return full.then_some(RootCause::PoolSaturated);
        }
        if is_failed_connect(cause) {
            let down = self.was(question, Fact::Up(pool.key, false)).then_some(RootCause::FpmNotRunning);
            return down.or(stopped);
        }
        if stopped.is_some() {
            return stopped;
        }
        if self.happened(question, Fact::Reloaded(pool.key)) {
            return Some(RootCause::FpmReloaded);
        }
        // A log would have told of the worker's end, and which one it was.
        if pool.log.is_none() && self.take_oom_kill(question.at, pool.group) {
            return Some(RootCause::WorkerOomKilled);
        }
        pool.refuses.then_some(RootCause::ClientNotAllowed)
    }

    /// What holds for each of a group's servers, were nginx to connect to it.
    fn explain_group(&mut self, question: &PendingRootCause, peers: &Peers) -> Option<RootCause> {
        let servers = peers.members.get(&question.upstream)?;
        let mut roots = servers.iter().map(|&upstream| {
            let cause = Cause::ConnectionRefused;
            let verdict = question.verdict.map(|verdict| Verdict { cause, upstream, ..verdict });
            let question = PendingRootCause { verdict, upstream, ..*question };
            self.explain(&question, peers.site(&question), peers)
        });
        let root = roots.next()??;
        roots.all(|other| other == Some(root)).then_some(root)
    }

    /// Processes are looked at once a second, so a change of theirs is seen a little later than it happened.
    fn happened(&self, question: &PendingRootCause, fact: Fact) -> bool {
        self.seen.iter().any(|seen| seen.fact == fact && (-1..=2).contains(&(seen.at - question.at)))
    }

    /// Whether the pool was up, as far as it was seen by then.
    pub(super) fn is_up(&self, pool: PoolKey, at: Local) -> bool {
        let (up, down) = (Fact::Up(pool, true), Fact::Up(pool, false));
        let mut seen = self.seen.iter().rev().filter(|seen| seen.at <= at && up.is_about(seen.fact));
        seen.next().map_or_else(|| self.before.contains(&up), |seen| seen.fact != down)
    }

    /// Whether it was so at some moment within a second of the failure.
    fn was(&self, question: &PendingRootCause, wanted: Fact) -> bool {
        self.was_since(question.at - 1, question, wanted)
    }

    /// Whether it was so at some moment from then on, up to a second after the failure.
    fn was_since(&self, from: Local, question: &PendingRootCause, wanted: Fact) -> bool {
        let to = question.at + 1;
        let mut state = self.before.contains(&wanted);
        for seen in self.seen.iter().filter(|seen| seen.fact.is_about(wanted)) {
            if seen.at > to {
                break;
            }
            let is = seen.fact == wanted;
            if (state || is) && seen.at >= from {
                return true;
            }
            state = is;
        }
        state
    }

    /// Drops what was before, but keeps how things stood.
    pub(super) fn forget(&mut self, old: Local) {
        while let Some(seen) = self.seen.front().filter(|seen| seen.at < old).copied() {
            self.seen.pop_front();
            if matches!(seen.fact, Fact::Up(..) | Fact::Full(..)) {
                self.before.retain(|fact| !fact.is_about(seen.fact));
                self.before.push(seen.fact);
            }
        }
        let surplus = self.before.len().saturating_sub(CAPACITY);
        self.before.drain(..surplus);
    }
}
