//! Failed responses: each pair of cause and root cause under one alert, and under no other.

use super::{Case, FROM, Shape, Shaped, TO, always, page, rising, shaped, ticket};

/// (alert, cause, root cause).
const PAGES: &[(&str, &str, &str)] = &[
    ("PhpFpmDown", "socket_missing", "fpm_stopped"),
    ("PhpFpmDown", "connection_refused", "fpm_not_running"),
    ("PhpFpmDown", "connection_reset", "fpm_stopped"),
    ("Nginx502WrongAddress", "socket_missing", "wrong_address"),
    ("Nginx502WrongAddress", "connection_refused", "wrong_address"),
    ("Nginx502WrongAddress", "protocol_mismatch", "wrong_address"),
    ("Nginx502PermissionDenied", "permission_denied", "socket_permissions"),
    ("Nginx502PermissionDenied", "permission_denied", "network"),
    ("Nginx502PermissionDenied", "closed_prematurely", "client_not_allowed"),
    ("PhpFpmPoolExhausted", "backlog_full", "pool_saturated"),
    ("PhpFpmPoolExhausted", "connect_timeout", "pool_saturated"),
    ("PhpFpmOomKill", "connection_reset", "worker_oom_killed"),
    ("PhpFpmWorkersDying", "connection_reset", "worker_crashed"),
    ("PhpFpmWorkersDying", "closed_prematurely", "worker_killed"),
    ("Nginx502TlsFailure", "tls_failure", "tls"),
    ("NginxCannotConnect", "dns_failure", "network"),
    ("NginxCannotConnect", "dns_failure", "nginx"),
    ("NginxCannotConnect", "host_unreachable", "network"),
    ("NginxCannotConnect", "firewall_denied", "network"),
    ("NginxCannotConnect", "connect_timeout", "network"),
    ("NginxCannotConnect", "connection_refused", "unknown"),
    ("NginxCannotConnect", "socket_missing", "unknown"),
    ("NginxCannotConnect", "connect_failed", "unknown"),
    ("Nginx502NoLiveUpstreams", "no_live_upstreams", "unknown"),
    ("Nginx502NoLiveUpstreams", "no_live_upstreams", "fpm_not_running"),
    ("Nginx502NoLiveUpstreams", "no_live_upstreams", "wrong_address"),
    ("Nginx502ConnectionLost", "connection_reset", "unknown"),
    ("Nginx502ConnectionLost", "closed_prematurely", "unknown"),
    ("Nginx502ConnectionLost", "send_failed", "unknown"),
    ("NginxOutOfResources", "nginx_resources", "nginx"),
    ("NginxOutOfResources", "local_ports_exhausted", "nginx"),
];

const TICKETS: &[(&str, &str, &str)] = &[
    ("Nginx502StaleKeepalive", "closed_prematurely", "stale_keepalive"),
    ("Nginx504SlowUpstream", "connection_reset", "request_terminated"),
    ("Nginx504SlowUpstream", "response_timeout", "slow_request"),
    ("Nginx502InvalidResponse", "header_too_big", "buffers_too_small"),
    ("Nginx502InvalidResponse", "invalid_response", "unknown"),
    ("NginxApplicationErrors", "upstream_status", "application"),
    ("NginxApplicationErrors", "upstream_status", "php_fatal"),
    ("NginxApplicationErrors", "upstream_status", "php_memory_limit"),
    ("NginxApplicationErrors", "upstream_status", "php_time_limit"),
    ("NginxReturnsErrors", "cached_error", "unknown"),
    ("NginxReturnsErrors", "nginx_return", "nginx"),
    ("NginxReturnsErrors", "nginx_config", "nginx"),
    ("NginxLimitsRequests", "nginx_limit", "nginx"),
];

pub(super) const UPSTREAM: &str = r#"upstream="unix:/run/php/www.sock""#;

/// Failed responses of one kind, and the requests in a second that they are a share of.
pub(super) fn failing(cause: &str, root: &str, shape: Shape, requests: f64) -> Vec<Shaped> {
    let errors = format!(r#"server="a",{UPSTREAM},code="502",cause="{cause}""#);
    let roots = format!(r#"server="a",{UPSTREAM},code="502",root_cause="{root}""#);
    vec![
        shaped("badgateway_http_errors_total", errors, shape),
        shaped("badgateway_http_root_causes_total", roots, shape),
        always("badgateway_upstream_seconds_count", format!(r#"{UPSTREAM},phase="response""#), requests),
    ]
}

/// Every request fails; elsewhere 4.5 % do, or three in all, or all do for the 3.3 s of a deploy every ten minutes.
fn pages((alert, cause, root): (&'static str, &str, &str)) -> Case {
    let all = failing(cause, root, Shape::Rising(10.0, FROM, TO), 10.0);
    let share = failing(cause, root, Shape::Rising(0.45, FROM, TO), 10.0);
    let few = failing(cause, root, Shape::Rising(3.0, FROM, FROM + 1.0), 0.02);
    let deploys = failing(cause, root, Shape::Again(10.0, 3.3, 600.0, FROM, TO), 10.0);
    // What a deploy cuts off is a ticket.
    let mut less = vec![share, few];
    if root != "fpm_stopped" {
        less.push(deploys);
    }
    let mut case = page(alert, UPSTREAM, all, less);
    case.along = if root == "fpm_stopped" { "Nginx502PhpFpmReloaded" } else { "" };
    if root == "fpm_stopped" {
        case.less.clear();
    }
    case
}

/// 2 % fail, and as many of a site with few visitors; elsewhere 0.8 %, one burst, or one bot that comes every 90 s.
fn tickets((alert, cause, root): (&'static str, &str, &str)) -> Case {
    let much = failing(cause, root, Shape::Rising(0.2, FROM, TO), 10.0);
    let less = vec![
        failing(cause, root, Shape::Rising(0.08, FROM, TO), 10.0),
        failing(cause, root, Shape::Rising(300.0, FROM, FROM + 1.0), 10.0),
        failing(cause, root, Shape::Rising(1.0 / 90.0, FROM, TO), 0.1),
    ];
    let severity = if alert == "NginxLimitsRequests" { "info" } else { "warning" };
    Case { severity, ..ticket(alert, UPSTREAM, much, less) }
}

/// Failed attempts that no access log shows as failed responses.
fn attempts(alert: &'static str, outcome: &str) -> Case {
    let full = |shape: Shape| {
        let labels = format!(r#"{UPSTREAM},cause="connection_reset",outcome="{outcome}""#);
        vec![
            shaped("badgateway_upstream_failures_total", labels, shape),
            always("badgateway_upstream_seconds_count", format!(r#"{UPSTREAM},phase="response""#), 10.0),
        ]
    };
    let less = vec![full(Shape::Rising(0.08, FROM, TO)), full(Shape::Rising(300.0, FROM, FROM + 1.0))];
    let labels = format!(r#"{UPSTREAM},outcome="{outcome}""#);
    ticket(alert, &labels, full(Shape::Rising(0.2, FROM, TO)), less)
}

/// Thirty pools, and a log_format without upstream times: one of them fails for every visitor.
fn one_of_thirty() -> Case {
    let pools = |rate: f64| {
        let mut all = failing("permission_denied", "socket_permissions", Shape::Rising(rate, FROM, TO), 0.0);
        all.pop();
        for number in 0..30 {
            let labels =
                format!(r#"fpm="8.2",pool="p{number}",upstream="unix:/run/php/p{number}.sock",pm="static""#);
            all.push(shaped("badgateway_fpm_pool_info", labels, Shape::Gauge(1.0, 1.0, 0.0, 0.0)));
        }
        all
    };
    // A thirtieth of 100 requests in a second.
    page("Nginx502PermissionDenied", UPSTREAM, pools(3.3), vec![pools(0.1)])
}

/// Most failures have no known cause.
fn unexplained() -> Case {
    let full = |unknown: f64| {
        let mut all = failing("unknown", "unknown", Shape::Rising(unknown, FROM, TO), 10_000.0);
        let other = format!(r#"server="a",{UPSTREAM},code="502",cause="header_too_big""#);
        all.push(rising("badgateway_http_errors_total", other, 1.0));
        all
    };
    ticket("Nginx502Unexplained", "", full(0.3), vec![full(0.24), full(0.0)])
}

/// A reload cuts off what runs: one burst is enough.
fn reloaded() -> Case {
    let burst =
        |root, rate| failing("connection_reset", root, Shape::Again(rate, 2.0, 180.0, FROM, TO), 10.0);
    Case {
        within: 180,
        along: "",
        ..ticket(
            "Nginx502PhpFpmReloaded",
            UPSTREAM,
            burst("fpm_reloaded", 20.0),
            vec![burst("fpm_reloaded", 1.0)],
        )
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = PAGES.iter().copied().map(pages).collect();
    cases.extend(TICKETS.iter().copied().map(tickets));
    cases.push(attempts("NginxTruncatedResponses", "truncated"));
    cases.push(attempts("NginxRetriesMaskFailures", "rescued"));
    cases.push(one_of_thirty());
    cases.push(unexplained());
    cases.push(reloaded());
    cases
}
