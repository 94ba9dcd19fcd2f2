//! Connections that nginx keeps: longer than the other end does, or more than a pool has workers.

use std::time::Duration;

use super::finding::{Finding, Severity, Step};
use super::site::{NginxSite, Site, Upstream};
use crate::address::Listener;
use crate::topology::nginx_conf::{Directive, Protocol};
use crate::topology::units::{nginx_time, whole};
use crate::vocabulary::Cause;

/// nginx's default as a server.
const SERVER: Duration = Duration::from_secs(75);

pub(super) fn check(site: &Site, out: &mut Vec<Finding>) {
    for upstream in site.upstreams() {
        let Some(kept) = upstream.nginx.config.kept.get(upstream.address) else { continue };
        let Some(group) = upstream.named.parent().filter(|block| block.name() == "upstream") else {
            continue;
        };
        match upstream.pass.protocol {
            Protocol::FastCgi => out.extend(holds_workers(site, &upstream, group)),
            _ => out.extend(stale(site, &upstream, group, *kept)),
        }
    }
}

/// An nginx behind this one that ends idle connections sooner.
fn stale(site: &Site, upstream: &Upstream<'_>, group: Directive<'_>, kept: Duration) -> Option<Finding> {
    let listener = upstream.listener().ok()?;
    let (place, other) = site.nginx.iter().find_map(|nginx| ends_after(nginx, &listener))?;
    if other.is_zero() || other >= kept {
        return None;
    }
    let time = format!("keepalive_timeout {}s;", other.as_secs().saturating_sub(1).max(1));
    let set = group.named("keepalive_timeout").next_back();
    let finding = Finding::new(
        Severity::Warning,
        "stale_keepalive",
        Some(set.unwrap_or(group).place()),
        format!(
            "nginx keeps connections to {} for {} s, and the server there ends them after {} s",
            upstream.address,
            kept.as_secs(),
            other.as_secs()
        ),
        format!(
            "A request on one that is just being ended answers 502 ({place}); a POST is not tried again."
        ),
    )
    .cause(Cause::ClosedPrematurely);
    Some(finding.step(match set {
        Some(set) => Step::Replace { at: set.place(), with: time },
        None => {
            Step::Add { at: group.place(), block: format!("upstream {} {{", group.arg()), lines: vec![time] }
        }
    }))
}

/// How long the servers of an nginx that listen there keep an idle connection.
fn ends_after(nginx: &NginxSite, listener: &Listener) -> Option<(String, Duration)> {
    let server = nginx.config.http.servers.iter().find(|server| {
        server.listens.iter().any(|listen| {
            let at =
                Listener::from_fpm(&listen.address).or_else(|_| Listener::from_upstream(&listen.address));
            at.is_ok_and(|at| at.accepts(listener))
        })
    })?;
    let block = nginx.config.tree.get(server.id)?;
    let set = block.setting("keepalive_timeout");
    let time = set.and_then(|set| nginx_time(set.arg())).unwrap_or(SERVER);
    Some((server.place.to_string(), time))
}

/// PHP-FPM serves one connection with one worker, for as long as it is open.
fn holds_workers(site: &Site, upstream: &Upstream<'_>, group: Directive<'_>) -> Option<Finding> {
    let pool = site.pool_at(&upstream.listener().ok()?)?;
    let set = group.named("keepalive").next_back()?;
    let kept = whole(set.arg())?;
    let tree = &upstream.nginx.config.tree;
    let workers = tree.top().find(|directive| directive.name() == "worker_processes");
    // `auto` is as many as there are CPUs: at least one.
    let workers = workers.and_then(|workers| whole(workers.arg())).unwrap_or(1).max(1);
    let children = u64::from(pool.pool.max_children);
    if kept.saturating_mul(workers) < children {
        return None;
    }
    let fits = children.saturating_sub(1) / workers;
    let with = if fits > 0 { format!("keepalive {fits};") } else { format!("# keepalive {kept};") };
    Some(
        Finding::new(
            Severity::Warning,
            "keepalive_holds_workers",
            Some(set.place()),
            format!(
                "{} idle connections may hold all {children} workers of the pool [{}]",
                kept.saturating_mul(workers),
                pool.pool.name
            ),
            "A worker of PHP-FPM is bound to its connection while that is kept (fastcgi_keep_conn): the pool is full with nobody \
             served, and further requests wait until they fail.",
        )
        .cause(Cause::ResponseTimeout)
        .step(Step::Replace { at: set.place(), with }),
    )
}
