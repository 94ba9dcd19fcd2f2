//! What `explain` counts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::attribute::logs::{Example, Tally};
use crate::attribute::{Id, Sink, Verdict};
use crate::label::repaired;
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
    /// Its lines told the kind: they may be of several.
    pub by_lines: bool,
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
            by_lines: false,
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

impl Row {
    /// None yet, of which the first would be at this time.
    pub fn at(at: Local) -> Self {
        Self { count: 0, first: at, last: at }
    }

    /// With all of `other`.
    pub fn add(&mut self, other: Row) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// Attempts of nginx to start, or to reload, that failed with the same words.
#[derive(Clone, Debug, Default)]
pub struct NotStarted {
    /// Entries of an error log.
    in_log: u64,
    /// The same on nginx's standard error, which an entry may repeat.
    on_stderr: u64,
    /// When the first and the last one were, if that is told.
    pub span: Option<(Local, Local)>,
}

impl NotStarted {
    /// How many times it was.
    pub fn count(&self) -> u64 {
        self.in_log.max(self.on_stderr)
    }
}

/// The result of a run.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct Report {
    pub responses: BTreeMap<Key, Row>,
    pub failures: BTreeMap<(Cause, Id, Outcome), Row>,
    pub exits: BTreeMap<(Id, ExitReason), u64>,
    /// By what nginx said.
    pub not_started: BTreeMap<String, NotStarted>,
    pub total: u64,
    pub failed: u64,
    pub logs: Vec<LogState>,
    /// Only what happened then is counted.
    pub within: Option<Range<Local>>,
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

    /// Whether no line of any log was understood.
    pub fn is_without_lines(&self) -> bool {
        self.logs.iter().all(|log| log.parsed == 0)
    }

    /// A file that was read as several kinds of log has only lines that are none of them left, and no kind that it is not.
    pub fn merge_kinds(&mut self) {
        let logs = std::mem::take(&mut self.logs);
        let mut understood: BTreeMap<String, u64> = BTreeMap::new();
        for log in logs.iter().filter(|log| log.by_lines) {
            *understood.entry(log.path.clone()).or_default() += log.parsed;
        }
        let mut told = BTreeSet::new();
        for mut log in logs {
            if log.by_lines {
                let understood = understood.get(&log.path).copied().unwrap_or_default();
                if log.parsed == 0 && understood > 0 {
                    continue;
                }
                log.unparsed = (log.parsed + log.unparsed).saturating_sub(understood.max(log.parsed));
                if !told.insert(log.path.clone()) {
                    log.unparsed = 0;
                }
                log.example = log.example.filter(|_| understood == log.parsed);
            }
            self.logs.push(log);
        }
    }

    fn is_within(&self, at: Local) -> bool {
        self.within.as_ref().is_none_or(|within| within.contains(&at))
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
        if !self.is_within(verdict.at) {
            return;
        }
        let key = Key {
            status: verdict.status,
            cause: verdict.cause,
            root,
            server: verdict.server,
            upstream: verdict.upstream,
        };
        let row = self.responses.entry(key).or_insert(Row::at(verdict.at));
        row.add(Row { count, ..Row::at(verdict.at) });
    }

    fn failure(&mut self, upstream: Id, cause: Cause, outcome: Outcome, at: Local) {
        if self.is_within(at) {
            let row = self.failures.entry((cause, upstream, outcome)).or_insert(Row::at(at));
            row.add(Row { count: 1, ..Row::at(at) });
        }
    }

    fn exit(&mut self, _fpm: Id, pool: Id, reason: ExitReason, at: Local) {
        if self.is_within(at) {
            *self.exits.entry((pool, reason)).or_default() += 1;
        }
    }

    fn not_started(&mut self, at: Option<Local>, message: &[u8]) {
        // The standard error tells no time.
        if at.is_some_and(|at| !self.is_within(at)) || at.is_none() && self.within.is_some() {
            return;
        }
        let told = self.not_started.entry(repaired(message).into_owned()).or_default();
        let Some(at) = at else {
            told.on_stderr += 1;
            return;
        };
        told.in_log += 1;
        let (first, last) = told.span.unwrap_or((at, at));
        told.span = Some((first.min(at), last.max(at)));
    }

    fn seconds(&mut self, _: Id, _: Phase, _: f64) {}

    fn pair(&mut self, _: Id, _: Id) {}
}
