//! Whether what the other panels show is all that there is to see.

use serde_json::json;

use super::{
    limits::{UNEXPLAINED_RATIO, UNPARSED_RATIO, UNREAD_BYTES},
    panel::{Panel, stat},
    query::{S, errors, rise},
};

/// Four numbers beside each other.
pub(crate) fn panel() -> Panel {
    let failed = errors();
    let unknown = failed.replace("code=~", r#"cause="unknown",code=~"#);
    let step = |limit: f64| {
        json!({ "id": "thresholds", "value": { "mode": "absolute", "steps": [
            { "color": "green", "value": null }, { "color": "orange", "value": limit }
        ] } })
    };
    let unit = |unit: &str| json!({ "id": "unit", "value": unit });
    stat(
        "Can these numbers be trusted?",
        "Not 0: something is not read, not understood or not explained, and the panels above show too little. Badgateway's own \
         log, and its page at /, say which file and what to type. Unexplained: the share of the failures of 30 minutes \
         without evidence; PHP-FPM's log or the recommended log_format is missing.",
    )
    .unit("locale")
    .decimals(0)
    .steps(&[1.0])
    .option("textMode", json!("value_and_name"))
    .option("orientation", json!("vertical"))
    .at_once("logs unreadable", format!("count(badgateway_log_readable{{{S}}} == 0) or vector(0)"))
    .at_once("unread", format!("sum(badgateway_log_bytes_unread{{{S}}})"))
    .at_once(
        "lines not understood",
        format!(
            "sum(increase(badgateway_log_lines_total{{{S},result!=\"parsed\"}}[30m])) / (sum(increase(badgateway_log_lines_total{{{S}}}[30m])) > 0) or vector(0)"
        ),
    )
    .at_once(
        "unexplained",
        format!("sum({}) / (sum({}) > 0) or vector(0)", rise(&unknown, "30m"), rise(&failed, "30m")),
    )
    .at_once("not seen", format!("count(badgateway_collector_success{{{S}}} == 0) or vector(0)"))
    .series("unread", json!([unit("bytes"), step(UNREAD_BYTES.1)]))
    .series("lines not understood", json!([unit("percentunit"), step(UNPARSED_RATIO.1), { "id": "decimals", "value": 1 }]))
    .series("unexplained", json!([unit("percentunit"), step(UNEXPLAINED_RATIO.1), { "id": "decimals", "value": 1 }]))
    // hidepid or a container's namespace is often meant: no failure, but said.
    .series("not seen", json!([step(1.0)]))
}
