//! Going on after a restart, and saving what is needed for that.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::file_owners::FileOwners;
use super::files::Files;
use super::follow::{Follower, GRACE};
use super::generation::Generation;
use super::rotated::Search;
use super::saved::{CandidateFiles, FoundFile, SavedLog};
use super::status::Position;

impl Follower {
    /// Goes on where [`Follower::save`] was called, after a restart.
    ///
    /// The files that were open are looked for among what is at the path now and what is named like rotated
    /// files of it, plain or gzip. What cannot be found is counted in [`super::Status::lost_bytes`] as far as its
    /// size is known, and in [`super::Status::gaps`]. While it may be one that cannot be read, nothing is.
    pub fn resume(files: Arc<dyn Files>, saved: &SavedLog, now: Instant) -> Follower {
        let mut pool = CandidateFiles::of(&files, [saved]);
        let mut follower = Self::resume_from(files, saved, &mut pool, now, FileOwners::alone(), false);
        follower.check(now);
        follower
    }

    /// As [`Follower::resume`], for one of several followers. Each must have taken up its files before any of
    /// them looks for files that are nobody's.
    pub(super) fn resume_from(
        files: Arc<dyn Files>,
        saved: &SavedLog,
        pool: &mut CandidateFiles,
        now: Instant,
        claims: FileOwners,
        optional: bool,
    ) -> Follower {
        let mut follower = Self::unbegun(files, saved.path.clone(), claims, optional, now);
        follower.existing = saved.existing;
        follower.places = saved.places().collect();
        follower.known = saved.known.clone();
        follower.unlisted_since = Some(now);
        follower.take_up_all(saved, pool, now, now);
        follower
    }

    /// Tries again what could not be done when we were started.
    pub(super) fn retry_resume(&mut self, now: Instant) {
        if let Some((saved, since)) = self.pending.take() {
            let mut pool = CandidateFiles::of(&self.files, [&saved]);
            self.take_up_all(&saved, &mut pool, since, now);
        }
    }

    fn take_up_all(&mut self, saved: &SavedLog, pool: &mut CandidateFiles, since: Instant, now: Instant) {
        let is_overdue = now.saturating_duration_since(since) >= GRACE;
        let mut found = Vec::new();
        for position in saved.files.iter().filter(|position| !position.is_fresh()) {
            let search = match pool.find(position, is_overdue) {
                Search::Found(FoundFile { path, file, stat, gzip }) => {
                    let file = if gzip { file } else { self.files.keep(&self.path, &path, &stat, file) };
                    match Generation::resume(file, &stat, position) {
                        Ok(generation) => Search::Found((path, gzip, generation)),
                        Err(_) => Search::Unreadable,
                    }
                }
                Search::Absent => Search::Absent,
                Search::Unreadable => Search::Unreadable,
            };
            match search {
                Search::Found(resumed) => found.push((position, Some(resumed))),
                Search::Absent => found.push((position, None)),
                Search::Unreadable => {
                    // To begin with its first byte would be to read lines twice.
                    let path = saved.path.display();
                    self.trouble.begin(format!(
                        "a file that may be the one that was read as {path} cannot be read; {path} is followed \
                         again as soon as it can."
                    ));
                    pool.give_back(&found.into_iter().filter_map(|(_, resumed)| Some(resumed?.0)).collect());
                    self.pending = Some((saved.clone(), since));
                    return;
                }
            }
        }
        for (position, resumed) in found {
            match resumed {
                Some((path, gzip, generation)) => self.take_up(&path, gzip, generation, position, now),
                // Removed as the oldest one, as logrotate does.
                None if position.is_done() => {}
                None => self.count_as_gone(position),
            }
        }
        // They are found by the look, as files that were never seen.
        self.fresh = saved.files.iter().filter(|position| position.is_fresh()).copied().collect();
    }

    fn take_up(
        &mut self,
        path: &Path,
        gzip: bool,
        mut generation: Generation,
        position: &Position,
        now: Instant,
    ) {
        if path == self.path {
            // The file at the path: the look that follows sees whether it still is.
        } else if generation.id == position.id() && !gzip {
            generation.retire_after(position.grace.map_or(GRACE, Duration::from_secs).min(GRACE), now);
        } else {
            // A copy: nobody writes to it, and what it lacks was written before the file was emptied.
            if !gzip {
                self.lost_bytes += position.end.saturating_sub(generation.end);
            }
            generation.finish(gzip);
            self.claims.note_copy(&self.path, generation.id, generation.head);
            self.generations.push(generation);
            return;
        }
        self.claims.resume(&self.path, generation.id, generation.head);
        self.generations.push(generation);
    }

    /// A file that was closed is neither at its path nor beside it.
    pub(super) fn gone(&mut self, index: usize) {
        let Some(generation) = self.generations.get(index) else { return };
        let position = generation.position(self.now);
        if !position.is_done() {
            self.count_as_gone(&position);
        }
        self.close(index);
    }

    pub(super) fn count_as_gone(&mut self, position: &Position) {
        let path = self.path.display();
        let (offset, unread) = (position.line_start(), position.unyielded());
        self.lost_bytes += unread;
        self.gaps += 1;
        tracing::warn!(
            "the file that was read as {path} up to byte {offset} cannot be found again, neither there nor under \
             the name of a rotated file: {unread} bytes that were in it, and what was written later, are not \
             counted."
        );
    }

    /// What is needed to go on after a restart. Lines that were yielded are behind it, all others before it.
    pub fn save(&self) -> SavedLog {
        if let Some((saved, _)) = &self.pending {
            return saved.clone();
        }
        let files = self.fresh.iter().copied().chain(self.positions()).collect();
        SavedLog::new(&self.path, &self.places, files, self.existing, self.known.clone())
    }
}
