//! An input: a kind of log and the way in which its lines come.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::choice::{Choice, Names};
use super::followed_log::{FollowedLog, STDIN};
use super::stream::{Live, Stream};
use super::zone;
use crate::attribute::logs::{AnyLog, Log, Settings};
use crate::attribute::{Attributor, Sink};
use crate::ledger::{SavedCounts, SavedInput};
use crate::record::LogKind;
use crate::record::stamp::Local;
use crate::source::files::Files;
use crate::source::{FollowSet, Follower, OpenError, ReadFrom, SavedSet, Status, Stdin, Upto, offset_since};
use crate::view::LogState;

/// How lines come.
pub(super) enum Transport {
    /// From files that are followed.
    Files(FollowSet),
    /// From standard input.
    Stdin(Stdin),
}

impl Transport {
    /// Opens the files that the patterns name; if others are `found`, too, those that were followed before a restart.
    pub(super) fn files(
        files: Arc<dyn Files>,
        patterns: Vec<PathBuf>,
        found: bool,
        from: ReadFrom,
        saved: Option<SavedSet>,
        now: Instant,
    ) -> Result<Self, OpenError> {
        let open = if found { FollowSet::resume_all } else { FollowSet::resume_in };
        open(files, patterns, from, saved, now).map(Self::Files)
    }

    /// Looks for rotation and new files, and marks the present ends.
    fn check(&mut self, now: Instant) {
        if let Self::Files(set) = self {
            set.refresh(now);
            for follower in set.iter_mut() {
                follower.check(now);
                follower.mark();
            }
        }
    }

    fn followers(&self) -> impl Iterator<Item = &Follower> {
        let set = if let Self::Files(set) = self { Some(set) } else { None };
        set.into_iter().flat_map(FollowSet::iter)
    }

    /// The names of its logs.
    fn paths(&self) -> Vec<PathBuf> {
        match self {
            Self::Files(set) => set.iter().map(|follower| follower.path().to_owned()).collect(),
            Self::Stdin(_) => vec![PathBuf::from(STDIN)],
        }
    }
}

/// The logs of one kind that come one way.
pub(super) struct Input {
    pub(super) kind: LogKind,
    transport: Transport,
    logs: HashMap<PathBuf, FollowedLog>,
    readers: Readers,
}

/// Makes what reads each log of a kind.
#[derive(Clone)]
pub(super) struct Readers {
    pub(super) kind: LogKind,
    /// The format is that of each log.
    pub(super) settings: Settings,
    pub(super) choice: Arc<Choice>,
}

impl Readers {
    fn of(&self, path: &Path) -> AnyLog {
        let format = self.choice.named.format_of(path).cloned();
        AnyLog::new(self.kind, path, &Settings { format, ..self.settings.clone() })
    }
}

impl Input {
    /// Goes on where it was saved. `now` is on the attributor's clock.
    pub(super) fn new(readers: Readers, transport: Transport, saved: &mut SavedInput, now: Local) -> Self {
        let is_stdin = matches!(transport, Transport::Stdin(_));
        // Counts of logs that are no longer followed stay.
        let ours = saved.logs.extract_if(.., |counts| !is_stdin || counts.path == Path::new(STDIN));
        let resume = |counts: SavedCounts| {
            let path = counts.path.clone();
            let log = FollowedLog::resume(readers.of(&path), counts, now);
            (path, log)
        };
        let logs = ours.map(resume).collect();
        Self { kind: readers.kind, transport, logs, readers }
    }

    /// Adds what is needed to go on after a restart.
    pub(super) fn save(&mut self, saved: &mut SavedInput, now: Local, unix: u64) {
        self.see(unix, |path, log, _| saved.logs.push(log.save(path, now)));
        if let Transport::Files(set) = &self.transport {
            saved.set = set.save();
        }
    }

    /// Looks for rotation and new files, and marks the present ends.
    pub(super) fn check(&mut self, now: Instant) {
        self.transport.check(now);
        for path in self.transport.paths() {
            let readers = &self.readers;
            self.logs.entry(path).or_insert_with_key(|path| FollowedLog::new(readers.of(path)));
        }
    }

    /// Follows these files and patterns. One that has a history begins with what was written `since`.
    pub(super) fn follow(
        &mut self,
        Names { paths, patterns }: Names,
        since: SystemTime,
        now: Instant,
        attributor: &Attributor,
    ) {
        let Transport::Files(set) = &mut self.transport else { return };
        let readers = &self.readers;
        let mut begin = |files: &dyn Files, path: &Path, since: SystemTime| {
            let mut log = readers.of(path);
            log.learn(attributor);
            let (since, offset) = (zone::local(since, attributor.offset()), attributor.offset());
            let mut is_before = |line: &[u8]| {
                let at = log.time(line, offset).filter(|at| *at != Local::MAX)?;
                Some(at < since)
            };
            let found = files.open(path).and_then(|file| {
                let len = file.stat()?.len;
                offset_since(file.as_ref(), len, &mut is_before)
            });
            found.ok().flatten().map(ReadFrom::Byte)
        };
        set.set(&paths, &patterns, since, &mut begin, now);
    }

    /// Another choice holds. `found`: what is found of its kind by that. `unix`: the wall clock.
    pub(super) fn choose(&mut self, choice: &Arc<Choice>, from: ReadFrom, found: &Names, unix: u64) {
        // What a follower has counted would go with it.
        self.see(unix, |_, _, _| {});
        let before = std::mem::replace(&mut self.readers.choice, Arc::clone(choice));
        for (path, log) in &mut self.logs {
            if let AnyLog::Access(log) = &mut log.reader.log {
                log.give(choice.named.format_of(path));
            }
        }
        let Transport::Files(set) = &mut self.transport else { return };
        let (named, before) = (Names::of(&choice.named, self.kind), Names::of(&before.named, self.kind));
        set.begin_at(from);
        set.leave(&|path| {
            let is_wanted = if before.has(path) { found.has(path) } else { choice.discover };
            !named.has(path) && (choice.excludes(path) || !is_wanted)
        });
    }

    /// Whether it has any log.
    pub(super) fn is_any(&self) -> bool {
        matches!(self.transport, Transport::Stdin(_)) || self.transport.followers().next().is_some()
    }

    /// Whether one of its logs cannot be read.
    pub(super) fn is_hidden(&self) -> bool {
        matches!(&self.transport, Transport::Files(set) if set.is_any_hidden())
    }

    /// Whether one of its logs can be read.
    pub(super) fn is_readable(&self) -> bool {
        let open = |status: &Status| status.open && status.problem.is_none();
        matches!(self.transport, Transport::Stdin(_))
            || self.transport.followers().any(|follower| open(&follower.status()))
    }

    /// Its logs, each with what reads it. Of those whose lines are judged, up to the mark.
    pub(super) fn streams(&mut self) -> Vec<Stream<'_>> {
        let mut logs: HashMap<&Path, &mut FollowedLog> =
            self.logs.iter_mut().map(|(path, log)| (path.as_path(), log)).collect();
        match &mut self.transport {
            Transport::Files(set) => {
                let mut streams = Vec::new();
                for follower in set.iter_mut() {
                    if let Some(FollowedLog { reader, .. }) = logs.remove(follower.path()) {
                        let upto = if reader.log.lead().is_some() { Upto::End } else { Upto::Mark };
                        streams.push(Stream::new(Live { follower, upto }, reader));
                    }
                }
                streams
            }
            Transport::Stdin(stdin) => {
                let log = logs.remove(Path::new(STDIN));
                log.map(|log| Stream::new(stdin, &mut log.reader)).into_iter().collect()
            }
        }
    }

    /// What was there was read.
    pub(super) fn idle(&mut self, now: Instant, attributor: &mut Attributor, sink: &mut impl Sink) {
        self.logs.values_mut().for_each(|log| log.reader.log.idle(now, attributor, sink));
    }

    pub(super) fn unread(&self) -> u64 {
        self.transport.followers().map(|follower| follower.status().unread_bytes).sum()
    }

    /// Lines read and losses met so far, and files open: tells whether anything moved.
    pub(super) fn moves(&self) -> (u64, usize) {
        let mut counts = self.logs.values().map(|log| log.reader.log.tally().lines()).sum();
        let mut files = 0;
        for status in self.transport.followers().map(Follower::status) {
            counts += status.lost_bytes + status.gaps + status.skipped.oversized_lines;
            files += status.generations;
        }
        (counts, files)
    }

    /// The files that are followed.
    pub(super) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.transport.followers().map(|follower| follower.path().to_owned())
    }

    /// Takes over what the followers have counted, and shows each log with its follower's status.
    fn see(&mut self, unix: u64, mut each: impl FnMut(&Path, &mut FollowedLog, Option<&Status>)) {
        let followers = self.transport.followers();
        let statuses: HashMap<&Path, Status> = followers.map(|f| (f.path(), f.status())).collect();
        for (path, log) in &mut self.logs {
            let status = statuses.get(path.as_path());
            log.see(status, unix);
            each(path, log, status);
        }
    }

    /// What the logs look like now.
    pub(super) fn states(&mut self, unix: u64, out: &mut Vec<LogState>) {
        self.see(unix, |path, log, status| {
            log.complain(path);
            out.push(log.state(path, status));
        });
    }
}
