//! PHP-FPM's pools, workers and memory.

use super::{Case, START, gauge, rising, series, steady};
use crate::promtool::Series;

const POOL: &str = r#"fpm="8.2",pool="www""#;
const LABELS: &str = r#"fpm="8.2",pool="www",upstream="unix:/run/php/www.sock",pm="static""#;
const UPSTREAM: &str = r#"upstream="unix:/run/php/www.sock""#;

/// A pool that is up, and what is said of it.
fn pool(more: Vec<Series>) -> Vec<Series> {
    let mut all = vec![series("badgateway_fpm_pool_info", LABELS, "1+0x400")];
    if !more.iter().any(|(name, ..)| *name == "badgateway_fpm_up") {
        all.push(series("badgateway_fpm_up", POOL, "1+0x400"));
    }
    all.extend(more);
    all
}

fn saturation(ratio: &str, queue: &str, steps: u32) -> Vec<Series> {
    pool(vec![
        series("badgateway_fpm_saturation_ratio", POOL, gauge("0.2", ratio, steps)),
        series("badgateway_fpm_listen_queue", POOL, gauge("0", queue, steps)),
    ])
}

fn counted(name: &'static str, labels: &str, step: f64, steps: u32) -> Vec<Series> {
    pool(vec![series(name, format!("{POOL}{labels}"), rising(step, steps))])
}

fn all_down(second: &str) -> Vec<Series> {
    let two = [("www", "0"), ("blog", second)];
    let mut all = Vec::new();
    for (name, up) in two {
        let labels = format!(r#"fpm="8.2",pool="{name}",upstream="unix:/run/php/{name}.sock",pm="static""#);
        all.push(series("badgateway_fpm_pool_info", labels, "1+0x400"));
        all.push(series("badgateway_fpm_up", format!("fpm=\"8.2\",pool=\"{name}\""), gauge("1", up, 8)));
    }
    all
}

fn slow(requests: f64) -> Vec<Series> {
    pool(vec![
        series("badgateway_fpm_slow_requests_total", POOL, rising(requests, 60)),
        series("badgateway_fpm_accepted_connections_total", POOL, steady(100.0)),
    ])
}

fn memory(used: &str) -> Vec<Series> {
    let scope = r#"scope="fpm""#;
    vec![
        series("badgateway_memory_usage_bytes", scope, gauge("100", used, 60)),
        series("badgateway_memory_limit_bytes", scope, "1000+0x400"),
    ]
}

fn exits(reason: &str, step: f64) -> Vec<Series> {
    counted("badgateway_fpm_worker_exits_total", &format!(r#",reason="{reason}""#), step, 1)
}

/// Load that grows from 0.1 by `step` for each sample.
fn growing(step: f64) -> Vec<Series> {
    pool(vec![
        series("badgateway_fpm_saturation_ratio", POOL, format!("0.1+{step}x240 0.1+0x200")),
        series("badgateway_fpm_listen_queue", POOL, "0+0x450"),
    ])
}

fn case(
    alert: &'static str,
    what: &str,
    input: Vec<Series>,
    less: Vec<Vec<Series>>,
    before: Option<u32>,
    fires: u32,
    ends: u32,
) -> Case {
    let labels = LABELS.to_owned();
    Case { alert, what: what.to_owned(), labels, input, less, before, fires, ends, along: "" }
}

pub(super) fn cases() -> Vec<Case> {
    let up = |steps| pool(vec![series("badgateway_fpm_up", POOL, gauge("1", "0", steps))]);
    let quiet = |name: &'static str| vec![counted(name, "", 0.0, 1)];
    vec![
        Case {
            labels: UPSTREAM.to_owned(),
            ..case("PhpFpmDown", "seen by the kernel", up(8), vec![up(1)], Some(START + 15), START + 45, 700)
        },
        Case {
            labels: String::new(),
            along: "PhpFpmDown",
            ..case(
                "PhpFpmAllPoolsDown",
                "",
                all_down("0"),
                vec![all_down("1")],
                Some(START + 15),
                START + 45,
                900,
            )
        },
        case(
            "PhpFpmPoolExhausted",
            "",
            saturation("1", "1", 16),
            vec![saturation("0.99", "0", 16), saturation("1", "0", 16), saturation("1.5", "9", 8)],
            Some(START + 120),
            START + 165,
            800,
        ),
        case(
            "PhpFpmPoolSaturated",
            "",
            saturation("0.95", "0", 60),
            vec![saturation("0.9", "0", 60), saturation("0.95", "0", 40)],
            Some(START + 600),
            START + 645,
            1300,
        ),
        case(
            "PhpFpmListenQueueFilling",
            "",
            queue("60"),
            vec![queue("50")],
            Some(START + 120),
            START + 165,
            1300,
        ),
        Case {
            along: "PhpFpmPoolExhausted|PhpFpmPoolSaturated",
            ..case(
                "PhpFpmPoolExhaustionPredicted",
                "",
                growing(0.004),
                vec![growing(0.001)],
                Some(2000),
                3000,
                5000,
            )
        },
        case(
            "PhpFpmMaxChildrenReached",
            "",
            counted("badgateway_fpm_max_children_reached_total", "", 1.0, 1),
            quiet("badgateway_fpm_max_children_reached_total"),
            None,
            START + 30,
            1700,
        ),
        case(
            "PhpFpmWorkersDying",
            "killed",
            exits("sigkill", 1.0),
            vec![exits("recycled", 9.0)],
            Some(START + 45),
            START + 120,
            1000,
        ),
        case(
            "PhpFpmWorkersDying",
            "crashed",
            exits("crash", 1.0),
            vec![exits("exit_code", 9.0)],
            Some(START + 45),
            START + 120,
            1000,
        ),
        case(
            "PhpFpmWorkersDying",
            "out of memory",
            exits("oom", 1.0),
            vec![exits("oom", 0.0)],
            Some(START + 45),
            START + 120,
            1000,
        ),
        case(
            "PhpFpmRequestsTerminated",
            "",
            exits("terminated", 1.0),
            vec![exits("terminated", 0.0)],
            Some(START + 225),
            START + 285,
            1000,
        ),
        Case {
            labels: r#"scope="fpm""#.to_owned(),
            ..case(
                "PhpFpmOomKill",
                "",
                vec![series("badgateway_oom_kills_total", r#"scope="fpm""#, rising(1.0, 1))],
                vec![vec![series("badgateway_oom_kills_total", r#"scope="machine""#, rising(9.0, 1))]],
                Some(START + 45),
                START + 120,
                1000,
            )
        },
        case(
            "PhpFpmRestartLoop",
            "",
            counted("badgateway_fpm_reloads_total", "", 1.0, 4),
            vec![counted("badgateway_fpm_reloads_total", "", 1.0, 2)],
            None,
            START + 120,
            2400,
        ),
        case("PhpFpmSlowRequests", "", slow(12.0), vec![slow(9.0)], Some(START + 300), START + 900, 2000),
        Case {
            labels: r#"scope="fpm""#.to_owned(),
            ..case(
                "PhpFpmMemoryNearLimit",
                "",
                memory("910"),
                vec![memory("900")],
                Some(START + 300),
                START + 345,
                1300,
            )
        },
        Case {
            labels: r#"scope="fpm""#.to_owned(),
            ..case(
                "PhpFpmCpuThrottled",
                "",
                throttled(5.0),
                vec![throttled(3.5)],
                Some(START + 600),
                START + 850,
                1800,
            )
        },
    ]
}

fn queue(peak: &str) -> Vec<Series> {
    pool(vec![
        series("badgateway_fpm_listen_queue_peak", POOL, gauge("0", peak, 60)),
        series("badgateway_fpm_listen_queue_limit", POOL, "100+0x400"),
    ])
}

/// Seconds of being held back within each sample of 15 s.
fn throttled(seconds: f64) -> Vec<Series> {
    vec![series("badgateway_cpu_throttled_seconds_total", r#"scope="fpm""#, rising(seconds, 60))]
}
