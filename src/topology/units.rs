//! Numbers, sizes and times as configurations write them: one reader for each grammar.

use std::time::Duration;

const SECOND: u64 = 1000;
const DAY: u64 = 24 * 60 * 60 * SECOND;

/// nginx's units in the order in which a time may have them, in milliseconds; a month is 30 days, a year 365.
const UNITS: [(&str, u64); 8] = [
    ("y", 365 * DAY),
    ("M", 30 * DAY),
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", 60 * 60 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("ms", 1),
];

/// nginx's `60`, `60s`, `1m30s`, `1h 30m`, `500ms` (`ngx_parse_time`): larger units first, and no unit means seconds.
pub fn nginx_time(text: &str) -> Option<Duration> {
    let (mut total, mut next, mut rest) = (0_u64, 0, text);
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = if letters == 0 { "s" } else { &rest[..letters] };
        let at = UNITS.iter().position(|(name, _)| *name == unit).filter(|at| *at >= next)?;
        total = total.checked_add(number.checked_mul(UNITS[at].1)?)?;
        next = at + 1;
        rest = rest[letters..].trim_start_matches(' ');
        if rest.is_empty() {
            return Some(Duration::from_millis(total));
        }
    }
}

/// nginx's `8192`, `8k`, `16M`, `1g` (`ngx_parse_offset`).
pub fn nginx_size(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        b'g' | b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    whole(digits)?.checked_mul(unit)
}

/// Digits and nothing else.
pub fn whole(digits: &str) -> Option<u64> {
    Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

/// PHP-FPM's time in seconds (`fpm_conf_set_time`): a number and `s`, `m`, `h` or `d`, in lower case; only the last
/// character is looked at, whatever stands before it counts as far as it is a number.
pub fn fpm_seconds(value: &str) -> Option<i32> {
    let (last, before) = value.as_bytes().split_last()?;
    let (number, unit) = match last {
        b's' => (before, 1),
        b'm' => (before, 60),
        b'h' => (before, 60 * 60),
        b'd' => (before, 24 * 60 * 60),
        b'0'..=b'9' => (value.as_bytes(), 1),
        _ => return None,
    };
    Some(atoi(number).wrapping_mul(unit))
}

/// The leading number of a text, 0 without one: what C's atoi(3) gives with a 64-bit long.
pub fn atoi(text: &[u8]) -> i32 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let value = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0_i64, |value, byte| value.saturating_mul(10).saturating_add(i64::from(byte - b'0')));
    (if negative { -value } else { value }) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn nginx_times_have_units_from_large_to_small() {
        let millis = |text| nginx_time(text).map(|time| time.as_millis());
        for (text, expected) in [
            ("60", 60_000),
            ("60s", 60_000),
            ("1m30s", 90_000),
            ("1m 30", 90_000),
            ("500ms", 500),
            ("1h 500ms", 3_600_500),
            ("1d", 86_400_000),
            ("1y1M", (365 + 30) * 86_400_000),
            ("0", 0),
        ] {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
        for wrong in ["", "s", "1x", "30s1m", "1s1s", "60 s", "1.5s", "-1", "1S", "99999999999999999y"] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn nginx_sizes_have_one_unit() {
        for (text, expected) in
            [("0", 0), ("4096", 4096), ("8k", 8192), ("8K", 8192), ("1m", 1 << 20), ("2G", 2 << 30)]
        {
            assert_eq!(nginx_size(text), Some(expected), "{text}");
        }
        for wrong in ["", "k", "1kb", "1t", "-1", "+1", "1 k", "99999999999999999999", "99999999999999g"] {
            assert_eq!(nginx_size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn php_fpm_looks_at_the_last_letter() {
        for (text, expected) in
            [("10", 10), ("10s", 10), ("5m", 300), ("1h", 3600), ("1d", 86_400), ("x5m", 0), ("-1", -1)]
        {
            assert_eq!(fpm_seconds(text), Some(expected), "{text}");
        }
        for wrong in ["", "2M", "5x", "500ms "] {
            assert_eq!(fpm_seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn damaged_text_does_not_panic() {
        fuzz::target("units", vec![b"1y1M2w3d4h5m6s7ms".to_vec(), b"512k".to_vec()], &["M", "ms"], |text| {
            let text = String::from_utf8_lossy(text);
            let _ = (nginx_time(&text), nginx_size(&text), fpm_seconds(&text), atoi(text.as_bytes()));
        });
    }
}
