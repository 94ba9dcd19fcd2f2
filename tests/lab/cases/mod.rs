//! The table of failures: how each is provoked, what the client sees, and what Badgateway must say about it.
//!
//! The files beside this one hold the rows, by the place where things break. A row is data; only what no request can
//! do (stop PHP-FPM half way through an answer) is a function.

pub(crate) mod compare;
mod connect;
mod fastcgi;
mod forged;
mod groups;
mod http;
mod lifecycle;
mod limits;
mod many_requests;
mod nginx_own;
mod php;
pub(crate) mod run;
mod streams;
mod tls_dns;
mod totals;

use crate::{
    full_lab::Lab,
    harness::{Result, client::Answer},
};

/// How a case is provoked. Paths may use `@name@`.
pub(crate) enum Send {
    /// One after the other, each on a connection of its own.
    Get(&'static [&'static str]),
    /// One after the other on one connection.
    Keepalive(&'static [&'static str]),
    /// As streams of one HTTP/2 connection, all at once.
    Streams(&'static [&'static str]),
    /// One request with these headers.
    With(&'static str, &'static [(&'static str, &'static str)]),
    /// Anything else.
    Do(fn(&mut Lab) -> Result<Vec<Answer>>),
}

/// As many as clients got this code: where a queue or a limit decides who fails.
pub(crate) const ALL: u64 = u64::MAX;

/// Matches any upstream or root cause, where several answers are right.
pub(crate) const ANY: &str = "?";

/// `(code, cause, upstream, count)`.
pub(crate) type Error = (&'static str, &'static str, &'static str, u64);
/// `(upstream, cause, outcome, count)`.
pub(crate) type Failure = (&'static str, &'static str, &'static str, u64);

/// One failure.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Configuration for nginx's `http` and `server` blocks.
    pub(crate) http: &'static str,
    pub(crate) server: &'static str,
    pub(crate) send: Send,
    /// Status codes that the clients must see, with their number; `000` is an answer without a status.
    pub(crate) seen: &'static [(&'static str, u64)],
    /// How many of the bodies are cut short.
    pub(crate) cut: u64,
    /// The codes in the access log, where they are not what the client saw.
    pub(crate) logged: Option<&'static [(&'static str, u64)]>,
    /// What nginx must write into its error log: the proof that this failure happened and no other.
    pub(crate) says: &'static [&'static str],
    /// What `badgateway_http_errors_total` must gain, and nothing besides.
    pub(crate) errors: &'static [Error],
    /// The same on the `combined` log, where it cannot know as much.
    pub(crate) plain: Option<&'static [Error]>,
    /// `badgateway_upstream_failures_total`; `None`: one failed attempt for each of `errors`.
    pub(crate) failures: Option<&'static [Failure]>,
    /// The root cause of all `errors`; `None`: what design.md says that the cause itself is evidence of.
    pub(crate) root: Option<&'static str>,
    /// The same on the `combined` log, where it is another one.
    pub(crate) plain_root: Option<&'static str>,
    /// The root cause by upstream, where several break at once.
    pub(crate) roots: &'static [(&'static str, &'static str)],
    /// `badgateway_fpm_worker_exits_total`: `(pool, reason, count)`.
    pub(crate) exits: &'static [(&'static str, &'static str, u64)],
}

impl Case {
    /// The defaults of a row; the name and what matters are in the table.
    pub(crate) const BASE: Case = Case {
        name: "",
        http: "",
        server: "",
        send: Send::Get(&[]),
        seen: &[],
        cut: 0,
        logged: None,
        says: &[],
        errors: &[],
        plain: None,
        failures: None,
        root: None,
        plain_root: None,
        roots: &[],
        exits: &[],
    };

    /// The root cause of one of its errors, on the rich or on the `combined` log.
    pub(crate) fn root_of(&self, cause: &str, upstream: &str, rich: bool) -> &'static str {
        let root = if rich { self.root } else { self.plain_root.or(self.root) };
        root.unwrap_or(match cause {
            "permission_denied" if upstream.starts_with("unix:") => "socket_permissions",
            "permission_denied" | "firewall_denied" | "host_unreachable" | "dns_failure" => "network",
            "backlog_full" => "pool_saturated",
            // PHP-FPM runs, and none of its pools is there.
            "protocol_mismatch" | "socket_missing" => "wrong_address",
            "header_too_big" => "buffers_too_small",
            "response_timeout" => "slow_request",
            "tls_failure" => "tls",
            // The kernel may show that the listener's queue is full.
            "connect_timeout" => ANY,
            "upstream_status" => "application",
            "local_ports_exhausted" | "nginx_return" | "nginx_limit" | "nginx_resources" | "nginx_config" => {
                "nginx"
            }
            _ => "unknown",
        })
    }

    /// Whether its root cause comes out of FPM's log, whose stamps are whole seconds: such cases keep apart.
    pub(crate) fn needs_own_second(&self) -> bool {
        !self.exits.is_empty()
            || !self.roots.is_empty()
            || self.root.is_some_and(|root| root.starts_with("fpm_") || root.starts_with("client_"))
    }
}

/// All rows.
pub(crate) fn table() -> Vec<&'static Case> {
    [
        connect::CASES,
        php::CASES,
        fastcgi::CASES,
        http::CASES,
        groups::CASES,
        lifecycle::CASES,
        many_requests::CASES,
        tls_dns::CASES,
        nginx_own::CASES,
        streams::CASES,
        forged::CASES,
    ]
    .into_iter()
    .flatten()
    .collect()
}
