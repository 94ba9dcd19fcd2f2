//! What changed, and what cannot be seen.

use maud::{Markup, html};

use super::words::{Times, thousands};
use crate::diagnosis::Diagnosis;
use crate::view::{Mark, MarkKind, View};

/// Changes that are shown at once, and at all.
const FIRST: usize = 8;
const MOST: usize = 100;

/// An hour, in seconds.
const HOUR: u64 = 3600;

pub(super) fn changes(view: &View, times: &Times) -> Markup {
    let recent = |mark: &&Mark| mark.at + HOUR > times.minute() * 60;
    let shown: Vec<&Mark> = view.history.marks().rev().take(MOST).collect();
    let first = shown.iter().filter(|mark| recent(mark)).take(FIRST).count();
    let (first, others) = shown.split_at(first);
    html! {
        section aria-labelledby="changes" {
            h2 #changes { "What changed" }
            @if first.is_empty() { p { "In the last hour no reload, no restart, no change of configuration and no death of a worker was seen." } }
            @else { (list(first, times)) }
            @if !others.is_empty() {
                details #more-changes {
                    summary { "Earlier, within a day: " (others.len()) }
                    (list(others, times))
                }
            }
        }
    }
}

fn list(marks: &[&Mark], times: &Times) -> Markup {
    html! {
        ul.lines {
            @for mark in marks {
                li {
                    (times.clock_of_unix(mark.at)) " "
                    @if mark.kind == MarkKind::Death && mark.count > 1 { (thousands(mark.count)) " × " }
                    (mark.what)
                }
            }
        }
    }
}

/// Never as 0: each with what to do.
pub(super) fn unseen(view: &View, diagnosis: &Diagnosis) -> Markup {
    let lost: u64 = view.logs.iter().map(|log| log.lost).sum();
    let unparsed: u64 = view.logs.iter().map(|log| log.unparsed + log.oversized).sum();
    html! {
        @if !diagnosis.unseen.is_empty() || lost > 0 || unparsed > 0 || view.durable == Some(false) {
            section aria-labelledby="unseen" {
                h2 #unseen { "What cannot be seen" }
                ul {
                    @for unseen in &diagnosis.unseen { li { (unseen) } }
                    @if unparsed > 0 { li { (thousands(unparsed)) " lines of logs could not be read, so failures among them are not counted; Badgateway's own log has one of them" } }
                    @if lost > 0 { li { (thousands(lost)) " bytes of logs were gone before they could be read" } }
                    @if view.durable == Some(false) { li { "the state is not safe: counters may step down at a restart; Badgateway's own log says why" } }
                }
            }
        }
    }
}
