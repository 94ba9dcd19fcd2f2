//! `localhost`, which is ::1 as well as 127.0.0.1, and a service that listens at only one of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::finding::{Finding, Severity, Step};
use super::machine::Machine;
use super::site::{Site, Upstream, quoted};
use crate::address::Listener;
use crate::vocabulary::Cause;

pub(super) fn check(site: &Site, machine: Option<&Machine>, out: &mut Vec<Finding>) {
    for upstream in site.upstreams() {
        let Some(port) = upstream.address.strip_prefix("localhost:").and_then(|port| port.parse().ok())
        else {
            continue;
        };
        let only_v4 = match machine {
            Some(machine) => seen(machine, port),
            None => written(site, port),
        };
        if only_v4 {
            out.push(finding(&upstream, port));
        }
    }
}

fn seen(machine: &Machine, port: u16) -> bool {
    let is_there = |host: IpAddr| machine.ports.get(&Listener::Tcp { host: Some(host), port }).copied();
    let resolves =
        machine.names.get("localhost").is_some_and(|all| all.contains(&Ipv6Addr::LOCALHOST.into()));
    resolves
        && is_there(Ipv4Addr::LOCALHOST.into()) == Some(true)
        && is_there(Ipv6Addr::LOCALHOST.into()) == Some(false)
}

/// A pool whose `listen` is an IPv4 address, 0.0.0.0 among them.
fn written(site: &Site, port: u16) -> bool {
    site.pools().any(|pool| {
        let address = pool.pool.listen.rsplit_once(':');
        address.is_some_and(|(host, digits)| digits.parse() == Ok(port) && (host.parse::<Ipv4Addr>().is_ok()))
    })
}

fn finding(upstream: &Upstream<'_>, port: u16) -> Finding {
    let mut words = vec![upstream.named.name().to_owned()];
    words.push(quoted(&upstream.named.arg().replacen("localhost", "127.0.0.1", 1)));
    words.extend(upstream.named.args().skip(1).map(quoted));
    let finding = Finding::new(
        Severity::Warning,
        "localhost_two_addresses",
        Some(upstream.named.place()),
        format!("nginx takes localhost:{port} for [::1]:{port} as well, where nobody listens"),
        "Every other request is refused first and then tried again at 127.0.0.1. When that one fails, too, nginx takes both for \
         down and answers 502 at once.",
    )
    .cause(Cause::ConnectionRefused);
    if !upstream.literal {
        return finding.step(Step::Decide("Have its variables give 127.0.0.1.".to_owned()));
    }
    finding.step(Step::Replace { at: upstream.named.place(), with: format!("{};", words.join(" ")) })
}
