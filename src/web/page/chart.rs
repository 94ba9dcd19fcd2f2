//! Why responses failed, over the last hour and the last day, with what changed on the same time axis.
//!
//! Places along the axis are percentages, heights are pixels: nothing is stretched, whatever the width of the screen.

mod axis;
mod column;

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::words::{Times, thousands};
use crate::view::{History, MarkKind, View};
use crate::vocabulary::Cause;
use crate::vocabulary::kinds::{FAILURE_KINDS, FailureKind};
use axis::{Axis, HEIGHT, LANE, TEXT};
use column::Column;

/// A span of time in columns.
struct Span {
    /// Within ids.
    word: &'static str,
    title: &'static str,
    /// Minutes of one column, and how many there are.
    step: u64,
    columns: u64,
    /// Columns between two labels.
    labelled: u64,
}

const SPANS: [Span; 2] = [
    Span { word: "hour", title: "Why, over the last hour", step: 1, columns: 60, labelled: 15 },
    Span { word: "day", title: "The last day", step: 15, columns: 96, labelled: 24 },
];

pub(super) fn block(view: &View, times: &Times) -> Markup {
    html! { @for span in &SPANS { (chart(&view.history, span, times)) } }
}

impl Span {
    fn minutes(&self) -> u64 {
        self.step * self.columns
    }

    /// The minute with which its first column begins, so that the last one holds the minute `now`.
    fn start(&self, now: u64) -> u64 {
        (now + 1).next_multiple_of(self.step).saturating_sub(self.minutes())
    }

    /// Its columns, oldest first.
    fn columns(&self, history: &History, now: u64) -> Vec<Column> {
        let start = self.start(now);
        let mut columns = vec![Column::default(); self.columns as usize];
        for minute in history.last(self.minutes(), now).filter(|minute| minute.at >= start) {
            columns[((minute.at - start) / self.step) as usize].add(minute);
        }
        columns
    }

    /// What changed, by kind and column, with how often.
    fn marks(&self, history: &History, now: u64) -> BTreeMap<MarkKind, BTreeMap<u64, u64>> {
        let start = self.start(now);
        let mut marks: BTreeMap<MarkKind, BTreeMap<u64, u64>> = BTreeMap::new();
        for mark in history.marks().filter(|mark| (start..=now).contains(&(mark.at / 60))) {
            let column = (mark.at / 60 - start) / self.step;
            *marks.entry(mark.kind).or_default().entry(column).or_default() += mark.count;
        }
        marks
    }
}

fn chart(history: &History, span: &Span, times: &Times) -> Markup {
    let now = times.minute();
    let columns = span.columns(history, now);
    let marks = span.marks(history, now);
    let axis = Axis::new(columns.iter().map(Column::total).max().unwrap_or_default());
    let lanes = marks.len() as u64;
    let height = HEIGHT + lanes * LANE + TEXT;
    let start = span.start(now);
    let percent = |column: u64| column as f64 * 100.0 / span.columns as f64;
    html! {
        section aria-labelledby={ "h-" (span.word) } {
            h2 #{ "h-" (span.word) } { (span.title) }
            div.chart {
                svg.scale width="48" height=(height) aria-hidden="true" {
                    @for tick in axis.ticks() {
                        text x="44" y=(axis.y(tick) + 4) text-anchor="end" { (thousands(tick)) }
                    }
                }
                svg.plot width="100%" height=(height) role="img" aria-labelledby={ "t-" (span.word) " d-" (span.word) } {
                    title #{ "t-" (span.word) } { (span.title) }
                    desc #{ "d-" (span.word) } { (summary(span, &columns, now, times)) }
                    defs {
                        pattern #{ "gap-" (span.word) } width="6" height="6" patternUnits="userSpaceOnUse" {
                            path.hatch d="M-1 7L7 -1M-1 1L1 -1M5 7L7 5" {}
                        }
                    }
                    @for tick in axis.ticks() {
                        line.grid x1="0" x2="100%" y1=(axis.y(tick)) y2=(axis.y(tick)) {}
                    }
                    @for (at, column) in (0..).zip(&columns) {
                        (column.bars(percent(at), percent(1), &axis, span.word))
                    }
                    @for (lane, (kind, of_kind)) in (0..).zip(&marks) {
                        @for (column, count) in of_kind {
                            svg x=(format!("{:.2}%", percent(*column) + percent(1) / 2.0)) y=(HEIGHT + lane * LANE + LANE / 2) overflow="visible" {
                                title { (thousands(*count)) " × " (name(*kind)) ", " (times.short(start + column * span.step)) }
                                (shape(*kind))
                            }
                        }
                    }
                    @for column in (0..span.columns).step_by(span.labelled as usize) {
                        text x=(format!("{:.2}%", percent(column))) y=(height - 4) text-anchor=(if column == 0 { "start" } else { "middle" }) {
                            (times.short(start + column * span.step))
                        }
                    }
                    text x="100%" y=(height - 4) text-anchor="end" { "now" }
                }
            }
            (legend(&columns, &marks))
        }
    }
}

/// The chart in a sentence or two.
fn summary(span: &Span, columns: &[Column], now: u64, times: &Times) -> String {
    let start = span.start(now);
    let total: u64 = columns.iter().map(Column::total).sum();
    let gaps = columns.iter().filter(|column| !column.is_known()).count();
    let gap = match gaps {
        gaps if gaps == columns.len() => {
            return "Nothing was read in that time, so nothing is known of it.".to_owned();
        }
        0 => String::new(),
        gaps => format!(" For {} of {} columns it is not known.", gaps, columns.len()),
    };
    let peak = (0..).zip(columns).max_by_key(|(_, column)| column.total());
    match peak {
        Some((at, peak)) if peak.total() > 0 => format!(
            "{} responses failed; the most, {}, in the {} from {} {}; {} in the last.{gap}",
            thousands(total),
            thousands(peak.total()),
            if span.step == 1 { "minute".to_owned() } else { format!("{} minutes", span.step) },
            times.short(start + at * span.step),
            times.zone(),
            thousands(columns.last().map_or(0, Column::total)),
        ),
        _ => format!("No failed response was logged.{gap}"),
    }
}

/// What the colours and shapes mean, with totals: the chart as text.
fn legend(columns: &[Column], marks: &BTreeMap<MarkKind, BTreeMap<u64, u64>>) -> Markup {
    let of = |cause: Cause| columns.iter().map(|column| column.of(cause)).sum::<u64>();
    let shown = |kind: &&FailureKind| kind.causes.iter().any(|cause| of(*cause) > 0);
    let gap = columns.iter().any(|column| !column.is_known());
    let none = !FAILURE_KINDS.iter().any(|kind| shown(&kind));
    html! {
        @if none { p { @if columns.iter().any(Column::is_known) { "No failed response while the logs were read." } @else { "Nothing was read in that time, so nothing is known of it." } } }
        ul.legend {
            @for kind in FAILURE_KINDS.iter().rev().filter(shown) {
                li {
                    svg width="14" height="14" aria-hidden="true" { rect class={ "k-" (kind.word) } width="14" height="14" {} }
                    b { (kind.title) }
                    @for cause in kind.causes.iter().filter(|cause| of(**cause) > 0) {
                        " " span { (cause.word()) " " (thousands(of(*cause))) }
                    }
                }
            }
            @for (kind, of_kind) in marks {
                li {
                    svg width="14" height="14" aria-hidden="true" { svg x="7" y="7" overflow="visible" { (shape(*kind)) } }
                    b { (name(*kind)) } " " span { (thousands(of_kind.values().sum())) }
                }
            }
            @if gap {
                li {
                    svg width="14" height="14" aria-hidden="true" { path.hatch d="M0 14L14 0M0 7L7 0M7 14L14 7" {} }
                    b { "not read" } " " span { "nothing is known of that time" }
                }
            }
        }
    }
}

fn name(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Configuration => "change of configuration",
        MarkKind::Reload => "reload",
        MarkKind::Restart => "start or end",
        MarkKind::Death => "death of a worker",
    }
}

/// Around (0, 0), five each way.
fn shape(kind: MarkKind) -> Markup {
    let path = match kind {
        MarkKind::Configuration => "M-4 -4h8v8h-8z",
        MarkKind::Reload => "M0 -5L5 4H-5z",
        MarkKind::Restart => "M0 -5L5 0L0 5L-5 0z",
        MarkKind::Death => "M-5 -3L-3 -5L0 -2L3 -5L5 -3L2 0L5 3L3 5L0 2L-3 5L-5 3L-2 0z",
    };
    html! { path.mark d=(path) {} }
}
