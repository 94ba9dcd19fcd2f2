//! Logs that are no longer named while they are there, and how far they were read: one that is named again goes on from
//! there, so that no line is lost or read twice, however often that happens.

use std::path::Path;
use std::time::Instant;

use super::saved::{CandidateFiles, SavedLog};
use super::{FollowSet, Follower, ReadFrom};

impl FollowSet {
    /// Where a log begins that is named from now on and has no history here.
    pub fn begin_at(&mut self, from: ReadFrom) {
        self.from = from;
    }

    /// Follows no more what `leaves` says of, and remembers how far it was read.
    pub fn leave(&mut self, leaves: &dyn Fn(&Path) -> bool) {
        self.literal.retain(|path| !leaves(path));
        let (left, followed): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.followers).into_iter().partition(|follower| leaves(follower.path()));
        self.followers = followed;
        for mut follower in left {
            let saved = follower.save();
            // Another path that leads to the same file goes on behind what was read.
            while !follower.generations.is_empty() {
                follower.close(0);
            }
            self.left.insert(saved.path.clone(), saved);
        }
    }

    /// Goes on with one that was left.
    pub(super) fn take_up_left(&mut self, saved: &SavedLog, optional: bool, now: Instant) {
        let mut pool = CandidateFiles::of(&self.files, [saved]);
        let (files, claims) = (self.files.clone(), self.claims.clone());
        let mut follower = Follower::resume_from(files, saved, &mut pool, now, claims, optional);
        follower.check(now);
        self.followers.push(follower);
    }
}
