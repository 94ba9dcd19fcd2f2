//! The `phpfpm_*` families that dashboards, alerts and autoscalers were written for.
//!
//! Names, types, help and labels are those of hipages/php-fpm_exporter (phpfpm/exporter.go), wrong ones included: there,
//! `start_since`, `max_listen_queue` and `max_active_processes` are counters, and no counter's name ends in `_total`.
//! Its per-process families (`phpfpm_process_*`) are not offered: they have series for each worker, and what they tell
//! needs the full page, which any client can break (see `page`).

use super::page::StatusPage;
use crate::address::Listener;

/// The labels of each family: the pool's name as its page gives it, and the address that was asked.
///
/// Before the first good answer the pool's name is empty there, too.
pub const LABELS: [&str; 2] = ["pool", "scrape_uri"];

/// What Prometheus shall take a family for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up.
    Counter,
}

/// Where a family's value comes from.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// 1 when the last poll gave a page, 0 when not.
    Up,
    /// How many polls failed.
    Failures,
    /// Read from the page; without a page the family has no series for the pool.
    Page(fn(&StatusPage) -> u64),
}

/// One family.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its help.
    pub help: &'static str,
    /// Its value.
    pub value: Value,
}

const fn family(name: &'static str, kind: Kind, value: Value, help: &'static str) -> Family {
    Family { name, kind, help, value }
}

use Kind::{Counter, Gauge};
use Value::{Failures, Page, Up};

/// All of them, in the order of the original.
pub const FAMILIES: [Family; 13] = [
    family("phpfpm_up", Gauge, Up, "Could PHP-FPM be reached?"),
    family("phpfpm_scrape_failures", Counter, Failures, "The number of failures scraping from PHP-FPM."),
    family(
        "phpfpm_start_since",
        Counter,
        Page(|page| page.start_since),
        "The number of seconds since FPM has started.",
    ),
    family(
        "phpfpm_accepted_connections",
        Counter,
        Page(|page| page.accepted_conn),
        "The number of requests accepted by the pool.",
    ),
    family(
        "phpfpm_listen_queue",
        Gauge,
        Page(|page| page.listen_queue),
        "The number of requests in the queue of pending connections.",
    ),
    family(
        "phpfpm_max_listen_queue",
        Counter,
        Page(|page| page.max_listen_queue),
        "The maximum number of requests in the queue of pending connections since FPM has started.",
    ),
    family(
        "phpfpm_listen_queue_length",
        Gauge,
        Page(|page| page.listen_queue_len),
        "The size of the socket queue of pending connections.",
    ),
    family("phpfpm_idle_processes", Gauge, Page(|page| page.idle_processes), "The number of idle processes."),
    family(
        "phpfpm_active_processes",
        Gauge,
        Page(|page| page.active_processes),
        "The number of active processes.",
    ),
    family(
        "phpfpm_total_processes",
        Gauge,
        Page(|page| page.total_processes),
        "The number of idle + active processes.",
    ),
    family(
        "phpfpm_max_active_processes",
        Counter,
        Page(|page| page.max_active_processes),
        "The maximum number of active processes since FPM has started.",
    ),
    family(
        "phpfpm_max_children_reached",
        Counter,
        Page(|page| page.max_children_reached),
        "The number of times, the process limit has been reached, when pm tries to start more children (works only for pm 'dynamic' and 'ondemand').",
    ),
    family(
        "phpfpm_slow_requests",
        Counter,
        Page(|page| page.slow_requests),
        "The number of requests that exceeded your 'request_slowlog_timeout' value.",
    ),
];

/// What docs/metrics.md says of them.
pub fn markdown() -> String {
    let mut out = String::from(
        "\n## With --compat.phpfpm-metrics\n\nThe names of hipages/php-fpm_exporter, for dashboards and autoscalers that were built on them, of every pool with a \
         `pm.status_path`, with the labels `pool` and `scrape_uri`:\n\n| family | type | meaning |\n|---|---|---|\n",
    );
    for Family { name, kind, help, .. } in FAMILIES {
        let kind = if kind == Counter { "counter" } else { "gauge" };
        out.push_str(&format!("| `{name}` | {kind} | {help} |\n"));
    }
    out
}

/// `scrape_uri` as users of the original wrote it: `tcp://127.0.0.1:9000/status`, `unix:///run/x.sock;/status`.
pub fn scrape_uri(address: &Listener, path: &str) -> String {
    match address {
        Listener::Unix(socket) => format!("unix://{};{path}", socket.display()),
        Listener::Tcp { .. } => format!("tcp://{}{path}", address.upstream()),
    }
}
