//! nginx's and PHP-FPM's processes, pools, workers and memory.

use super::failures::{UPSTREAM, failing};
use super::{Case, FROM, Shape, Shaped, TO, always, gauge, page, rising, shaped, ticket};

const POOL: &str = r#"fpm="8.2",pool="www""#;
const FPM: &str = r#"fpm="8.2""#;
const SCOPE: &str = r#"scope="fpm""#;

/// Pools of one master, the first of which is that of [`UPSTREAM`].
fn pools(names: &[&str], more: Vec<Shaped>) -> Vec<Shaped> {
    let info = names.iter().map(|name| {
        let labels = format!(r#"fpm="8.2",pool="{name}",upstream="unix:/run/php/{name}.sock",pm="static""#);
        shaped("badgateway_fpm_pool_info", labels, Shape::Gauge(1.0, 1.0, 0.0, 0.0))
    });
    info.chain(more).collect()
}

fn pool(more: Vec<Shaped>) -> Vec<Shaped> {
    pools(&["www"], more)
}

fn of_pool(name: &'static str, labels: &str, shape: Shape) -> Vec<Shaped> {
    pool(vec![shaped(name, format!("{POOL}{labels}"), shape)])
}

const DOWN: &str = "badgateway_fpm_down_seconds_total";

/// Visitors get 502 from a pool that is down, as nginx and root causes say it.
fn with_visitors(mut input: Vec<Shaped>, shape: Shape) -> Vec<Shaped> {
    input.extend(failing("socket_missing", "fpm_not_running", shape, 10.0));
    input
}

fn down(shape: Shape) -> Vec<Shaped> {
    of_pool(DOWN, "", shape)
}

/// Eight pools, whose master is dead.
fn eight() -> Vec<Shaped> {
    let names = ["www", "b", "c", "d", "e", "f", "g", "h"];
    let seconds = names.map(|name| rising(DOWN, format!(r#"fpm="8.2",pool="{name}""#), 1.0));
    with_visitors(pools(&names, seconds.into()), Shape::Rising(10.0, FROM, TO))
}

fn exits(reason: &str, rate: f64) -> Vec<Shaped> {
    let shape = Shape::Rising(rate, FROM, TO);
    of_pool("badgateway_fpm_worker_exits_total", &format!(r#",reason="{reason}""#), shape)
}

fn memory(used: f64) -> Vec<Shaped> {
    vec![
        gauge("badgateway_memory_working_set_bytes", SCOPE, 100.0, used),
        gauge("badgateway_memory_usage_bytes", SCOPE, 999.0, 999.0),
        gauge("badgateway_memory_limit_bytes", SCOPE, 1000.0, 1000.0),
    ]
}

fn throttled(share: f64) -> Vec<Shaped> {
    vec![
        rising("badgateway_cpu_throttled_periods_total", SCOPE, 10.0 * share),
        always("badgateway_cpu_periods_total", SCOPE, 10.0),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    let nginx = r#"nginx="nginx""#;
    let nginx_down = |shape| vec![shaped("badgateway_nginx_down_seconds_total", nginx, shape)];
    let restarts = Shape::Again(1.0, 3.3, 600.0, FROM, TO);
    let saturated =
        |rate| of_pool("badgateway_fpm_saturated_seconds_total", "", Shape::Rising(rate, FROM, TO));
    let ratio = |ratio| {
        let shape = Shape::Gauge(0.2, ratio, FROM, TO);
        of_pool("badgateway_fpm_saturation_ratio", "", shape)
    };
    let reloads = |shape| of_pool("badgateway_fpm_reloads_total", "", shape);
    vec![
        page("NginxDown", nginx, nginx_down(Shape::Rising(1.0, FROM, TO)), vec![nginx_down(restarts)]),
        page("PhpFpmDown", FPM, down(Shape::Rising(1.0, FROM, TO)), vec![down(restarts)]),
        Case {
            // 20 s of every 120 s.
            within: 240,
            ..page("PhpFpmDown", FPM, down(Shape::Again(1.0, 20.0, 120.0, FROM, TO)), vec![])
        },
        // Eight pools, one page.
        page("PhpFpmDown", FPM, eight(), vec![]),
        Case { within: 200, ..page("PhpFpmPoolExhausted", UPSTREAM, saturated(0.8), vec![saturated(0.35)]) },
        Case {
            within: 900,
            over: 900,
            ..ticket("PhpFpmPoolSaturated", UPSTREAM, ratio(0.98), vec![ratio(0.88)])
        },
        Case {
            // Without visitors.
            over: 780,
            ..ticket(
                "PhpFpmWorkersDying",
                UPSTREAM,
                exits("sigkill", 0.02),
                vec![exits("crash", 0.002), exits("recycled", 9.0)],
            )
        },
        Case {
            over: 780,
            ..ticket(
                "PhpFpmOomKill",
                SCOPE,
                vec![rising("badgateway_oom_kills_total", SCOPE, 0.02)],
                vec![vec![rising("badgateway_oom_kills_total", r#"scope="machine""#, 0.02)]],
            )
        },
        ticket("PhpFpmMemoryNearLimit", SCOPE, memory(950.0), vec![memory(890.0)]),
        Case {
            within: 700,
            over: 960,
            ..ticket("PhpFpmCpuThrottled", SCOPE, throttled(0.5), vec![throttled(0.2)])
        },
        Case {
            within: 900,
            over: 1500,
            ..ticket(
                "PhpFpmRestartLoop",
                FPM,
                reloads(Shape::Again(1.0, 1.0, 200.0, FROM, TO)),
                vec![reloads(Shape::Again(1.0, 1.0, 300.0, FROM, FROM + 700.0))],
            )
        },
    ]
}
