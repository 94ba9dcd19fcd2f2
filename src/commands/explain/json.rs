//! `explain --format json`: one object, a contract that other tools read.

use serde::Serialize;

use super::report::Report;
use crate::attribute::Attributor;
use crate::engine::zone;
use crate::record::LogKind;
use crate::record::stamp::Local;
use crate::vocabulary::code;

#[derive(Serialize)]
struct Object<'a> {
    lines: Lines,
    responses: Vec<Response<'a>>,
    failures: Vec<Failure<'a>>,
    worker_exits: Vec<WorkerExit<'a>>,
    not_started: Vec<NotStarted<'a>>,
}

#[derive(Serialize)]
struct Lines {
    access: u64,
    error: u64,
    fpm: u64,
    unparsed: u64,
}

#[derive(Serialize)]
struct Response<'a> {
    code: String,
    cause: &'static str,
    root_cause: &'static str,
    server: &'a str,
    upstream: &'a str,
    count: u64,
    first: String,
    last: String,
}

#[derive(Serialize)]
struct Failure<'a> {
    cause: &'static str,
    upstream: &'a str,
    outcome: &'static str,
    count: u64,
    first: String,
    last: String,
}

/// Starts and reloads of nginx that failed. nginx's standard error tells no time.
#[derive(Serialize)]
struct NotStarted<'a> {
    message: &'a str,
    count: u64,
    first: Option<String>,
    last: Option<String>,
}

#[derive(Serialize)]
struct WorkerExit<'a> {
    pool: &'a str,
    reason: &'static str,
    count: u64,
}

pub fn render(report: &Report, attributor: &Attributor) -> String {
    let names = &attributor.names;
    let time = |at: Local| zone::rfc3339(at, attributor.offset());
    let responses = report.responses.iter().map(|(key, row)| Response {
        code: code(key.status),
        cause: key.cause.word(),
        root_cause: key.root.word(),
        server: names.servers.text(key.server),
        upstream: names.upstreams.text(key.upstream),
        count: row.count,
        first: time(row.first),
        last: time(row.last),
    });
    let failures = report.failures.iter().map(|((cause, upstream, outcome), row)| Failure {
        cause: cause.word(),
        upstream: names.upstreams.text(*upstream),
        outcome: outcome.word(),
        count: row.count,
        first: time(row.first),
        last: time(row.last),
    });
    let exits = report.exits.iter().map(|((pool, reason), count)| WorkerExit {
        pool: names.pools.text(*pool),
        reason: reason.word(),
        count: *count,
    });
    let not_started = report.not_started.iter().map(|(message, told)| NotStarted {
        message,
        count: told.count(),
        first: told.span.map(|(first, _)| time(first)),
        last: told.span.map(|(_, last)| time(last)),
    });
    let object = Object {
        lines: Lines {
            access: report.parsed(LogKind::Access),
            error: report.parsed(LogKind::Error),
            fpm: report.parsed(LogKind::Fpm),
            unparsed: report.unparsed(),
        },
        responses: responses.collect(),
        failures: failures.collect(),
        worker_exits: exits.collect(),
        not_started: not_started.collect(),
    };
    let mut text = serde_json::to_string_pretty(&object).unwrap_or_default();
    text.push('\n');
    text
}
