//! Numbers and times as people read them: thousands apart, 24 hours, and the zone beside each time.

use jiff::Timestamp;

use crate::view::View;

/// `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 request`, `2 requests`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// `36.7 %`; what is not nothing is not shown as 0.0 %, and what is not all is not shown as 100.0 %.
pub(super) fn share(part: u64, of: u64) -> Option<String> {
    let percent = (of > 0 && part <= of).then(|| part as f64 * 100.0 / of as f64)?;
    Some(match percent {
        p if p > 0.0 && p < 0.05 => "less than 0.1 %".to_owned(),
        p if (99.95..100.0).contains(&p) => "more than 99.9 %".to_owned(),
        p => format!("{p:.1} %"),
    })
}

/// `3 d 4 h`, `2 h 5 min`, `12 min`, `less than a minute`.
pub(super) fn minutes(minutes: u64) -> String {
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, m) => format!("{m} min"),
        (0, h, m) => format!("{h} h {m} min"),
        (d, h, _) => format!("{d} d {h} h"),
    }
}

/// `212 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    let mib = bytes as f64 / (1 << 20) as f64;
    if mib >= 1024.0 { format!("{:.1} GiB", mib / 1024.0) } else { format!("{mib:.0} MiB") }
}

/// Times of the logs.
pub(super) struct Times {
    /// The present, in seconds of local time.
    now: i64,
    /// Seconds east of UTC.
    offset: i64,
    /// `UTC`, `UTC+05:30`.
    zone: String,
}

impl Times {
    pub(super) fn of(view: &View) -> Self {
        let (offset, minutes) = (i64::from(view.offset), view.offset.unsigned_abs() / 60);
        let sign = if offset < 0 { '-' } else { '+' };
        let zone = match minutes {
            0 => "UTC".to_owned(),
            minutes => format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        };
        Self { now: view.now, offset, zone }
    }

    /// The present minute since 1970, UTC.
    pub(super) fn minute(&self) -> u64 {
        u64::try_from(self.now - self.offset).unwrap_or_default() / 60
    }

    /// `14:02:31 UTC` of local seconds, with the date where that is not today's.
    pub(super) fn clock(&self, local: i64) -> String {
        self.format(local, "%H:%M:%S")
    }

    /// The same of Unix seconds.
    pub(super) fn clock_of_unix(&self, unix: u64) -> String {
        self.clock(i64::try_from(unix).unwrap_or(i64::MAX / 2).saturating_add(self.offset))
    }

    /// `14:02` of a minute since 1970, UTC.
    pub(super) fn short(&self, minute: u64) -> String {
        let local = i64::try_from(minute).unwrap_or_default().saturating_mul(60).saturating_add(self.offset);
        Timestamp::from_second(local).map_or_else(|_| String::new(), |at| at.strftime("%H:%M").to_string())
    }

    fn format(&self, local: i64, clock: &str) -> String {
        const DAY: i64 = 24 * 3600;
        let Ok(moment) = Timestamp::from_second(local) else { return "an unknown time".to_owned() };
        let date = if local.div_euclid(DAY) == self.now.div_euclid(DAY) { "" } else { "%Y-%m-%d " };
        format!("{} {}", moment.strftime(&format!("{date}{clock}")), self.zone)
    }

    /// The zone alone.
    pub(super) fn zone(&self) -> &str {
        &self.zone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        let read: Vec<_> = [0, 12, 999, 1000, 65_536, 1_234_567].map(thousands).into();
        assert_eq!(read, ["0", "12", "999", "1,000", "65,536", "1,234,567"]);
        assert_eq!(
            (count(1, "worker", "workers"), count(2, "worker", "workers")),
            ("1 worker".into(), "2 workers".into())
        );
        let shares =
            [(1, 3), (0, 9), (1, 100_000), (99_999, 100_000), (5, 5)].map(|(a, b)| share(a, b).unwrap());
        assert_eq!(shares, ["33.3 %", "0.0 %", "less than 0.1 %", "more than 99.9 %", "100.0 %"]);
        assert_eq!((share(1, 0), share(2, 1)), (None, None));
        assert_eq!([0, 59, 125, 4560].map(minutes), ["less than a minute", "59 min", "2 h 5 min", "3 d 4 h"]);
        assert_eq!([0, 222_298_112, 3 << 30].map(bytes), ["0 MiB", "212 MiB", "3.0 GiB"]);
    }

    #[test]
    fn a_time_has_its_zone_and_another_day_its_date() {
        let view = |offset| View { now: 1_795_183_800, offset, ..View::default() };
        let times = Times::of(&view(0));
        assert_eq!(times.clock(1_795_183_800), "14:10:00 UTC");
        assert_eq!(times.clock(1_795_183_800 - 86_400), "2026-11-19 14:10:00 UTC");
        let times = Times::of(&view(-19_800));
        assert_eq!(times.clock(1_795_183_800), "14:10:00 UTC-05:30");
        assert_eq!(times.minute(), (1_795_183_800 + 19_800) / 60);
        assert_eq!(
            (times.short(times.minute()), times.clock_of_unix(times.minute() * 60)),
            ("14:10".into(), "14:10:00 UTC-05:30".into())
        );
    }
}
