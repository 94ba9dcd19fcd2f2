//! What changed, for the time axis: reloads, restarts, configuration, deaths of workers.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Most that are kept. With the longest texts they take half a mebibyte.
pub const MOST: usize = 2048;

/// Most of one minute; what is beyond counts as one.
pub const MOST_OF_MINUTE: usize = 16;

/// What is said of those that are beyond.
const MORE: &str = "more of that minute";

/// What kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// A configuration is another one.
    Configuration,
    /// PHP-FPM was reloaded.
    Reload,
    /// nginx or PHP-FPM ended, or began.
    Restart,
    /// Workers died.
    Death,
}

impl MarkKind {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Configuration, Self::Reload, Self::Restart, Self::Death];
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// When, in Unix seconds; of several in a minute, the first.
    pub at: u64,
    /// What kind.
    pub kind: MarkKind,
    /// What, in words.
    pub what: String,
    /// How often in that minute.
    pub count: u64,
}

/// Changes in the order of their minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(VecDeque<Mark>);

impl Marks {
    /// Adds one; the same one in the same minute is counted.
    pub(super) fn add(&mut self, mut mark: Mark) {
        let minute = mark.at / 60;
        let end = self.0.partition_point(|other| other.at / 60 <= minute);
        let start = self.0.partition_point(|other| other.at / 60 < minute);
        if end - start >= MOST_OF_MINUTE {
            mark.what = MORE.to_owned();
        }
        let mut same = self.0.range_mut(start..end);
        match same.find(|other| other.kind == mark.kind && other.what == mark.what) {
            Some(same) => same.count = same.count.saturating_add(mark.count),
            None => self.0.insert(end, mark),
        }
        while self.0.len() > MOST {
            self.0.pop_front();
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Mark> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at: u64, what: &str) -> Mark {
        Mark { at, kind: MarkKind::Death, what: what.to_owned(), count: 1 }
    }

    #[test]
    fn the_same_in_a_minute_is_counted_and_a_storm_is_bounded() {
        let mut marks = Marks::default();
        for (at, what) in [(60, "a"), (121, "a"), (119, "a"), (61, "b")] {
            marks.add(mark(at, what));
        }
        let all = |marks: &Marks| marks.iter().map(|m| (m.at, m.what.clone(), m.count)).collect::<Vec<_>>();
        assert_eq!(all(&marks), [(60, "a".into(), 2), (61, "b".into(), 1), (121, "a".into(), 1)]);
        for n in 0..1000 {
            marks.add(mark(180, &n.to_string()));
        }
        let of_minute: Vec<_> = marks.iter().filter(|mark| mark.at == 180).collect();
        assert!(of_minute.len() <= MOST_OF_MINUTE + MarkKind::ALL.len());
        assert_eq!(of_minute.iter().map(|mark| mark.count).sum::<u64>(), 1000);
        for minute in 10..10_000 {
            marks.add(mark(minute * 60, "c"));
        }
        assert_eq!((marks.0.len(), marks.0[0].at / 60), (MOST, 10_000 - MOST as u64));
    }
}
