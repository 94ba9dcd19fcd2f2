//! Failed responses of the last day by cause, a minute at a time.

use std::collections::{BTreeMap, VecDeque};

use crate::vocabulary::Cause;

/// Minutes that are kept: a day.
const MINUTES: u64 = 24 * 60;

/// The failed responses of one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minute {
    /// Minutes since 1970, UTC.
    pub at: u64,
    /// By what nginx saw.
    pub failed: BTreeMap<Cause, u64>,
}

/// The last day; minutes without a failure take no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    minutes: VecDeque<Minute>,
}

impl History {
    /// A response failed in the minute `at`. One that is read late, out of a backlog, counts in the minute in which it is
    /// read.
    pub fn add(&mut self, at: u64, cause: Cause) {
        if self.minutes.back().is_none_or(|last| last.at < at) {
            self.minutes.push_back(Minute { at, failed: BTreeMap::new() });
            let old = at.saturating_sub(MINUTES);
            while self.minutes.front().is_some_and(|first| first.at <= old) {
                self.minutes.pop_front();
            }
        }
        if let Some(minute) = self.minutes.back_mut() {
            *minute.failed.entry(cause).or_default() += 1;
        }
    }

    /// Failed responses of the last `minutes` before the minute `now`.
    pub fn failed(&self, minutes: u64, now: u64) -> u64 {
        let recent = self.minutes.iter().filter(|minute| minute.at + minutes > now);
        recent.flat_map(|minute| minute.failed.values()).sum()
    }

    /// Minutes with a failure, oldest first.
    pub fn minutes(&self) -> impl Iterator<Item = &Minute> {
        self.minutes.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_kept_and_a_clock_that_goes_back_loses_nothing() {
        let mut history = History::default();
        for (at, cause) in [
            (10, Cause::BacklogFull),
            (11, Cause::BacklogFull),
            (9, Cause::DnsFailure),
            (12, Cause::DnsFailure),
        ] {
            history.add(at, cause);
        }
        let of = |history: &History| {
            history
                .minutes()
                .map(|minute| (minute.at, minute.failed.values().sum::<u64>()))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&history), [(10, 1), (11, 2), (12, 1)]);
        assert_eq!((history.failed(2, 12), history.failed(60, 12), history.failed(60, 100)), (3, 4, 0));
        history.add(11 + MINUTES, Cause::Unknown);
        assert_eq!(of(&history), [(12, 1), (11 + MINUTES, 1)]);
    }
}
