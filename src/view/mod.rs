//! What the engine publishes: every number of one moment, typed and immutable.
//!
//! `/metrics` and the pages are functions of it; nothing reads labels back out of rendered text. Names are shared with
//! the interner, so that a view of a thousand pools costs no copy of their names.

mod episodes;
mod histogram;
mod history;
mod marks;
mod size;

use std::sync::Arc;

pub use episodes::{Episode, QUIET};
pub use histogram::Histogram;
pub use history::{History, MINUTES, Minute};
#[cfg(test)]
pub use marks::MOST as MOST_MARKS;
pub use marks::{Mark, MarkKind};
pub use size::{OF_LOG, OF_POOL, Size};

use crate::check::finding::Finding;
use crate::record::LogKind;
use crate::sample::machine::{Counted, Machine};
use crate::vocabulary::{Cause, ExitReason, Outcome, Phase, RootCause};

/// A label value.
pub type Name = Arc<str>;

/// Responses of one server with one status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responses {
    /// `$server_name`; empty where the log does not tell.
    pub server: Name,
    /// `$status`.
    pub code: u16,
    /// Lines of access logs.
    pub count: u64,
}

/// Failed responses by what nginx saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors {
    /// `$server_name`.
    pub server: Name,
    /// The peer that decided, or a group; empty for none.
    pub upstream: Name,
    /// `$status`.
    pub code: u16,
    /// What nginx saw.
    pub cause: Cause,
    /// How many.
    pub count: u64,
}

/// Failed responses by what broke them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootCauses {
    /// `$server_name`.
    pub server: Name,
    /// The peer that decided.
    pub upstream: Name,
    /// `$status`.
    pub code: u16,
    /// What broke them.
    pub root: RootCause,
    /// How many.
    pub count: u64,
}

/// Failed attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    /// The peer.
    pub upstream: Name,
    /// What nginx saw.
    pub cause: Cause,
    /// What became of the request.
    pub outcome: Outcome,
    /// How many.
    pub count: u64,
}

/// How long attempts took.
#[derive(Clone, Debug, PartialEq)]
pub struct Seconds {
    /// The peer.
    pub upstream: Name,
    /// Which part of the attempt.
    pub phase: Phase,
    /// In seconds.
    pub histogram: Histogram,
}

/// Ends of workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exits {
    /// Short name of the master; empty when the log belongs to none that is known.
    pub fpm: Name,
    /// The pool.
    pub pool: Name,
    /// How they ended.
    pub reason: ExitReason,
    /// How many.
    pub count: u64,
}

/// The state of one log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogState {
    /// Its path.
    pub log: String,
    /// What it is; `None` for several of different kinds together.
    pub kind: Option<LogKind>,
    /// Lines understood.
    pub parsed: u64,
    /// Lines not understood.
    pub unparsed: u64,
    /// Lines skipped for their length.
    pub oversized: u64,
    /// Bytes not read yet; `None` when it is no longer followed.
    pub unread: Option<u64>,
    /// Bytes that can never be read.
    pub lost: u64,
    /// How often an unknown number of bytes may have been lost.
    pub gaps: u64,
    /// Unix time of the last read in seconds; 0: never.
    pub last_read: u64,
    /// Whether it can be read now; `None` when it is no longer followed.
    pub readable: Option<bool>,
    /// Bytes that can still be written to its file system; `None`: that is no disk.
    pub available: Option<u64>,
}

impl LogState {
    /// Without an access log that can be read nothing is known of failed responses.
    pub fn is_access(&self) -> bool {
        self.kind == Some(LogKind::Access)
    }
}

/// Label values that were counted as `other`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overflow {
    /// Of `server`, and of pairs of server and upstream.
    pub server: u64,
    /// Of `upstream`.
    pub upstream: u64,
    /// Of `pool`.
    pub pool: u64,
}

/// Everything that is published, as it was at one moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// By server and status.
    pub responses: Vec<Responses>,
    /// By what nginx saw; those that may happen and did not are there with 0.
    pub errors: Vec<Errors>,
    /// By what broke them; only what happened.
    pub roots: Vec<RootCauses>,
    /// By what became of the request; those that may happen and did not are there with 0.
    pub failures: Vec<Failures>,
    /// By peer and phase.
    pub seconds: Vec<Seconds>,
    /// By pool and reason.
    pub exits: Vec<Exits>,
    /// Sums of what the sampler saw increase, by the label values of their family.
    pub sums: Vec<(Counted, Vec<String>, f64)>,
    /// What failed lately, each kind with its beginning, the latest first.
    pub episodes: Vec<Episode>,
    /// The time, local to the logs, in seconds.
    pub now: i64,
    /// Their zone, in seconds east of UTC.
    pub offset: i32,
    /// The last day, by the minute.
    pub history: History,
    /// The machine as it was sampled last.
    pub machine: Machine,
    /// What `check` found last; `None`: nothing was checked.
    pub findings: Option<Arc<[Finding]>>,
    /// The logs, in order of their names.
    pub logs: Vec<LogState>,
    /// Names that found no place.
    pub overflow: Overflow,
    /// Whether all of this is safe in the state directory; `None`: there is none.
    pub durable: Option<bool>,
    /// State files that could not be used, by reason; empty without a state directory.
    pub rejected: Vec<(String, u64)>,
    /// The `phpfpm_*` families are wanted, too.
    pub compat: bool,
}
