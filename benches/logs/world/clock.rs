//! The stamps that nginx writes, made once for each second.

use jiff::{Timestamp, tz::TimeZone};

/// One second in each log's spelling, UTC.
#[derive(Default)]
pub(crate) struct Clock {
    second: Option<i64>,
    /// `$time_local`
    pub(super) local: String,
    /// `$time_iso8601`
    pub(super) iso: String,
    /// The error log's.
    pub(super) error: String,
}

impl Clock {
    pub(super) fn set(&mut self, second: i64) {
        if self.second == Some(second) {
            return;
        }
        let time = Timestamp::from_second(second).expect("a time of this century").to_zoned(TimeZone::UTC);
        self.second = Some(second);
        self.local = time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
        self.iso = time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        self.error = time.strftime("%Y/%m/%d %H:%M:%S").to_string();
    }
}
