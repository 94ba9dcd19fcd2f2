//! The followed logs of `serve`, each with what reads its lines.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::super::args::LogArgs;
use super::super::merge::{Live, Stream, Streams};
use super::Message;
use crate::attribute::logs::{AccessLog, ErrorLog, FpmLog, Log};
use crate::attribute::{Attributor, Sink};
use crate::ledger::LogState;
use crate::record::format::Format;
use crate::source::{FollowSet, Follower, OpenError, ReadFrom, Stdin, Upto};

/// The name of standard input among the logs.
const STDIN: &str = "-";

/// Logs of one kind.
pub struct Input<L> {
    set: FollowSet,
    stdin: Option<Stdin>,
    logs: HashMap<PathBuf, Reading<L>>,
    new: Box<dyn Fn() -> L + Send>,
}

/// What reads one log.
struct Reading<L> {
    log: L,
    lines_before: u64,
    last_read: f64,
    complained: bool,
    lost: Kept,
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
    fn see(&mut self, count: Option<u64>) -> u64 {
        let count = count.unwrap_or(self.last);
        if count < self.last {
            self.before += self.last;
        }
        self.last = count;
        self.before + count
    }
}

/// All logs.
pub struct Inputs {
    access: Input<AccessLog>,
    error: Input<ErrorLog>,
    fpm: Input<FpmLog>,
}

impl<L: Log> Input<L> {
    fn open(
        patterns: &[String],
        from: ReadFrom,
        now: Instant,
        wake: &Sender<Message>,
        new: impl Fn() -> L + Send + 'static,
    ) -> Result<Self, OpenError> {
        let stdin = patterns.iter().any(|pattern| pattern == STDIN);
        let patterns = patterns.iter().filter(|pattern| *pattern != STDIN).cloned().collect();
        let wake = wake.clone();
        let stdin = match stdin {
            true => Some(Stdin::start(move || drop(wake.send(Message::Wake)))?),
            false => None,
        };
        Ok(Self {
            set: FollowSet::new(patterns, from, now)?,
            stdin,
            logs: HashMap::new(),
            new: Box::new(new),
        })
    }

    /// Looks for rotation and new files, and marks the present ends.
    fn check(&mut self, now: Instant) {
        self.set.refresh(now);
        for follower in self.set.iter_mut() {
            follower.check(now);
            follower.mark();
        }
        let paths =
            self.set.iter().map(Follower::path).chain(self.stdin.is_some().then_some(Path::new(STDIN)));
        for path in paths {
            if !self.logs.contains_key(path) {
                let reading = Reading {
                    log: (self.new)(),
                    lines_before: 0,
                    last_read: 0.0,
                    complained: false,
                    lost: Kept::default(),
                    oversized: Kept::default(),
                };
                self.logs.insert(path.to_owned(), reading);
            }
        }
    }

    fn unread(&self) -> u64 {
        self.set.iter().map(|follower| follower.status().unread_bytes).sum()
    }

    /// What the logs look like now; says once when one cannot be understood.
    fn states(&mut self, out: &mut Vec<LogState>) {
        let followers: HashMap<&Path, &Follower> = self.set.iter().map(|f| (f.path(), f)).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
        for (path, reading) in &mut self.logs {
            let tally = reading.log.tally();
            let lines = tally.parsed + tally.unparsed;
            if lines > reading.lines_before {
                (reading.lines_before, reading.last_read) = (lines, now);
            }
            if let (false, true, Some(example)) = (reading.complained, tally.is_suspicious(), &tally.example)
            {
                reading.complained = true;
                tracing::warn!(
                    log = %path.display(), unparsed = tally.unparsed, line = %example.line,
                    "most lines of this log cannot be read, so its failures are not seen: {}. Name its log_format with --log-format",
                    example.why
                );
            }
            let status = followers.get(path.as_path()).map(|follower| follower.status());
            out.push(LogState {
                log: path.to_string_lossy().into_owned(),
                parsed: tally.parsed,
                unparsed: tally.unparsed,
                oversized: reading.oversized.see(status.as_ref().map(|s| s.skipped.oversized_lines)),
                unread: status.as_ref().map_or(0, |s| s.unread_bytes),
                lost: reading.lost.see(status.as_ref().map(|s| s.lost_bytes)),
                last_read: reading.last_read,
                readable: status.is_none_or(|s| s.open && s.problem.is_none()),
            });
        }
    }
}

/// Streams of one kind, over sources that live a little longer than the streams.
macro_rules! streams {
    ($input:expr, $live:ident) => {{
        let mut logs: HashMap<&Path, &mut _> =
            $input.logs.iter_mut().map(|(path, reading)| (path.as_path(), &mut reading.log)).collect();
        let mut streams = Vec::new();
        for live in &mut $live {
            if let Some(log) = logs.remove(live.follower.path()) {
                streams.push(Stream::new(live, log));
            }
        }
        if let (Some(stdin), Some(log)) = (&mut $input.stdin, logs.remove(Path::new(STDIN))) {
            streams.push(Stream::new(stdin, log));
        }
        streams
    }};
}

impl Inputs {
    /// Opens what the command line names.
    ///
    /// # Errors
    /// For a path that can never be a log.
    pub fn open(
        args: &LogArgs,
        from: ReadFrom,
        now: Instant,
        wake: &Sender<Message>,
    ) -> Result<Self, OpenError> {
        let format: Option<Format> = args.format.clone();
        // Through a pipe an entry can come later than the access line it explains.
        let unordered = args.error.iter().any(|path| path == STDIN);
        Ok(Self {
            access: Input::open(&args.access, from, now, wake, move || {
                AccessLog::new(format.clone(), unordered)
            })?,
            error: Input::open(&args.error, from, now, wake, ErrorLog::default)?,
            fpm: Input::open(&args.fpm, from, now, wake, FpmLog::default)?,
        })
    }

    /// Reads what is new. `go_on` is asked after each block.
    pub fn read(
        &mut self,
        now: Instant,
        buffers: &mut super::super::merge::Buffers,
        attributor: &mut Attributor,
        sink: &mut impl Sink,
        go_on: &mut dyn FnMut() -> bool,
    ) {
        // The access logs' ends are marked before the error logs are read: every access line that is then
        // taken has its entries in.
        self.access.check(now);
        self.error.check(now);
        self.fpm.check(now);
        let (access, error, fpm) = (&mut self.access, &mut self.error, &mut self.fpm);
        let mut access_live =
            access.set.iter_mut().map(|f| Live { follower: f, upto: Upto::Mark }).collect::<Vec<_>>();
        let mut error_live =
            error.set.iter_mut().map(|f| Live { follower: f, upto: Upto::End }).collect::<Vec<_>>();
        let mut fpm_live =
            fpm.set.iter_mut().map(|f| Live { follower: f, upto: Upto::End }).collect::<Vec<_>>();
        let mut streams = Streams {
            access: streams!(access, access_live),
            error: streams!(error, error_live),
            fpm: streams!(fpm, fpm_live),
        };
        // Errors are logged by the followers, once each, and show as log_readable 0.
        streams.pump(buffers, attributor, sink, go_on);
        drop(streams);
        for reading in self.access.logs.values_mut() {
            reading.log.release(false, attributor, sink);
        }
    }

    /// Bytes that are there and not read.
    pub fn unread(&self) -> u64 {
        self.access.unread() + self.error.unread() + self.fpm.unread()
    }

    /// Lines read so far, of all logs: tells whether anything moved.
    pub fn lines(&self) -> u64 {
        fn of<L: Log>(input: &Input<L>) -> u64 {
            input.logs.values().map(|r| r.log.tally().parsed + r.log.tally().unparsed).sum()
        }
        of(&self.access) + of(&self.error) + of(&self.fpm)
    }

    /// All paths, to be watched while they are quiet.
    pub fn paths(&self) -> Vec<PathBuf> {
        let sets = [&self.access.set, &self.error.set, &self.fpm.set];
        sets.into_iter().flat_map(|set| set.iter().map(|follower| follower.path().to_owned())).collect()
    }

    /// The logs as they are shown, in order of their names.
    pub fn states(&mut self) -> Vec<LogState> {
        let mut out = Vec::new();
        self.access.states(&mut out);
        self.error.states(&mut out);
        self.fpm.states(&mut out);
        out.sort_by(|a, b| a.log.cmp(&b.log));
        // One file in two roles is shown once: two series of one name would spoil the scrape.
        out.dedup_by(|b, a| a.log == b.log);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_follower_counted_never_steps_down() {
        let mut kept = Kept::default();
        let seen = [Some(3), Some(5), None, Some(0), Some(2), None].map(|count| kept.see(count));
        assert_eq!(seen, [3, 5, 5, 5, 7, 7]);
    }
}
