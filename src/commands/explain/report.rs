//! What `explain` counts.

use std::collections::BTreeMap;

use crate::attribute::logs::{Example, Tally};
use crate::attribute::{Id, Sink, Verdict};
use crate::record::LogKind;
use crate::record::stamp::Local;
use crate::vocabulary::{Cause, ExitReason, Outcome, Phase, RootCause, is_failed};

/// How much of a log could be read.
#[derive(Debug)]
pub struct LogState {
    /// Its kind.
    pub kind: LogKind,
    /// As it was named.
    pub path: String,
    /// Lines understood.
    pub parsed: u64,
    /// Lines not understood, over-long ones included.
    pub unparsed: u64,
    /// Lines that were too long to be kept.
    pub oversized: u64,
    /// The first line that was not understood.
    pub example: Option<Example>,
}

impl LogState {
    pub fn new(kind: LogKind, path: &str, tally: &Tally, oversized: u64) -> Self {
        Self {
            kind,
            path: path.to_owned(),
            parsed: tally.parsed,
            unparsed: tally.unparsed + oversized,
            oversized,
            example: tally.example.clone(),
        }
    }
}

/// What a row of failed responses has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct Key {
    pub status: u16,
    pub cause: Cause,
    pub root: RootCause,
    pub server: Id,
    pub upstream: Id,
}

/// How many, and when.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Row {
    pub count: u64,
    pub first: Local,
    pub last: Local,
}

/// The result of a run.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct Report {
    pub responses: BTreeMap<Key, Row>,
    pub failures: BTreeMap<(Cause, Id, Outcome), u64>,
    pub exits: BTreeMap<(Id, ExitReason), u64>,
    pub total: u64,
    pub failed: u64,
    pub logs: Vec<LogState>,
}

impl Report {
    /// Lines of a kind that were understood.
    pub fn parsed(&self, kind: LogKind) -> u64 {
        self.logs.iter().filter(|log| log.kind == kind).map(|log| log.parsed).sum()
    }

    /// Lines that were not, of all logs.
    pub fn unparsed(&self) -> u64 {
        self.logs.iter().map(|log| log.unparsed).sum()
    }
}

impl Sink for Report {
    fn response(&mut self, _: Id, status: u16) {
        self.total += 1;
        self.failed += u64::from(is_failed(status));
    }

    // The root cause comes later and exactly once for each, so rows are made there.
    fn error(&mut self, _: &Verdict) {}

    fn root(&mut self, verdict: &Verdict, root: RootCause, count: u64) {
        let key = Key {
            status: verdict.status,
            cause: verdict.cause,
            root,
            server: verdict.server,
            upstream: verdict.upstream,
        };
        let row = self.responses.entry(key).or_insert(Row { count: 0, first: verdict.at, last: verdict.at });
        row.count += count;
        row.first = row.first.min(verdict.at);
        row.last = row.last.max(verdict.at);
    }

    fn failure(&mut self, upstream: Id, cause: Cause, outcome: Outcome) {
        *self.failures.entry((cause, upstream, outcome)).or_default() += 1;
    }

    fn exit(&mut self, _fpm: Id, pool: Id, reason: ExitReason) {
        *self.exits.entry((pool, reason)).or_default() += 1;
    }

    fn seconds(&mut self, _: Id, _: Phase, _: f64) {}

    fn pair(&mut self, _: Id, _: Id) {}
}
