//! A file that was emptied: the rest of what was in it is read from the copy, if there is one.

use super::follow::{Follower, GRACE};
use super::generation::FileCopy;
use super::generation::Generation;
use super::rotated::{Search, copy_of};

impl Follower {
    /// Starts a truncated file anew, with the copies that were made of it, if any, in front. Returns the index
    /// of the first generation not looked at.
    pub(super) fn truncated(&mut self, index: usize) -> usize {
        let Some(generation) = self.generations.get_mut(index) else { return index };
        if generation.expired {
            // A copy, or a rotated file nobody writes to: what is written there now is no log of ours.
            self.lost_bytes += generation.unyielded();
            self.close(index);
            return index;
        }
        let since = *generation.truncated_since.get_or_insert(self.now);
        let copy = match self.find_copy(index) {
            Search::Found(copy) => Some(copy),
            Search::Unreadable if self.now.saturating_duration_since(since) < GRACE => return index + 1,
            Search::Unreadable | Search::Absent => None,
        };
        let Some(generation) = self.generations.get_mut(index) else { return index };
        tracing::info!(
            "{} was truncated after {} bytes; {}",
            self.path.display(),
            generation.end,
            if copy.is_some() { "the rest is read from its copy" } else { "no copy of it was found" }
        );
        let mut at = index;
        if let Some(copy) = copy {
            // What the copy lacks was written between cp and truncate.
            if !copy.gzip {
                self.lost_bytes += generation.end.saturating_sub(copy.stat.len);
            }
            let copy = Generation::resume_copy(copy, generation);
            generation.restart();
            self.claims.note_copy(&self.path, copy.id, copy.head);
            self.generations.insert(index, copy);
            at += 1;
        } else {
            self.lost_bytes += generation.unyielded();
            self.gaps += 1;
            self.skipped += generation.carry.skipped();
            generation.restart();
        }
        // It may have been emptied more than once.
        at + self.add_missed(at) + 1
    }

    fn find_copy(&self, index: usize) -> Search<FileCopy> {
        let Some(truncated) = self.generations.get(index) else { return Search::Absent };
        copy_of(self.files.as_ref(), &self.places, truncated, &self.generations)
    }
}
