//! Where requests go: every `*_pass` with all the addresses and groups that it may lead to.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::tree::{Directive, DirectiveId};
use super::upstream::{Upstream, logged};
use super::variable::{Shared, Variables};
use crate::topology::config_error::Place;

/// One `*_pass`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Where it stands in the tree: what timeouts, buffers and the like hold for it.
    pub id: DirectiveId,
    /// The same as file and line.
    pub place: Place,
    /// Its `server` block.
    pub server: DirectiveId,
    /// What is spoken.
    pub protocol: Protocol,
    /// As written.
    pub written: String,
    /// All that it may lead to.
    pub targets: Arc<BTreeSet<Target>>,
}

/// What is spoken with an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `fastcgi_pass`
    FastCgi,
    /// `proxy_pass` of `http`
    Http,
    /// `uwsgi_pass`
    Uwsgi,
    /// `scgi_pass`
    Scgi,
    /// `grpc_pass`
    Grpc,
    /// `memcached_pass`
    Memcached,
    /// `proxy_pass` of `stream`
    Stream,
}

/// What a `*_pass` leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// An address, as `$upstream_addr` has it; a host name stays one, though nginx logs what it resolves to.
    Server {
        /// The address.
        address: String,
        /// TLS is spoken.
        tls: bool,
    },
    /// A group of upstreams, by its name there.
    Group {
        /// The name.
        name: String,
        /// TLS is spoken.
        tls: bool,
    },
    /// A name that no group has and that has no port where one is needed: a group in what could not be read, or nginx
    /// refuses it.
    Missing(String),
    /// It depends on the request, or on what could not be read.
    Unknown,
}

impl Protocol {
    fn of(directive: &str, is_stream: bool) -> Option<Self> {
        Some(match directive {
            "proxy_pass" if is_stream => Self::Stream,
            "fastcgi_pass" => Self::FastCgi,
            "proxy_pass" => Self::Http,
            "uwsgi_pass" => Self::Uwsgi,
            "scgi_pass" => Self::Scgi,
            "grpc_pass" => Self::Grpc,
            "memcached_pass" => Self::Memcached,
            _ => return None,
        })
    }

    /// The prefix of its directives: `fastcgi` of `fastcgi_read_timeout`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::FastCgi => "fastcgi",
            Self::Http | Self::Stream => "proxy",
            Self::Uwsgi => "uwsgi",
            Self::Scgi => "scgi",
            Self::Grpc => "grpc",
            Self::Memcached => "memcached",
        }
    }
}

/// So many values of variables are looked at in all: alternatives multiply.
const VALUES: usize = 1 << 18;

/// Reads the passes of `http` or `stream`.
pub(super) struct Reader<'a> {
    /// The groups by their names in lower case: nginx does not look at the case of letters.
    groups: HashMap<String, &'a Upstream>,
    is_stream: bool,
    partial: bool,
}

impl<'a> Reader<'a> {
    /// `partial`: part of the configuration could not be read.
    pub(super) fn new(upstreams: &'a [Upstream], is_stream: bool, partial: bool) -> Self {
        let groups =
            upstreams.iter().map(|upstream| (upstream.name.to_ascii_lowercase(), upstream)).collect();
        Self { groups, is_stream, partial }
    }

    /// The passes of a block, `http` or `stream`.
    pub(super) fn passes(&self, block: Directive<'_>) -> Vec<Pass> {
        let shared = Shared::of(block);
        let mut budget = VALUES;
        let mut out = Vec::new();
        for server in block.named("server") {
            let passes = || {
                let all = server.all();
                all.filter_map(|pass| Some((pass, Protocol::of(pass.name(), self.is_stream)?)))
            };
            let has_variables = passes().any(|(pass, _)| pass.arg().contains('$'));
            let variables = has_variables.then(|| Variables::of(server, &shared, self.partial));
            let mut known: HashMap<(&str, Protocol), Arc<BTreeSet<Target>>> = HashMap::new();
            for (pass, protocol) in passes() {
                let targets = known.entry((pass.arg(), protocol)).or_insert_with(|| {
                    self.targets(pass.arg(), protocol, variables.as_ref(), &mut budget).into()
                });
                out.push(Pass {
                    id: pass.id(),
                    place: pass.place(),
                    server: server.id(),
                    protocol,
                    written: pass.arg().to_owned(),
                    targets: Arc::clone(targets),
                });
            }
        }
        out
    }

    fn targets(
        &self,
        text: &str,
        protocol: Protocol,
        variables: Option<&Variables<'_>>,
        budget: &mut usize,
    ) -> BTreeSet<Target> {
        let text = without_path(text);
        let Some(variables) = variables.filter(|_| text.contains('$')) else {
            return BTreeSet::from([self.target(text, protocol)]);
        };
        let values = variables.values(text, protocol == Protocol::Http, budget);
        let mut targets: BTreeSet<_> =
            values.known.iter().map(|value| self.target(value, protocol)).collect();
        if values.others || targets.is_empty() {
            targets.insert(Target::Unknown);
        }
        targets
    }

    fn target(&self, text: &str, protocol: Protocol) -> Target {
        let (schema, rest) = text.split_once("://").map_or(("", text), |(schema, rest)| (schema, rest));
        let tls = matches!(schema, "https" | "grpcs" | "suwsgi");
        let unix = rest.get(..5).is_some_and(|begin| begin.eq_ignore_ascii_case("unix:"));
        if unix {
            // `http://unix:/path:/uri`
            let path = &rest[5..];
            let end = if protocol == Protocol::Http { path.find(':') } else { None };
            return Target::Server { address: format!("unix:{}", &path[..end.unwrap_or(path.len())]), tls };
        }
        let address = rest.split(['/', '?']).next().unwrap_or_default();
        if address.is_empty() || address.contains(char::is_whitespace) {
            return Target::Unknown;
        }
        if let Some(group) = self.groups.get(&address.to_ascii_lowercase()) {
            return Target::Group { name: group.name.clone(), tls };
        }
        let port = match (protocol, tls) {
            (Protocol::Http | Protocol::Grpc, false) => Some(80),
            (Protocol::Http | Protocol::Grpc, true) => Some(443),
            _ => None,
        };
        let has_port = address.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        let is_ip = address.starts_with('[') || address.parse::<std::net::IpAddr>().is_ok();
        match port {
            _ if has_port => Target::Server { address: logged(address), tls },
            // What is no group here may be one in what could not be read.
            Some(port) if is_ip || !self.partial => {
                Target::Server { address: logged(&format!("{address}:{port}")), tls }
            }
            _ => Target::Missing(address.to_owned()),
        }
    }
}

/// A URL up to its path, whose variables do not tell where a request goes.
fn without_path(text: &str) -> &str {
    let Some(host) = text.find("://").map(|at| at + 3) else { return text };
    let rest = &text[host..];
    let end = match rest.strip_prefix("unix:") {
        // `http://unix:/path:/uri`
        Some(path) => path.find(':').map(|at| at + 5),
        None => rest.find('/'),
    };
    &text[..end.map_or(text.len(), |end| host + end)]
}
