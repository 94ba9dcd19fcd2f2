//! Whether nginx's workers may connect to a unix socket: its owner, group, mode and ACL, each directory above it, SELinux.

use super::finding::{Finding, Severity, Step};
use super::machine::{Machine, SocketFile, SocketKind};
use super::site::{PoolSite, Site, Upstream, shell};
use crate::address::Listener;
use crate::vocabulary::Cause;

/// `connect()` to a socket needs the right to write to it, and to search each directory above it (unix(7)).
const WRITE: u32 = 2;
const SEARCH: u32 = 1;

/// Types of files that `httpd_t` may not write to in SELinux' reference policy, and that sockets get by mistake.
const DENIED: [&str; 8] =
    ["var_run_t", "tmp_t", "user_tmp_t", "default_t", "unlabeled_t", "var_t", "user_home_t", "home_root_t"];

/// Ports of the type `http_port_t`, to which `httpd_t` may connect without `httpd_can_network_connect`.
const HTTP_PORTS: [u16; 8] = [80, 81, 443, 488, 8008, 8009, 8443, 9000];

pub(super) fn check(site: &Site, machine: Option<&Machine>, out: &mut Vec<Finding>) {
    for upstream in site.upstreams() {
        let Ok(listener) = upstream.listener() else { continue };
        match (&listener, machine) {
            (Listener::Unix(path), Some(machine)) => {
                let Some(file) = machine.socket(path) else { continue };
                out.extend(seen(site, machine, &upstream, &listener, file));
                out.extend(labelled(machine, &upstream, file));
            }
            (Listener::Unix(_), None) => {
                let pool = site.pool_at(&listener);
                out.extend(pool.and_then(|pool| written(&upstream, &pool)));
            }
            (Listener::Tcp { port, .. }, Some(machine)) => out.extend(port_denied(machine, &upstream, *port)),
            (Listener::Tcp { .. }, None) => {}
        }
    }
}

fn finding(upstream: &Upstream<'_>, what: String) -> Finding {
    let (severity, effect) = upstream.fails();
    let place = Some(upstream.named.place());
    Finding::new(severity, "not_permitted", place, what, effect).cause(Cause::PermissionDenied)
}

/// What the files on the machine allow.
fn seen(
    site: &Site,
    machine: &Machine,
    upstream: &Upstream<'_>,
    listener: &Listener,
    file: &SocketFile,
) -> Option<Finding> {
    let user = machine.nginx_users.get(&upstream.nginx.path)?;
    let (socket, directories) = file.way.split_last()?;
    if let Some(closed) = directories.iter().find(|directory| !user.may(SEARCH, directory)) {
        let path = closed.path.display();
        let what = format!("nginx's user {} may not enter {path}, above {}", user.name, listener.upstream());
        return Some(
            finding(upstream, what).step(Step::Run(vec![format!("chmod o+x {}", shell(&closed.path))])),
        );
    }
    if !matches!(file.kind, SocketKind::Socket(_)) || user.may(WRITE, socket) {
        return None;
    }
    let what = format!(
        "nginx's user {} may not write to {} (owner {}, group {}, mode {:04o})",
        user.name,
        listener.upstream(),
        socket.uid,
        socket.gid,
        socket.mode
    );
    let finding = finding(upstream, what);
    let pool = site.pool_at(listener).or_else(|| site.pool_at(&Listener::Unix(file.resolved.clone())));
    Some(match pool {
        Some(pool) => let_in(finding, &pool, &user.name)
            .step(Step::Run(vec![format!("systemctl restart {}", pool.fpm.service())])),
        None => finding.step(Step::Decide(format!(
            "Have whoever makes the socket give it to a group of {}'s, with mode 0660.",
            user.name
        ))),
    })
}

/// What PHP-FPM's configuration will allow. A group's members are not known here.
fn written(upstream: &Upstream<'_>, pool: &PoolSite<'_>) -> Option<Finding> {
    let user = upstream.nginx.config.tree.top().filter(|directive| directive.name() == "user").last()?;
    let name = user.arg();
    let group = user.args().nth(1).unwrap_or(name);
    let settings = pool.pool;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let owner = settings.owner.as_deref().unwrap_or("root");
    let its_group = settings.group.as_deref().unwrap_or(owner);
    if name == "root" || is_number(owner) != is_number(name) || is_number(its_group) != is_number(group) {
        return None;
    }
    let has_acl = !settings.acl_users.is_empty() || !settings.acl_groups.is_empty();
    let (allowed, others_may) = if has_acl {
        let named = settings.acl_users.iter().any(|user| user == name);
        (named || settings.acl_groups.iter().any(|other| other == group), !settings.acl_groups.is_empty())
    } else {
        let by_owner = owner == name && settings.mode & 0o200 != 0;
        let by_group = its_group == group && settings.mode & 0o020 != 0;
        let foreign = its_group != "root" && settings.group.is_some() && settings.mode & 0o020 != 0;
        (by_owner || by_group || settings.mode & 0o002 != 0, foreign)
    };
    if allowed {
        return None;
    }
    let what = format!(
        "nginx's user {name} may not write to the socket of the pool {} (owner {owner}, group {its_group}, mode {:04o})",
        pool.name(),
        settings.mode
    );
    let mut found = let_in(finding(upstream, what), pool, name);
    if others_may {
        found.severity = Severity::Info;
        found.effect =
            format!("Unless {name} is in a group that may, every request that comes here answers 502.");
    }
    Some(found)
}

/// The lines that give a pool's socket to nginx.
fn let_in(mut finding: Finding, pool: &PoolSite<'_>, user: &str) -> Finding {
    let settings = pool.pool;
    if !settings.acl_users.is_empty() || !settings.acl_groups.is_empty() {
        let users: Vec<_> = settings.acl_users.iter().map(String::as_str).chain([user]).collect();
        let line = format!("listen.acl_users = {}", users.join(","));
        return finding.step(set(pool, "listen.acl_users", line));
    }
    // The group that PHP-FPM takes then is the owner's, or stays what is written.
    finding = finding.step(set(pool, "listen.owner", format!("listen.owner = {user}")));
    if settings.mode & 0o200 == 0 {
        finding = finding.step(set(pool, "listen.mode", "listen.mode = 0660".to_owned()));
    }
    finding
}

/// A setting of a pool, in its place or in the pool's section.
pub(super) fn set(pool: &PoolSite<'_>, name: &str, line: String) -> Step {
    match pool.pool.place_of(name) {
        Some(at) => Step::Replace { at: at.clone(), with: line },
        None => Step::Add {
            at: pool.pool.place.clone(),
            block: format!("[{}]", pool.pool.name),
            lines: vec![line],
        },
    }
}

/// SELinux on the socket's file.
fn labelled(machine: &Machine, upstream: &Upstream<'_>, file: &SocketFile) -> Option<Finding> {
    machine.selinux.as_ref().filter(|selinux| selinux.confined)?;
    let label = file.label.as_deref().filter(|label| DENIED.contains(label))?;
    let path = file.resolved.display();
    Some(finding(upstream, format!("SELinux keeps nginx from {path}, whose type is {label}")).step(
        Step::Run(vec![
            format!("semanage fcontext -a -t httpd_var_run_t {}", shell(&file.resolved)),
            format!("restorecon -v {}", shell(&file.resolved)),
        ]),
    ))
}

/// SELinux on ports.
fn port_denied(machine: &Machine, upstream: &Upstream<'_>, port: u16) -> Option<Finding> {
    let selinux = machine.selinux.as_ref().filter(|selinux| selinux.confined)?;
    if selinux.may_connect != Some(false) || HTTP_PORTS.contains(&port) {
        return None;
    }
    Some(
        finding(upstream, format!("SELinux keeps nginx from connecting to port {port}"))
            .step(Step::Run(vec!["setsebool -P httpd_can_network_connect 1".to_owned()])),
    )
}
