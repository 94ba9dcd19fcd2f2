//! What the exporter that lives through everything needs, and whether a counter ever falls.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::time::Duration;

use badgateway_harness::exporter::Exporter;

use super::site::Site;
use crate::counters::{counters, fallen, sum};

/// One moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) rss_kib: u64,
    pub(super) descriptors: u64,
    pub(super) threads: u64,
    lines: u64,
    failed: u64,
    series: usize,
    at: Duration,
}

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rss_kib, descriptors, threads, lines, failed, series, at } = self;
        let minutes = at.as_secs_f64() / 60.0;
        write!(
            out,
            "minute {minutes:4.1}: RSS {rss_kib:6} KiB, {descriptors:3} descriptors, {threads} threads, {series} series, \
             {lines} lines, {failed} failed"
        )
    }
}

pub(super) struct Watched {
    pid: u32,
    pub(super) rows: Vec<Row>,
    pub(super) fell: Vec<String>,
    /// The last page of each exporter.
    last: HashMap<&'static str, HashMap<String, f64>>,
    begun: std::time::Instant,
}

impl Watched {
    pub(super) fn new(exporter: &Exporter) -> Self {
        let (rows, fell, last) = (Vec::new(), Vec::new(), HashMap::new());
        Self { pid: exporter.pid(), rows, fell, last, begun: std::time::Instant::now() }
    }

    /// Scrapes both exporters and measures the first.
    pub(super) fn look(&mut self, site: &Site) {
        let mut row = self.measure();
        for (name, exporter) in site.exporters() {
            // One that was started a moment ago may not be ready.
            let answer = exporter.get("/metrics");
            let Some(page) =
                (answer.status == Some(200)).then(|| String::from_utf8(answer.body).expect("text"))
            else {
                continue;
            };
            let mut now = counters(&page);
            // Pools of others on this machine come and go, and their series with them.
            now.retain(|name, _| !name.starts_with("badgateway_fpm_"));
            let last = self.last.entry(name).or_default();
            self.fell.extend(fallen(last, &now).into_iter().map(|what| format!("{name}: {what}")));
            if row.series == 0 {
                row.series = page.lines().filter(|line| !line.starts_with('#')).count();
                row.lines = sum(&now, "http_responses_total", "");
                row.failed = sum(&now, "http_errors_total", "");
            }
            *last = now;
        }
        self.rows.push(row);
    }

    fn measure(&self) -> Row {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("the exporter lives");
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("a number")
        };
        let descriptors =
            fs::read_dir(format!("/proc/{}/fd", self.pid)).expect("the exporter lives").count() as u64;
        Row {
            rss_kib: value("VmRSS:"),
            threads: value("Threads:"),
            descriptors,
            at: self.begun.elapsed(),
            ..Row::default()
        }
    }

    /// The last row.
    pub(super) fn row(&self) -> &Row {
        &self.rows[self.rows.len() - 1]
    }

    /// Bounds, and the slope of memory over the second half by least squares.
    pub(super) fn summary(&self) -> String {
        let range = |of: fn(&Row) -> u64| {
            let values = self.rows.iter().map(of);
            format!("{}–{}", values.clone().min().unwrap_or(0), values.max().unwrap_or(0))
        };
        let half = &self.rows[self.rows.len() / 2..];
        let mean = |of: fn(&Row) -> f64| half.iter().map(of).sum::<f64>() / half.len() as f64;
        let (hours, rss) = (|row: &Row| row.at.as_secs_f64() / 3600.0, |row: &Row| row.rss_kib as f64);
        let (mean_hours, mean_rss) = (mean(hours), mean(rss));
        let covariance: f64 = half.iter().map(|row| (hours(row) - mean_hours) * (rss(row) - mean_rss)).sum();
        let variance: f64 = half.iter().map(|row| (hours(row) - mean_hours).powi(2)).sum();
        let slope = covariance / variance.max(f64::MIN_POSITIVE);
        let (memory, descriptors, threads) =
            (range(|row| row.rss_kib), range(|row| row.descriptors), range(|row| row.threads));
        format!(
            "RSS {memory} KiB, slope over the second half {slope:+.0} KiB an hour; {descriptors} descriptors, {threads} threads; \
             {} counters fell",
            self.fell.len()
        )
    }
}
