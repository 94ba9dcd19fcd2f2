//! `/`: what failed since the start, readable without Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::ledger::Snapshot;
use crate::vocabulary::Cause;
use crate::vocabulary::families;

/// Renders the page.
pub(super) fn render(snapshot: &Snapshot, telemetry_path: &str) -> String {
    let mut rows: BTreeMap<(String, String, String), f64> = BTreeMap::new();
    for family in snapshot.iter().filter(|family| family.name() == families::HTTP_ERRORS.name) {
        for metric in family.get_metric() {
            let count = metric.get_counter().get_value();
            let label = |name: &str| {
                let pair = metric.get_label().iter().find(|pair| pair.name() == name);
                pair.map(|pair| pair.value().to_owned()).unwrap_or_default()
            };
            if count > 0.0 {
                *rows.entry((label("code"), label("cause"), label("upstream"))).or_default() += count;
            }
        }
    }
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut out = String::from(HEAD);
    if rows.is_empty() {
        out.push_str("<p>No failed response since the start.</p>");
    } else {
        out.push_str(
            "<table><tr><th>count<th>code<th>cause<th>upstream<th>what it means, and what to do first</tr>",
        );
        for ((code, word, upstream), count) in &rows {
            let cause = Cause::ALL.iter().find(|cause| cause.word() == word);
            let (meaning, fix) = cause.map_or(("", ""), |cause| (cause.meaning(), cause.fix()));
            let runbook = cause.map_or(String::new(), |cause| format!("/{}", cause.alert()));
            let _ = write!(
                out,
                "<tr><td class=n>{count}<td>{}<td><b>{}</b><td><code>{}</code><td>{}<br><i>{}</i><br><a href=\"/runbooks{}\">runbook</a></tr>",
                escape(code),
                escape(word),
                escape(upstream),
                escape(meaning),
                escape(fix),
                escape(&runbook)
            );
        }
        out.push_str("</table>");
    }
    let _ = write!(
        out,
        "<p><a href=\"{}\">metrics</a> · <a href=\"/runbooks\">runbooks</a> · <a href=\"/-/healthy\">healthy</a> · <a href=\"/-/ready\">ready</a> · version {}</p>",
        escape(telemetry_path),
        env!("CARGO_PKG_VERSION")
    );
    out
}

const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
<title>Badgateway</title><style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.4rem .8rem .4rem 0;border-bottom:1px solid #ccc}\
.n{text-align:right;font-variant-numeric:tabular-nums}code{word-break:break-all}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8cf}}</style>\
<h1>Badgateway</h1><p>Failed responses since the start, by what nginx saw.</p>";

/// Text as it may stand in HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{Names, Sink, Verdict};
    use crate::ledger::Ledger;

    #[test]
    fn failures_show_with_their_fix_and_names_are_escaped() {
        let (mut ledger, mut names) = (Ledger::default(), Names::default());
        assert!(render(&ledger.snapshot(&names), "/metrics").contains("No failed response"));
        let upstream = names.upstreams.id(b"<script>");
        let server = names.servers.id(b"");
        ledger.error(&Verdict { status: 502, cause: Cause::BacklogFull, server, upstream, at: 0 });
        let page = render(&ledger.snapshot(&names), "/metrics");
        assert!(page.contains("backlog_full") && page.contains(Cause::BacklogFull.meaning()));
        assert!(page.contains("href=\"/runbooks/Nginx502PoolSaturated\""));
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"));
    }
}
