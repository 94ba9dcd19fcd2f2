//! Badgateway itself.

use super::{Case, START, gauge, rising, series};
use crate::promtool::Series;

const LOG: &str = r#"log="/var/log/nginx/error.log""#;

fn case(
    alert: &'static str,
    labels: &str,
    input: Vec<Series>,
    less: Vec<Series>,
    before: Option<u32>,
    fires: u32,
    ends: u32,
) -> Case {
    let less = if less.is_empty() { Vec::new() } else { vec![less] };
    Case {
        alert,
        what: labels.replace('"', ""),
        labels: labels.to_owned(),
        input,
        less,
        before,
        fires,
        ends,
        along: "",
    }
}

fn lines(unparsed: f64) -> Vec<Series> {
    let labels = |result: &str| format!(r#"{LOG},result="{result}""#);
    vec![
        series("badgateway_log_lines_total", labels("parsed"), "0+1000x400"),
        series("badgateway_log_lines_total", labels("unparsed"), rising(unparsed, 60)),
    ]
}

/// A gauge that must be 1, for `steps` samples not.
fn zero(name: &'static str, labels: &str, steps: u32) -> Vec<Series> {
    vec![series(name, labels, gauge("1", "0", steps))]
}

pub(super) fn cases() -> Vec<Case> {
    let unread = |bytes| vec![series("badgateway_log_bytes_unread", LOG, gauge("0", bytes, 30))];
    let counted = |name, labels: &str, by| vec![series(name, labels, rising(by, 1))];
    let what = r#"collector="processes""#;
    vec![
        case(
            "BadgatewayLogUnreadable",
            LOG,
            zero("badgateway_log_readable", LOG, 12),
            zero("badgateway_log_readable", LOG, 8),
            Some(START + 120),
            START + 165,
            600,
        ),
        case(
            "BadgatewayLogLagging",
            LOG,
            unread("67108865"),
            unread("67108864"),
            Some(START + 300),
            START + 360,
            900,
        ),
        case("BadgatewayLinesUnparsed", LOG, lines(15.0), lines(9.0), Some(START + 900), START + 1050, 2200),
        case(
            "BadgatewayLinesLost",
            LOG,
            counted("badgateway_log_bytes_lost_total", LOG, 1.0),
            counted("badgateway_log_bytes_lost_total", LOG, 0.0),
            None,
            START + 30,
            1000,
        ),
        case(
            "BadgatewayLinesLost",
            LOG,
            counted("badgateway_log_gaps_total", LOG, 1.0),
            counted("badgateway_log_gaps_total", LOG, 0.0),
            None,
            START + 30,
            1000,
        ),
        case(
            "BadgatewayStateNotDurable",
            "",
            zero("badgateway_state_durable", "", 12),
            zero("badgateway_state_durable", "", 8),
            Some(START + 120),
            START + 165,
            600,
        ),
        case(
            "BadgatewayConfigReloadFailed",
            "",
            zero("badgateway_config_last_reload_successful", "", 12),
            zero("badgateway_config_last_reload_successful", "", 8),
            Some(START + 120),
            START + 165,
            600,
        ),
        case(
            "BadgatewayCannotObserve",
            what,
            zero("badgateway_collector_success", what, 50),
            zero("badgateway_collector_success", what, 40),
            Some(START + 600),
            START + 645,
            1100,
        ),
        case(
            "BadgatewayLabelOverflow",
            r#"label="server""#,
            counted("badgateway_label_overflow_total", r#"label="server""#, 1.0),
            counted("badgateway_label_overflow_total", r#"label="server""#, 0.0),
            None,
            START + 30,
            4000,
        ),
    ]
}
