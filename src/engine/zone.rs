//! The machine's time zone, and times as people and programs read them.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::record::stamp::Local;

/// Seconds east of UTC at this machine, now.
pub fn here() -> i32 {
    TimeZone::system().to_offset(Timestamp::now()).seconds()
}

/// Seconds east of UTC at this machine at that moment, in Unix seconds.
pub fn then(unix: i64) -> i32 {
    TimeZone::system().to_offset(Timestamp::from_second(unix).unwrap_or_default()).seconds()
}

/// A moment in the time `offset` seconds east of UTC.
pub fn local(at: SystemTime, offset: i32) -> Local {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Local::try_from(seconds).unwrap_or_default() + Local::from(offset)
}

/// RFC 3339 in the logs' own zone.
pub fn rfc3339(at: Local, offset: i32) -> String {
    let zone = Offset::from_seconds(offset).unwrap_or(Offset::UTC);
    match Timestamp::from_second(at - i64::from(zone.seconds())) {
        Ok(moment) => moment.display_with_offset(zone).to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_carry_their_zone() {
        assert_eq!(rfc3339(1_795_187_308, 0), "2026-11-20T15:08:28+00:00");
        assert_eq!(rfc3339(1_795_187_308, -19_800), "2026-11-20T15:08:28-05:30");
        assert_eq!(rfc3339(Local::MIN / 2, 0), "");
    }
}
