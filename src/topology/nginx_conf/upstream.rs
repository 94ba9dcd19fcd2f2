//! `upstream` blocks: the group's servers as nginx logs them, and how long it keeps connections to them.

use std::net::IpAddr;
use std::time::Duration;

use super::tree::{Directive, DirectiveId};
use crate::topology::config_error::Place;
use crate::topology::units::{nginx_time, whole};

/// nginx: `keepalive_timeout` of a group.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A group of servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Where it stands in the tree: what else its directives and its servers' parameters say.
    pub id: DirectiveId,
    /// The same as file and line.
    pub place: Place,
    /// As a `*_pass` names it, and nginx's log when no server is left.
    pub name: String,
    /// As `$upstream_addr` has them; a host name stays one, though nginx logs what it resolved to.
    pub servers: Vec<String>,
    /// Part of it could not be read: there may be more servers.
    pub partial: bool,
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
    pub(super) fn of(group: Directive<'_>) -> Self {
        let connections =
            group.named("keepalive").filter_map(|inner| whole(inner.arg())?.try_into().ok()).next_back();
        let timeout =
            group.named("keepalive_timeout").filter_map(|inner| nginx_time(inner.arg())).next_back();
        Self {
            id: group.id(),
            place: group.place(),
            name: group.arg().to_owned(),
            servers: group.named("server").map(|server| logged(server.arg())).collect(),
            // An include that was read is not in the tree.
            partial: group.named("include").next().is_some(),
            keepalive: connections
                .filter(|connections| *connections > 0)
                .map(|connections| Keepalive { connections, timeout: timeout.unwrap_or(TIMEOUT) }),
        }
    }

    /// Whether a `*_pass` to this name leads here: nginx does not look at the case of letters.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
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
}
