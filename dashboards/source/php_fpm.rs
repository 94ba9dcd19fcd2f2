//! How close each pool is to the next 502, and what its workers die of.

use serde_json::{Value, json};

use super::{
    board::{Board, headed, row},
    limits::{SATURATION_RATIO, WORKER_EXITS},
    links,
    panel::{Panel, stat, table},
    pool,
    query::pools,
};

pub(crate) fn board() -> Value {
    Board {
        uid: "badgateway-php-fpm",
        title: "Badgateway: PHP-FPM",
        description: "How close each pool is to the next 502, what its workers do and what they die of.",
        since: "now-1h",
        variables: &["job", "namespace", "instance", "fpm", "pool"],
        rows: vec![
            row(vec![down(), worst(), waited(), reached(), dying()]),
            row(vec![which_pool()]),
            row(vec![pool::saturation(), pool::waiting_time(), pool::queue(), pool::failures()]),
            headed("Workers", vec![pool::exits(), pool::memory(), pool::cgroup(), pool::cpu()]),
            headed("What PHP-FPM says itself", vec![pool::requests(), pool::status_page()]),
            headed("Busy and idle, pool by pool", vec![pool::workers()]),
        ],
    }
    .json()
}

fn down() -> Panel {
    stat(
        "Pools down",
        "The master is gone or the socket does not listen: systemctl status 'php*-fpm', then start it.",
    )
    .size(4, 4)
    .unit("locale")
    .at_once("down", format!("count({} == 0) or vector(0)", pools("badgateway_fpm_up")))
    .steps(&[1.0])
}

fn worst() -> Panel {
    stat(
        "The fullest pool now",
        "(busy + waiting) / pm.max_children of the fullest pool. Above 100 % visitors wait.",
    )
    .size(5, 4)
    .unit("percentunit")
    .decimals(0)
    .at_once("fullest", format!("max({})", pools("badgateway_fpm_saturation_ratio")))
    .steps(&[SATURATION_RATIO.1, 1.0])
}

fn waited() -> Panel {
    stat(
        "Visitors waited",
        "For how long, in the time range, all workers of one pool were busy and somebody waited; the worst pool.",
    )
    .size(5, 4)
    .unit("s")
    .at_once("waited", format!("max(increase({}[$__range]))", pools("badgateway_fpm_saturated_seconds_total")))
    .option("colorMode", json!("none"))
}

fn reached() -> Panel {
    stat(
        "max_children reached",
        "How often, in the time range, PHP-FPM wanted to start one more worker and might not. It never says so with pm = static.",
    )
    .size(5, 4)
    .unit("locale")
    .decimals(0)
    .empty("no status page")
    .at_once("reached", format!("sum(increase({}[$__range]))", pools("badgateway_fpm_max_children_reached_total")))
    .option("colorMode", json!("none"))
}

fn dying() -> Panel {
    stat(
        "Workers died in 10 min",
        "Killed or crashed. Red from the number on from which PhpFpmWorkersDying is a ticket. Each takes its visitor's request along: grep 'exited on signal' in \
         PHP-FPM's log.",
    )
    .size(5, 4)
    .unit("locale")
    .decimals(0)
    .at_once(
        "ended",
        format!(
            "sum(increase({}[10m])) or vector(0)",
            pools("badgateway_fpm_worker_exits_total").replace("fpm=~", r#"reason=~"oom|sigkill|crash",fpm=~"#)
        ),
    )
    .steps(&[WORKER_EXITS.1])
}

fn which_pool() -> Panel {
    let by = |of: String| format!("max by (instance, fpm, pool) ({of})");
    table(
        "Which pool?",
        "A row for each pool, the fullest first. Queue: the longest of the last minute, and its limit. Waited: share of the last 15 minutes. A click on a \
         pool shows it alone.",
    )
    .size(24, 8)
    .rows(by(pools("badgateway_fpm_up")))
    .rows(by(pools("badgateway_fpm_saturation_ratio_peak")))
    .rows(by(pools("badgateway_fpm_workers_busy_peak")))
    .rows(by(pools("badgateway_fpm_workers_limit")))
    .rows(by(pools("badgateway_fpm_listen_queue_peak")))
    .rows(by(pools("badgateway_fpm_listen_queue_limit")))
    .rows(by(format!("rate({}[15m])", pools("badgateway_fpm_saturated_seconds_total"))))
    .rows(format!("sum by (instance, fpm, pool) (increase({}[$__range]))", pools("badgateway_fpm_reloads_total")))
    .rows(format!("max by (instance, fpm, pool, upstream, pm) ({})", pools("badgateway_fpm_pool_info")))
    .merged()
    .columns(&[
        ("pool", "Pool"),
        ("fpm", "PHP-FPM"),
        ("instance", "Instance"),
        ("Value #A", "State"),
        ("Value #B", "Fullest"),
        ("Value #C", "Busy"),
        ("Value #D", "Workers"),
        ("Value #E", "Queue"),
        ("Value #F", "Queue limit"),
        ("Value #G", "Waited"),
        ("Value #H", "Reloads"),
        ("pm", "pm"),
        ("upstream", "Upstream"),
        ("Value #I", ""),
    ])
    .sorted_by("Fullest")
    .yes_no("State", "up", "down", 70)
    .column("Fullest", "percentunit", 90)
    .marked("Fullest", &[SATURATION_RATIO.1, 1.0])
    .series("Fullest", json!([{ "id": "decimals", "value": 0 }]))
    .column("Busy", "locale", 70)
    .column("Workers", "locale", 85)
    .column("Queue", "locale", 75)
    .column("Queue limit", "locale", 105)
    .column("Waited", "percentunit", 80)
    .column("Reloads", "locale", 80)
    .series("Reloads", json!([{ "id": "decimals", "value": 0 }]))
    .words("pm", 80)
    .cell_links("Pool", &[links::board("This pool alone", "badgateway-php-fpm", &[("instance", "Instance"), ("fpm", "PHP-FPM"), ("pool", "Pool")])])
    .cell_links("Instance", &[links::board("Overview of this instance", "badgateway-overview", &[("instance", "Instance")]), links::page_of("Instance")])
}
