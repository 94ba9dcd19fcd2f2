//! How much of a page of metrics a view takes, without writing it.

use super::{Histogram, View};
use crate::label::width;

/// Series, and bytes of text: the latter a little more than they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Samples.
    pub series: u64,
    /// Of the text format.
    pub bytes: u64,
}

/// The name of a family, the names of its labels, the values that are words, and the number.
const LINE: u64 = 110;

/// Gauges of a pool.
pub const OF_POOL: u64 = 16;
/// Series of a log.
pub const OF_LOG: u64 = 9;

impl Size {
    /// So many series with these values of labels.
    pub fn add(&mut self, series: u64, values: &[&str]) {
        self.add_wide(series, values.iter().map(|value| width(value)).sum());
    }
}

impl Size {
    /// Adds so many series whose values of labels take so many bytes together.
    pub fn add_wide(&mut self, series: u64, width: u64) {
        self.series += series;
        self.bytes += series * (LINE + width);
    }
}

impl View {
    /// Of everything that is counted: its labels come from logs.
    pub fn counters(&self) -> Size {
        let mut size = Size::default();
        self.responses.iter().for_each(|row| size.add(1, &[&row.server]));
        self.errors.iter().for_each(|row| size.add(1, &[&row.server, &row.upstream]));
        self.roots.iter().for_each(|row| size.add(1, &[&row.server, &row.upstream]));
        self.failures.iter().for_each(|row| size.add(1, &[&row.upstream]));
        self.seconds.iter().for_each(|row| size.add(Histogram::series(), &[&row.upstream]));
        self.exits.iter().for_each(|row| size.add(1, &[&row.fpm, &row.pool]));
        for (_, labels, _) in &self.sums {
            size.add(1, &labels.iter().map(String::as_str).collect::<Vec<_>>());
        }
        size
    }
}
