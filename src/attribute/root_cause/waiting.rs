//! Failed responses that wait for their root cause: one count for all that are alike, so that their number depends on
//! how many kinds of failures there are in a second and not on how many failures.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{CAPACITY, PendingRootCause, Target};
use crate::record::stamp::Local;

/// As long as there are no more than these, they stay in the order in which they failed: ends of workers are paired in
/// order. Many more failures than that in a few seconds are no longer one to one with ends of workers.
pub(super) const IN_ORDER: usize = 1024;

/// The responses, in the order in which the first of each kind was asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<PendingRootCause>", into = "Vec<PendingRootCause>")]
pub(super) struct Waiting {
    kinds: VecDeque<PendingRootCause>,
    /// At this length those that are alike are put together.
    limit: usize,
}

impl From<Vec<PendingRootCause>> for Waiting {
    fn from(kinds: Vec<PendingRootCause>) -> Self {
        Self { kinds: kinds.into(), limit: 0 }
    }
}

impl From<Waiting> for Vec<PendingRootCause> {
    fn from(waiting: Waiting) -> Self {
        waiting.kinds.into()
    }
}

impl Waiting {
    /// Adds one. Gives back what has waited longest, when there are too many kinds.
    pub(super) fn add(&mut self, question: PendingRootCause) -> Option<PendingRootCause> {
        if let Some(last) = self.kinds.back_mut()
            && last.kind() == question.kind()
        {
            last.count += question.count;
            return None;
        }
        self.kinds.push_back(question);
        if self.kinds.len() <= self.limit.max(IN_ORDER) {
            return None;
        }
        self.put_together();
        if self.kinds.len() > CAPACITY / 2 {
            // Which request it was only matters where PHP-FPM tells of a request that it ended, and it has not that
            // many workers.
            self.kinds.iter_mut().for_each(|kind| kind.target = Target::default());
            self.put_together();
        }
        self.limit = 2 * self.kinds.len();
        (self.kinds.len() > CAPACITY).then(|| self.kinds.pop_front()).flatten()
    }

    /// Makes one of all that are alike.
    fn put_together(&mut self) {
        let mut places = HashMap::new();
        let mut together: VecDeque<PendingRootCause> = VecDeque::new();
        for question in self.kinds.drain(..) {
            let place = *places.entry(question.kind()).or_insert(together.len());
            match together.get_mut(place) {
                Some(kind) => kind.count += question.count,
                None => together.push_back(question),
            }
        }
        self.kinds = together;
    }

    /// Takes out all that were asked before `deadline`, in the order of their failures.
    pub(super) fn take(&mut self, deadline: Local) -> Vec<PendingRootCause> {
        if !self.kinds.iter().any(|kind| kind.asked < deadline) {
            return Vec::new();
        }
        let (mut ready, waiting): (Vec<_>, Vec<_>) =
            self.kinds.drain(..).partition(|kind| kind.asked < deadline);
        self.kinds = waiting.into();
        self.limit = 2 * self.kinds.len();
        ready.sort_by_key(|kind| kind.at);
        ready
    }

    /// What waits.
    pub(super) fn iter(&self) -> impl Iterator<Item = &PendingRootCause> {
        self.kinds.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut PendingRootCause> {
        self.kinds.iter_mut()
    }

    /// How many kinds wait.
    #[cfg(test)]
    pub(super) fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// How many responses wait.
    pub(super) fn responses(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.count).sum()
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&PendingRootCause) -> bool) {
        self.kinds.retain(keep);
    }
}
