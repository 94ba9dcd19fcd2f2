//! Which servers nginx keeps connections to: `keepalive` in a group is only half of it, the places that use the group
//! must ask for it too.

use std::collections::BTreeMap;
use std::time::Duration;

use super::load::Directive;
use super::upstream::{Upstream, logged};

/// What a `*_pass` inherits from the blocks around it.
#[derive(Clone, Copy, Debug, Default)]
struct Around {
    /// `proxy_http_version` is 1.1 or 2. The default is 1.1 from nginx 1.29.7 on, but the version is not known here.
    persistent: bool,
    /// `proxy_set_header Connection` drops the `close` that nginx sends by default.
    no_close: bool,
    /// `fastcgi_keep_conn`
    keep_conn: bool,
    /// `*_next_upstream … non_idempotent` of proxy, FastCGI, gRPC, memcached.
    repeats: [bool; 4],
}

const MODULES: [&str; 4] = ["proxy", "fastcgi", "grpc", "memcached"];

/// The uses of a group or an address: whether connections stay open for every one of them, and a POST that failed on
/// one is not sent again.
type Uses = BTreeMap<String, bool>;

/// Servers by how long an idle connection to them is kept. One that is also reached without being kept is left out: an
/// address alone does not tell the one use from the other.
pub(super) fn servers(http: &[Directive], upstreams: &[Upstream]) -> BTreeMap<String, Duration> {
    let mut uses = Uses::new();
    walk(http, Around::default(), &mut uses);
    let mut servers: BTreeMap<String, Option<Duration>> = BTreeMap::new();
    for upstream in upstreams {
        let Some(kept) = uses.get(&upstream.name) else { continue };
        let timeout = upstream.keepalive.map(|keepalive| keepalive.timeout).filter(|_| *kept);
        for server in &upstream.servers {
            let at = servers.entry(server.clone()).or_insert(timeout);
            *at = (*at).min(timeout);
        }
    }
    let reached = |server: &String| uses.keys().any(|used| logged(used) == *server);
    servers.retain(|server, _| !reached(server));
    servers.into_iter().filter_map(|(server, timeout)| Some((server, timeout?))).collect()
}

fn walk(block: &[Directive], mut around: Around, uses: &mut Uses) {
    // All of a level holds for all of it, whatever comes first.
    around.set(block);
    for directive in block {
        if let Some(module) = directive.name.strip_suffix("_pass") {
            let target = directive.arg();
            let target = target.split_once("://").map_or(target, |(_, rest)| rest);
            let target =
                if target.starts_with("unix:") { target } else { target.split('/').next().unwrap_or(target) };
            let kept = around.keeps(module);
            uses.entry(target.to_owned()).and_modify(|all| *all &= kept).or_insert(kept);
        } else if directive.name != "upstream" {
            walk(&directive.block, around, uses);
        }
    }
}

impl Around {
    fn set(&mut self, block: &[Directive]) {
        // Headers are inherited all together, or not at all.
        if block.iter().any(|directive| directive.name == "proxy_set_header") {
            self.no_close = false;
        }
        for directive in block {
            match directive.name.as_str() {
                "proxy_http_version" => self.persistent = matches!(directive.arg(), "1.1" | "2"),
                "proxy_set_header" if directive.arg().eq_ignore_ascii_case("connection") => {
                    // A variable may be `close` just as well.
                    let value = directive.args.get(1).map_or("", String::as_str);
                    self.no_close = value.is_empty() || value.eq_ignore_ascii_case("keep-alive");
                }
                "fastcgi_keep_conn" => self.keep_conn = directive.arg() == "on",
                name => {
                    let module = MODULES.iter().position(|m| name.strip_suffix("_next_upstream") == Some(*m));
                    if let Some(repeats) = module.and_then(|module| self.repeats.get_mut(module)) {
                        *repeats = directive.args.iter().any(|arg| arg == "non_idempotent");
                    }
                }
            }
        }
    }

    fn keeps(self, module: &str) -> bool {
        let Some(number) = MODULES.iter().position(|known| *known == module) else { return false };
        let kept = match module {
            "proxy" => self.persistent && self.no_close,
            "fastcgi" => self.keep_conn,
            _ => true,
        };
        kept && !self.repeats[number]
    }
}
