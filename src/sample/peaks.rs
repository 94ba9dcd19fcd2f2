//! The highest value of the last minute: bursts are shorter than the time between two scrapes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a peak is shown. Whoever scrapes at least this often sees every peak.
const WINDOW: Duration = Duration::from_secs(60);

/// A sliding maximum: values that a later and higher one hides are dropped, so it stays short.
#[derive(Clone, Debug, Default)]
pub(super) struct Peaks {
    falling: VecDeque<(Instant, f64)>,
}

impl Peaks {
    pub(super) fn add(&mut self, now: Instant, value: f64) {
        while self.falling.back().is_some_and(|(_, hidden)| *hidden <= value) {
            self.falling.pop_back();
        }
        self.falling.push_back((now, value));
        self.expire(now);
    }

    pub(super) fn expire(&mut self, now: Instant) {
        while self.falling.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            self.falling.pop_front();
        }
    }

    pub(super) fn highest(&self) -> Option<f64> {
        self.falling.front().map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_lasts_a_minute() {
        let (mut peaks, start) = (Peaks::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for (seconds, value) in [(0, 3.0), (1, 9.0), (2, 4.0), (3, 5.0), (30, 1.0)] {
            peaks.add(at(seconds), value);
        }
        assert_eq!(peaks.highest(), Some(9.0));
        peaks.expire(at(62));
        assert_eq!(peaks.highest(), Some(5.0));
        peaks.expire(at(64));
        assert_eq!(peaks.highest(), Some(1.0));
        peaks.expire(at(100));
        assert_eq!(peaks.highest(), None);
        assert!(peaks.falling.is_empty());
    }
}
