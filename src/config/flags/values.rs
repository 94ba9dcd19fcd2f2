//! The values of flags.

use std::net::SocketAddr;
use std::time::Duration;

/// `660` or `0660`.
pub(super) fn parse_mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "write an octal mode up to 777, such as 660".to_owned())
}

/// A path of the metrics that no other page has.
pub(super) fn parse_path(text: &str) -> Result<String, String> {
    let path = format!("/{}", text.trim_matches('/'));
    let is_taken = ["/", "/-", "/runbooks", "/diagnosis", "/page.css", "/page.js"].contains(&path.as_str())
        || ["/-/", "/runbooks/"].iter().any(|taken| path.starts_with(taken));
    if is_taken {
        return Err(
            "/, /-/…, /runbooks, /diagnosis, /page.css and /page.js are pages of Badgateway: choose another path, such as /metrics".to_owned()
        );
    }
    if path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte)) {
        Ok(path)
    } else {
        Err("write a path of letters, digits and -_.~/, such as /metrics".to_owned())
    }
}

/// A number of series.
pub(super) fn parse_count(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| *count >= 1_000);
    count.ok_or_else(|| "give a whole number of at least 1000".to_owned())
}

/// `1048576`, `1024KiB` or `1MiB`.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)];
    let found = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let bytes =
        found.and_then(|(number, factor): (&str, u64)| number.parse::<u64>().ok()?.checked_mul(factor));
    bytes
        .filter(|bytes| *bytes >= 1 << 18)
        .ok_or_else(|| "give at least 256KiB: a number, or one with KiB, MiB or GiB".to_owned())
}

/// `90`, `90s` or `2m`.
pub(super) fn parse_seconds(text: &str) -> Result<i64, String> {
    let (number, unit) = match text.trim_end_matches(|c: char| c.is_ascii_alphabetic()) {
        number if number.len() == text.len() => (number, 1),
        number => match &text[number.len()..] {
            "s" => (number, 1),
            "m" => (number, 60),
            "h" => (number, 3600),
            unit => return Err(format!("{unit:?} is no unit: write seconds (90), 90s, 2m or 1h")),
        },
    };
    match number.parse::<i64>() {
        Ok(n) if (1..=86_400).contains(&(n * unit)) => Ok(n * unit),
        _ => Err("give a whole number of seconds from 1 to 86400".to_owned()),
    }
}

/// `250ms`, `5s`, `2m` or `1h`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[number.len()..] {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let milliseconds = factor.and_then(|factor| number.parse::<u64>().ok()?.checked_mul(factor));
    milliseconds
        .map(Duration::from_millis)
        .ok_or_else(|| "write a whole number with its unit: 250ms, 5s, 2m or 1h".to_owned())
}

/// From 1 s to an hour.
pub(super) fn parse_interval(text: &str) -> Result<Duration, String> {
    let range = Duration::from_secs(1)..=Duration::from_secs(3600);
    let interval = parse_duration(text)?;
    if range.contains(&interval) { Ok(interval) } else { Err("give 1s to 1h".to_owned()) }
}

/// From 10 ms to a minute.
pub(super) fn parse_timeout(text: &str) -> Result<Duration, String> {
    let range = Duration::from_millis(10)..=Duration::from_secs(60);
    let timeout = parse_duration(text)?;
    if range.contains(&timeout) { Ok(timeout) } else { Err("give 10ms to 60s".to_owned()) }
}

/// `HOST:PORT`, `:PORT` or `unix:/PATH`; the host is an address or `localhost`.
pub(super) fn parse_address(text: &str) -> Result<String, String> {
    let is_address = match (text.strip_prefix("unix:"), text.strip_prefix(':')) {
        (Some(path), _) => path.starts_with('/'),
        (None, Some(port)) => port.parse::<u16>().is_ok(),
        (None, None) => text.replacen("localhost:", "127.0.0.1:", 1).parse::<SocketAddr>().is_ok(),
    };
    if is_address {
        Ok(text.to_owned())
    } else {
        Err("write HOST:PORT, :PORT for all interfaces, 127.0.0.1:0 for any free port, or unix:/PATH"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_have_a_path_of_their_own() {
        assert_eq!(parse_path("metrics"), Ok("/metrics".to_owned()));
        assert_eq!(parse_path("/a/b/"), Ok("/a/b".to_owned()));
        for path in ["/", "", "/-/ready", "/runbooks", "/runbooks/x", "/page.js", "/{x}", "/a b"] {
            assert!(parse_path(path).is_err(), "{path}");
        }
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!((parse_mode("660"), parse_mode("0600")), (Ok(0o660), Ok(0o600)));
        for text in ["", "8", "-1", "1777", "rw"] {
            assert!(parse_mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_have_units() {
        for (text, bytes) in
            [("33554432", 32 << 20), ("32MiB", 32 << 20), ("512KiB", 512 << 10), ("1GiB", 1 << 30)]
        {
            assert_eq!(parse_bytes(text), Ok(bytes));
        }
        for text in ["", "MiB", "1", "-5MiB", "1.5MiB", "32MB", "99999999999999GiB"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_have_units_and_bounds() {
        assert_eq!(parse_interval("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_timeout("250ms"), Ok(Duration::from_millis(250)));
        for text in ["", "5", "s", "1.5s", "-1s", "1d", "0s", "2h", "99999999999999999999s"] {
            assert!(parse_interval(text).is_err(), "{text}");
        }
        assert!(parse_timeout("1ms").is_err() && parse_timeout("2m").is_err());
    }

    #[test]
    fn addresses_are_numbers_or_sockets() {
        for text in [":1", "127.0.0.1:0", "[::1]:9", "localhost:80", "unix:/run/x"] {
            assert_eq!(parse_address(text).as_deref(), Ok(text));
        }
        for text in ["", "1", ":70000", "example.org:1", "unix:x", "::1:9"] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_have_units() {
        assert_eq!(parse_seconds("90"), Ok(90));
        assert_eq!(parse_seconds("2m"), Ok(120));
        assert!(parse_seconds("2x").is_err());
        assert!(parse_seconds("0").is_err());
        assert!(parse_seconds("999999999999h").is_err());
    }
}
