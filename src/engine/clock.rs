//! The clock by which waiting is measured.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::record::stamp::Local;

/// Wall-clock seconds at the start, and evenly on from there: a jump of the wall clock settles nothing too early.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    at: Local,
}

impl Clock {
    /// Starts it, in the local time that is `offset` seconds east of UTC.
    pub fn start(offset: i32) -> Self {
        let at = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX / 2),
            Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN / 2, |secs| -secs),
        };
        Self { started: Instant::now(), at: at.saturating_add(i64::from(offset)) }
    }

    /// Seconds of local time.
    pub fn now(self) -> Local {
        self.at.saturating_add(i64::try_from(self.started.elapsed().as_secs()).unwrap_or_default())
    }
}
