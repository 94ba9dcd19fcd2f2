//! Time stamps of nginx's and PHP-FPM's logs.
//!
//! Error logs carry local time without a zone. So the common axis of all logs is *local time as nginx
//! wrote it*, in seconds since 1970 read as if it were UTC ([`Local`]); access lines bring their zone
//! with them (`$time_local`, `$time_iso8601`) or are shifted by it (`$msec`).

mod transport;

pub use transport::{syslog, zoned};

/// Local wall-clock seconds since 1970-01-01 00:00:00, as if the local zone were UTC.
pub type Local = i64;

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar (Howard Hinnant's
/// `days_from_civil`, public domain description).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn seconds(year: i64, month: i64, day: i64, clock: &[u8]) -> Option<Local> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *clock else { return None };
    let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    // 60 is a leap second; nginx never writes it, but a copy of another tool's log may.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn two(a: u8, b: u8) -> Option<i64> {
    (a.is_ascii_digit() && b.is_ascii_digit()).then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
}

fn four(bytes: &[u8]) -> Option<i64> {
    let [a, b, c, d] = *bytes else { return None };
    Some(two(a, b)? * 100 + two(c, d)?)
}

fn month(name: &[u8]) -> Option<i64> {
    const NAMES: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    NAMES.iter().position(|n| n.as_slice() == name).map(|i| i as i64 + 1)
}

/// `YYYY/MM/DD HH:MM:SS`, the first 19 bytes of an nginx error line (`ngx_time_update`).
pub fn error_log(text: &[u8]) -> Option<Local> {
    let text = text.get(..19)?;
    if text[4] != b'/' || text[7] != b'/' || text[10] != b' ' {
        return None;
    }
    seconds(four(&text[..4])?, two(text[5], text[6])?, two(text[8], text[9])?, &text[11..])
}

/// `DD-Mon-YYYY HH:MM:SS`, the stamp inside the brackets of a PHP-FPM log line (`zlog.c`); a debug
/// log appends `.uuuuuu`, which is ignored.
pub fn fpm_log(text: &[u8]) -> Option<Local> {
    let text = text.get(..20)?;
    if text[2] != b'-' || text[6] != b'-' || text[11] != b' ' {
        return None;
    }
    seconds(four(&text[7..11])?, month(&text[3..6])?, two(text[0], text[1])?, &text[12..])
}

/// A moment together with the zone it was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zoned {
    /// Local seconds.
    pub local: Local,
    /// Seconds east of UTC.
    pub offset: i32,
}

impl Zoned {
    /// Local seconds in a zone `offset` seconds east of UTC.
    pub fn at(self, offset: i32) -> Local {
        self.local - i64::from(self.offset) + i64::from(offset)
    }
}

fn zone(sign: u8, hours: i64, minutes: i64) -> Option<i32> {
    let offset = (hours * 3600 + minutes * 60) as i32;
    match sign {
        b'+' => Some(offset),
        b'-' => Some(-offset),
        _ => None,
    }
}

/// `$time_local`: `20/Nov/2026:15:08:28 +0000`.
pub fn time_local(text: &[u8]) -> Option<Zoned> {
    let text = text.get(..26)?;
    if text[2] != b'/' || text[6] != b'/' || text[11] != b':' || text[20] != b' ' {
        return None;
    }
    let local = seconds(four(&text[7..11])?, month(&text[3..6])?, two(text[0], text[1])?, &text[12..20])?;
    Some(Zoned { local, offset: zone(text[21], two(text[22], text[23])?, two(text[24], text[25])?)? })
}

/// `$time_iso8601`: `2026-11-20T15:08:28+00:00`; `Z` and fractions of a second, as other log shippers
/// write them, are read too.
pub fn time_iso8601(text: &[u8]) -> Option<Zoned> {
    if text.get(4) != Some(&b'-') || text.get(7) != Some(&b'-') || !matches!(text.get(10), Some(b'T' | b' '))
    {
        return None;
    }
    let clock = text.get(11..19)?;
    let local = seconds(four(&text[..4])?, two(text[5], text[6])?, two(text[8], text[9])?, clock)?;
    let mut rest = &text[19..];
    if let [b'.' | b',', tail @ ..] = rest {
        let digits = tail.iter().take_while(|b| b.is_ascii_digit()).count();
        rest = &tail[digits..];
    }
    let offset = match rest {
        [b'Z', ..] => 0,
        [sign, h1, h2, b':', m1, m2, ..] | [sign, h1, h2, m1, m2, ..] => {
            zone(*sign, two(*h1, *h2)?, two(*m1, *m2)?)?
        }
        _ => return None,
    };
    Some(Zoned { local, offset })
}

/// `$msec`: seconds since the epoch with milliseconds, `1795187308.227`. Gives milliseconds.
pub fn msec(text: &[u8]) -> Option<i64> {
    let dot = memchr::memchr(b'.', text)?;
    let millis: [u8; 3] = text.get(dot + 1..)?.try_into().ok()?;
    if dot > 12 || dot == 0 {
        return None;
    }
    text[..dot]
        .iter()
        .chain(&millis)
        .try_fold(0_i64, |value, b| b.is_ascii_digit().then(|| value * 10 + i64::from(b - b'0')))
}

/// A number of seconds with milliseconds as nginx writes durations (`0.002`); `-` and the empty string
/// (no such time) give `None`.
pub fn duration(text: &[u8]) -> Option<f64> {
    // Digits before a dot and exactly three after it: every duration of ngx_http_log_module and
    // ngx_http_upstream has this shape, so no general float parser is needed.
    let (seconds, [b'.', millis @ ..]) = text.split_last_chunk::<4>()? else { return None };
    let seconds = match *seconds {
        [digit @ b'0'..=b'9'] => u64::from(digit - b'0'),
        _ if seconds.len() > 9 => return None,
        _ => number(seconds)?,
    };
    let [a, b, c] = millis.map(|digit| u64::from(digit.wrapping_sub(b'0')));
    if a.max(b).max(c) > 9 {
        return None;
    }
    Some((seconds * 1000 + a * 100 + b * 10 + c) as f64 / 1000.0)
}

/// An unsigned decimal number, nothing else around it.
pub fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0_u64, |value, b| b.is_ascii_digit().then(|| value * 10 + u64::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_stamps_of_one_moment_agree() {
        let local = 1_795_187_308;
        assert_eq!(error_log(b"2026/11/20 15:08:28 [error]"), Some(local));
        assert_eq!(fpm_log(b"20-Nov-2026 15:08:28"), Some(local));
        assert_eq!(fpm_log(b"20-Nov-2026 15:08:28.123456"), Some(local));
        assert_eq!(time_local(b"20/Nov/2026:15:08:28 +0000"), Some(Zoned { local, offset: 0 }));
        assert_eq!(time_iso8601(b"2026-11-20T15:08:28-05:30"), Some(Zoned { local, offset: -19_800 }));
        assert_eq!(time_iso8601(b"2026-11-20T15:08:28.389870674Z"), Some(Zoned { local, offset: 0 }));
        assert_eq!(msec(b"1795187308.227"), Some(local * 1000 + 227));
    }

    #[test]
    fn dates_before_1970_and_leap_days_do_not_panic() {
        assert_eq!(error_log(b"1969/12/31 23:59:59"), Some(-1));
        assert_eq!(error_log(b"2024/02/29 00:00:00"), Some(1_709_164_800));
        assert_eq!(error_log(b"0000/01/01 00:00:00"), Some(-62_167_219_200));
    }

    #[test]
    fn what_is_no_stamp_is_none() {
        for bad in
            [&b""[..], b"2026/13/20 15:08:28", b"2026-11-20 15:08:28", b"2026/11/20 25:08:28", b"\xff\xfe"]
        {
            assert_eq!(error_log(bad), None);
        }
        assert_eq!(duration(b"-"), None);
        assert_eq!(duration(b""), None);
        assert_eq!(duration(b"2.002"), Some(2.002));
        assert_eq!(duration(b"600.120"), Some(600.12));
        for bad in [&b".002"[..], b"2.0021", b"2.00", b"2.00x", b"x.002", b"1234567890.000"] {
            assert_eq!(duration(bad), None);
        }
        assert_eq!(msec(b"12345678901234567890.000"), None);
        assert_eq!(number(b"99999999999999999999"), None);
    }
}
