//! Where nginx connects to, and nobody is: no pool listens there, the socket is missing, is none, is left over, or its
//! alias leads to nothing; the port is closed.

use std::collections::HashMap;
use std::path::Path;

use super::finding::{Finding, Step};
use super::machine::{Machine, SocketKind};
use super::meant::Meant;
use super::site::{PoolSite, Site, Upstream, plain};
use crate::address::Listener;
use crate::topology::nginx_conf::Protocol;
use crate::vocabulary::{Cause, RootCause};

pub(super) fn check(site: &Site, machine: Option<&Machine>, out: &mut Vec<Finding>) {
    // One for each address, whatever the number of places that name it.
    let mut known: HashMap<(Protocol, bool, Listener), Option<Finding>> = HashMap::new();
    let meant = Meant::new(site);
    for upstream in site.upstreams() {
        let Ok(listener) = upstream.listener() else { continue };
        let found = known
            .entry((upstream.pass.protocol, upstream.servers() < 2, listener.clone()))
            .or_insert_with(|| match machine {
                Some(machine) => seen(site, &meant, machine, &upstream, &listener),
                None => written(site, &meant, &upstream, &listener),
            });
        if let Some(finding) = found {
            out.push(Finding { places: vec![upstream.named.place()], ..finding.clone() });
        }
    }
}

/// What the files alone say: where the configuration of a PHP-FPM is among them, a socket or a port of the loopback
/// address belongs to one of its pools.
fn written(site: &Site, meant: &Meant<'_>, upstream: &Upstream<'_>, listener: &Listener) -> Option<Finding> {
    let is_local = match listener {
        Listener::Unix(_) => true,
        Listener::Tcp { host, .. } => host.is_none_or(|host| host.is_loopback()),
    };
    let partial = site.fpm.iter().any(|fpm| fpm.config.is_partial());
    if upstream.pass.protocol != Protocol::FastCgi || site.fpm.is_empty() || !is_local || partial {
        return None;
    }
    if site.pool_at(listener).is_some() || is_alias(site, listener) {
        return None;
    }
    let cause = match listener {
        Listener::Unix(_) => Cause::SocketMissing,
        Listener::Tcp { .. } => Cause::ConnectionRefused,
    };
    Some(nobody(meant, upstream, listener, cause, "no pool listens on"))
}

/// Debian's /run/php/php-fpm.sock leads, by way of /etc/alternatives, to the socket of one of the versions installed.
fn is_alias(site: &Site, listener: &Listener) -> bool {
    let Listener::Unix(path) = plain(listener) else { return false };
    path == Path::new("/run/php/php-fpm.sock")
        && site.pools().any(|pool| pool.pool.listen.starts_with("/run/php/php"))
}

/// What the machine shows.
fn seen(
    site: &Site,
    meant: &Meant<'_>,
    machine: &Machine,
    upstream: &Upstream<'_>,
    listener: &Listener,
) -> Option<Finding> {
    let path = match listener {
        Listener::Unix(path) => path,
        Listener::Tcp { .. } if machine.ports.get(listener) == Some(&false) => {
            let owner = site.pool_at(listener);
            return Some(down(
                meant,
                upstream,
                listener,
                owner,
                Cause::ConnectionRefused,
                "nobody listens on",
            ));
        }
        Listener::Tcp { .. } => return None,
    };
    let file = machine.socket(path)?;
    // A link such as Debian's /run/php/php-fpm.sock leads to the pool's own.
    let owner = site.pool_at(listener).or_else(|| site.pool_at(&Listener::Unix(file.resolved.clone())));
    match file.kind {
        SocketKind::Socket(Some(false)) => {
            let what = "the socket is left over from a process that has ended:";
            Some(down(meant, upstream, listener, owner, Cause::ConnectionRefused, what))
        }
        SocketKind::Socket(_) | SocketKind::Unseen => None,
        SocketKind::Missing => {
            Some(down(meant, upstream, listener, owner, Cause::SocketMissing, "there is no socket at"))
        }
        SocketKind::Dangling => {
            let mut finding =
                down(meant, upstream, listener, owner, Cause::SocketMissing, "the link leads to no socket:");
            finding.what = format!("{} ({})", finding.what, file.resolved.display());
            Some(finding)
        }
        SocketKind::Other => Some(nobody(
            meant,
            upstream,
            listener,
            Cause::ConnectionRefused,
            "there is no socket but a file at",
        )),
    }
}

/// A pool should listen there: then its PHP-FPM does not run. Else no pool does.
fn down(
    meant: &Meant<'_>,
    upstream: &Upstream<'_>,
    listener: &Listener,
    owner: Option<PoolSite<'_>>,
    cause: Cause,
    what: &str,
) -> Finding {
    let owner = owner.filter(|_| upstream.pass.protocol == Protocol::FastCgi);
    let Some(pool) = owner else { return nobody(meant, upstream, listener, cause, what) };
    let service = pool.fpm.service();
    let state = if pool.fpm.pid.is_some() {
        "and its PHP-FPM runs, maybe with an older configuration."
    } else {
        "and its PHP-FPM does not run."
    };
    let verb = if pool.fpm.pid.is_some() { "reload" } else { "start" };
    let (severity, fails) = upstream.fails();
    Finding::new(
        severity,
        "not_listening",
        Some(upstream.named.place()),
        format!("{what} {}", listener.upstream()),
        format!("{fails} The pool {} should listen there, {state}", pool.name()),
    )
    .cause(cause)
    .breaks(listener.upstream(), RootCause::FpmNotRunning)
    .step(Step::Run(vec![format!("systemctl {verb} {service}"), format!("journalctl -u {service} -n 50")]))
}

fn nobody(
    meant: &Meant<'_>,
    upstream: &Upstream<'_>,
    listener: &Listener,
    cause: Cause,
    what: &str,
) -> Finding {
    let (severity, fails) = upstream.fails();
    let finding = |effect: String| {
        let place = Some(upstream.named.place());
        let what = format!("{what} {}", listener.upstream());
        Finding::new(severity, "no_listener", place, what, effect).cause(cause)
    };
    if upstream.pass.protocol != Protocol::FastCgi {
        let fix = format!("Start what should listen on {}, or correct the address.", listener.upstream());
        return finding(fails).step(Step::Decide(fix));
    }
    match meant.pool(listener) {
        Some((pool, at, why)) => {
            let text = format!(
                "{fails} Probably the pool {} is meant, which listens on {}: {why}.",
                pool.name(),
                at.upstream()
            );
            let step = if upstream.literal {
                Step::Replace { at: upstream.named.place(), with: upstream.instead(&at) }
            } else {
                Step::Decide(format!("Have its variables give {}.", at.upstream()))
            };
            finding(text).breaks(listener.upstream(), RootCause::WrongAddress).step(step)
        }
        None => {
            let fix =
                format!("Give a pool `listen = {}`, or write the address of a pool here.", listener.fpm());
            finding(fails).step(Step::Decide(fix))
        }
    }
}
