//! `upstream` blocks: the group's servers as nginx logs them, and how long it keeps connections to them.

use std::net::IpAddr;
use std::time::Duration;

use super::load::Directive;

/// nginx: `keepalive_timeout` of a group.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A group of servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// As a `*_pass` names it, and nginx's log when no server is left.
    pub name: String,
    /// As `$upstream_addr` has them; a host name stays one, though nginx logs what it resolved to.
    pub servers: Vec<String>,
    /// What `keepalive` says; `None`: nothing. nginx from 1.29.7 on may keep connections all the same.
    pub keepalive: Option<Keepalive>,
}

/// Connections that every worker keeps open to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// At most so many; never 0.
    pub connections: u32,
    /// How long one may be idle.
    pub timeout: Duration,
}

impl Upstream {
    pub(super) fn of(directive: &Directive) -> Self {
        let named = |name: &'static str| directive.block.iter().filter(move |inner| inner.name == name);
        let connections = named("keepalive").filter_map(|inner| inner.arg().parse().ok()).next_back();
        let timeout = named("keepalive_timeout").filter_map(|inner| time(inner.arg())).next_back();
        Self {
            name: directive.arg().to_owned(),
            servers: named("server").map(|server| logged(server.arg())).collect(),
            keepalive: connections
                .filter(|connections| *connections > 0)
                .map(|connections| Keepalive { connections, timeout: timeout.unwrap_or(TIMEOUT) }),
        }
    }
}

/// As `$upstream_addr` has an address: with its port, 80 if none is given (`ngx_parse_url`).
pub(super) fn logged(address: &str) -> String {
    if address.get(..5).is_some_and(|schema| schema.eq_ignore_ascii_case("unix:")) {
        return format!("unix:{}", &address[5..]);
    }
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (address, "80"),
    };
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        _ => format!("{host}:{port}"),
    }
}

/// `60`, `60s`, `1m30s`, `500ms` (`ngx_parse_time`). A month is 30 days, a year 365.
fn time(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let millis = match &rest[..letters] {
            "ms" => 1,
            "" | "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            "M" => 2_592_000_000,
            "y" => 31_536_000_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
        rest = rest[letters..].trim_start_matches(' ');
    }
    Some(total).filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_spelled_as_they_are_logged() {
        for (written, expected) in [
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("10.0.0.1", "10.0.0.1:80"),
            ("[::1]", "[::1]:80"),
            ("[0:0::1]:9000", "[::1]:9000"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
            ("UNIX:/run/x.sock", "unix:/run/x.sock"),
            ("php", "php:80"),
            ("php:9000", "php:9000"),
        ] {
            assert_eq!(logged(written), expected);
        }
    }

    #[test]
    fn times_have_units() {
        let millis = |text| time(text).map(|time| time.as_millis());
        assert_eq!(millis("60"), Some(60_000));
        assert_eq!(millis("1m30s"), Some(90_000));
        assert_eq!(millis("1h 500ms"), Some(3_600_500));
        assert_eq!(
            (millis(""), millis("s"), millis("1x"), millis("99999999999999999y")),
            (None, None, None, None)
        );
    }
}
