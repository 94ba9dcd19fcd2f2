//! What an observer of the machine has seen of PHP-FPM, and what it explains.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{CAPACITY, LogId, PendingRootCause, is_failed_connect, push};
use crate::attribute::keepalive::Kept;
use crate::attribute::{Id, Verdict};
use crate::record::stamp::Local;
use crate::sample::facts::{Fact, GroupKey, PoolKey};
use crate::vocabulary::{Cause, RootCause};

/// How long changes are kept, in seconds: longer than a response may wait for its answer.
const KEPT: Local = 120;

/// Which pool an upstream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name, as PHP-FPM's log has it.
    pub pool: Id,
    /// Which pool this is, among those of the same name.
    pub key: PoolKey,
    /// The log of its master, if that is read.
    pub log: Option<LogId>,
    /// The cgroup of its master.
    pub group: Option<GroupKey>,
    /// Its configuration refuses some addresses: `listen.allowed_clients`.
    pub may_refuse: bool,
    /// It refuses nginx's.
    pub refuses: bool,
}

/// Who listens where, from PHP-FPM's configuration.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// Pools by the upstream address under which nginx knows them.
    pub places: HashMap<Id, Place>,
    /// Whether all PHP-FPM of this machine are known: then an address without a pool is a wrong one.
    pub complete: bool,
    /// Whether any pool runs or listens: one that is only configured is no evidence that another address is wrong.
    pub any: bool,
    /// In which cgroup the master of each log is.
    pub groups: HashMap<LogId, GroupKey>,
    /// Short name of the master that writes each log.
    pub fpms: HashMap<LogId, Id>,
    /// The servers of each of nginx's groups that is known, by the group's name.
    pub members: HashMap<Id, Vec<Id>>,
    /// To which upstreams nginx keeps connections, from its configuration.
    pub kept: Kept,
}

impl Topology {
    /// The master that writes a log.
    pub(in crate::attribute) fn fpm_of(&self, log: LogId) -> Id {
        self.fpms.get(&log).copied().unwrap_or(Id::NONE)
    }

    /// Where a failure happened.
    pub(super) fn site(&self, question: &PendingRootCause) -> Site<'_> {
        match self.places.get(&question.upstream) {
            // The name of a group is no address.
            None if question.is_of_group() => Site::Unknown,
            Some(place) => Site::Pool(place),
            None if self.complete && question.fastcgi == Some(true) && question.upstream != Id::NONE => {
                Site::NoPool
            }
            None => Site::Unknown,
        }
    }
}

/// Where a failure happened, as far as PHP-FPM is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) enum Site<'a> {
    /// At this pool.
    Pool(&'a Place),
    /// At an address where none of this machine's pools listens: what befell those explains nothing.
    NoPool,
    /// Nobody knows.
    Unknown,
}

impl Site<'_> {
    /// Whether evidence of a pool is evidence here: what is not known on either side does not exclude.
    pub(super) fn is_of(self, pool: Option<Id>) -> bool {
        match (self, pool) {
            (Site::Pool(place), Some(pool)) => place.pool == pool,
            (Site::NoPool, _) => false,
            _ => true,
        }
    }

    /// Whether nginx may be refused here (`listen.allowed_clients`).
    pub(super) fn may_refuse(self) -> bool {
        match self {
            Site::Pool(place) => place.may_refuse,
            Site::NoPool => false,
            Site::Unknown => true,
        }
    }

    /// Whether an FPM's log tells of this site.
    pub(super) fn is_logged_in(self, log: LogId) -> bool {
        match self {
            Site::Pool(place) => place.log.is_none_or(|of| of == log),
            Site::NoPool => false,
            Site::Unknown => true,
        }
    }

    /// Whether it is known which FPM's log tells of this site.
    pub(super) fn has_log(self) -> bool {
        if let Site::Pool(place) = self { place.log.is_some() } else { false }
    }

    pub(super) fn key(self) -> Option<PoolKey> {
        if let Site::Pool(place) = self { Some(place.key) } else { None }
    }

    pub(super) fn pool(self) -> Option<Id> {
        if let Site::Pool(place) = self { Some(place.pool) } else { None }
    }
}

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
        topology: &Topology,
    ) -> Option<RootCause> {
        let cause = question.cause();
        if question.is_of_group() {
            return self.explain_group(question, topology);
        }
        let place = match site {
            Site::Pool(place) => place,
            // That FastCGI is spoken there is what nginx was told; without that it may be any server.
            Site::NoPool if is_failed_connect(cause) && topology.any => return Some(RootCause::WrongAddress),
            Site::NoPool if is_failed_connect(cause) => return Some(RootCause::FpmNotRunning),
            Site::NoPool | Site::Unknown => return None,
        };
        if question.fastcgi == Some(false) {
            return None;
        }
        let stopped = self.happened(question, Fact::Stopped(place.key)).then_some(RootCause::FpmStopped);
        if cause == Cause::ConnectTimeout {
            return self.was(question, Fact::Full(place.key, true)).then_some(RootCause::PoolSaturated);
        }
        if is_failed_connect(cause) {
            let down = self.was(question, Fact::Up(place.key, false)).then_some(RootCause::FpmNotRunning);
            return down.or(stopped);
        }
        if stopped.is_some() {
            return stopped;
        }
        if self.happened(question, Fact::Reloaded(place.key)) {
            return Some(RootCause::FpmReloaded);
        }
        // A log would have told of the worker's end, and which one it was.
        if place.log.is_none() && self.take_oom_kill(question.at, place.group) {
            return Some(RootCause::WorkerOomKilled);
        }
        place.refuses.then_some(RootCause::ClientNotAllowed)
    }

    /// What holds for each of a group's servers, were nginx to connect to it.
    fn explain_group(&mut self, question: &PendingRootCause, topology: &Topology) -> Option<RootCause> {
        let servers = topology.members.get(&question.upstream)?;
        let mut roots = servers.iter().map(|&upstream| {
            let cause = Cause::ConnectionRefused;
            let verdict = question.verdict.map(|verdict| Verdict { cause, upstream, ..verdict });
            let question = PendingRootCause { verdict, upstream, ..*question };
            self.explain(&question, topology.site(&question), topology)
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
        let (from, to) = (question.at - 1, question.at + 1);
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
