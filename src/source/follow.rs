//! Follows one path live, through every kind of rotation.
//!
//! A path is a name, and the file behind it changes. The follower holds one [`Generation`] for each file the
//! name has pointed to and that may still be written: nginx goes on writing to a renamed or deleted log until
//! it has handled USR1. They are read oldest first.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::claims::{Claims, Verdict};
use super::files::{Files, Kind, Os};
use super::generation::{Generation, Step};
use super::identity::FileId;
use super::saved::{Found, Pool, SavedLog, from_millis, to_millis};
use super::trouble::Trouble;
use super::{Buffer, OpenError, Position, ReadError, ReadFrom, Skipped, Status, Upto, open, rescue};

/// How long a file that is no longer at the path is polled on, counted from its last growth.
const GRACE: Duration = Duration::from_secs(60);

/// A path may be empty this long, while a rotated file is still open, before that is called a problem: between
/// rename and USR1 it is normal.
const ROTATING: Duration = Duration::from_secs(5);

/// The kernel stamps births with a clock that runs in ticks, up to 10 ms behind ours.
const TICK: Duration = Duration::from_millis(20);

/// One path followed live.
pub struct Follower {
    files: Arc<dyn Files>,
    path: PathBuf,
    /// Where the path led to when its file was opened.
    resolved: PathBuf,
    /// What was at the path when we came, and its size, if it is to be read from there only.
    existing: Option<(FileId, u64)>,
    /// Oldest first; the file at the path, if it is open, is the last one.
    generations: Vec<Generation>,
    claims: Claims,
    /// A pattern found the path, so its absence is no problem.
    optional: bool,
    missing_since: Option<Instant>,
    /// When the path was last looked at, by the clock that also dates files.
    last_look: Option<SystemTime>,
    trouble: Trouble,
    lost_bytes: u64,
    gaps: u64,
    /// Of generations that are closed.
    skipped: Skipped,
}

impl Follower {
    /// Begins to follow `path`.
    ///
    /// Never fails for a missing or unreadable file: it is picked up when it appears. A file born after us is
    /// read from its first byte, whatever `from` says; one that was there but could not be opened is read from
    /// where it ended.
    pub fn new(path: PathBuf, from: ReadFrom, now: Instant) -> Follower {
        Self::with(Arc::new(Os), path, from, now)
    }

    /// As [`Follower::new`], in any file system.
    pub fn with(files: Arc<dyn Files>, path: PathBuf, from: ReadFrom, now: Instant) -> Follower {
        Self::with_claims(files, path, from, now, Claims::alone(), false)
    }

    /// Goes on where [`Follower::save`] was called, after a restart.
    ///
    /// The files that were open are looked for among what is at the path now and what is named like rotated
    /// files of it, plain or gzip. What cannot be found is counted in [`Status::lost_bytes`] as far as its
    /// size is known, and in [`Status::gaps`].
    pub fn resume(files: Arc<dyn Files>, saved: &SavedLog, now: Instant) -> Follower {
        let mut pool = Pool::of(&files, [saved]);
        Self::resume_from(files, saved, &mut pool, now, Claims::alone(), false)
    }

    /// As [`Follower::new`], for a path that other followers may share files with.
    pub(super) fn with_claims(
        files: Arc<dyn Files>,
        path: PathBuf,
        from: ReadFrom,
        now: Instant,
        claims: Claims,
        optional: bool,
    ) -> Follower {
        let mut follower = Self::unbegun(files, path, claims, optional);
        if from == ReadFrom::End {
            let stat = follower.files.stat(&follower.path).ok().filter(|stat| stat.kind == Kind::File);
            follower.existing = stat.map(|stat| (FileId::of(&stat), stat.len));
        }
        follower.check(now);
        follower
    }

    fn unbegun(files: Arc<dyn Files>, path: PathBuf, claims: Claims, optional: bool) -> Follower {
        Follower {
            files,
            resolved: path.clone(),
            path,
            existing: None,
            generations: Vec::new(),
            claims,
            optional,
            missing_since: None,
            last_look: None,
            trouble: Trouble::default(),
            lost_bytes: 0,
            gaps: 0,
            skipped: Skipped::default(),
        }
    }

    /// As [`Follower::resume`], for one of several followers.
    pub(super) fn resume_from(
        files: Arc<dyn Files>,
        saved: &SavedLog,
        pool: &mut Pool,
        now: Instant,
        claims: Claims,
        optional: bool,
    ) -> Follower {
        let mut follower = Self::unbegun(files, saved.path.clone(), claims, optional);
        follower.existing = saved.existing;
        follower.resolved = saved.resolved.clone();
        follower.last_look = saved.last_look.and_then(from_millis);
        for (index, position) in saved.files.iter().enumerate() {
            let was_live = saved.live && index + 1 == saved.files.len();
            let resumed = pool.find(position).is_some_and(|found| follower.take_up(found, position, now));
            if !resumed && (was_live || position.unyielded() > 0) && position.end > 0 {
                let path = saved.path.display();
                let (offset, unread) = (position.offset, position.unyielded());
                follower.lost_bytes += unread;
                follower.gaps += 1;
                tracing::warn!(
                    "the file that was read as {path} up to byte {offset} cannot be found again, neither there nor \
                     under the name of a rotated file: {unread} bytes that were in it, and what was written later, \
                     are not counted."
                );
            }
        }
        follower.check(now);
        follower
    }

    /// Goes on with a file that was found again. False: it cannot be read.
    fn take_up(&mut self, found: Found, position: &super::Position, now: Instant) -> bool {
        let Found { path, file, stat, gzip } = found;
        let Ok(mut generation) = Generation::resume(file, &stat, position) else { return false };
        if path == self.path {
            // The file at the path: the look that follows sees whether it still is.
        } else if stat.ino == position.ino && !gzip {
            generation.retire_after(GRACE, now);
        } else {
            // A copy: nobody writes to it.
            generation = generation.finish(gzip);
            self.claims.note_copy(&self.path, generation.id, generation.head);
            self.generations.push(generation);
            return true;
        }
        self.claims.resume(&self.path, generation.id, generation.head);
        self.generations.push(generation);
        true
    }

    /// What is needed to go on after a restart. Lines that were yielded are behind it, all others before it.
    pub fn save(&self) -> SavedLog {
        SavedLog {
            path: self.path.clone(),
            resolved: self.resolved.clone(),
            files: self.positions(),
            live: self.generations.last().is_some_and(Generation::is_live),
            existing: self.existing,
            last_look: self.last_look.map(to_millis),
        }
    }

    /// Looks at the path and at every open file: detects rename, deletion, re-creation, a switched symlink and
    /// truncation. One fstat a file and one stat, a few µs: to be called at every poll.
    pub fn check(&mut self, now: Instant) {
        let was_empty = self.is_empty();
        self.measure();
        if was_empty && !self.is_empty() {
            self.find_copies(now);
        }
        let looked_at = self.files.now();
        self.look_at_path(now);
        // While nothing is there, files may come and go; they are looked for once there is one again.
        if self.missing_since.is_none() || self.last_look.is_none() {
            self.last_look = looked_at.checked_sub(TICK);
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

    /// The next block of whole lines, each ending in `\n`, never empty; `None` when there is nothing to read
    /// now. Files are read oldest first.
    ///
    /// # Errors
    ///
    /// When a file could not be read and no other has lines. It has been logged and is told by
    /// [`Follower::status`]; the file will be tried again, so the caller just goes on.
    pub fn read_block<'b>(&mut self, buf: &'b mut Buffer, upto: Upto) -> Result<Option<&'b [u8]>, ReadError> {
        let mut failure = None;
        let mut index = 0;
        while let Some(generation) = self.generations.get_mut(index) {
            let head_len = generation.head.len();
            let step = generation.read(buf, upto);
            if generation.head.len() != head_len {
                self.claims.set_head(generation.id, generation.head);
            }
            match step {
                Ok(Step::Block(range)) => {
                    generation.trouble.end(&self.path);
                    return Ok(Some(buf.slice(range)));
                }
                Ok(Step::Nothing) if generation.is_finished() => {
                    let rest = generation.carry.flush(buf);
                    self.close(index);
                    if let Some(range) = rest {
                        return Ok(Some(buf.slice(range)));
                    }
                }
                Ok(Step::Nothing) => {
                    generation.trouble.end(&self.path);
                    index += 1;
                }
                Ok(Step::Truncated) => {
                    self.truncated(index);
                }
                Err(source) => {
                    let error = ReadError::Io { path: self.path.clone(), offset: generation.pos, source };
                    generation.trouble.begin(error.to_string());
                    failure.get_or_insert(error);
                    index += 1;
                }
            }
        }
        failure.map_or(Ok(None), Err)
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
        self.generations.iter().map(Generation::position).collect()
    }

    /// Takes the size of every open file.
    fn measure(&mut self) {
        let mut index = 0;
        while let Some(generation) = self.generations.get_mut(index) {
            match generation.measure() {
                Ok(true) => index += 1,
                Ok(false) => index = self.truncated(index),
                Err(error) => {
                    let error = OpenError::from_io(&self.path, "examine", error);
                    generation.trouble.begin(error.to_string());
                    index += 1;
                }
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
                    if !self.generations.is_empty() {
                        self.add_missed(None, now);
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
        let Verdict::Yours(offset) = self.claims.ask(&self.path, file.as_ref(), &stat).map_err(claim)? else {
            return Ok(());
        };
        let offset = match self.existing {
            Some((existing, size)) if existing == FileId::of(&stat) => size,
            _ => offset,
        };
        let live = Generation::new(file, &stat, offset).map_err(claim)?;
        self.existing = None;
        self.resolved = self.files.resolve(&self.path).unwrap_or_else(|_| self.path.clone());
        self.add_missed(Some(live.id), now);
        self.claims.set_head(live.id, live.head);
        self.generations.push(live);
        Ok(())
    }

    /// Adds the files that came and went since the last look.
    fn add_missed(&mut self, live: Option<FileId>, now: Instant) {
        let Some(last_look) = self.last_look else { return };
        for missed in rescue::missed(self.files.as_ref(), &self.path, last_look, live, &self.generations) {
            let rescue::Missed { file, stat, gzip } = missed;
            if !self.claims.claim_unseen(&self.path, file.as_ref(), &stat).unwrap_or(false) {
                continue;
            }
            if let Ok(mut generation) = Generation::new(file, &stat, 0) {
                if gzip {
                    generation = generation.finish(true);
                } else {
                    generation.retire_after(GRACE, now);
                }
                self.generations.push(generation);
            }
        }
    }

    /// Whether nothing has ever been seen in the file at the path.
    fn is_empty(&self) -> bool {
        self.generations.last().is_some_and(|last| last.is_live() && last.end == 0)
    }

    /// The file at the path has its first bytes. Since the last look it may have had others, and been copied and
    /// truncated: nothing of it shows that, but the copy is there.
    fn find_copies(&mut self, now: Instant) {
        if let Some(live) = self.generations.pop() {
            self.add_missed(Some(live.id), now);
            self.generations.push(live);
        }
    }

    /// The path points elsewhere now.
    fn let_go(&mut self, now: Instant) {
        for generation in self.generations.iter_mut().filter(|generation| generation.is_live()) {
            generation.retire_after(GRACE, now);
        }
    }

    /// Starts a truncated file anew, with the copy that was made of it, if any, in front. Returns the index
    /// of the first generation not looked at.
    fn truncated(&mut self, index: usize) -> usize {
        let copy = self.generations.get(index).and_then(|truncated| {
            rescue::copy_of(self.files.as_ref(), &self.path, truncated, &self.generations)
                .filter(|_| !truncated.expired)
        });
        let Some(generation) = self.generations.get_mut(index) else { return index };
        if generation.expired {
            // A copy, or a rotated file nobody writes to: what is written there now is no log of ours.
            self.lost_bytes += generation.unyielded();
            self.close(index);
            return index;
        }
        tracing::info!(
            "{} was truncated after {} bytes; {}",
            self.path.display(),
            generation.end,
            if copy.is_some() { "the rest is read from its copy" } else { "no copy of it was found" }
        );
        let Some((file, stat)) = copy else {
            self.lost_bytes += generation.unyielded();
            self.gaps += 1;
            self.skipped += generation.carry.skipped();
            generation.restart();
            return index + 1;
        };
        // What the copy lacks was written between cp and truncate.
        self.lost_bytes += generation.end.saturating_sub(stat.len);
        let copy = Generation::resume_copy(file, &stat, generation);
        generation.restart();
        self.claims.note_copy(&self.path, copy.id, copy.head);
        self.generations.insert(index, copy);
        index + 2
    }

    /// Closes what nobody writes to any more and what has been read; the rest of the lines is for
    /// [`Follower::read_block`].
    fn expire(&mut self, now: Instant) {
        let mut index = 0;
        while let Some(generation) = self.generations.get_mut(index) {
            generation.expire(GRACE, now);
            let failing = generation.expired && generation.trouble.text().is_some();
            if failing {
                self.lost_bytes += generation.unyielded();
            }
            if failing || (generation.is_finished() && generation.carry.len() == 0) {
                self.close(index);
            } else {
                index += 1;
            }
        }
    }

    fn close(&mut self, index: usize) {
        let generation = self.generations.remove(index);
        self.skipped += generation.carry.skipped();
        self.claims.close(generation.id, generation.pos);
    }
}
