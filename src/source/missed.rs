//! Files that came and went since the last look: each is read, once, whatever the clock says.

use std::path::PathBuf;

use super::files::LogFile;
use super::follow::{Follower, GRACE};
use super::generation::Generation;
use super::identity::FileId;
use super::known::KnownFiles;
use super::rotated::{Missed, Survey};

impl Follower {
    pub(super) fn survey(&self) -> Option<Survey> {
        let known = self.known.clone().unwrap_or_default();
        Survey::of(self.files.as_ref(), &self.places, &self.place(), &self.generations, &known)
    }

    /// Adds them in front of the generation at `index`, behind those that are older. Returns how many there were.
    pub(super) fn add_missed(&mut self, index: usize) -> usize {
        let waits = |generation: &Generation| generation.truncated_since.is_some();
        if self.unmeasured || self.generations.iter().any(waits) {
            self.unlisted_since.get_or_insert(self.now);
            return 0;
        }
        let Some(survey) = self.survey() else {
            self.unlisted_since.get_or_insert(self.now);
            return 0;
        };
        if self.known.is_none() {
            // They were there before us.
            (self.known, self.unlisted_since) = (Some(survey.into_known()), None);
            return 0;
        }
        let Survey { missed, unreadable, empty, known, .. } = survey;
        let mut complete = unreadable.is_empty();
        let (mut at, mut added) = (index, 0);
        for Missed { file, stat, gzip, after, .. } in missed {
            let Ok(generation) = Generation::new(file, &stat, 0) else {
                complete = false;
                continue;
            };
            match self.claims.claim_unseen(&self.path, generation.file(), &stat) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(_) => {
                    complete = false;
                    continue;
                }
            }
            self.remember(generation.file(), None);
            let older = self.generations.iter().position(|open| Some(open.id) == after);
            at = at.max(older.map_or(0, |older| older + 1));
            self.generations.insert(at, generation);
            if let Some(generation) = self.generations.get_mut(at) {
                if gzip {
                    generation.finish(true);
                } else {
                    generation.retire_after(GRACE, self.now);
                }
            }
            at += 1;
            added += 1;
        }
        if complete {
            (self.known, self.unlisted_since) = (Some(known), None);
            let mut empty = empty;
            for position in std::mem::take(&mut self.fresh) {
                if position.offset == 0 && empty > 0 {
                    empty -= 1;
                    continue;
                }
                self.count_as_gone(&position);
            }
        } else {
            self.wait_for(&unreadable);
        }
        added
    }

    /// Another look is owed while files cannot be read, but not for ever.
    fn wait_for(&mut self, unreadable: &[FileId]) {
        let since = *self.unlisted_since.get_or_insert(self.now);
        if self.now.saturating_duration_since(since) < GRACE {
            return;
        }
        let known = self.known.get_or_insert_default();
        for id in unreadable {
            known.add_unreadable(*id);
        }
        self.gaps += unreadable.len() as u64;
        tracing::warn!(
            "{} files beside {} are named like rotated ones of it and cannot be read: lines in them are not \
             counted.",
            unreadable.len(),
            self.path.display()
        );
    }

    /// A file is read from its first byte: it may be one of which nothing had been read before a restart.
    pub(super) fn remember(&mut self, file: &dyn LogFile, id: Option<FileId>) {
        let is_it = |position: &super::Position| {
            id.is_none_or(|id| position.id() == id) && position.is_in(file).unwrap_or(true)
        };
        // An empty one is in all.
        let exact = self.fresh.iter().position(|position| position.offset > 0 && is_it(position));
        if let Some(index) = exact.or_else(|| self.fresh.iter().position(is_it)) {
            self.fresh.remove(index);
        }
    }

    fn place(&self) -> PathBuf {
        self.files.resolve(&self.path).unwrap_or_else(|_| self.path.clone())
    }

    /// Notes where the path leads. What stands beside the new target of a symlink was there before us.
    pub(super) fn go_to_place(&mut self) {
        let place = self.place();
        if self.places.last() == Some(&place) {
            return;
        }
        self.places.retain(|old| *old != place);
        let there = [place.clone()];
        let survey =
            Survey::of(self.files.as_ref(), &there, &place, &self.generations, &KnownFiles::default());
        self.places.extend(there);
        if let (Some(known), Some(survey)) = (&mut self.known, survey) {
            known.extend(survey.into_known());
        }
    }
}
