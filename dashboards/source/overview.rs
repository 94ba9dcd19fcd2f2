//! Is it broken, why, since when, who is hit, what to type.

use serde_json::{Value, json};

use super::{
    board::{Board, collapsed, row},
    colours::{self, FAMILIES},
    limits::{PAGE_RATIO, TICKET_RATIO},
    links,
    panel::{Panel, graph, stat, table},
    query::{
        ALERTS, RATE, S, errors, hidden_failures, of, rate_by, responses, rise, root_causes, threshold,
        total_by, upstream_threshold,
    },
    trust,
};

pub(crate) fn board() -> Value {
    Board {
        uid: "badgateway-overview",
        title: "Badgateway: overview",
        description: "Is it broken, why, since when, and who is hit. Nothing shows? Set \"Scrape interval\" of the data source to that of Prometheus.",
        since: "now-1h",
        variables: &["job", "namespace", "instance", "server", "code"],
        rows: vec![
            row(vec![wrong_now(), share(), failing_for(), pools_down(), alerts_firing()]),
            row(vec![by_cause()]),
            row(vec![by_root_cause(), waiting()]),
            row(vec![who_is_hit()]),
            row(vec![as_alerts_see_it(), hidden()]),
            row(vec![which_alerts(), trust::panel().size(12, 7)]),
            collapsed("Traffic", vec![by_code(), header_time()]),
        ],
    }
    .json()
}

fn wrong_now() -> Panel {
    let failing = format!("topk(3, sum by (server, upstream, cause) {} > 0)", rise(&errors(), "5m"));
    table(
        "What is wrong now?",
        "What failed most in the last 5 minutes. A click on a cause leads to its runbook. Nothing shows anywhere? Set \"Scrape interval\" \
         of the data source to that of Prometheus: Grafana takes 15 s, and rates of slower scrapes are empty.",
    )
    .size(11, 5)
    .rows(failing)
    .empty("No failed response in 5 minutes")
    .columns(&[("cause", "Cause"), ("upstream", "Upstream"), ("server", "Server"), ("Value", "Failed")])
    .sorted_by("Failed")
    .column("Failed", "locale", 75)
    .series("Failed", json!([{ "id": "decimals", "value": 0 }]))
    .words("Cause", 150)
    .words("Server", 130)
    .cell_links("Cause", &[links::runbook_of_column("Cause")])
}

fn share() -> Panel {
    let share = format!(
        "sum({}) / (sum({}) > 0) or 0 * sum({})",
        rise(&errors(), RATE),
        rise(&responses(), RATE),
        rise(&responses(), RATE)
    );
    stat(
        "Share that fails",
        "Failed responses of all responses, of the chosen servers. Orange from a ticket on, red from a page on, as the alerts \
         have it for one upstream.",
    )
    .size(4, 5)
    .unit("percentunit")
    .min(0)
    .over_time("share", share)
    .option("graphMode", json!("area"))
    .limits(&[TICKET_RATIO, PAGE_RATIO])
}

fn failing_for() -> Panel {
    let fails = format!("sum({}) > 0", rise(&errors(), RATE));
    let expr = format!(
        "(time() - max_over_time((vector(time()) unless on () ({fails}))[$__range:1m]) or on () vector($__range_s)) and on () ({fails})"
    );
    stat(
        "Failing for",
        "Time since the last minute in which nothing failed; no longer than the dashboard looks back. A gap of some minutes \
         begins it again.",
    )
    .size(3, 5)
    .unit("s")
    .decimals(0)
    .at_once("failing for", expr)
    .empty("not failing")
    .option("colorMode", json!("none"))
}

fn pools_down() -> Panel {
    stat(
        "Pools down",
        "Pools of PHP-FPM whose master is gone or whose socket does not listen. Not 0: systemctl status 'php*-fpm', then start it.",
    )
    .size(3, 5)
    .unit("locale")
    .at_once("down", format!("count(badgateway_fpm_up{{{S}}} == 0) or vector(0)"))
    .steps(&[1.0])
    .links(json!([links::board("Which?", "badgateway-php-fpm", &[])]))
}

fn alerts_firing() -> Panel {
    stat(
        "Alerts",
        "Alerts of Badgateway's rules that fire now; the table below names them. Needs the rules of alerts/.",
    )
    .size(3, 5)
    .unit("locale")
    .at_once("firing", format!("count({ALERTS}) or vector(0)"))
    .steps(&[1.0])
}

/// Also on the dashboard of causes.
pub(crate) fn by_cause() -> Panel {
    graph(
        "Why do responses fail?",
        "Failed responses by what nginx saw, each once. A click on a series leads to its runbook; the table below says whose it is.",
    )
    .size(24, 9)
    .unit("reqps")
    .over_time("{{cause}}", rate_by("cause", &errors()))
    .stacked_bars()
    .legend_table()
    .empty("nothing failed")
    .causes()
    .links(json!([links::runbook_of_label("cause")]))
}

/// Also on the dashboard of causes.
pub(crate) fn by_root_cause() -> Panel {
    graph(
        "What broke it?",
        "The same failed responses by what broke them: PHP-FPM's log, processes, sockets, the OOM killer. unknown: no evidence; give \
         Badgateway PHP-FPM's log.",
    )
    .size(12, 9)
    .unit("reqps")
    .over_time("{{root_cause}}", rate_by("root_cause", &root_causes()))
    .stacked_bars()
    .legend_beside()
    .empty("nothing failed")
    .causes()
    .links(json!([links::runbook_of_label("root_cause")]))
}

fn waiting() -> Panel {
    graph(
        "Do visitors wait for PHP?",
        "(busy workers + waiting connections) / pm.max_children, the highest of each minute. Above 100 % visitors wait; then find \
         what is slow before pm.max_children is raised. The dashed line is where the alert PhpFpmPoolSaturated begins.",
    )
    .size(12, 9)
    .unit("percentunit")
    .over_time("{{pool}} ({{fpm}}) {{instance}}", format!("max by (instance, fpm, pool) ({})", of("badgateway_fpm_saturation_ratio_peak")))
    .over_time("alert", threshold("saturation_ratio"))
    .limit("alert")
    .links(json!([json!({
        "title": "PHP-FPM", "targetBlank": false,
        "url": "/d/badgateway-php-fpm?${__url_time_range}&${datasource:queryparam}&var-instance=${__field.labels.instance}&var-pool=${__field.labels.pool}"
    })]))
}

fn who_is_hit() -> Panel {
    table(
        "Who is hit?",
        "Failed responses of the time range by site, upstream and cause: at most the 100 largest. A click on a cause leads to its runbook, \
         on an upstream to PHP-FPM, on an instance to what else is wrong there.",
    )
    .size(24, 9)
    .rows(format!("topk(100, {} > 0)", total_by("instance, server, upstream, code, cause", &errors())))
    .columns(&[
        ("Value", "Failed"),
        ("code", "Code"),
        ("cause", "Cause"),
        ("server", "Server"),
        ("upstream", "Upstream"),
        ("instance", "Instance"),
    ])
    .sorted_by("Failed")
    .column("Failed", "locale", 190)
    .series("Failed", json!([{ "id": "decimals", "value": 0 }]))
    .bars("Failed", FAMILIES[0].colour)
    .words("Code", 70)
    .words("Cause", 190)
    .cell_links("Cause", &[links::runbook_of_column("Cause")])
    .cell_links("Upstream", &[links::board("PHP-FPM there", "badgateway-php-fpm", &[("instance", "Instance")])])
    .cell_links("Server", &[links::board("Causes of this server", "badgateway-causes", &[("server", "Server")])])
    .cell_links("Instance", &[
        links::board("This instance alone", "badgateway-overview", &[("instance", "Instance")]),
        links::page_of("Instance"),
    ])
}

fn as_alerts_see_it() -> Panel {
    graph(
        "How close is the next alert?",
        "What the alerts compare: the share of the requests to one upstream that fail for one reason, over 4 minutes. Above the \
         lower line, now and five minutes before, it is a ticket; above the upper one somebody is woken. Needs the rules of alerts/.",
    )
    .unit("percentunit")
    .over_time(
        "{{cause}} {{upstream}}",
        format!("max by (upstream, cause) ({})", of("upstream_cause:badgateway_http_errors:ratio4m")),
    )
    .over_time("ticket", upstream_threshold("ticket_ratio"))
    .over_time("page", upstream_threshold("page_ratio"))
    .limit("ticket")
    .limit("page")
    .legend_beside()
    .empty("nothing failed in the last 4 minutes")
}

/// Also on the dashboard of causes.
pub(crate) fn hidden() -> Panel {
    graph(
        "What do visitors not see, or see half of?",
        "rescued: a retry, another server or a stale copy saved the request; repair the upstream before the others fail, too. \
         truncated: visitors got half a page with status 200, which the access log does not show.",
    )
    .unit("reqps")
    .over_time("{{outcome}} {{upstream}}", rate_by("upstream, outcome", &hidden_failures()))
    .legend_beside()
    .empty("none")
    .without_zeros()
}

fn which_alerts() -> Panel {
    table(
        "Which alerts fire?",
        "Those of Badgateway's rules. A click on a name leads to its runbook. Needs the rules of alerts/.",
    )
    .size(12, 7)
    .empty("none")
    .rows(format!("count by (alertname, severity, upstream, server, instance) ({ALERTS})"))
    .columns(&[
        ("alertname", "Alert"),
        ("severity", "Severity"),
        ("upstream", "Upstream"),
        ("server", "Server"),
        ("instance", "Instance"),
        ("Value", ""),
    ])
    .words("Alert", 220)
    .words("Severity", 90)
    .words("Server", 120)
    .words("Instance", 130)
    .cell_links("Alert", &[links::runbook_of_column("Alert")])
}

fn by_code() -> Panel {
    coloured_codes(
        graph("What does nginx answer?", "All responses by status; failures in colour.")
            .unit("reqps")
            .over_time("{{code}}", rate_by("code", &responses()))
            .stacked_areas(),
    )
    .coloured("200", colours::LIMIT)
    .without_zeros()
}

/// Codes in the colours of what they mostly stand for.
pub(crate) fn coloured_codes(panel: Panel) -> Panel {
    let codes = [("502", 0), ("504", 4), ("503", 2), ("500", 5), ("009", 3)];
    codes.iter().fold(panel, |panel, (code, family)| panel.coloured(code, FAMILIES[*family].colour))
}

/// Also on the dashboard of causes.
pub(crate) fn header_time() -> Panel {
    let slow = |quantile: &str| {
        format!(
            "histogram_quantile({quantile}, sum by (upstream, le) (rate({}[{RATE}])))",
            format_args!(r#"badgateway_upstream_seconds_bucket{{{S},phase="header"}}"#)
        )
    };
    graph(
        "How long until an upstream answers?",
        "Time to the header of the answer, as half and 95 % of the attempts took at most. It is near fastcgi_read_timeout? Look for \
         slow requests before that is raised. Needs the recommended log_format.",
    )
    .unit("s")
    .over_time("95 % {{upstream}}", slow("0.95"))
    .over_time("half {{upstream}}", slow("0.5"))
}
