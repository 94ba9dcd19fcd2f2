//! Failed responses: each pair of cause and root cause under one alert, and under no other.

use super::{Case, START, rising, series, steady};
use crate::promtool::Series;

/// How an alert waits.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    /// At once: `page_ratio` and `page_failures` within two minutes.
    Page,
    /// A page that lets others go first, by seconds.
    Late(u32),
    /// `ticket_ratio` for three minutes.
    Ticket,
    /// One burst is enough.
    Burst,
}
use Level::{Burst, Late, Page, Ticket};

/// (alert, level, cause, root cause).
const PAIRS: &[(&str, Level, &str, &str)] = &[
    ("PhpFpmDown", Late(15), "socket_missing", "fpm_stopped"),
    ("PhpFpmDown", Late(15), "connection_refused", "fpm_not_running"),
    ("PhpFpmDown", Late(15), "connection_reset", "fpm_stopped"),
    ("Nginx502WrongAddress", Page, "socket_missing", "wrong_address"),
    ("Nginx502WrongAddress", Page, "connection_refused", "wrong_address"),
    ("Nginx502WrongAddress", Page, "protocol_mismatch", "wrong_address"),
    ("Nginx502PermissionDenied", Page, "permission_denied", "socket_permissions"),
    ("Nginx502PermissionDenied", Page, "permission_denied", "network"),
    ("Nginx502PoolSaturated", Page, "backlog_full", "pool_saturated"),
    ("Nginx502PoolSaturated", Page, "connect_timeout", "pool_saturated"),
    ("Nginx502WorkerOomKilled", Page, "connection_reset", "worker_oom_killed"),
    ("Nginx502WorkerCrashed", Page, "connection_reset", "worker_crashed"),
    ("Nginx502WorkerKilled", Page, "closed_prematurely", "worker_killed"),
    ("Nginx502ClientNotAllowed", Page, "closed_prematurely", "client_not_allowed"),
    ("Nginx502TlsFailure", Page, "tls_failure", "tls"),
    ("Nginx502DnsFailure", Page, "dns_failure", "network"),
    ("Nginx502DnsFailure", Page, "dns_failure", "nginx"),
    ("Nginx502HostUnreachable", Page, "host_unreachable", "network"),
    ("Nginx502HostUnreachable", Page, "firewall_denied", "network"),
    ("Nginx504ConnectTimeout", Page, "connect_timeout", "network"),
    ("Nginx502ConnectionRefused", Page, "connection_refused", "unknown"),
    ("Nginx502SocketMissing", Page, "socket_missing", "unknown"),
    ("Nginx502ConnectFailed", Page, "connect_failed", "unknown"),
    ("Nginx502NoLiveUpstreams", Late(60), "no_live_upstreams", "unknown"),
    ("Nginx502NoLiveUpstreams", Late(60), "no_live_upstreams", "fpm_not_running"),
    ("Nginx502NoLiveUpstreams", Late(60), "no_live_upstreams", "wrong_address"),
    ("Nginx502ConnectionLost", Page, "connection_reset", "unknown"),
    ("Nginx502ConnectionLost", Page, "closed_prematurely", "unknown"),
    ("Nginx502ConnectionLost", Page, "send_failed", "unknown"),
    ("Nginx502PhpFpmReloaded", Burst, "connection_reset", "fpm_reloaded"),
    ("Nginx502StaleKeepalive", Ticket, "closed_prematurely", "stale_keepalive"),
    ("Nginx502RequestTerminated", Ticket, "connection_reset", "request_terminated"),
    ("Nginx502HeaderTooBig", Ticket, "header_too_big", "buffers_too_small"),
    ("Nginx502InvalidResponse", Ticket, "invalid_response", "unknown"),
    ("Nginx504SlowUpstream", Ticket, "response_timeout", "slow_request"),
    ("NginxApplicationErrors", Ticket, "upstream_status", "application"),
    ("NginxPhpErrors", Ticket, "upstream_status", "php_fatal"),
    ("NginxPhpErrors", Ticket, "upstream_status", "php_memory_limit"),
    ("NginxPhpErrors", Ticket, "upstream_status", "php_time_limit"),
    ("NginxCachedErrors", Ticket, "cached_error", "unknown"),
    ("NginxReturnsErrors", Ticket, "nginx_return", "nginx"),
    ("NginxLimitsRequests", Ticket, "nginx_limit", "nginx"),
    ("NginxOutOfResources", Page, "nginx_resources", "nginx"),
    ("NginxOutOfResources", Page, "local_ports_exhausted", "nginx"),
    ("NginxConfigErrors", Ticket, "nginx_config", "nginx"),
];

const UPSTREAM: &str = r#"upstream="unix:/run/php/www.sock""#;

/// Failed responses of one kind, and the requests they are a share of.
fn failing(cause: &str, root: &str, failures: String, requests: String) -> Vec<Series> {
    vec![
        series(
            "badgateway_http_errors_total",
            format!(r#"server="a",{UPSTREAM},code="502",cause="{cause}""#),
            failures.clone(),
        ),
        series(
            "badgateway_http_root_causes_total",
            format!(r#"{UPSTREAM},code="502",root_cause="{root}""#),
            failures,
        ),
        series("badgateway_upstream_seconds_count", format!(r#"{UPSTREAM},phase="response""#), requests),
    ]
}

fn pair(alert: &'static str, level: Level, cause: &'static str, root: &'static str) -> Case {
    let full =
        |step: f64, steps: u32, requests: f64| failing(cause, root, rising(step, steps), steady(requests));
    // Five minutes of trouble at just above the share that counts; a burst is over after one sample.
    let (input, less, before, fires, ends) = match level {
        Page => {
            (full(6.0, 20, 100.0), vec![full(49.0, 20, 1000.0), full(4.0, 1, 4.0)], None, START + 120, 900)
        }
        Late(by) => (
            full(6.0, 20, 100.0),
            vec![full(49.0, 20, 1000.0), full(4.0, 1, 4.0)],
            // 5 % of two minutes are reached after seven samples.
            Some(START + 7 * 15 + by - 15),
            START + 7 * 15 + by + 30,
            900,
        ),
        Ticket => (
            full(12.0, 20, 1000.0),
            vec![full(99.0, 20, 10_000.0), full(500.0, 1, 1000.0)],
            Some(START + 180),
            600,
            // It mutes one that lasts longer.
            if alert == "Nginx502RequestTerminated" { 1080 } else { 780 },
        ),
        Burst => (full(50.0, 1, 100.0), vec![full(4.0, 1, 4.0)], None, START + 15, 900),
    };
    let what = format!("({cause}, {root})");
    Case { alert, what, labels: UPSTREAM.to_owned(), input, less, before, fires, ends, along: "" }
}

/// Failed attempts that no access log shows as failed responses.
fn attempts(alert: &'static str, outcome: &'static str) -> Case {
    let full = |step: f64, steps: u32| {
        let labels = format!(r#"{UPSTREAM},cause="connection_reset",outcome="{outcome}""#);
        let requests = format!(r#"{UPSTREAM},phase="response""#);
        vec![
            series("badgateway_upstream_failures_total", labels, rising(step, steps)),
            series("badgateway_upstream_seconds_count", requests, steady(1000.0)),
        ]
    };
    Case {
        alert,
        what: outcome.to_owned(),
        labels: format!(r#"{UPSTREAM},outcome="{outcome}""#),
        input: full(12.0, 20),
        less: vec![full(9.0, 20), full(500.0, 1)],
        before: Some(START + 180),
        fires: 600,
        ends: 780,
        along: "",
    }
}

/// Where the log_format has no upstream times, all requests stand in for those to the upstream.
fn without_times() -> Case {
    let full = |step: f64| {
        let mut series = failing("permission_denied", "socket_permissions", rising(step, 20), String::new());
        series.pop();
        series
    };
    Case {
        alert: "Nginx502PermissionDenied",
        what: "without upstream times".to_owned(),
        labels: UPSTREAM.to_owned(),
        input: full(90.0),
        less: vec![full(70.0)],
        before: None,
        fires: START + 120,
        ends: 900,
        along: "",
    }
}

/// Most failures have no known cause.
fn unexplained() -> Case {
    let full = |unknown: f64| {
        [
            failing("unknown", "unknown", rising(unknown, 20), steady(100_000.0)),
            vec![series(
                "badgateway_http_errors_total",
                format!(r#"server="a",{UPSTREAM},code="502",cause="header_too_big""#),
                rising(10.0, 20),
            )],
        ]
        .concat()
    };
    Case {
        alert: "Nginx502Unexplained",
        what: String::new(),
        labels: String::new(),
        input: full(3.0),
        less: vec![full(2.4), full(0.0)],
        before: Some(START + 180),
        fires: 600,
        ends: 780,
        along: "",
    }
}

/// Two pools fail for two reasons: each alert names its own.
fn of_another_upstream() -> Case {
    let other: Vec<Series> = failing("connection_reset", "worker_crashed", steady(0.0), steady(100.0))
        .into_iter()
        .map(|(name, labels, values)| (name, labels.replace("www.sock", "other.sock"), values))
        .collect();
    let mut case = pair("Nginx502PermissionDenied", Page, "permission_denied", "socket_permissions");
    case.what = "beside a healthy pool".to_owned();
    case.input.extend(other);
    case
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> =
        PAIRS.iter().map(|(alert, level, cause, root)| pair(alert, *level, cause, root)).collect();
    cases.push(attempts("NginxTruncatedResponses", "truncated"));
    cases.push(attempts("NginxRetriesMaskFailures", "rescued"));
    cases.push(without_times());
    cases.push(unexplained());
    cases.push(of_another_upstream());
    cases
}
