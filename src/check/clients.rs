//! `listen.allowed_clients`: whom a pool on a port answers.

use std::net::IpAddr;

use super::finding::{Finding, Severity};
use super::machine::Machine;
use super::permission::set;
use super::site::{PoolSite, Site};
use crate::address::Listener;
use crate::vocabulary::Cause;

const NAME: &str = "listen.allowed_clients";

pub(super) fn check(site: &Site, machine: Option<&Machine>, out: &mut Vec<Finding>) {
    for pool in site.pools().filter(|pool| pool.fpm.shown && pool.pool.is_tcp()) {
        out.extend(misspelt(&pool));
    }
    for upstream in site.fastcgi() {
        let Ok(listener) = upstream.listener() else { continue };
        let Listener::Tcp { host: Some(host), .. } = &listener else { continue };
        // Who connects to an address of his own machine comes from that address.
        let is_local =
            host.is_loopback() || machine.is_some_and(|machine| machine.ports.contains_key(&listener));
        let pool = site.pool_at(&listener).filter(|pool| !pool.pool.allowed_clients.is_empty());
        let Some(pool) = pool.filter(|_| is_local) else { continue };
        if pool.pool.allowed_clients.iter().any(|client| address(client) == Some(*host)) {
            continue;
        }
        let place = pool.pool.place_of(NAME).cloned().unwrap_or_else(|| pool.pool.place.clone());
        let clients: Vec<_> =
            pool.pool.allowed_clients.iter().filter_map(|client| address(client.trim())).collect();
        let clients: Vec<_> = clients.into_iter().chain([*host]).map(|client| client.to_string()).collect();
        out.push(
            Finding::new(
                Severity::Error,
                "client_not_allowed",
                Some(place),
                format!("the pool [{}] does not answer {host}, from where nginx connects", pool.pool.name),
                format!("Every request by way of {} answers 502.", upstream.named.place()),
            )
            .cause(Cause::ClosedPrematurely)
            .step(set(&pool, NAME, format!("{NAME} = {}", clients.join(",")))),
        );
    }
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// PHP-FPM takes addresses and nothing else: no blank, no network, no name. What it does not understand is nobody.
fn misspelt(pool: &PoolSite<'_>) -> Option<Finding> {
    let clients = &pool.pool.allowed_clients;
    let wrong: Vec<_> = clients.iter().filter(|client| address(client).is_none()).collect();
    let first = wrong.first()?;
    let good: Vec<_> = clients.iter().filter_map(|client| address(client.trim())).collect();
    let good: Vec<_> = good.iter().map(IpAddr::to_string).collect();
    let finding = Finding::new(
        Severity::Warning,
        "client_misspelt",
        pool.pool.place_of(NAME).cloned(),
        format!("{NAME} of the pool [{}] has \"{first}\", which is no address to PHP-FPM", pool.pool.name),
        "It allows nobody: PHP-FPM wants addresses with commas between them, without blanks, networks and names. Who is not \
         allowed gets no answer, and nginx answers 502.",
    )
    .cause(Cause::ClosedPrematurely);
    if good.is_empty() {
        return Some(finding);
    }
    Some(finding.step(set(pool, NAME, format!("{NAME} = {}", good.join(",")))))
}
