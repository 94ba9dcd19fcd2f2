//! Follows one path live, through every kind of rotation.
//!
//! A path is a name, and the file behind it changes. The follower holds one [`Generation`] for each file the
//! name has pointed to and that may still be written: nginx goes on writing to a renamed or deleted log until
//! it has handled USR1. They are read oldest first.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::file_owners::{FileOwners, Ownership};
use super::files::{FileType, Files, Os};
use super::generation::{Generation, Step};
use super::identity::FileId;
use super::known::KnownFiles;
use super::saved::SavedLog;
use super::trouble::Trouble;
use super::{Buffer, OpenError, Position, ReadError, ReadFrom, Skipped, Status, Upto, open};

/// How long a file that is no longer at the path is polled on, counted from its last growth.
pub(super) const GRACE: Duration = Duration::from_secs(60);

/// A path may be empty this long, while a rotated file is still open, before that is called a problem: between
/// rename and USR1 it is normal.
const ROTATING: Duration = Duration::from_secs(5);

/// How often we look for files that were put beside the log and are none of ours: only what comes after that is
/// taken for a rotated log, if it is named like one.
const STOCKTAKING: Duration = Duration::from_secs(600);

/// One path followed live.
pub struct Follower {
    pub(super) files: Arc<dyn Files>,
    pub(super) path: PathBuf,
    /// Where the path led to when the files were opened that are open, as a symlink may lead elsewhere now.
    pub(super) places: Vec<PathBuf>,
    /// What was at the path when we came, and its size, if it is to be read from there only.
    pub(super) existing: Option<(FileId, u64)>,
    /// Oldest first; the file at the path, if it is open, is the last one.
    pub(super) generations: Vec<Generation>,
    /// Which of them the last block came from.
    pub(super) last_read: usize,
    pub(super) claims: FileOwners,
    /// Rotated files beside the log that are not to be read; `None` until the first look.
    pub(super) known: Option<KnownFiles>,
    /// When they were listed.
    stocktaking: Instant,
    /// Since when rotated files have to be looked for, though the file at the path is the same.
    pub(super) unlisted_since: Option<Instant>,
    /// An open file cannot be read: what looks like one that was never seen may be a copy of it.
    pub(super) unmeasured: bool,
    /// Files to go on with that cannot be read, since we were started.
    pub(super) pending: Option<(SavedLog, Instant)>,
    /// Saved positions before which nothing was read, and whose files were not met yet.
    pub(super) fresh: Vec<Position>,
    /// The time of the last look.
    pub(super) now: Instant,
    /// A pattern found the path, so its absence is no problem.
    optional: bool,
    missing_since: Option<Instant>,
    pub(super) trouble: Trouble,
    pub(super) lost_bytes: u64,
    pub(super) gaps: u64,
    /// Of generations that are closed.
    pub(super) skipped: Skipped,
}

impl Follower {
    /// Begins to follow `path`.
    ///
    /// Never fails for a missing or unreadable file: it is picked up when it appears. A file born after us is
    /// read from its first byte, whatever `from` says; one that was there but could not be opened is read from
    /// where it ended.
    pub fn new(path: PathBuf, from: ReadFrom, now: Instant) -> Follower {
        Self::with(Arc::new(Os::default()), path, from, now)
    }

    /// As [`Follower::new`], in any file system.
    pub fn with(files: Arc<dyn Files>, path: PathBuf, from: ReadFrom, now: Instant) -> Follower {
        Self::with_claims(files, path, from, now, FileOwners::alone(), false)
    }

    /// As [`Follower::new`], for a path that other followers may share files with.
    pub(super) fn with_claims(
        files: Arc<dyn Files>,
        path: PathBuf,
        from: ReadFrom,
        now: Instant,
        claims: FileOwners,
        optional: bool,
    ) -> Follower {
        let mut follower = Self::unbegun(files, path, claims, optional, now);
        if from != ReadFrom::Start {
            let stat = follower.files.stat(&follower.path).ok().filter(|stat| stat.kind == FileType::File);
            let begin = |len: u64| if let ReadFrom::Byte(byte) = from { byte.min(len) } else { len };
            follower.existing = stat.map(|stat| (FileId::of(&stat), begin(stat.len)));
        }
        follower.check(now);
        follower
    }

    pub(super) fn unbegun(
        files: Arc<dyn Files>,
        path: PathBuf,
        claims: FileOwners,
        optional: bool,
        now: Instant,
    ) -> Follower {
        Follower {
            places: vec![files.resolve(&path).unwrap_or_else(|_| path.clone())],
            files,
            path,
            known: None,
            stocktaking: now,
            unlisted_since: Some(now),
            unmeasured: false,
            pending: None,
            fresh: Vec::new(),
            now,
            existing: None,
            generations: Vec::new(),
            last_read: 0,
            claims,
            optional,
            missing_since: None,
            trouble: Trouble::default(),
            lost_bytes: 0,
            gaps: 0,
            skipped: Skipped::default(),
        }
    }

    /// Looks at the path and at every open file: detects rename, deletion, re-creation, a switched symlink and
    /// truncation. One fstat a file and one stat, a few µs: to be called at every poll.
    pub fn check(&mut self, now: Instant) {
        self.now = now;
        self.retry_resume(now);
        if self.pending.is_some() {
            return;
        }
        self.measure();
        // Before the look: what is listed now and the path still the same afterwards is no rotated file of it.
        let listed = (now.saturating_duration_since(self.stocktaking) >= STOCKTAKING).then(|| self.survey());
        let before = self.generations.last().map(|last| (last.id, last.is_live()));
        self.look_at_path(now);
        if let Some(listed) = listed {
            self.stocktaking = now;
            let same = self.generations.last().map(|last| (last.id, last.is_live())) == before;
            if let Some(survey) = listed.filter(|_| same && self.unlisted_since.is_none()) {
                self.known = Some(survey.into_known());
            }
        }
        self.expire(now);
    }

    /// Remembers the present end of every open file as the limit of [`Upto::Mark`].
    ///
    /// A file truncated after this call and before the read may be read past the mark.
    pub fn mark(&mut self) {
        self.measure();
        for generation in &mut self.generations {
            generation.set_mark();
        }
    }

    /// The next block of whole lines, each ending in `\n`; `None` when there is nothing to read now. Files are read
    /// oldest first. The block is empty while a line without end is passed over.
    ///
    /// # Errors
    ///
    /// When a file could not be read and no other has lines. It has been logged and is told by
    /// [`Follower::status`]; the file will be tried again, so the caller just goes on.
    pub fn read_block<'b>(&mut self, buf: &'b mut Buffer, upto: Upto) -> Result<Option<&'b [u8]>, ReadError> {
        let mut failure = None;
        let mut index = 0;
        while let Some(generation) = self.generations.get_mut(index) {
            if generation.has_begun() {
                // A copy of a file that is empty by now would look like one that was never seen.
                self.measure();
                self.add_missed(index);
                index = 0;
                continue;
            }
            let step = generation.read(buf, upto);
            if let Some(head) = generation.new_head() {
                self.claims.set_head(generation.id, head);
            }
            match step {
                Ok(Step::Block(range)) => {
                    generation.recover(&self.path);
                    self.last_read = index;
                    return Ok(Some(buf.hold(range)));
                }
                Ok(Step::Nothing) if generation.is_finished() => {
                    if let Some(range) = generation.flush(buf) {
                        self.last_read = index;
                        return Ok(Some(buf.hold(range)));
                    }
                    self.close(index);
                }
                Ok(Step::Nothing) => {
                    generation.recover(&self.path);
                    index += 1;
                }
                Ok(Step::Truncated) => {
                    self.truncated(index);
                    let waits = |generation: &Generation| generation.truncated_since.is_some();
                    index += usize::from(self.generations.get(index).is_some_and(waits));
                }
                Err(source) => {
                    let error = ReadError::Io { path: self.path.clone(), offset: generation.pos, source };
                    generation.trouble.begin(error.to_string());
                    generation.failing_since.get_or_insert(self.now);
                    failure.get_or_insert(error);
                    index += 1;
                }
            }
        }
        failure.map_or(Ok(None), Err)
    }

    /// The lines that [`Follower::read_block`] put into `buf` last and that were not taken ([`Buffer::take`]) come again.
    /// To be called before anything else is asked of the follower.
    pub fn give_back(&mut self, buf: &Buffer) {
        if let Some(generation) = self.generations.get_mut(self.last_read)
            && !buf.lines().is_empty()
        {
            generation.give_back(buf);
        }
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it stands, without a system call.
    pub fn status(&self) -> Status {
        let mut skipped = self.skipped;
        for generation in &self.generations {
            skipped += generation.carry.skipped();
        }
        let troubles = self.generations.iter().map(|generation| &generation.trouble);
        let problem = std::iter::once(&self.trouble).chain(troubles).find_map(Trouble::text);
        Status {
            unread_bytes: self.generations.iter().map(Generation::unread).sum(),
            lost_bytes: self.lost_bytes,
            gaps: self.gaps,
            skipped,
            problem: problem.map(str::to_owned),
            generations: self.generations.len(),
            open: self.generations.iter().any(Generation::is_live),
        }
    }

    /// Where each open file stands, oldest first.
    pub fn positions(&self) -> Vec<Position> {
        self.generations.iter().map(|generation| generation.position(self.now)).collect()
    }

    /// Takes the size of every open file.
    fn measure(&mut self) {
        self.unmeasured = false;
        let mut index = 0;
        while let Some(generation) = self.generations.get_mut(index) {
            match generation.measure() {
                Ok(true) => index += 1,
                Ok(false) => index = self.truncated(index),
                // It was closed, and is nowhere any more.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.gone(index),
                Err(error) => {
                    let error = OpenError::from_io(&self.path, "examine", error);
                    generation.trouble.begin(error.to_string());
                    self.unmeasured = true;
                    index += 1;
                }
            }
        }
        for generation in &mut self.generations {
            if let Some(head) = generation.new_head() {
                self.claims.set_head(generation.id, head);
            }
        }
    }

    fn look_at_path(&mut self, now: Instant) {
        let found = self
            .files
            .stat(&self.path)
            .map_err(|error| OpenError::from_io(&self.path, "look at", error))
            .and_then(|stat| open::expect_plain(&self.path, &stat).map(|()| FileId::of(&stat)));
        let result = match found {
            Ok(id) => self.turn_to(id, now),
            Err(error) => {
                // Only what is known to be elsewhere is let go: a path we may not look at proves nothing.
                if !matches!(error, OpenError::Denied { .. } | OpenError::Io { .. }) {
                    self.existing = None;
                    self.let_go(now);
                    if self.missing_since.is_none() || self.unlisted_since.is_some() {
                        self.add_missed(self.generations.len());
                    }
                }
                Err(error)
            }
        };
        match result {
            Ok(()) => {
                self.missing_since = None;
                self.trouble.end(&self.path);
            }
            Err(OpenError::Missing { .. }) if self.is_missing_normal(now) => {}
            Err(error) => self.trouble.begin(error.to_string()),
        }
    }

    fn is_missing_normal(&mut self, now: Instant) -> bool {
        let since = *self.missing_since.get_or_insert(now);
        let rotating = !self.generations.is_empty() && now.saturating_duration_since(since) < ROTATING;
        self.optional || rotating
    }

    /// The path points to `id`: makes that the live generation.
    fn turn_to(&mut self, id: FileId, now: Instant) -> Result<(), OpenError> {
        if self.generations.last().is_some_and(|last| last.id == id && last.is_live()) {
            if self.unlisted_since.is_some() {
                self.add_missed(self.generations.len() - 1);
            }
            return Ok(());
        }
        self.let_go(now);
        if let Some(index) = self.generations.iter().position(|generation| generation.id == id) {
            let mut back = self.generations.remove(index);
            back.revive();
            self.generations.push(back);
            return Ok(());
        }
        if self.claims.is_taken(&self.path, id) {
            return Ok(());
        }
        let (file, stat) = open::plain_file(self.files.as_ref(), &self.path)?;
        let claim = |error| OpenError::from_io(&self.path, "read", error);
        let Ownership::Free(offset) = self.claims.ask(&self.path, file.as_ref(), &stat).map_err(claim)?
        else {
            return Ok(());
        };
        let offset = match self.existing {
            Some((existing, size)) if existing == FileId::of(&stat) => size,
            _ => offset,
        };
        let file = self.files.keep(&self.path, &self.path, &stat, file);
        let live = Generation::new(file, &stat, offset).map_err(claim)?;
        self.existing = None;
        self.remember(live.file(), Some(live.id));
        self.generations.push(live);
        self.add_missed(self.generations.len() - 1);
        self.go_to_place();
        Ok(())
    }

    /// The path points elsewhere now.
    fn let_go(&mut self, now: Instant) {
        for generation in self.generations.iter_mut().filter(|generation| generation.is_live()) {
            generation.retire_after(GRACE, now);
        }
    }

    /// Closes what nobody writes to any more and what has been read; the rest of the lines is for
    /// [`Follower::read_block`].
    fn expire(&mut self, now: Instant) {
        let mut index = 0;
        while let Some(generation) = self.generations.get_mut(index) {
            generation.expire(GRACE, now);
            let given_up = generation.expired && generation.fails_for(GRACE, now);
            if given_up {
                self.lost_bytes += generation.unyielded();
            }
            if given_up || (generation.is_finished() && generation.carry.len() == 0) {
                self.close(index);
            } else {
                index += 1;
            }
        }
        if self.unlisted_since.is_none() && self.generations.iter().all(Generation::is_live) {
            let former = self.places.len().saturating_sub(1);
            self.places.drain(..former);
        }
    }

    pub(super) fn close(&mut self, index: usize) {
        let generation = self.generations.remove(index);
        self.skipped += generation.carry.skipped();
        self.claims.close(generation.id, generation.pos);
        if let Some(known) = &mut self.known {
            known.add(generation.last_mark());
        }
    }
}
