//! The root cause behind a failed response, as far as PHP-FPM's log can tell.
//!
//! For nginx a worker's death, a termination, a reload and a stop all look the same (104). FPM's log tells
//! them apart, by time: its lines and nginx's have one-second stamps and name no common id but the URI of a
//! terminated request. The rules, strongest first:
//!
//! | evidence | root cause |
//! |---|---|
//! | `execution timed out … terminating` with this request | `request_terminated` |
//! | a worker's exit in the same second, then one second beside it; one exit explains one reset, in order | by signal |
//! | a worker's refusal of a client, in the same way | `client_not_allowed` |
//! | between `Reloading`/`Terminating` and `ready to handle connections` | `fpm_reloaded`, `fpm_stopped` |
//! | none | what the cause itself shows |

use std::collections::VecDeque;
use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use crate::record::fpm::{Event, Exit};
use crate::record::stamp::Local;

use super::Verdict;
use super::vocabulary::{Cause, ExitReason, RootCause};

/// How long after a response its evidence may still be written, in seconds.
pub const GRACE: Local = 3;

/// Most events and most responses remembered; the oldest go first.
const CAPACITY: usize = 16_384;

/// `METHOD URI` as far as FPM's log would show it, hashed: enough to be compared, and nothing of what a visitor
/// asked for is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// What a failed response asks FPM's log for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// The response; `None` for a truncated one, which only uses up an exit.
    pub verdict: Option<Verdict>,
    /// When it failed.
    pub at: Local,
    /// When it was asked, on the clock of [`Roots::answer`]: the logs' own, or one that runs evenly.
    pub asked: Local,
    /// What was asked for.
    pub target: Target,
    /// The answer when FPM's log has none.
    pub otherwise: RootCause,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Termination {
    at: Local,
    child: u64,
    target: Target,
    used: bool,
}

/// What ended one connection: a worker's end, or its refusal.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Death {
    at: Local,
    root: RootCause,
    child: u64,
    used: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Absence {
    from: Local,
    to: Option<Local>,
    root: RootCause,
}

/// FPM's recent past, and the responses that wait for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Roots {
    terminations: VecDeque<Termination>,
    deaths: VecDeque<Death>,
    absences: VecDeque<Absence>,
    questions: VecDeque<Question>,
}

/// Whether FPM's log can explain a cause at all.
pub fn is_explained_by_fpm(cause: Cause) -> bool {
    is_lost_connection(cause) || is_failed_connect(cause)
}

fn is_lost_connection(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::ConnectionReset | Cause::ClosedPrematurely | Cause::SendFailed | Cause::ResponseTruncated
    )
}

fn is_failed_connect(cause: Cause) -> bool {
    matches!(cause, Cause::ConnectionRefused | Cause::SocketMissing | Cause::NoLiveUpstreams)
}

impl Roots {
    /// Moves the questions to another clock by `shift` seconds: the one they were asked by ended with its process.
    pub(super) fn shift(&mut self, shift: Local) {
        self.questions.iter_mut().for_each(|question| question.asked += shift);
    }

    /// How many responses wait.
    pub fn waiting(&self) -> usize {
        self.questions.len()
    }

    /// A line of FPM's log. Gives the reason when it tells of a worker's end.
    pub fn event(&mut self, at: Local, event: Event<'_>) -> Option<ExitReason> {
        match event {
            Event::Terminating { child, request, .. } => {
                push(
                    &mut self.terminations,
                    Termination { at, child, target: Target::of(request), used: false },
                );
            }
            Event::Exited { child, how, .. } => return Some(self.death(at, child, how)),
            Event::Disallowed => {
                push(
                    &mut self.deaths,
                    Death { at, root: RootCause::ClientNotAllowed, child: 0, used: false },
                );
            }
            Event::Reloading => self.leave(at, RootCause::FpmReloaded),
            Event::Stopping => self.leave(at, RootCause::FpmStopped),
            Event::Ready => {
                if let Some(absence) = self.absences.back_mut().filter(|absence| absence.to.is_none()) {
                    absence.to = Some(at);
                }
            }
        }
        None
    }

    fn leave(&mut self, from: Local, root: RootCause) {
        push(&mut self.absences, Absence { from, to: None, root });
    }

    fn death(&mut self, at: Local, child: u64, how: Exit) -> ExitReason {
        let announced =
            self.terminations.iter().rev().any(|t| t.child == child && (0..=10).contains(&(at - t.at)));
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
        let used =
            self.terminations.iter().any(|t| t.child == child && t.used && (0..=10).contains(&(at - t.at)));
        push(&mut self.deaths, Death { at, root, child, used });
        reason
    }

    /// A failed response waits for its evidence.
    pub fn ask(&mut self, question: Question) -> Option<Question> {
        self.questions.push_back(question);
        (self.questions.len() > CAPACITY).then(|| self.questions.pop_front()).flatten()
    }

    /// Answers all responses that were asked about before `deadline`.
    pub fn answer(&mut self, deadline: Local, mut each: impl FnMut(Verdict, RootCause)) {
        if !self.questions.iter().any(|q| q.asked < deadline) {
            return;
        }
        let (mut ready, waiting): (Vec<_>, Vec<_>) =
            self.questions.drain(..).partition(|q| q.asked < deadline);
        self.questions = waiting.into();
        ready.sort_by_key(|q| q.at);
        let mut answers: Vec<Option<RootCause>> = ready.iter().map(|q| self.terminated(q)).collect();
        // Exits of the same second first, over all responses, so that a neighbour's is not taken.
        for shift in [0, 1, -1] {
            for (question, answer) in ready.iter().zip(&mut answers) {
                let lost = question.verdict.is_none_or(|v| is_lost_connection(v.cause));
                if lost && answer.is_none() && !self.is_claimed(question.at + shift, shift) {
                    *answer = self.died(question.at + shift);
                }
            }
        }
        for (question, answer) in ready.iter().zip(answers) {
            let Some(verdict) = question.verdict else { continue };
            let root = answer.or_else(|| self.absent(question.at)).unwrap_or(question.otherwise);
            each(verdict, root);
        }
        if let Some(last) = ready.last() {
            self.forget(last.at);
        }
    }

    fn terminated(&mut self, question: &Question) -> Option<RootCause> {
        if question.verdict.is_some_and(|v| !is_lost_connection(v.cause)) {
            return None;
        }
        let near = |at: Local| (question.at - at).abs() <= 1;
        let found =
            self.terminations.iter_mut().find(|t| !t.used && near(t.at) && t.target == question.target)?;
        found.used = true;
        let child = found.child;
        if let Some(death) =
            self.deaths.iter_mut().find(|d| d.child == child && !d.used && (d.at - question.at).abs() <= 10)
        {
            death.used = true;
        }
        Some(RootCause::RequestTerminated)
    }

    /// Whether responses still to be answered have a better claim to the exits of that second.
    fn is_claimed(&self, second: Local, shift: Local) -> bool {
        if shift != 1 {
            return false;
        }
        let exits = self.deaths.iter().filter(|d| d.at == second && !d.used).count();
        self.questions.iter().filter(|q| q.at == second).count() >= exits
    }

    fn died(&mut self, second: Local) -> Option<RootCause> {
        let death = self.deaths.iter_mut().find(|d| d.at == second && !d.used)?;
        death.used = true;
        Some(death.root)
    }

    fn absent(&self, at: Local) -> Option<RootCause> {
        // The second in which FPM came back still counts: stamps are no finer.
        self.absences.iter().rev().find(|a| a.from <= at && a.to.is_none_or(|to| at <= to)).map(|a| a.root)
    }

    /// Drops what can explain nothing any more.
    fn forget(&mut self, answered: Local) {
        let old = answered.saturating_sub(60);
        self.terminations.retain(|t| t.at >= old);
        self.deaths.retain(|d| d.at >= old);
        self.absences.retain(|a| a.to.is_none_or(|to| to >= old));
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
