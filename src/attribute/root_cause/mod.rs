//! The root cause behind a failed response, from what PHP-FPM's log and an observer of the machine tell.
//!
//! For nginx a worker's death, a termination, a reload and a stop all look the same (104), and so do an FPM that is
//! down and one that listens elsewhere (2, 111). The rules, strongest first; each piece of evidence explains no more
//! failures than it can, and only those of its own pool, where it is known which pool an upstream is:
//!
//! | failure | evidence, at most a second away | root cause |
//! |---|---|---|
//! | connection lost | `execution timed out … terminating` with this request; one response | `request_terminated` |
//! | connection lost | a worker's exit on SIGKILL and an OOM kill; one response for each | `worker_oom_killed` |
//! | connection lost | a worker's exit, of the same second first; one response for each, in order | by signal or code |
//! | connection lost | a worker's refusal of a client; one response for each | `client_not_allowed` |
//! | lost or not made | between `Terminating` and `ready to handle connections` ([`absence`]) | `fpm_stopped` |
//! | connection lost | between `Reloading` and `ready to handle connections`: its sockets stay open | `fpm_reloaded` |
//! | connection lost | the pool's master is gone or another one; all its workers are new | `fpm_stopped`; `fpm_reloaded` |
//! | connection lost | an OOM kill in FPM's cgroup, and no FPM log that would know; one for each | `worker_oom_killed` |
//! | connection lost, TCP | `listen.allowed_clients` of the pool lacks nginx's address | `client_not_allowed` |
//! | connection not made | the pool's master is gone, or its socket does not listen | `fpm_not_running` |
//! | connection not made | FPM's pools are known, and none listens there | `wrong_address` |
//! | connection not made | there is no PHP-FPM | `fpm_not_running` |
//! | no server left in a group | one of these three for each of its servers | the same |
//! | connection timed out | the pool's accept queue was full, at most 30 s before | `pool_saturated` |
//! | early end of a POST, PATCH or LOCK | a connection that nginx must have kept ([`super::keepalive`]); one for each | `stale_keepalive` |
//! | any | none | what the cause itself shows |

mod absence;
mod answer;
mod observed;
mod peers;
mod waiting;

use std::collections::VecDeque;
use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use crate::record::fpm::{Event, Exit};
use crate::record::stamp::Local;
use crate::sample::facts::Fact;

use super::{Id, Verdict};
use crate::vocabulary::{Cause, ExitReason, RootCause};
use absence::Absences;
use observed::Observed;
use peers::Site;
pub use peers::{Peer, Peers, PoolPeer};
use waiting::Waiting;

/// How long after a response its evidence may still be written, in seconds.
pub const GRACE: Local = 3;

/// Most events and most kinds of responses remembered; the oldest go first.
const CAPACITY: usize = 16_384;

/// `METHOD URI` as far as FPM's log would show it, hashed: enough to be compared, and nothing of what a visitor
/// asked for is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target(u64);

impl Target {
    /// FPM cuts the URI at 128 bytes and the query at 512 (`fpm_scoreboard_proc_s`), so no more is compared.
    pub fn of(request: &[u8]) -> Self {
        let at = memchr::memchr(b'?', request).unwrap_or(request.len());
        let (uri, query) = request.split_at(at);
        let mut hasher = SipHasher13::new();
        hasher.write(&uri[..uri.len().min(127)]);
        hasher.write_u8(b' ');
        hasher.write(&query[..query.len().min(511)]);
        Self(hasher.finish())
    }
}

/// What failed responses that are alike ask FPM's log for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PendingRootCause {
    /// The response; `None` for one that only uses up an exit: it was truncated, or counted before all counters
    /// began at 0 again.
    pub verdict: Option<Verdict>,
    /// When it failed.
    pub at: Local,
    /// When it was asked, on the clock of [`Roots::answer`]: the logs' own, or one that runs evenly.
    pub asked: Local,
    /// What was asked for.
    pub target: Target,
    /// The peer, also of a truncated response.
    pub upstream: Id,
    /// Whether the peer speaks FastCGI; `None` when nothing tells.
    pub fastcgi: Option<bool>,
    /// The answer when FPM's log has none.
    pub otherwise: RootCause,
    /// How many.
    #[serde(default = "one")]
    pub count: u64,
}

fn one() -> u64 {
    1
}

/// Which FPM's log told of something: nothing of another one's pools is explained by it.
pub type LogId = u64;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Termination {
    at: Local,
    /// The log that tells of it; `None`: it was saved before that was known.
    #[serde(default)]
    log: Option<LogId>,
    pool: Id,
    child: u64,
    target: Target,
    used: bool,
}

/// What ended one connection: a worker's end, or its refusal.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct WorkerExit {
    at: Local,
    /// The log that tells of it; `None`: it was saved before that was known.
    #[serde(default)]
    log: Option<LogId>,
    /// `None`: a refusal, whose line names no pool.
    pool: Option<Id>,
    root: RootCause,
    child: u64,
    used: bool,
}

impl WorkerExit {
    fn is_told_by(&self, log: LogId) -> bool {
        self.log.is_none_or(|of| of == log)
    }

    /// A refusal's line names no pool, but the configuration tells which pools refuse.
    fn is_at(&self, site: Site<'_>) -> bool {
        match self.pool {
            Some(pool) => site.is_of(pool, self.log),
            None => site.may_refuse() && self.log.is_none_or(|log| site.is_logged_in(log)),
        }
    }
}

/// A worker's end by SIGKILL, until it is known whether the OOM killer sent it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kill {
    at: Local,
    asked: Local,
    log: LogId,
    pool: Id,
    child: u64,
}

/// FPM's recent past, and the responses that wait for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Roots {
    terminations: VecDeque<Termination>,
    deaths: VecDeque<WorkerExit>,
    absences: Absences,
    questions: Waiting,
    kills: VecDeque<Kill>,
    observed: Observed,
}

/// Whether a later event can explain a cause at all.
pub fn is_explained_later(cause: Cause) -> bool {
    is_lost_connection(cause) || is_failed_connect(cause) || cause == Cause::ConnectTimeout
}

/// Whether nginx had a connection and lost it.
pub fn is_lost_connection(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::ConnectionReset | Cause::ClosedPrematurely | Cause::SendFailed | Cause::ResponseTruncated
    )
}

fn is_failed_connect(cause: Cause) -> bool {
    matches!(cause, Cause::ConnectionRefused | Cause::SocketMissing | Cause::NoLiveUpstreams)
}

/// Receives root causes and the ends of killed workers.
pub trait RootCauseSink {
    /// The root cause of `count` responses that are alike.
    fn root(&mut self, verdict: &Verdict, root: RootCause, count: u64);
    /// How a worker ended that was killed.
    fn killed(&mut self, fpm: Id, pool: Id, reason: ExitReason, at: Local);
}

impl Roots {
    /// Moves what waits to another clock by `shift` seconds: the one it was asked by ended with its process.
    pub(super) fn shift(&mut self, shift: Local) {
        self.questions.iter_mut().for_each(|question| question.asked += shift);
        self.kills.iter_mut().for_each(|kill| kill.asked += shift);
    }

    /// How many responses and ends of workers wait.
    pub fn waiting(&self) -> usize {
        usize::try_from(self.questions.responses()).unwrap_or(usize::MAX).saturating_add(self.kills.len())
    }

    /// How many kinds of responses wait: what their memory depends on.
    #[cfg(test)]
    pub(super) fn kinds(&self) -> usize {
        self.questions.kinds()
    }

    /// The counters begin at 0 again: what was counted in the old ones is not answered into the new ones.
    pub(super) fn counters_reset(&mut self) {
        self.questions.retain(PendingRootCause::is_lost);
        self.questions.iter_mut().for_each(|question| question.verdict = None);
    }

    /// What an observer of the machine has seen.
    pub fn observe(&mut self, at: Local, fact: Fact) {
        self.observed.add(at, fact);
    }

    /// A line of an FPM's log; `pool` is the one it names, `asked` the present on the clock of [`Roots::answer`].
    /// Gives the reason when it tells of a worker's end, unless an OOM kill may still be found behind it.
    pub fn event(
        &mut self,
        at: Local,
        asked: Local,
        log: LogId,
        pool: Id,
        event: Event<'_>,
    ) -> Option<ExitReason> {
        self.absences.event(at, log, event);
        match event {
            Event::Terminating { child, request, .. } => {
                let target = Target::of(request);
                let log = Some(log);
                push(&mut self.terminations, Termination { at, log, pool, child, target, used: false });
            }
            Event::Exited { child, how: how @ Exit::Signal(9), .. } if self.observed.sees_oom_kills() => {
                self.death(at, log, pool, child, how);
                push(&mut self.kills, Kill { at, asked, log, pool, child });
            }
            Event::Exited { child, how, .. } => return Some(self.death(at, log, pool, child, how)),
            Event::Disallowed => {
                let (log, root) = (Some(log), RootCause::ClientNotAllowed);
                push(&mut self.deaths, WorkerExit { at, log, pool: None, root, child: 0, used: false });
            }
            Event::Reloading | Event::Stopping | Event::Ready | Event::Working => {}
        }
        None
    }

    fn death(&mut self, at: Local, log: LogId, pool: Id, child: u64, how: Exit) -> ExitReason {
        // Masters in process namespaces of their own have children of the same number.
        let of_it = |t: &Termination| {
            t.child == child && t.log.is_none_or(|of| of == log) && (0..=10).contains(&(at - t.at))
        };
        let announced = self.terminations.iter().any(of_it);
        let (reason, root) = match how {
            Exit::Signal(9) => (ExitReason::Sigkill, RootCause::WorkerKilled),
            // SIGHUP, SIGINT, SIGQUIT, SIGTERM: sent by somebody, FPM itself when it announced it.
            Exit::Signal(1 | 2 | 3 | 15) if announced => {
                (ExitReason::Terminated, RootCause::RequestTerminated)
            }
            Exit::Signal(1 | 2 | 3 | 15) => (ExitReason::Terminated, RootCause::WorkerKilled),
            Exit::Signal(_) => (ExitReason::Crash, RootCause::WorkerCrashed),
            Exit::Code(0) => return ExitReason::Recycled,
            Exit::Code(_) => (ExitReason::ExitCode, RootCause::WorkerCrashed),
        };
        // A termination whose request was recognised already has explained its response.
        let used = self.terminations.iter().any(|t| t.used && of_it(t));
        push(&mut self.deaths, WorkerExit { at, log: Some(log), pool: Some(pool), root, child, used });
        reason
    }
}

impl PendingRootCause {
    /// What those that are alike have in common.
    fn kind(&self) -> Self {
        Self { count: 0, ..*self }
    }

    fn cause(&self) -> Cause {
        self.verdict.map_or(Cause::ResponseTruncated, |verdict| verdict.cause)
    }

    fn is_lost(&self) -> bool {
        self.verdict.is_none_or(|verdict| is_lost_connection(verdict.cause))
    }

    /// Its upstream is a group's name.
    fn is_of_group(&self) -> bool {
        self.verdict.is_some_and(|verdict| verdict.cause == Cause::NoLiveUpstreams)
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T) {
    queue.push_back(item);
    if queue.len() > CAPACITY {
        queue.pop_front();
    }
}

#[cfg(test)]
mod tests;
