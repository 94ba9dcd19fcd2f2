//! `/`: what is wrong now and why, readable without Prometheus, on a phone, and without JavaScript. A pure function of the
//! view.
//!
//! Nothing that a visitor sends is on it: names of servers, pools, upstreams and files are the operator's, and those, too,
//! are escaped as text.

mod assets;
mod chart;
mod document;
mod failures;
mod pools;
mod seen;
mod symbols;
mod verdict;
mod words;

#[cfg(test)]
mod tests;

pub(super) use assets::{SCRIPT, STYLE};
pub(super) use document::{Head, document};

use maud::html;

use crate::diagnosis::{self, Diagnosis, State};
use crate::view::View;
use symbols::Symbol;
use words::Times;

/// What the page is made with besides the view.
pub(super) struct Site {
    /// What this machine is called; empty: not known.
    pub(super) host: String,
    /// Where the metrics are.
    pub(super) telemetry_path: String,
}

/// Renders the page.
pub(super) fn render(view: &View, site: &Site) -> String {
    let diagnosis = diagnosis::of(view);
    let times = Times::of(view);
    let body = html! {
        header {
            p { a.home href="/" { "Badgateway" } @if !site.host.is_empty() { " on " (site.host) } }
            p #update {
                "as of " time #now data-offset=(view.offset) { (times.clock(view.now)) }
                " · " span #age { "reload the page for newer ones" }
            }
        }
        p #stale role="alert" hidden {}
        main data-state=(Symbol::of(diagnosis.state).word()) {
            (verdict::block(view, &diagnosis, &times))
            (chart::block(view, &times))
            (pools::block(&view.machine.pools))
            (failures::table(view, &times))
            (failures::hidden(view))
            (seen::changes(view, &times))
            (seen::unseen(view, &diagnosis))
        }
        p #said role="status" {}
        footer {
            a href=(site.telemetry_path) { "metrics" } " · " a href="/runbooks" { "runbooks" } " · "
            a href="/diagnosis" { "this as JSON" }
            " · version " (env!("CARGO_PKG_VERSION"))
        }
    };
    let head = Head { title: &title(&diagnosis, &site.host), symbol: Some(Symbol::of(diagnosis.state)) };
    document(&head, &body)
}

/// It begins with the state: of a tab not much more is seen.
fn title(diagnosis: &Diagnosis, host: &str) -> String {
    let first = diagnosis.findings.first().map_or("", |finding| finding.name.as_str());
    let first = first.replace('_', " ");
    let state = match diagnosis.state {
        State::Failing => format!("Failing: {first}"),
        State::Threatened => format!("Warning: {first}"),
        State::Blind => "Cannot tell".to_owned(),
        State::Well => "Fine".to_owned(),
    };
    if host.is_empty() { format!("{state} - Badgateway") } else { format!("{state} - {host}") }
}
