//! The followed logs of one kind, each with what reads its lines.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::Message;
use super::merge::{Live, Reader, Stream};
use crate::attribute::logs::{AccessLog, ErrorLog, Log};
use crate::attribute::{Attributor, Sink};
use crate::ledger::{SavedCounts, SavedInput};
use crate::record::stamp::Local;
use crate::source::{FollowSet, Follower, OpenError, ReadFrom, Status, Stdin, Upto};
use crate::view::LogState;

/// The name of standard input among the logs.
pub(super) const STDIN: &str = "-";

/// Logs of one kind.
pub struct Input<L> {
    set: FollowSet,
    stdin: Option<Stdin>,
    logs: HashMap<PathBuf, Reading<L>>,
    new: Box<dyn Fn(&Path) -> L + Send>,
}

/// One log: what reads it, and what was counted of it.
struct Reading<L> {
    reader: Reader<L>,
    lines_before: u64,
    last_read: u64,
    complained: bool,
    lost: Kept,
    gaps: Kept,
    oversized: Kept,
}

/// A count that a follower keeps, across followers: one that a glob no longer matches goes, and begins at 0
/// when its path comes back, but a counter never steps down.
#[derive(Default)]
struct Kept {
    before: u64,
    last: u64,
}

impl Kept {
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

impl<L: Log> Reading<L> {
    fn new(log: L) -> Self {
        Self {
            reader: Reader::new(log),
            lines_before: 0,
            last_read: 0,
            complained: false,
            lost: Kept::default(),
            gaps: Kept::default(),
            oversized: Kept::default(),
        }
    }

    fn resume(mut log: L, saved: SavedCounts, now: Local) -> Self {
        log.resume(saved.reader, now);
        Self {
            lines_before: log.tally().lines(),
            last_read: saved.last_read,
            lost: Kept::from(saved.lost),
            gaps: Kept::from(saved.gaps),
            oversized: Kept::from(saved.oversized),
            ..Self::new(log)
        }
    }

    /// Takes over what the follower has counted and how far it has come.
    fn see(&mut self, status: Option<&Status>) {
        if let Some(status) = status {
            self.lost.see(status.lost_bytes);
            self.gaps.see(status.gaps);
            self.oversized.see(status.skipped.oversized_lines);
        }
        let lines = self.reader.log.tally().lines();
        if lines > self.lines_before {
            self.lines_before = lines;
            self.last_read = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        }
    }

    /// Says once when the log cannot be understood.
    fn complain(&mut self, path: &Path) {
        let tally = self.reader.log.tally();
        if let (false, true, Some(example)) = (self.complained, tally.is_suspicious(), &tally.example) {
            self.complained = true;
            tracing::warn!(
                log = %path.display(), unparsed = tally.unparsed, line = %example.line,
                "most lines of this log cannot be read, so its failures are not seen: {}. Name its log_format with --log-format",
                example.why
            );
        }
    }

    fn state(&self, path: &Path, status: Option<&Status>) -> LogState {
        let tally = self.reader.log.tally();
        let is_stdin = path == Path::new(STDIN);
        LogState {
            log: path.to_string_lossy().into_owned(),
            parsed: tally.parsed,
            unparsed: tally.unparsed,
            oversized: self.oversized.count(),
            unread: status.map(|status| status.unread_bytes),
            lost: self.lost.count(),
            gaps: self.gaps.count(),
            last_read: self.last_read,
            readable: status.map(|s| s.open && s.problem.is_none()).or(is_stdin.then_some(true)),
        }
    }
}

impl<L: Log> Input<L> {
    /// Opens what the patterns name and goes on where it was saved; `now` twice: for the followers, and on the
    /// attributor's clock.
    pub(super) fn open(
        patterns: &[String],
        from: ReadFrom,
        saved: Option<SavedInput>,
        now: (Instant, Local),
        wake: &Sender<Message>,
        new: impl Fn(&Path) -> L + Send + 'static,
    ) -> Result<Self, OpenError> {
        let stdin = patterns.iter().any(|pattern| pattern == STDIN);
        let patterns = patterns.iter().filter(|pattern| *pattern != STDIN).cloned().collect();
        let wake = wake.clone();
        let stdin = match stdin {
            true => Some(Stdin::start(move || drop(wake.send(Message::Wake)))?),
            false => None,
        };
        let (set, logs) = saved.map_or((None, Vec::new()), |saved| (Some(saved.set), saved.logs));
        let resume =
            |saved: SavedCounts| (saved.path.clone(), Reading::resume(new(&saved.path), saved, now.1));
        Ok(Self {
            set: FollowSet::resume(patterns, from, set, now.0)?,
            stdin,
            logs: logs.into_iter().map(resume).collect(),
            new: Box::new(new),
        })
    }

    /// What is needed to go on after a restart. `now` is on the attributor's clock.
    pub(super) fn save(&mut self, now: Local) -> SavedInput {
        let mut logs = Vec::new();
        self.see(|path, reading, _| {
            logs.push(SavedCounts {
                path: path.to_owned(),
                reader: reading.reader.log.save(now),
                oversized: reading.oversized.count(),
                lost: reading.lost.count(),
                gaps: reading.gaps.count(),
                last_read: reading.last_read,
            });
        });
        SavedInput { logs, set: self.set.save() }
    }

    /// Looks for rotation and new files, and marks the present ends.
    pub(super) fn check(&mut self, now: Instant) {
        self.set.refresh(now);
        for follower in self.set.iter_mut() {
            follower.check(now);
            follower.mark();
        }
        let paths =
            self.set.iter().map(Follower::path).chain(self.stdin.is_some().then_some(Path::new(STDIN)));
        for path in paths {
            if !self.logs.contains_key(path) {
                self.logs.insert(path.to_owned(), Reading::new((self.new)(path)));
            }
        }
    }

    /// The followers up to `upto`, as sources of [`Input::streams`].
    pub(super) fn parts(&mut self, upto: Upto) -> Parts<'_, L> {
        let live = self.set.iter_mut().map(|follower| Live { follower, upto }).collect();
        let logs =
            self.logs.iter_mut().map(|(path, reading)| (path.as_path(), &mut reading.reader)).collect();
        Parts { live, stdin: self.stdin.as_mut(), logs }
    }

    pub(super) fn unread(&self) -> u64 {
        self.set.iter().map(|follower| follower.status().unread_bytes).sum()
    }

    /// Lines read and losses met so far, and files open: tells whether anything moved.
    pub(super) fn moves(&self) -> (u64, usize) {
        let mut counts = self.logs.values().map(|reading| reading.reader.log.tally().lines()).sum();
        let mut files = 0;
        for status in self.set.iter().map(Follower::status) {
            counts += status.lost_bytes + status.gaps + status.skipped.oversized_lines;
            files += status.generations;
        }
        (counts, files)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.set.iter().map(|follower| follower.path().to_owned())
    }

    /// Takes over what the followers have counted, and shows each log with its follower's status.
    fn see(&mut self, mut each: impl FnMut(&Path, &mut Reading<L>, Option<&Status>)) {
        let statuses: HashMap<&Path, Status> = self.set.iter().map(|f| (f.path(), f.status())).collect();
        for (path, reading) in &mut self.logs {
            let status = statuses.get(path.as_path());
            reading.see(status);
            each(path, reading, status);
        }
    }

    /// What the logs look like now.
    pub(super) fn states(&mut self, out: &mut Vec<LogState>) {
        self.see(|path, reading, status| {
            reading.complain(path);
            out.push(reading.state(path, status));
        });
    }
}

impl Input<AccessLog> {
    /// Judges lines that have waited long enough for their entries.
    pub(super) fn release(&mut self, attributor: &mut Attributor, sink: &mut impl Sink) {
        for reading in self.logs.values_mut() {
            reading.reader.log.release(false, attributor, sink);
        }
    }
}

impl Input<ErrorLog> {
    /// Gives entries behind which nothing came for a while.
    pub(super) fn idle(&mut self, now: Instant, attributor: &mut Attributor, sink: &mut impl Sink) {
        for reading in self.logs.values_mut() {
            reading.reader.log.idle(now, attributor, sink);
        }
    }
}

/// Sources and readers of one kind, for the time of one run.
pub(super) struct Parts<'a, L> {
    live: Vec<Live<'a>>,
    stdin: Option<&'a mut Stdin>,
    logs: HashMap<&'a Path, &'a mut Reader<L>>,
}

impl<'a, L: Log> Parts<'a, L> {
    /// Each source with its reader.
    pub(super) fn streams<'s>(&'s mut self) -> Vec<Stream<'s, L>>
    where
        'a: 's,
    {
        let mut streams = Vec::new();
        for live in &mut self.live {
            if let Some(reader) = self.logs.remove(live.follower.path()) {
                streams.push(Stream::new(live, reader));
            }
        }
        if let (Some(stdin), Some(reader)) = (&mut self.stdin, self.logs.remove(Path::new(STDIN))) {
            streams.push(Stream::new(*stdin, reader));
        }
        streams
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_follower_counted_never_steps_down() {
        let mut kept = Kept::from(1);
        let seen = [3, 5, 0, 2].map(|count| {
            kept.see(count);
            kept.count()
        });
        assert_eq!(seen, [4, 6, 6, 8]);
    }
}
