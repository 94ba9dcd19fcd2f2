//! What becomes of lines.

use std::collections::BTreeMap;

use crate::attribute::{Id, Sink, Verdict};
use crate::record::stamp::Local;
use crate::vocabulary::{Cause, ExitReason, Outcome, Phase, RootCause};

/// What the attribution told.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) responses: u64,
    pub(super) roots: BTreeMap<(Cause, RootCause), u64>,
    /// Failures with a missing socket, and scripts that died.
    pub(super) missing: u64,
    pub(super) php: u64,
    failures: BTreeMap<(Cause, Outcome), u64>,
}

impl Seen {
    /// Failures whose cause and root cause are those of an outage.
    pub(super) fn right(&self) -> u64 {
        self.roots.get(&(Cause::SocketMissing, RootCause::FpmStopped)).copied().unwrap_or_default()
    }
}

impl Sink for Seen {
    fn response(&mut self, _: Id, _: u16) {
        self.responses += 1;
    }

    fn error(&mut self, verdict: &Verdict) {
        self.missing += u64::from(verdict.cause == Cause::SocketMissing);
    }

    fn root(&mut self, verdict: &Verdict, root: RootCause, count: u64) {
        *self.roots.entry((verdict.cause, root)).or_default() += count;
        self.php += if root == RootCause::PhpFatal { count } else { 0 };
    }

    fn failure(&mut self, _: Id, cause: Cause, outcome: Outcome, _: Local) {
        *self.failures.entry((cause, outcome)).or_default() += 1;
    }

    fn exit(&mut self, _: Id, _: Id, _: ExitReason, _: Local) {}

    fn seconds(&mut self, _: Id, _: Phase, _: f64) {}

    fn pair(&mut self, _: Id, _: Id) {}
}
