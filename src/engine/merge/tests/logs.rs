//! Lines as nginx and PHP-FPM write them, seconds after 2026-11-20 00:00:00, and what becomes of them.

use std::collections::BTreeMap;

use crate::attribute::{Id, Sink, Verdict};
use crate::vocabulary::{Cause, ExitReason, Outcome, Phase, RootCause};

fn clock(at: i64) -> String {
    format!("{:02}:{:02}:{:02}", at / 3600, at / 60 % 60, at % 60)
}

pub(super) fn access(at: i64, status: u16, connection: u64) -> String {
    let connect = if status == 502 { "-" } else { "0.000" };
    let header = if status == 502 { "-" } else { "0.001" };
    format!(
        "10.0.0.1 - - [20/Nov/2026:{} +0000] \"GET /{connection} HTTP/1.1\" {status} 157 \"-\" \"-\" server=\"s\" pid=7 connection={connection} msec={}.000 request_time=0.000 upstream_addr=\"unix:/x\" upstream_status=\"{status}\" upstream_connect_time=\"{connect}\" upstream_header_time=\"{header}\" upstream_response_time=\"0.000\" upstream_bytes_received=\"0\" upstream_cache_status=\"-\"\n",
        clock(at),
        1_795_132_800 + at
    )
}

/// A line of a JSON format without a time.
pub(super) fn timeless(connection: u64) -> String {
    format!(
        "{{\"status\":\"502\",\"request\":\"GET /{connection} HTTP/1.1\",\"remote_addr\":\"10.0.0.1\",\"pid\":\"7\",\"connection\":\"{connection}\",\"upstream_addr\":\"unix:/x\",\"upstream_status\":\"502\"}}\n"
    )
}

fn tail(connection: u64) -> String {
    format!(
        "client: 10.0.0.1, server: s, request: \"GET /{connection} HTTP/1.1\", upstream: \"fastcgi://unix:/x:\", host: \"s\"\n"
    )
}

pub(super) fn entry(at: i64, connection: u64) -> String {
    format!(
        "2026/11/20 {} [crit] 7#7: *{connection} connect() to unix:/x failed (2: No such file or directory) while connecting to upstream, {}",
        clock(at),
        tail(connection)
    )
}

/// A script's words: what follows may belong to them.
pub(super) fn php_fatal(at: i64, connection: u64) -> String {
    format!(
        "2026/11/20 {} [error] 7#7: *{connection} FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Uncaught Error: x in /a.php:1\" while reading response header from upstream, {}",
        clock(at),
        tail(connection)
    )
}

pub(super) fn fpm_line(at: i64, message: &str) -> String {
    format!("[20-Nov-2026 {}] {message}\n", clock(at))
}

/// What the attribution told.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) responses: u64,
    pub(super) roots: BTreeMap<(Cause, RootCause), u64>,
    /// Failures with a missing socket, and scripts that died.
    pub(super) missing: u64,
    pub(super) php: u64,
    failures: BTreeMap<(Cause, Outcome), u64>,
}

impl Seen {
    /// Failures whose cause and root cause are those of an outage.
    pub(super) fn right(&self) -> u64 {
        self.roots.get(&(Cause::SocketMissing, RootCause::FpmStopped)).copied().unwrap_or_default()
    }
}

impl Sink for Seen {
    fn response(&mut self, _: Id, _: u16) {
        self.responses += 1;
    }

    fn error(&mut self, verdict: &Verdict) {
        self.missing += u64::from(verdict.cause == Cause::SocketMissing);
    }

    fn root(&mut self, verdict: &Verdict, root: RootCause) {
        *self.roots.entry((verdict.cause, root)).or_default() += 1;
        self.php += u64::from(root == RootCause::PhpFatal);
    }

    fn failure(&mut self, _: Id, cause: Cause, outcome: Outcome) {
        *self.failures.entry((cause, outcome)).or_default() += 1;
    }

    fn exit(&mut self, _: Id, _: Id, _: ExitReason) {}

    fn seconds(&mut self, _: Id, _: Phase, _: f64) {}

    fn pair(&mut self, _: Id, _: Id) {}
}
