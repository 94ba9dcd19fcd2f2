//! When a PHP-FPM master was stopping, stopped or reloading, as its log tells it.
//!
//! The log of a master that was stopped ends there, whatever became of its pools: they may have been given to another
//! PHP-FPM (an upgrade), or come back with a log that does not say so. So a stop without an end explains failures only
//! while nothing shows that the pool is up again, and no longer than [`ALONE`].

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::observed::Observed;
use super::peers::Site;
use super::{LogId, PendingRootCause, is_failed_connect, push};
use crate::record::fpm::Event;
use crate::record::stamp::Local;
use crate::vocabulary::{Cause, RootCause};

/// Longest time, in seconds, that a stop without an end explains failed connects.
const ALONE: Local = 86_400;

/// The same where another master was alive since and nothing tells which of them the pool belongs to.
const AMONG_OTHERS: Local = 3600;

/// Longest time, in seconds, in which a stop or a reload without an end drops requests that are running
/// (`process_control_timeout`). A connection that is lost later had been taken by somebody.
const DROPPING: Local = 60;

/// How much later than a log an observer may see that a pool is down, in seconds.
const UNSEEN: Local = 3;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct MasterDowntime {
    from: Local,
    to: Option<Local>,
    log: LogId,
    root: RootCause,
    /// Another master has shown a sign of life since.
    #[serde(default)]
    others: bool,
}

/// The absences that are remembered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Absences(VecDeque<MasterDowntime>);

impl Absences {
    /// A line of a master's log.
    pub(super) fn event(&mut self, at: Local, log: LogId, event: Event<'_>) {
        match event {
            Event::Reloading => self.leave(at, log, RootCause::FpmReloaded),
            Event::Stopping => self.leave(at, log, RootCause::FpmStopped),
            Event::Ready => self.alive(at, log, 0),
            // Workers are heard of while their master stops, too.
            Event::Exited { .. } | Event::Terminating { .. } | Event::Disallowed | Event::Working => {
                self.alive(at, log, DROPPING);
            }
        }
    }

    fn leave(&mut self, from: Local, log: LogId, root: RootCause) {
        push(&mut self.0, MasterDowntime { from, to: None, log, root, others: false });
    }

    /// The master of this log shows a sign of life, which means something `later` seconds after it went.
    fn alive(&mut self, at: Local, log: LogId, later: Local) {
        for absence in self.0.iter_mut().filter(|absence| absence.to.is_none()) {
            if absence.log != log {
                absence.others |= at > absence.from;
            } else if at >= absence.from + later {
                absence.to = Some(at);
            }
        }
    }

    /// The second in which FPM came back still counts, stamps are no finer; and the one behind it, in which nginx
    /// may have noticed.
    pub(super) fn explain(
        &self,
        question: &PendingRootCause,
        site: Site<'_>,
        observed: &Observed,
    ) -> Option<RootCause> {
        let within = |slack: Local| {
            let mut absences = self.0.iter().rev();
            absences.find(|absence| absence.explains(question, site, slack, observed))
        };
        within(0).or_else(|| within(1)).map(|absence| absence.root)
    }

    /// Drops what can explain nothing any more of what happens from `old` on.
    pub(super) fn forget(&mut self, old: Local) {
        self.0.retain(|absence| absence.to.unwrap_or(absence.from.saturating_add(ALONE)) >= old);
    }
}

impl MasterDowntime {
    fn explains(
        &self,
        question: &PendingRootCause,
        site: Site<'_>,
        slack: Local,
        observed: &Observed,
    ) -> bool {
        let at = question.at;
        if !site.is_logged_in(self.log) || at < self.from {
            return false;
        }
        let cause = question.cause();
        // Over a reload the sockets stay open. A group's servers may all be out for the requests it dropped.
        let connects = is_failed_connect(cause) || cause == Cause::ConnectTimeout;
        if self.root == RootCause::FpmReloaded && connects && cause != Cause::NoLiveUpstreams {
            return false;
        }
        let Some(to) = self.to else {
            let longest = match self.root {
                RootCause::FpmStopped if !connects => DROPPING,
                RootCause::FpmStopped if self.others && !site.has_log() => AMONG_OTHERS,
                RootCause::FpmStopped => ALONE,
                _ => DROPPING,
            };
            let is_up = site.key().is_some_and(|pool| observed.is_up(pool, at));
            return at - self.from <= if is_up { UNSEEN } else { longest };
        };
        at <= to + slack
    }
}
