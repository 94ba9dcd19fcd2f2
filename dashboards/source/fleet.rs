//! Many machines: which of them fail, which are full, which are blind.
//!
//! What is asked over time stands on recorded series of an instance or of a job, whatever the number of causes, pools and logs.

use serde_json::{Value, json};

use super::{
    board::{Board, collapsed, row},
    colours::FAMILIES,
    limits::{PAGE_RATIO, SATURATION_RATIO, TICKET_RATIO, UNREAD_BYTES},
    links,
    panel::{Panel, graph, stat, table},
    query::{ALERTS, RATE, S, of},
};

/// The matchers of what is recorded for a job, over all its instances.
const J: &str = r#"job=~"$job",namespace=~"$namespace""#;

pub(crate) fn board() -> Value {
    Board {
        uid: "badgateway-fleet",
        title: "Badgateway: fleet",
        description: "Many machines: which of them fail, which are full, which are blind. Needs the recording rules of alerts/.",
        since: "now-24h",
        variables: &["job", "namespace", "instance"],
        rows: vec![
            row(vec![instances(), not_answering(), failing(), failed(), pools_down(), alerts()]),
            row(vec![which_machine()]),
            row(vec![worst(), why()]),
            row(vec![fullest(), what_broke()]),
            collapsed("Badgateway itself", vec![versions(), cpu(), memory(), scrapes()]),
        ],
    }
    .json()
}

fn count(title: &'static str, description: &'static str, expr: String) -> Panel {
    stat(title, description).size(4, 4).unit("locale").decimals(0).at_once("now", expr)
}

fn instances() -> Panel {
    count(
        "Instances",
        "Badgateways that Prometheus knows, with those that do not answer.",
        format!("count({})", of("instance:badgateway_known:bool")),
    )
    .option("colorMode", json!("none"))
}

fn not_answering() -> Panel {
    count(
        "Do not answer",
        "What fails on these machines is not seen now: systemctl status badgateway there.",
        format!(
            "count(up{{{S}}} == 0 and on (job, instance) instance:badgateway_known:bool{{{S}}}) or vector(0)"
        ),
    )
    .steps(&[1.0])
}

fn failing() -> Panel {
    count(
        "Fail now",
        "Machines on which at least one response failed in the last 4 minutes.",
        format!("count({}) or vector(0)", of("instance:badgateway_http_errors:increase4m")),
    )
    .steps(&[1.0])
}

fn failed() -> Panel {
    count(
        "Failed in 1 h",
        "Failed responses of all machines.",
        format!("sum({}) or vector(0)", of("instance:badgateway_http_errors:increase1h")),
    )
    .option("colorMode", json!("none"))
}

fn pools_down() -> Panel {
    count(
        "Pools down",
        "Pools of PHP-FPM whose master is gone or whose socket does not listen.",
        format!("sum({}) or vector(0)", of("instance:badgateway_fpm_down:count")),
    )
    .steps(&[1.0])
}

fn alerts() -> Panel {
    count("Alerts", "Alerts of Badgateway's rules that fire now.", format!("count({ALERTS}) or vector(0)"))
        .steps(&[1.0])
}

/// What is recorded for those alone that have some of it; 0 for the others.
fn or_zero(series: &str) -> String {
    format!("{} or on (job, instance) 0 * {}", of(series), of("instance:badgateway_known:bool"))
}

fn which_machine() -> Panel {
    let by = |of: String| format!("max by (job, namespace, instance) ({of})");
    table(
        "Which machine?",
        "A row for each, the one with the most failures of the last hour first. Most of them: the cause of most failures of the last 4 minutes. Log read: how \
         long ago a line was last read; long on a busy machine means that logs cannot be read. A click on an instance shows it alone.",
    )
    .size(24, 11)
    .rows(by(format!("up{{{S}}} and on (job, instance) instance:badgateway_known:bool{{{S}}}")))
    .rows(by(or_zero("instance:badgateway_http_errors:increase1h")))
    .rows(by(format!(
        "({}) / on (job, instance) group_left () ({} > 0)",
        or_zero("instance:badgateway_http_errors:increase1h"),
        of("instance:badgateway_http_responses:increase1h")
    )))
    .rows(format!(
        "topk by (job, namespace, instance) (1, sum by (job, namespace, instance, cause) ({}))",
        of("upstream_cause:badgateway_http_errors:increase4m")
    ))
    .rows(by(of("instance:badgateway_fpm_saturation_ratio_peak:max")))
    .rows(by(or_zero("instance:badgateway_fpm_down:count")))
    .rows(format!("time() - {}", by(format!("{} > 0", of("badgateway_log_last_read_timestamp_seconds")))))
    .rows(format!("sum by (job, namespace, instance) ({})", of("badgateway_log_bytes_unread")))
    .rows(format!("sum by (job, namespace, instance) (increase({}[1h]))", of("badgateway_log_bytes_lost_total")))
    .rows(format!("min by (job, namespace, instance) ({})", of("badgateway_state_durable")))
    .rows(format!("max by (job, namespace, instance, version) ({})", of("badgateway_build_info")))
    .merged()
    .columns(&[
        ("instance", "Instance"),
        ("job", "Job"),
        ("namespace", "Namespace"),
        ("Value #A", "State"),
        ("Value #B", "Failed 1 h"),
        ("Value #C", "Share"),
        ("cause", "Most of them"),
        ("Value #E", "Fullest pool"),
        ("Value #F", "Pools down"),
        ("Value #G", "Log read"),
        ("Value #H", "Unread"),
        ("Value #I", "Lost 1 h"),
        ("Value #J", "State kept"),
        ("version", "Version"),
        ("Value #D", ""),
        ("Value #K", ""),
    ])
    .sorted_by("Failed 1 h")
    .yes_no("State", "answers", "down", 80)
    .column("Failed 1 h", "locale", 130)
    .series("Failed 1 h", json!([{ "id": "decimals", "value": 0 }]))
    .bars("Failed 1 h", FAMILIES[0].colour)
    .column("Share", "percentunit", 80)
    .marked("Share", &[TICKET_RATIO.1, PAGE_RATIO.1])
    .words("Most of them", 170)
    .cell_links("Most of them", &[links::runbook_of_column("Most of them")])
    .column("Fullest pool", "percentunit", 100)
    .marked("Fullest pool", &[SATURATION_RATIO.1, 1.0])
    .series("Fullest pool", json!([{ "id": "decimals", "value": 0 }]))
    .column("Pools down", "locale", 100)
    .marked("Pools down", &[1.0])
    .column("Log read", "s", 90)
    .series("Log read", json!([{ "id": "decimals", "value": 0 }]))
    .column("Unread", "bytes", 90)
    .marked("Unread", &[UNREAD_BYTES.1])
    .column("Lost 1 h", "bytes", 90)
    .marked("Lost 1 h", &[1.0])
    .yes_no("State kept", "yes", "no", 95)
    .cell_links("Instance", &[
        links::board("Overview of this instance", "badgateway-overview", &[("job", "Job"), ("instance", "Instance")]),
        links::board("PHP-FPM there", "badgateway-php-fpm", &[("job", "Job"), ("instance", "Instance")]),
        links::page_of("Instance"),
    ])
}

/// Of that many instances a line is drawn: those that had the highest values in the time range.
fn highest(series: &str, divisor: &str, step: &str, over: &str) -> String {
    let series = of(series);
    format!("{series}{divisor} and on (job, instance) topk(20, {over}({series}[$__range:{step}] @ end()))")
}

fn worst() -> Panel {
    graph("Which machines fail?", "Failed responses of the 20 machines that had the most in the time range.")
        .unit("reqps")
        .over_time(
            "{{instance}}",
            highest("instance:badgateway_http_errors:increase4m", " / 240", "4m", "sum_over_time"),
        )
        .legend_beside()
        .empty("nothing")
}

fn why() -> Panel {
    graph(
        "Why, on all machines together?",
        "Failed responses of all machines of the job by what nginx saw. A click leads to the runbook.",
    )
    .unit("reqps")
    .over_time("{{cause}}", format!("sum by (cause) (cause:badgateway_http_errors:increase4m{{{J}}}) / 240"))
    .stacked_bars()
    .legend_beside()
    .empty("nothing")
    .causes()
    .links(json!([links::runbook_of_label("cause")]))
}

fn fullest() -> Panel {
    graph(
        "Which machines are full?",
        "The fullest pool of each of the 20 fullest machines: (busy + waiting) / pm.max_children. Above 100 % visitors wait. All near the line at the same time: \
         the fleet is too small.",
    )
    .unit("percentunit")
    .over_time("{{instance}}", highest("instance:badgateway_fpm_saturation_ratio_peak:max", "", "5m", "max_over_time"))
    .over_time("alert", format!("min({})", of("instance:badgateway_threshold:saturation_ratio")))
    .limit("alert")
    .legend_beside()
        .empty("nothing")
}

fn what_broke() -> Panel {
    graph("What broke them?", "The same failed responses by what broke them. A click leads to the runbook.")
        .unit("reqps")
        .over_time(
            "{{root_cause}}",
            format!("sum by (root_cause) (root_cause:badgateway_http_root_causes:increase4m{{{J}}}) / 240"),
        )
        .stacked_bars()
        .legend_beside()
        .empty("nothing")
        .causes()
        .links(json!([links::runbook_of_label("root_cause")]))
}

fn versions() -> Panel {
    stat("Versions", "How many instances run which version of Badgateway.")
        .unit("locale")
        .at_once("{{version}}", format!("count by (version) ({})", of("badgateway_build_info")))
        .option("textMode", json!("value_and_name"))
        .option("colorMode", json!("none"))
}

fn cpu() -> Panel {
    graph(
        "How much CPU does Badgateway take?",
        "Of one core: the most of any instance, and of half of them at most.",
    )
    .unit("percentunit")
    .over_time("most", format!("max(rate({}[{RATE}]))", of("process_cpu_seconds_total")))
    .over_time("half", format!("quantile(0.5, rate({}[{RATE}]))", of("process_cpu_seconds_total")))
}

fn memory() -> Panel {
    graph("How much memory does Badgateway take?", "The most of any instance, and of half of them at most.")
        .unit("bytes")
        .over_time("most", format!("max({})", of("process_resident_memory_bytes")))
        .over_time("half", format!("quantile(0.5, {})", of("process_resident_memory_bytes")))
}

fn scrapes() -> Panel {
    graph(
        "How long does a scrape take?",
        "The longest of any instance. Near the timeout of Prometheus (10 s) samples get lost.",
    )
    .unit("s")
    .over_time(
        "longest",
        format!(
            "max({} and on (job, instance) {})",
            of("scrape_duration_seconds"),
            of("instance:badgateway_known:bool")
        ),
    )
}
