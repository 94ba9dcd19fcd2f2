//! Panels about pools of PHP-FPM over time. Pools are never added up or averaged: the worst one is what visitors feel.

use serde_json::json;

use super::{
    colours, links,
    panel::{Panel, graph},
    query::{RATE, S, pools, rise, threshold},
};

/// How a pool is called in a legend.
const NAME: &str = "{{pool}} ({{fpm}}) {{instance}}";

fn by_pool(of: &str) -> String {
    format!("max by (instance, fpm, pool) ({of})")
}

pub(crate) fn saturation() -> Panel {
    graph(
        "How full is each pool?",
        "(busy workers + waiting connections) / pm.max_children, the highest of each minute. Above 100 % visitors wait. The dashed line is \
         where the alert PhpFpmPoolSaturated begins.",
    )
    .unit("percentunit")
    .over_time(NAME, by_pool(&pools("badgateway_fpm_saturation_ratio_peak")))
    .over_time("alert", threshold("saturation_ratio"))
    .limit("alert")
}

pub(crate) fn waiting_time() -> Panel {
    graph(
        "For how much of the time did visitors wait?",
        "Share of the time in which all workers were busy and somebody waited. The dashed line is where somebody is woken.",
    )
    .unit("percentunit")
    .over_time(NAME, by_pool(&format!("rate({}[{RATE}])", pools("badgateway_fpm_saturated_seconds_total"))))
    .over_time("alert", format!("{} / 240", threshold("saturated_seconds")))
    .limit("alert")
}

pub(crate) fn queue() -> Panel {
    graph(
        "How full is the queue?",
        "The longest queue of each minute as a part of its limit (listen.backlog, capped by net.core.somaxconn). At 100 % the next \
         visitor of a unix socket gets 502 at once.",
    )
    .unit("percentunit")
    .over_time(
        NAME,
        by_pool(&format!("{} / ({} > 0)", pools("badgateway_fpm_listen_queue_peak"), pools("badgateway_fpm_listen_queue_limit"))),
    )
}

pub(crate) fn failures() -> Panel {
    let info = format!("max by (job, instance, upstream) ({})", pools("badgateway_fpm_pool_info"));
    let failed = format!("badgateway_http_errors_total{{{S}}}");
    graph(
        "What fails at these pools?",
        "Failed responses whose upstream is one of the chosen pools, by what nginx saw. A click leads to the runbook.",
    )
    .unit("reqps")
    .over_time(
        "{{cause}}",
        format!(
            "sum by (cause) (sum by (job, instance, upstream, cause) {} * on (job, instance, upstream) group_left () {info}) / ($__rate_interval_ms / 1000)",
            rise(&failed, RATE)
        ),
    )
    .stacked_bars()
    .causes()
    .legend_beside()
    .empty("nothing failed")
    .links(json!([links::runbook_of_label("cause")]))
}

pub(crate) fn exits() -> Panel {
    graph(
        "How do workers end?",
        "Ends of workers in PHP-FPM's log. More than the alert PhpFpmWorkersDying allows in 10 minutes (3): look for the signal in PHP-FPM's log. \
         recycled is pm.max_requests, and harmless.",
    )
    .unit("locale")
    .over_time(
        "{{reason}} {{pool}} ({{fpm}})",
        format!("sum by (fpm, pool, reason) (increase({}[{RATE}]))", pools("badgateway_fpm_worker_exits_total")),
    )
    .stacked_bars()
    .by_the_minute()
    .decimals(0)
    .empty("none ended")
    .without_zeros()
}

pub(crate) fn memory() -> Panel {
    graph(
        "How much memory does a worker take?",
        "Resident memory of the workers of a pool divided by their number; shared pages count for each. Times pm.max_children it must \
         fit into what the machine or the cgroup has.",
    )
    .unit("bytes")
    .over_time(
        NAME,
        format!(
            "{} / ({} > 0)",
            by_pool(&pools("badgateway_fpm_resident_memory_bytes")),
            format_args!("sum by (instance, fpm, pool) ({})", pools("badgateway_fpm_workers"))
        ),
    )
}

pub(crate) fn cgroup() -> Panel {
    graph(
        "How close is PHP-FPM to its memory limit?",
        "Memory of PHP-FPM's cgroup without page cache that can be given up, as a part of its limit. Above the dashed line is a ticket; \
         at 100 % the OOM killer comes. Empty without a limit.",
    )
    .unit("percentunit")
    .over_time(
        "{{scope}} {{instance}}",
        format!(
            "max by (instance, scope) (badgateway_memory_working_set_bytes{{{S},scope=~\"fpm.*\"}} / (badgateway_memory_limit_bytes{{{S}}} > 0))"
        ),
    )
    .over_time("alert", threshold("memory_ratio"))
    .limit("alert")
}

pub(crate) fn cpu() -> Panel {
    graph(
        "How much CPU do the workers use, and how long do they wait for it?",
        "100 % is one core. Waiting: time in which workers were ready to run and had no CPU; then more workers only make it slower.",
    )
    .unit("percentunit")
    .over_time(&format!("uses {NAME}"), by_pool(&format!("rate({}[{RATE}])", pools("badgateway_fpm_cpu_seconds_total"))))
    .over_time(&format!("waits {NAME}"), by_pool(&format!("rate({}[{RATE}])", pools("badgateway_fpm_run_queue_seconds_total"))))
}

pub(crate) fn requests() -> Panel {
    graph(
        "How many requests does each pool begin, and how many are slow?",
        "From the status page (pm.status_path). slow: longer than request_slowlog_timeout; slowlog names the line of the script.",
    )
    .unit("reqps")
    .over_time(NAME, by_pool(&format!("rate({}[{RATE}])", pools("badgateway_fpm_accepted_connections_total"))))
    .over_time(&format!("slow {NAME}"), by_pool(&format!("rate({}[{RATE}])", pools("badgateway_fpm_slow_requests_total"))))
}

pub(crate) fn status_page() -> Panel {
    graph(
        "How long does the status page take?",
        "The status page is answered by the workers themselves: when it takes long, so does every visitor. It is not asked while \
         connections queue. Empty without pm.status_path.",
    )
    .unit("s")
    .over_time(NAME, by_pool(&pools("badgateway_fpm_status_seconds")))
}

pub(crate) fn workers() -> Panel {
    let state = |state: &str| {
        format!(
            r#"sum by (instance, fpm) (badgateway_fpm_workers{{{S},fpm=~"$fpm",pool=~"$pool",state="{state}"}})"#
        )
    };
    graph(
        "Workers of $pool",
        "Busy ones hold a connection, idle ones wait for one; the dashed line is pm.max_children. Busy at the line means full.",
    )
    .size(8, 7)
    .unit("locale")
    .over_time("busy {{fpm}} {{instance}}", state("busy"))
    .over_time("idle {{fpm}} {{instance}}", state("idle"))
    .over_time("pm.max_children", format!("sum({})", pools("badgateway_fpm_workers_limit")))
    .stacked_areas()
    .coloured_from("busy", colours::FAMILIES[0].colour)
    .coloured_from("idle", colours::LIMIT)
    .limit("pm.max_children")
    .repeat("pool")
}
