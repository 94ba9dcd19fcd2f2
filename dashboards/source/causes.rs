//! What fails how, since when, and what happened at the same time.

use serde_json::{Value, json};

use super::{
    board::{Board, headed, row},
    colours::FAMILIES,
    links, overview,
    panel::{Panel, graph, table},
    query::{RATE, S, errors, of, rate_by, rise, root_causes, total_by},
};

pub(crate) fn board() -> Value {
    Board {
        uid: "badgateway-causes",
        title: "Badgateway: causes",
        description: "What fails how, since when, and what happened at the same time.",
        since: "now-1h",
        variables: &["job", "namespace", "instance", "server", "code"],
        rows: vec![
            row(vec![since_when(), matrix()]),
            row(vec![overview::by_cause()]),
            headed("What happened at the same time", vec![worker_exits(), events(), pressure()]),
            headed(
                "By what broke it, by site, by code",
                vec![overview::by_root_cause(), by_server(), by_code(), root_table()],
            ),
            headed(
                "Attempts and times",
                vec![outcomes(), overview::hidden(), overview::header_time(), connect_time()],
            ),
        ],
    }
    .json()
}

fn since_when() -> Panel {
    let happens = format!("(sum by (cause) {} > 0) * 0 + time()", rise(&errors(), RATE));
    table(
        "When did each cause begin, and when did it end?",
        "The first and the last minute of the time range in which the cause was seen, and how many responses failed of it. What began \
         first is often what broke the rest.",
    )
    .size(10, 9)
    .rows(format!("1000 * min_over_time(({happens})[$__range:1m])"))
    .rows(format!("1000 * max_over_time(({happens})[$__range:1m])"))
    .rows(format!("{} > 0", total_by("cause", &errors())))
    .merged()
    .columns(&[("cause", "Cause"), ("Value #A", "Began"), ("Value #B", "Last seen"), ("Value #C", "Failed")])
    .option("sortBy", json!([{ "displayName": "Began", "desc": false }]))
    .column("Began", "dateTimeAsIsoNoDateIfToday", 130)
    .column("Last seen", "dateTimeAsIsoNoDateIfToday", 130)
    .column("Failed", "locale", 90)
    .series("Failed", json!([{ "id": "decimals", "value": 0 }]))
    .cell_links("Cause", &[links::runbook_of_column("Cause")])
}

fn matrix() -> Panel {
    table(
        "Which upstream fails how?",
        "Failed responses of the time range: a row for each upstream, a column for each cause. One column over all rows: look at what \
         they share (network, nginx, a deploy). One row: look at that upstream.",
    )
    .size(14, 9)
    .unit("locale")
    .decimals(0)
    .empty("")
    .words("upstream\\cause", 260)
    .rows(format!("{} > 0", total_by("upstream, cause", &errors())))
    .transform(
        "groupingToMatrix",
        json!({ "columnField": "cause", "rowField": "upstream", "valueField": "Value", "emptyValue": "null" }),
    )
}

fn worker_exits() -> Panel {
    graph(
        "How do workers of PHP-FPM end?",
        "oom and sigkill: memory, or somebody's script; crash: PHP or an extension; terminated: request_terminate_timeout. recycled is \
         pm.max_requests, and harmless. From PHP-FPM's log.",
    )
    .size(24, 7)
    .unit("locale")
    .over_time(
        "{{reason}} {{pool}} ({{fpm}})",
        format!("sum by (fpm, pool, reason) (increase({}[{RATE}]))", of("badgateway_fpm_worker_exits_total")),
    )
    .stacked_bars()
    .legend_table()
    .by_the_minute()
    .decimals(0)
    .empty("nothing happened")
    .without_zeros()
}

fn events() -> Panel {
    graph(
        "Reloads, kills and full queues",
        "A reload at the time of resets: set process_control_timeout. OOM kills: pm.max_children times the memory of a worker does not fit. \
         Overflows are connections that the kernel refused because a TCP queue was full, of any program.",
    )
    .size(24, 7)
    .unit("locale")
    .over_time("reloads of {{fpm}} {{instance}}", format!("max by (instance, fpm) (increase({}[{RATE}]))", of("badgateway_fpm_reloads_total")))
    .over_time("OOM kills {{scope}} {{instance}}", format!(r#"sum by (instance, scope) (increase(badgateway_oom_kills_total{{{S},scope!="self"}}[{RATE}]))"#))
    .over_time("TCP queue overflows {{instance}}", format!("sum by (instance) (increase({}[{RATE}]))", of("badgateway_tcp_listen_overflows_total")))
    .single_bars()
    .legend_table()
    .by_the_minute()
    .decimals(0)
    .empty("nothing happened")
    .without_zeros()
}

fn pressure() -> Panel {
    graph(
        "What did the machine lack?",
        "Share of time in which tasks waited for CPU, memory or disk (pressure stall information of the kernel: some). High together with \
         response_timeout: PHP is slow because the machine is.",
    )
    .size(24, 7)
    .unit("percentunit")
    .over_time(
        "{{resource}} {{scope}} {{instance}}",
        format!(r#"max by (instance, scope, resource) (rate(badgateway_pressure_seconds_total{{{S},kind="some"}}[{RATE}]))"#),
    )
    .legend_table()
    .without_zeros()
}

fn by_server() -> Panel {
    graph(
        "Whose responses fail?",
        "Failed responses by $server_name. Empty with nginx's own log_format, which does not tell it.",
    )
    .size(12, 9)
    .unit("reqps")
    .over_time("{{server}}", rate_by("server", &errors()))
    .stacked_bars()
    .legend_beside()
    .empty("nothing failed")
    .without_zeros()
}

fn by_code() -> Panel {
    overview::coloured_codes(
        graph(
            "With which code?",
            "Failed responses by status. 009 is what nginx logs for an answer of HTTP/0.9.",
        )
        .size(12, 8)
        .unit("reqps")
        .over_time("{{code}}", rate_by("code", &errors()))
        .stacked_bars()
        .legend_beside()
        .empty("nothing failed"),
    )
    .without_zeros()
}

fn root_table() -> Panel {
    table(
        "What broke which upstream?",
        "Failed responses of the time range by upstream and by what broke them. A click leads to the runbook.",
    )
    .rows(format!("{} > 0", total_by("upstream, code, root_cause", &root_causes())))
    .columns(&[("Value", "Failed"), ("code", "Code"), ("root_cause", "Root cause"), ("upstream", "Upstream")])
    .sorted_by("Failed")
    .column("Failed", "locale", 150)
    .series("Failed", json!([{ "id": "decimals", "value": 0 }]))
    .bars("Failed", FAMILIES[0].colour)
    .words("Code", 70)
    .words("Root cause", 170)
    .cell_links("Root cause", &[links::runbook_of_column("Root cause")])
}

fn outcomes() -> Panel {
    graph(
        "What became of failed attempts?",
        "Attempts that failed in nginx's error log. failed: the visitor got an error. unmatched: no line of the access log was seen for it; \
         is it off, or buffered?",
    )
    .unit("reqps")
    .over_time("{{outcome}}", rate_by("outcome", &of("badgateway_upstream_failures_total")))
    .without_zeros()
}

fn connect_time() -> Panel {
    graph(
        "How long does it take to connect?",
        "95 % of the attempts took at most this long. More than a few milliseconds on one machine: the queue is full, or packets are lost. \
         Needs the recommended log_format.",
    )
    .unit("s")
    .over_time(
        "95 % {{upstream}}",
        format!(
            r#"histogram_quantile(0.95, sum by (upstream, le) (rate(badgateway_upstream_seconds_bucket{{{S},phase="connect"}}[{RATE}])))"#
        ),
    )
}
