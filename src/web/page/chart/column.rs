//! One column: the failures of its minutes, one segment for each kind.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::axis::{Axis, HEIGHT};
use crate::view::Minute;
use crate::vocabulary::Cause;
use crate::vocabulary::kinds::FAILURE_KINDS;

/// Pixels of the smallest segment, and between two.
const LEAST: u64 = 2;
const GAP: u64 = 1;

/// Of a column's width, so much is bar.
const BAR: f64 = 0.86;

/// A column.
#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    /// A log could be read in one of its minutes.
    watched: bool,
    failed: BTreeMap<Cause, u64>,
}

impl Column {
    pub(super) fn add(&mut self, minute: &Minute) {
        self.watched |= minute.watched;
        for (cause, count) in &minute.failed {
            *self.failed.entry(*cause).or_default() += count;
        }
    }

    pub(super) fn of(&self, cause: Cause) -> u64 {
        self.failed.get(&cause).copied().unwrap_or_default()
    }

    pub(super) fn total(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Whether something is known of it; else it is a gap, and no 0.
    pub(super) fn is_known(&self) -> bool {
        self.watched || !self.failed.is_empty()
    }

    /// Heights of its segments from below, by their kinds. All are to be seen, and none stands above the chart.
    fn segments(&self, axis: &Axis) -> Vec<(&'static str, u64)> {
        let mut segments: Vec<(&str, u64)> = (FAILURE_KINDS.iter())
            .map(|kind| (kind.word, kind.causes.iter().map(|cause| self.of(*cause)).sum::<u64>()))
            .filter(|(_, count)| *count > 0)
            .map(|(word, count)| (word, axis.height(count).saturating_sub(GAP).max(LEAST)))
            .collect();
        let most = axis.height(self.total()).max(segments.len() as u64 * (LEAST + GAP));
        let all: u64 = segments.iter().map(|(_, height)| height + GAP).sum();
        if let Some((_, tallest)) = segments.iter_mut().max_by_key(|(_, height)| *height) {
            *tallest = tallest.saturating_sub(all.saturating_sub(most)).max(LEAST);
        }
        segments
    }

    /// Drawn from `x` percent of the width on, `width` percent wide. `chart` is in the name of the pattern of gaps.
    pub(super) fn bars(&self, x: f64, width: f64, axis: &Axis, chart: &str) -> Markup {
        if !self.is_known() {
            let fill = format!("url(#gap-{chart})");
            return html! { rect.gap x=(format!("{x:.3}%")) y="10" width=(format!("{width:.3}%")) height=(HEIGHT - 10) fill=(fill) {} };
        }
        let mut y = HEIGHT;
        let mut placed = Vec::new();
        for (word, height) in self.segments(axis) {
            y = y.saturating_sub(height);
            placed.push((word, y, height));
            y = y.saturating_sub(GAP);
        }
        html! {
            @for (word, y, height) in placed {
                rect class={ "k-" (word) } x=(format!("{x:.3}%")) y=(y) width=(format!("{:.3}%", width * BAR)) height=(height) {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_beside_thousands_is_seen_and_nothing_stands_out_of_the_chart() {
        let of = |causes: &[(Cause, u64)]| Column { watched: true, failed: causes.iter().copied().collect() };
        let column = of(&[(Cause::ConnectionRefused, 10_000), (Cause::UpstreamStatus, 1)]);
        let axis = Axis::new(column.total());
        let segments = column.segments(&axis);
        assert_eq!(segments.iter().map(|(word, _)| *word).collect::<Vec<_>>(), ["down", "own"]);
        assert_eq!(segments[1].1, LEAST);
        let every: Vec<_> = Cause::ALL.iter().map(|cause| (*cause, 1_000_000)).collect();
        for column in [column, of(&every)] {
            let height: u64 = column.segments(&axis).iter().map(|(_, height)| height + GAP).sum();
            let axis = Axis::new(column.total());
            let fits: u64 = column.segments(&axis).iter().map(|(_, height)| height + GAP).sum();
            assert!(height > 0 && fits <= HEIGHT, "{fits}");
        }
    }

    #[test]
    fn a_gap_is_no_0() {
        let axis = Axis::new(1);
        let watched = Column { watched: true, ..Column::default() };
        assert_eq!(watched.bars(0.0, 1.0, &axis, "hour").into_string(), "");
        assert!(Column::default().bars(0.0, 1.0, &axis, "hour").into_string().contains("class=\"gap\""));
    }
}
