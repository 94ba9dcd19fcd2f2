//! One log: what reads its lines, and what was counted of it.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::stream::Reader;
use crate::attribute::logs::{AnyLog, Log};
use crate::label::label;
use crate::ledger::SavedCounts;
use crate::record::stamp::Local;
use crate::source::Status;
use crate::view::LogState;

/// A line or two may be damaged; more are of another format.
const FEW: u64 = 3;

/// The name of standard input among the logs.
pub(super) const STDIN: &str = "-";

/// One log: what reads it, and what was counted of it.
pub(super) struct FollowedLog {
    pub(super) reader: Reader,
    lines_before: u64,
    last_read: u64,
    /// So many lines could not be read when that was said last.
    complained: u64,
    lost: CounterAcrossFollowers,
    gaps: CounterAcrossFollowers,
    oversized: CounterAcrossFollowers,
}

/// A count that a follower keeps, across followers: one that a glob no longer matches goes, and begins at 0
/// when its path comes back, but a counter never steps down.
#[derive(Default)]
struct CounterAcrossFollowers {
    before: u64,
    last: u64,
}

impl CounterAcrossFollowers {
    fn from(before: u64) -> Self {
        Self { before, last: 0 }
    }

    fn see(&mut self, count: u64) {
        if count < self.last {
            self.before += self.last;
        }
        self.last = count;
    }

    fn count(&self) -> u64 {
        self.before + self.last
    }
}

impl FollowedLog {
    pub(super) fn new(log: AnyLog) -> Self {
        Self {
            reader: Reader::new(log),
            lines_before: 0,
            last_read: 0,
            complained: 0,
            lost: CounterAcrossFollowers::default(),
            gaps: CounterAcrossFollowers::default(),
            oversized: CounterAcrossFollowers::default(),
        }
    }

    pub(super) fn resume(mut log: AnyLog, saved: SavedCounts, now: Local) -> Self {
        log.resume(saved.reader, now);
        Self {
            lines_before: log.tally().lines(),
            last_read: saved.last_read,
            lost: CounterAcrossFollowers::from(saved.lost),
            gaps: CounterAcrossFollowers::from(saved.gaps),
            oversized: CounterAcrossFollowers::from(saved.oversized),
            ..Self::new(log)
        }
    }

    /// Takes over what the follower has counted and how far it has come. `unix`: the wall clock.
    pub(super) fn see(&mut self, status: Option<&Status>, unix: u64) {
        if let Some(status) = status {
            self.lost.see(status.lost_bytes);
            self.gaps.see(status.gaps);
            self.oversized.see(status.skipped.oversized_lines);
        }
        let lines = self.reader.log.tally().lines();
        if lines > self.lines_before {
            self.lines_before = lines;
            self.last_read = unix;
        }
    }

    /// Says that lines of the log cannot be read: after the first few, and each time there are ten times as many.
    pub(super) fn complain(&mut self, path: &Path) {
        let tally = self.reader.log.tally();
        let Some(example) = tally.example.as_ref().filter(|_| tally.unparsed >= FEW) else { return };
        if tally.unparsed < self.complained.saturating_mul(10) {
            return;
        }
        self.complained = tally.unparsed;
        let share = if tally.is_suspicious() { "most lines" } else { "some lines" };
        tracing::warn!(
            log = %path.display(), parsed = tally.parsed, unparsed = tally.unparsed, line = %example.line,
            "{share} of this log cannot be read, so failures among them are not counted: {}. If it has another log_format, \
             name that with --log-format, or give each format a log of its own",
            example.why
        );
    }

    /// What is needed to go on after a restart. `now` is on the attributor's clock.
    pub(super) fn save(&self, path: &Path, now: Local) -> SavedCounts {
        SavedCounts {
            path: path.to_owned(),
            reader: self.reader.log.save(now),
            oversized: self.oversized.count(),
            lost: self.lost.count(),
            gaps: self.gaps.count(),
            last_read: self.last_read,
        }
    }

    pub(super) fn state(&self, path: &Path, status: Option<&Status>) -> LogState {
        let tally = self.reader.log.tally();
        let is_stdin = path == Path::new(STDIN);
        LogState {
            log: label(path.as_os_str().as_bytes()).into_owned(),
            kind: Some(self.reader.log.kind()),
            parsed: tally.parsed,
            unparsed: tally.unparsed,
            oversized: self.oversized.count(),
            unread: status.map(|status| status.unread_bytes),
            lost: self.lost.count(),
            gaps: self.gaps.count(),
            last_read: self.last_read,
            available: status.and_then(|_| available(path)),
            readable: status.map(|s| s.open && s.problem.is_none()).or(is_stdin.then_some(true)),
        }
    }
}

/// What users other than root can still write where the log is. A file system without blocks is none that fills up:
/// a terminal, a pipe behind /dev/stdout.
fn available(path: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(path).ok().filter(|space| space.f_blocks > 0)?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_follower_counted_never_steps_down() {
        let mut counter = CounterAcrossFollowers::from(1);
        let seen = [3, 5, 0, 2].map(|count| {
            counter.see(count);
            counter.count()
        });
        assert_eq!(seen, [4, 6, 6, 8]);
    }

    #[test]
    fn space_is_told_of_disks_alone() {
        let dir = tempfile::tempdir().unwrap();
        assert!(available(dir.path()).is_some_and(|bytes| bytes > 0));
        assert_eq!(available(Path::new("/proc/self/status")), None);
        assert_eq!(available(&dir.path().join("gone.log")), None);
    }
}
