//! Stamps that a transport puts in front of a line: RFC 3164 and 5424, journald's forms, OpenWrt's logread, container runtimes.

use super::{Local, Zoned, month, number, seconds, time_iso8601, two};

/// Beginnings of months' abbreviations, as strftime(3) writes them in other languages than English. None of them means two
/// months.
const OTHER_MONTHS: [&[&str]; 12] = [
    &["jan", "ene", "gen", "oca", "sty", "янв"],
    &["f\u{e9}v", "feb", "fev", "lut", "фев", "\u{15f}ub"],
    &["m\u{e4}r", "mar", "mrt", "мар"],
    &["avr", "abr", "apr", "kwi", "апр", "nis"],
    &["mai", "may", "mag", "mei", "maj", "мая", "май"],
    &["juin", "jun", "giu", "cze", "июн", "haz"],
    &["juil", "jul", "lug", "июл", "tem"],
    &["ao\u{fb}", "ago", "aug", "sie", "авг", "a\u{11f}u"],
    &["sep", "set", "wrz", "сен", "eyl"],
    &["okt", "oct", "out", "ott", "pa\u{17a}", "окт", "eki"],
    &["nov", "ноя", "kas"],
    &["d\u{e9}c", "dez", "dic", "dec", "gru", "дек", "ara"],
];

/// A month in the words of many languages, or by its number (`11月`).
fn any_month(word: &[u8]) -> Option<i64> {
    let digits = word.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits > 0 {
        return number(&word[..digits]).and_then(|n| i64::try_from(n).ok());
    }
    month(word.get(..3)?).filter(|_| word.len() == 3).or_else(|| {
        let word = std::str::from_utf8(word).ok()?.to_lowercase();
        let at = OTHER_MONTHS.iter().position(|names| names.iter().any(|name| word.starts_with(name)))?;
        i64::try_from(at + 1).ok()
    })
}

fn is_clock(word: &[u8]) -> bool {
    word.len() >= 8 && word[2] == b':' && word[5] == b':'
}

/// The stamp at the beginning of a syslog or journald line, in a zone `offset` seconds east of UTC. RFC 3164 has no year:
/// the line is no older than a year, and no later than a day after `latest`.
pub fn syslog(line: &[u8], latest: Local, offset: i32) -> Option<Local> {
    let rest = match line.strip_prefix(b"<") {
        Some(rest) => &rest[memchr::memchr(b'>', rest)? + 1..],
        None => line,
    };
    let rest = rest.strip_prefix(b"1 ").unwrap_or(rest);
    if let Some(zoned) = time_iso8601(rest) {
        return Some(zoned.at(offset));
    }
    let words: Vec<_> = rest.split(|b| *b == b' ').filter(|word| !word.is_empty()).take(6).collect();
    if let Some(unix) =
        words.first().and_then(|word| number(word.get(..10)?).filter(|_| word.get(10) == Some(&b'.')))
    {
        return Some(i64::try_from(unix).ok()? + i64::from(offset));
    }
    let at = words.iter().position(|word| is_clock(word)).filter(|at| *at > 0)?;
    let clock = &words[at][..8];
    // journald's short-full, in its own local time.
    if let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *words[at - 1] {
        return seconds(two(y1, y2)? * 100 + two(y3, y4)?, two(m1, m2)?, two(d1, d2)?, clock);
    }
    let day = number(words[at - 1]).and_then(|day| i64::try_from(day).ok())?;
    let month = any_month(words.get(at.checked_sub(2)?)?)?;
    let year = words.get(at + 1).filter(|word| word.len() == 4).and_then(|word| number(word));
    if let Some(year) = year {
        return seconds(i64::try_from(year).ok()?, month, day, clock);
    }
    let year = 1970 + latest.div_euclid(31_556_952);
    let mut years =
        [year + 1, year, year - 1].into_iter().filter_map(|year| seconds(year, month, day, clock));
    years.find(|at| *at <= latest + 86_400)
}

/// The first stamp with a zone in what a transport has put around a line.
pub fn zoned(around: &[u8]) -> Option<Zoned> {
    let hyphens = memchr::memchr_iter(b'-', around);
    hyphens.filter_map(|at| time_iso8601(&around[at.checked_sub(4)?..])).next()
}

#[cfg(test)]
mod tests {
    use super::super::error_log;
    use super::*;

    #[test]
    fn a_syslog_stamp_without_a_year_is_of_the_last_one() {
        let latest = error_log(b"2026/01/10 00:00:00").unwrap();
        let at = |text: &str| syslog(text.as_bytes(), latest, 3600);
        let expect = |text: &str| error_log(text.as_bytes());
        assert_eq!(at("<30>Dec 31 23:59:59 h php-fpm[1]: x"), expect("2025/12/31 23:59:59"));
        assert_eq!(at("Jan  9 01:02:03 h php-fpm[1]: x"), expect("2026/01/09 01:02:03"));
        assert_eq!(at("Jan 10 20:00:00 h php-fpm: x"), expect("2026/01/10 20:00:00"), "later on that day");
        assert_eq!(at("<30>1 2026-01-09T01:02:03.5Z h php-fpm 1 - - x"), expect("2026/01/09 02:02:03"));
        for wrong in
            ["", "<30", "Nox 10 20:00:00 h", "Jan 1x 20:00:00 h", "Jan 10", "20:00:00 h", "10 20:00:00 h"]
        {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn stamps_of_other_languages_and_tools_are_the_same_moment() {
        let latest = error_log(b"2026/12/01 00:00:00").unwrap();
        for (text, expected) in [
            ("d\u{e9}c. 09 15:00:00 h x", "2025/12/09 15:00:00"),
            ("ao\u{fb}t 09 15:00:00 h x", "2026/08/09 15:00:00"),
            ("M\u{e4}r 09 15:00:00 h x", "2026/03/09 15:00:00"),
            ("11\u{6708} 20 15:00:00 h x", "2026/11/20 15:00:00"),
            ("Thg 11 20 15:00:00 h x", "2026/11/20 15:00:00"),
            ("Thu Nov 20 15:00:00 2025 daemon.err x[1]: x", "2025/11/20 15:00:00"),
            ("Fri 2026-11-20 15:00:00 CET h x", "2026/11/20 15:00:00"),
            ("1795186800.123456 h x", "2026/11/20 15:00:00"),
        ] {
            assert_eq!(syslog(text.as_bytes(), latest, 0), error_log(expected.as_bytes()), "{text}");
        }
    }

    #[test]
    fn no_month_has_two_numbers() {
        let all: Vec<_> =
            (1..).zip(OTHER_MONTHS).flat_map(|(n, names)| names.iter().map(move |name| (n, *name))).collect();
        for (n, name) in &all {
            assert_eq!(any_month(name.as_bytes()), Some(*n), "{name}");
            assert!(all.iter().all(|(m, other)| m == n || !name.starts_with(other)), "{name}");
        }
    }

    #[test]
    fn a_stamp_with_a_zone_is_found_where_it_stands() {
        for around in ["2026-11-20T15:00:00.1+01:00 ", "nginx-1  | 2026-11-20T15:00:00+01:00 "] {
            assert_eq!(zoned(around.as_bytes()).map(|zoned| zoned.offset), Some(3600), "{around}");
        }
        assert_eq!(zoned(b"a-b - 2026-11-20 "), None);
        assert_eq!(zoned(b"-"), None);
    }

    #[test]
    fn no_line_panics() {
        let lines = [
            "<30>Dec 31 23:59:59 h php-fpm[1]: x",
            "Fri 2026-11-20 15:00:00 CET h x",
            "1795186800.123456 h x",
        ];
        crate::fuzz::target(
            "transport_stamp",
            lines.map(Into::into).into(),
            &["Feb 29 ", "+01:00 "],
            |line| {
                _ = (syslog(line, 1_795_176_000, 3600), zoned(line));
            },
        );
    }
}
