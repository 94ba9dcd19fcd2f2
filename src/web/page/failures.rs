//! What failed in the last hour, and what failed without being seen as an error.

use maud::{Markup, html};

use super::words::{Times, count, thousands};
use crate::view::{Episode, View};
use crate::vocabulary::{Outcome, RootCause, code};

/// Rows that are shown at once, and at all.
const ROWS: usize = 20;
const MOST: usize = 200;

/// Seconds, and minutes, of an hour.
const HOUR: i64 = 3600;
const MINUTES: u64 = 60;

/// Rows of what was hidden.
const HIDDEN: usize = 10;

pub(super) fn table(view: &View, times: &Times) -> Markup {
    let mut recent: Vec<&Episode> =
        view.episodes.iter().filter(|episode| view.now.saturating_sub(episode.last) < HOUR).collect();
    recent.sort_by_key(|episode| std::cmp::Reverse(episode.count));
    let (first, others) = recent.split_at(recent.len().min(ROWS));
    let (others, left_out) = others.split_at(others.len().min(MOST));
    html! {
        section aria-labelledby="failures" {
            h2 #failures { "What failed in the last hour" }
            @if recent.is_empty() {
                @if view.history.failed(MINUTES, times.minute()) > 0 {
                    p { "What failed before Badgateway was restarted is in the chart; by server and upstream it is not known any more." }
                } @else if view.history.last(MINUTES, times.minute()).any(|minute| minute.watched) {
                    p { "No response." }
                } @else {
                    p { "Nothing is known: no access log was read." }
                }
            } @else {
                (rows(first, times))
                @if !others.is_empty() {
                    details #more-failures {
                        summary { (count((others.len() + left_out.len()) as u64, "kind more", "kinds more")) }
                        (rows(others, times))
                        @if !left_out.is_empty() { p { "And " (thousands(left_out.len() as u64)) " more, see the metrics." } }
                    }
                }
            }
        }
    }
}

fn rows(episodes: &[&Episode], times: &Times) -> Markup {
    html! {
        table.failures {
            thead {
                tr {
                    th.number scope="col" { "Failed" }
                    @for title in ["Code", "Cause", "Root cause", "Upstream", "Server", "Since", "More"] {
                        th scope="col" { (title) }
                    }
                }
            }
            tbody { @for episode in episodes { (row(episode, times)) } }
        }
    }
}

fn row(episode: &Episode, times: &Times) -> Markup {
    let root = episode.roots.iter().max_by_key(|(_, count)| *count).map(|(root, _)| *root);
    let more = episode.roots.len().saturating_sub(1);
    let runbook = episode.cause.runbook(root.unwrap_or(RootCause::Unknown));
    html! {
        tr {
            td.number data-l="Failed" { (thousands(episode.count)) }
            td data-l="Code" { (code(episode.code)) }
            th scope="row" data-l="Cause" { (episode.cause.word()) }
            td data-l="Root cause" { (root.map_or("not known yet", RootCause::word)) @if more > 0 { " +" (more) } }
            td data-l="Upstream" { @if episode.upstream.is_empty() { "none" } @else { code { (episode.upstream) } } }
            td data-l="Server" { @if episode.server.is_empty() { "not in the log" } @else { (episode.server) } }
            td data-l="Since" { (times.clock(episode.first)) }
            td data-l="More" { a href={ "/runbooks/" (runbook) } aria-label={ "runbook for " (episode.cause.word()) } { "runbook" } }
        }
    }
}

/// Failures that nobody saw as an error, or of which the client saw half.
pub(super) fn hidden(view: &View) -> Markup {
    let hidden = |outcome: &Outcome| matches!(outcome, Outcome::Rescued | Outcome::Truncated);
    let mut rows: Vec<_> = view.failures.iter().filter(|row| row.count > 0 && hidden(&row.outcome)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    let now = u64::try_from(view.now - i64::from(view.offset)).unwrap_or_default() / 60;
    let (mut rescued, mut truncated) = (0, 0);
    for minute in view.history.last(MINUTES, now) {
        rescued += minute.rescued;
        truncated += minute.truncated;
    }
    html! {
        @if !rows.is_empty() || rescued + truncated > 0 {
            section aria-labelledby="hidden" {
                h2 #hidden { "Failures that are no errors" }
                p {
                    "In the last hour " (count(rescued, "failed attempt was", "failed attempts were"))
                    " saved by a retry or a fallback, and of "
                    (count(truncated, "response", "responses")) " the client got a part. Since counting began:"
                }
                ul.lines {
                    @for row in rows.iter().take(HIDDEN) {
                        li {
                            (thousands(row.count)) " " (row.outcome.word()) ": " (row.cause.word())
                            @if !row.upstream.is_empty() { ", " code { (row.upstream) } }
                        }
                    }
                    @if rows.len() > HIDDEN { li { "and " (rows.len() - HIDDEN) " kinds more, see the metrics" } }
                }
            }
        }
    }
}
