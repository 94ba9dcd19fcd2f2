//! The clocks of the engine.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::record::stamp::Local;

/// Where the time comes from.
pub trait TimeSource: Send + Sync {
    /// The monotonic clock.
    fn monotonic(&self) -> Instant;
    /// The wall clock.
    fn wall(&self) -> SystemTime;
}

/// The operating system's clocks.
pub struct SystemTimeSource;

impl TimeSource for SystemTimeSource {
    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// The clock by which waiting is measured: wall-clock seconds at the start, and evenly on from there, so that a jump of
/// the wall clock settles nothing too early.
#[derive(Clone)]
pub struct Clock {
    source: Arc<dyn TimeSource>,
    started: Instant,
    at: Local,
}

impl Clock {
    /// Starts it, in the local time that is `offset` seconds east of UTC.
    pub fn start(source: Arc<dyn TimeSource>, offset: i32) -> Self {
        let at = match source.wall().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX / 2),
            Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN / 2, |secs| -secs),
        };
        Self { started: source.monotonic(), at: at.saturating_add(i64::from(offset)), source }
    }

    /// Seconds of local time.
    pub fn local(&self) -> Local {
        let passed = self.monotonic().saturating_duration_since(self.started);
        self.at.saturating_add(i64::try_from(passed.as_secs()).unwrap_or_default())
    }

    /// The monotonic clock.
    pub fn monotonic(&self) -> Instant {
        self.source.monotonic()
    }

    /// Unix time of the wall clock, in seconds.
    pub fn unix(&self) -> u64 {
        self.source.wall().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}
