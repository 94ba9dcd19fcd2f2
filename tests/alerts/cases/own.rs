//! Badgateway itself, and its logs.

use super::{Case, FROM, Shape, Shaped, TO, always, gauge, rising, shaped, ticket};

const LOG: &str = r#"log="/var/log/nginx/error.log""#;

fn lines(unparsed: f64) -> Vec<Shaped> {
    let labels = |result: &str| format!(r#"{LOG},result="{result}""#);
    vec![
        always("badgateway_log_lines_total", labels("parsed"), 10.0),
        rising("badgateway_log_lines_total", labels("unparsed"), unparsed),
    ]
}

/// A log of which `bytes` are unread.
fn unread(bytes: f64) -> Vec<Shaped> {
    vec![gauge("badgateway_log_bytes_unread", LOG, 0.0, bytes)]
}

/// A log in which nothing was read since the trouble began.
fn stuck(bytes: f64) -> Vec<Shaped> {
    let last = shaped("badgateway_log_last_read_timestamp_seconds", LOG, Shape::Pausing(1.0, FROM, TO));
    // The clock of Unix goes on.
    let [mut input, mut last] = [unread(bytes), vec![last]];
    input.append(&mut last);
    input
}

fn space(bytes: f64) -> Vec<Shaped> {
    vec![gauge("badgateway_log_filesystem_avail_bytes", LOG, 1e9, bytes)]
}

pub(super) fn cases() -> Vec<Case> {
    let zero = |name, labels: &str| vec![gauge(name, labels, 1.0, 0.0)];
    let once = |name, labels: &str| vec![shaped(name, labels, Shape::Again(1.0, 1.0, 240.0, FROM, TO))];
    let collector = r#"collector="processes""#;
    let label = r#"label="server""#;
    vec![
        ticket("BadgatewayLogUnreadable", LOG, zero("badgateway_log_readable", LOG), vec![]),
        ticket("BadgatewayLogUnreadable", LOG, unread(68e6), vec![unread(66e6)]),
        Case { within: 700, ..ticket("BadgatewayLogUnreadable", LOG, stuck(1.0), vec![stuck(0.0)]) },
        Case {
            within: 1000,
            over: 1260,
            ..ticket("BadgatewayLinesUnparsed", LOG, lines(0.5), vec![lines(0.09)])
        },
        Case {
            over: 780,
            ..ticket(
                "BadgatewayLinesLost",
                LOG,
                once("badgateway_log_bytes_lost_total", LOG),
                vec![vec![always("badgateway_log_lines_total", format!(r#"{LOG},result="parsed""#), 1.0)]],
            )
        },
        Case {
            over: 780,
            ..ticket("BadgatewayLinesLost", LOG, once("badgateway_log_gaps_total", LOG), vec![])
        },
        ticket("BadgatewayStateNotDurable", "", zero("badgateway_state_durable", ""), vec![]),
        ticket(
            "BadgatewayConfigReloadFailed",
            "",
            zero("badgateway_config_last_reload_successful", ""),
            vec![],
        ),
        Case {
            severity: "info",
            within: 840,
            ..ticket(
                "BadgatewayCannotObserve",
                collector,
                zero("badgateway_collector_success", collector),
                vec![],
            )
        },
        ticket("NginxLogDiskFull", "", space(1e7), vec![space(7e7)]),
        Case {
            severity: "info",
            over: 1500 + 2400,
            ..ticket("BadgatewayLabelOverflow", label, once("badgateway_label_overflow_total", label), vec![])
        },
    ]
}
