//! `/`: what failed since the start, readable without Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::diagnosis::{self, State};
use crate::topology::remembered;
use crate::view::View;
use crate::vocabulary::{Cause, Outcome, code};

/// Renders the page.
pub(super) fn render(view: &View, telemetry_path: &str) -> String {
    let mut rows: BTreeMap<(u16, Cause, &str), u64> = BTreeMap::new();
    for row in view.errors.iter().filter(|row| row.count > 0) {
        *rows.entry((row.code, row.cause, &row.upstream)).or_default() += row.count;
    }
    // The failures that the error log has entries of.
    let entries: BTreeSet<(Cause, &str)> = view
        .failures
        .iter()
        .filter(|row| row.count > 0 && row.outcome == Outcome::Failed)
        .map(|row| (row.cause, &*row.upstream))
        .collect();
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let body = html! {
        h1 { "Badgateway" }
        (verdict(view))
        @if rows.is_empty() && view.logs.iter().any(|log| log.is_access && log.readable == Some(true)) {
            p { "No failed response since the start." }
        }
        @if !rows.is_empty() {
            p { (view.history.failed(60, remembered::now() / 60)) " failed responses in the last hour. Since the start, by what nginx saw:" }
            @for ((status, cause, upstream), count) in &rows {
                @let (meaning, fix) = cause.advice(entries.contains(&(*cause, *upstream)));
                section {
                    h2 { (count) " × " (code(*status)) " " (cause.word()) }
                    @if !upstream.is_empty() { p { code { (upstream) } } }
                    p { (meaning) }
                    p { i { (fix) } " " a href={ "/runbooks/" (cause.alert()) } { "runbook" } }
                }
            }
        }
        @let unreadable: Vec<_> = view.logs.iter().filter(|log| log.readable == Some(false)).collect();
        @if !unreadable.is_empty() {
            h2 { "Logs that cannot be read" }
            ul { @for log in unreadable { li { code { (log.log) } } } }
        }
        p {
            a href=(telemetry_path) { "metrics" } " · " a href="/runbooks" { "runbooks" } " · "
            a href="/-/healthy" { "healthy" } " · " a href="/-/ready" { "ready" }
            " · version " (env!("CARGO_PKG_VERSION"))
        }
    };
    document("Badgateway", &body)
}

/// What is wrong now.
fn verdict(view: &View) -> Markup {
    let diagnosis = diagnosis::of(view);
    html! {
        p.bad[diagnosis.state != State::Well] { strong { (diagnosis.verdict) } }
        @for finding in diagnosis.findings.iter().take(20) {
            section {
                @if finding.what != diagnosis.verdict { p { (finding.what) } }
                @for evidence in &finding.evidence { p { (evidence) } }
                p { i { (finding.fix) } }
                @if !finding.commands.is_empty() { pre { (finding.commands.join("\n")) } }
                @if !finding.runbook.is_empty() { p { a href={ "/runbooks/" (finding.runbook) } { "runbook" } } }
            }
        }
    }
}

/// A whole page for people: nothing in it comes from elsewhere, and it is never wider than the screen.
pub(super) fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:1rem auto;max-width:46rem;padding:0 1rem;overflow-wrap:anywhere}\
h1{font-size:1.5rem;line-height:1.2;margin:1rem 0 .5rem}h2{font-size:1.15rem;margin:1.6rem 0 .3rem;border-bottom:1px solid #ccc}\
section p{margin:.2rem 0}pre{background:#f3f3f3;padding:.6rem .8rem;white-space:pre-wrap;border-radius:.3rem}\
code{font:.9em/1.45 ui-monospace,monospace}ol,ul{padding-left:1.4rem}li{margin:.4rem 0}dt{font-weight:600;margin-top:.6rem}dd{margin:0}\
table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ccc}\
.note,.bad{background:#fff6d6;padding:.5rem .8rem;border-radius:.3rem}\
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8cf}pre{background:#222}h2,td,th{border-color:#444}.note,.bad{background:#332b00}}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{Names, Sink, Verdict};
    use crate::ledger::Ledger;
    use crate::view::{Errors, LogState};

    fn view(readable: Option<bool>) -> View {
        View {
            logs: vec![LogState { log: "a.log".into(), is_access: true, readable, ..LogState::default() }],
            ..View::default()
        }
    }

    #[test]
    fn failures_show_with_their_fix_and_names_are_escaped() {
        let mut view = view(Some(true));
        assert!(render(&view, "/metrics").contains("No failed response"));
        let (server, upstream) = ("".into(), "<script>".into());
        view.errors.push(Errors { server, upstream, code: 502, cause: Cause::BacklogFull, count: 3 });
        let page = render(&view, "/metrics");
        assert!(
            page.contains("3 × 502 backlog_full") && page.contains(Cause::BacklogFull.meaning()),
            "{page}"
        );
        assert!(page.contains("href=\"/runbooks/PhpFpmPoolExhausted\""));
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"));
    }

    #[test]
    fn who_can_read_nothing_does_not_say_that_nothing_failed() {
        for readable in [Some(false), None] {
            let page = render(&view(readable), "/metrics");
            assert!(page.contains("nothing is known") && !page.contains("No failed response"), "{page}");
        }
    }

    #[test]
    fn what_could_not_connect_says_whether_the_error_log_names_the_errno() {
        let (mut ledger, mut names) = (Ledger::default(), Names::default());
        let (server, upstream) = (names.servers.id(b""), names.upstreams.id(b"unix:/x"));
        let cause = Cause::ConnectFailed;
        ledger.error(&Verdict { status: 502, cause, server, upstream, at: 0 });
        let page = render(&ledger.view(&names), "/metrics");
        assert!(page.contains(cause.advice(false).0) && !page.contains(cause.advice(true).0));
        ledger.failure(upstream, cause, Outcome::Failed, 0);
        let page = render(&ledger.view(&names), "/metrics");
        assert!(page.contains(cause.advice(true).0) && !page.contains(cause.advice(false).0));
    }
}
