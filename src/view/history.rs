//! The last day, a minute at a time: what failed, how much was answered, what changed.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::marks::{Mark, Marks};
use crate::vocabulary::{Cause, Outcome};

/// Minutes that are kept: a day.
pub const MINUTES: u64 = 24 * 60;

/// One minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minute {
    /// Minutes since 1970, UTC.
    pub at: u64,
    /// An access log could be read then: what is not in `failed` did not happen.
    pub watched: bool,
    /// Lines of access logs that were read then.
    pub answered: u64,
    /// Failed responses by what nginx saw.
    pub failed: BTreeMap<Cause, u64>,
    /// Failed attempts that a retry or a fallback saved.
    pub rescued: u64,
    /// Responses of which the client got a part.
    pub truncated: u64,
}

/// The last day; minutes in which nothing was read take no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    minutes: VecDeque<Minute>,
    marks: Marks,
}

impl History {
    /// A history that was kept. What is out of order is put in order, what is too old for `now` or later than it goes.
    pub fn resume(mut minutes: Vec<Minute>, marks: Vec<Mark>, now: u64) -> Self {
        minutes.sort_by_key(|minute| minute.at);
        minutes.dedup_by_key(|minute| minute.at);
        minutes.retain(|minute| minute.at <= now && minute.at + MINUTES > now);
        let mut history = Self { minutes: minutes.into(), marks: Marks::default() };
        for mark in marks.into_iter().filter(|mark| mark.at / 60 <= now && mark.at / 60 + MINUTES > now) {
            history.marks.add(mark);
        }
        history
    }

    /// It is the minute `now`. `answered`: so many more lines of access logs were read; `watched`: one can be read.
    pub fn watch(&mut self, now: u64, answered: u64, watched: bool) {
        let old = now.saturating_sub(MINUTES);
        while self.minutes.front().is_some_and(|first| first.at <= old) {
            self.minutes.pop_front();
        }
        if watched || answered > 0 {
            let minute = self.minute(now);
            minute.watched |= watched;
            minute.answered += answered;
        }
    }

    /// A response failed in the minute `at`.
    pub fn add(&mut self, at: u64, cause: Cause) {
        *self.minute(at).failed.entry(cause).or_default() += 1;
    }

    /// An attempt failed in the minute `at`. Those that a visitor did not see as an error are noted.
    pub fn add_hidden(&mut self, at: u64, outcome: Outcome) {
        match outcome {
            Outcome::Rescued => self.minute(at).rescued += 1,
            Outcome::Truncated => self.minute(at).truncated += 1,
            Outcome::Failed | Outcome::Background | Outcome::Unmatched => {}
        }
    }

    /// Something changed.
    pub fn mark(&mut self, mark: Mark) {
        self.marks.add(mark);
    }

    /// The minute `at`; one that is older than all that is kept counts as the first of them, so that nothing grows.
    fn minute(&mut self, at: u64) -> &mut Minute {
        let last = self.minutes.back().map_or(at, |last| last.at);
        let at = at.max(last.saturating_sub(MINUTES - 1));
        let place = self.minutes.partition_point(|minute| minute.at < at);
        if self.minutes.get(place).is_none_or(|minute| minute.at != at) {
            self.minutes.insert(place, Minute { at, ..Minute::default() });
            if self.minutes.len() > MINUTES as usize {
                self.minutes.pop_front();
                return self.minute(at);
            }
        }
        &mut self.minutes[place]
    }

    /// The last `minutes` up to and with the minute `now`, oldest first, as far as they are known.
    pub fn last(&self, minutes: u64, now: u64) -> impl DoubleEndedIterator<Item = &Minute> {
        self.minutes.iter().filter(move |minute| minute.at <= now && minute.at + minutes > now)
    }

    /// Failed responses of the last `minutes`.
    pub fn failed(&self, minutes: u64, now: u64) -> u64 {
        self.last(minutes, now).flat_map(|minute| minute.failed.values()).sum()
    }

    /// All minutes that are known, oldest first.
    pub fn minutes(&self) -> impl DoubleEndedIterator<Item = &Minute> {
        self.minutes.iter()
    }

    /// What changed, oldest first.
    pub fn marks(&self) -> impl DoubleEndedIterator<Item = &Mark> {
        self.marks.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::MarkKind;

    fn failed(history: &History) -> Vec<(u64, u64)> {
        history.minutes().map(|minute| (minute.at, minute.failed.values().sum())).collect()
    }

    #[test]
    fn a_day_is_kept_and_each_failure_counts_in_its_minute() {
        let mut history = History::default();
        for (at, cause) in [
            (10, Cause::BacklogFull),
            (12, Cause::BacklogFull),
            (11, Cause::DnsFailure),
            (12, Cause::DnsFailure),
        ] {
            history.add(at, cause);
        }
        assert_eq!(failed(&history), [(10, 1), (11, 1), (12, 2)]);
        assert_eq!((history.failed(2, 12), history.failed(60, 12), history.failed(60, 100)), (3, 4, 0));
        history.watch(11 + MINUTES, 5, true);
        assert_eq!(failed(&history), [(12, 2), (11 + MINUTES, 0)]);
        history.add(0, Cause::Unknown);
        assert_eq!(failed(&history), [(12, 3), (11 + MINUTES, 0)], "what is older than a day adds no minute");
    }

    #[test]
    fn however_times_jump_there_is_a_day_of_minutes_and_no_failure_is_lost() {
        let (mut history, mut at) = (History::default(), 1_000_000_u64);
        for n in 0..10_000_u64 {
            at = (at * 48_271 + n) % 2_147_483_647;
            history.add(at % 5_000, Cause::Unknown);
        }
        assert!(history.minutes.len() <= MINUTES as usize, "{}", history.minutes.len());
        assert!(history.minutes.iter().zip(history.minutes.iter().skip(1)).all(|(a, b)| a.at < b.at));
    }

    #[test]
    fn what_was_kept_is_put_in_order_and_what_is_not_of_the_day_goes() {
        let minute = |at| Minute { at, ..Minute::default() };
        let mark = |at| Mark { at, kind: MarkKind::Reload, what: "x".into(), count: 1 };
        let kept = vec![minute(5000), minute(4000), minute(5000), minute(9000), minute(1)];
        let history = History::resume(kept, vec![mark(4000 * 60), mark(9000 * 60), mark(0)], 5001);
        assert_eq!(failed(&history), [(4000, 0), (5000, 0)]);
        assert_eq!(history.marks().map(|mark| mark.at).collect::<Vec<_>>(), [4000 * 60]);
    }
}
