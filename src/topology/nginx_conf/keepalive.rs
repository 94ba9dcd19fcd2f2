//! Which servers nginx keeps connections to: `keepalive` in a group is only half of it, the places that use the group
//! must ask for it too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::pass::{Pass, Protocol, Target};
use super::tree::{Directive, Tree};
use super::upstream::Upstream;

/// Servers by how long an idle connection to them is kept. One that is also reached without being kept is left out: an
/// address alone does not tell the one use from the other.
pub(super) fn servers(tree: &Tree, upstreams: &[Upstream], passes: &[Pass]) -> BTreeMap<String, Duration> {
    // The uses of a group: whether connections stay open for every one of them, and a POST that failed on one is not
    // sent again.
    let mut groups: BTreeMap<&str, bool> = BTreeMap::new();
    let mut addresses: BTreeSet<&str> = BTreeSet::new();
    for pass in passes {
        let kept = tree
            .get(pass.id)
            .is_some_and(|directive| Around::of(directive, pass.protocol).keeps(pass.protocol));
        for target in &*pass.targets {
            match target {
                Target::Group { name, .. } => {
                    _ = groups.entry(name).and_modify(|all| *all &= kept).or_insert(kept);
                }
                Target::Server { address, .. } => _ = addresses.insert(address),
                Target::Missing(_) | Target::Unknown => {}
            }
        }
    }
    let mut servers: BTreeMap<&str, Option<Duration>> = BTreeMap::new();
    for upstream in upstreams {
        let Some(kept) = groups.get(upstream.name.as_str()) else { continue };
        let timeout = upstream.keepalive.map(|keepalive| keepalive.timeout).filter(|_| *kept);
        for server in &upstream.servers {
            let at = servers.entry(server).or_insert(timeout);
            *at = (*at).min(timeout);
        }
    }
    servers.retain(|server, _| !addresses.contains(server));
    servers.into_iter().filter_map(|(server, timeout)| Some((server.to_owned(), timeout?))).collect()
}

/// What a `*_pass` inherits from the blocks around it.
#[derive(Clone, Copy, Debug)]
struct Around {
    /// `proxy_http_version` is 1.1 or 2. The default is 1.1 from nginx 1.29.7 on, but the version is not known here.
    persistent: bool,
    /// `proxy_set_header Connection` drops the `close` that nginx sends by default.
    no_close: bool,
    /// `fastcgi_keep_conn`
    keep_conn: bool,
    /// `*_next_upstream … non_idempotent`
    repeats: bool,
}

impl Around {
    fn of(pass: Directive<'_>, protocol: Protocol) -> Self {
        let settings = |name: &str| pass.parent().map_or_else(Vec::new, |block| block.settings(name));
        let last = |name: &str| settings(name).last().map_or("", |directive| directive.arg());
        // Headers are inherited all together, or not at all. A variable may be `close` just as well.
        let headers = settings("proxy_set_header");
        let connection = headers.iter().rfind(|header| header.arg().eq_ignore_ascii_case("connection"));
        let value = connection.map(|header| header.args().nth(1).unwrap_or_default());
        let next = settings(&format!("{}_next_upstream", protocol.prefix()));
        Self {
            persistent: matches!(last("proxy_http_version"), "1.1" | "2"),
            no_close: value.is_some_and(|value| value.is_empty() || value.eq_ignore_ascii_case("keep-alive")),
            keep_conn: last("fastcgi_keep_conn") == "on",
            repeats: next.iter().any(|next| next.args().any(|arg| arg == "non_idempotent")),
        }
    }

    fn keeps(self, protocol: Protocol) -> bool {
        let kept = match protocol {
            Protocol::Http => self.persistent && self.no_close,
            Protocol::FastCgi => self.keep_conn,
            Protocol::Grpc | Protocol::Memcached => true,
            Protocol::Uwsgi | Protocol::Scgi | Protocol::Stream => false,
        };
        kept && !self.repeats
    }
}
