//! Every query of the committed dashboards, and what Grafana makes of it before it asks.

use std::time::Duration;

use badgateway_harness::{
    Result,
    prometheus::{Prometheus, percent},
};
use serde_json::Value;

use crate::files::committed;

/// Whether it is asked for one moment or for a range.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Instant,
    Range,
}

/// One query.
pub(crate) struct Query {
    pub(crate) board: String,
    /// Title of the panel, or `annotation NAME`.
    pub(crate) panel: String,
    pub(crate) letter: String,
    pub(crate) expr: String,
    pub(crate) kind: Kind,
    pub(crate) legend: String,
    /// Seconds between two points at least.
    pub(crate) interval: u64,
}

impl Query {
    /// How it is called in a message.
    pub(crate) fn name(&self) -> String {
        format!("{} / {} / {}", self.board, self.panel, self.letter)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// All panels of a dashboard but rows; those of collapsed rows, too.
pub(crate) fn panels(board: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    for panel in board["panels"].as_array().into_iter().flatten() {
        match panel["type"] == "row" {
            true => found.extend(panel["panels"].as_array().into_iter().flatten()),
            false => found.push(panel),
        }
    }
    found
}

/// Of panels and annotations of all dashboards.
pub(crate) fn all() -> Vec<Query> {
    let mut queries = Vec::new();
    for (_, board) in committed() {
        let uid = text(&board["uid"]);
        for panel in panels(&board) {
            for target in panel["targets"].as_array().into_iter().flatten() {
                queries.push(Query {
                    board: uid.clone(),
                    panel: text(&panel["title"]),
                    letter: text(&target["refId"]),
                    expr: text(&target["expr"]),
                    kind: if target["instant"] == true { Kind::Instant } else { Kind::Range },
                    legend: text(&target["legendFormat"]),
                    interval: if panel["interval"] == "1m" { 60 } else { 0 },
                });
            }
        }
        for mark in board["annotations"]["list"].as_array().into_iter().flatten() {
            if mark["builtIn"] != 1 {
                queries.push(Query {
                    board: uid.clone(),
                    panel: format!("annotation {}", text(&mark["name"])),
                    letter: "A".to_owned(),
                    expr: text(&mark["expr"]),
                    kind: Kind::Range,
                    legend: text(&mark["titleFormat"]),
                    interval: 60,
                });
            }
        }
    }
    assert!(queries.len() > 100, "only {} queries were found", queries.len());
    queries
}

/// What stands for the variables: the time range, how often is scraped, what is chosen above the dashboard.
#[derive(Clone)]
pub(crate) struct Filling {
    pub(crate) scrape: Duration,
    pub(crate) start: f64,
    pub(crate) end: f64,
    pub(crate) masters: &'static str,
}

impl Filling {
    /// Seconds between two points of a range: what fits into a panel 300 points wide.
    fn step(&self, interval: u64) -> u64 {
        // A run of some seconds has no whole minute.
        let interval = if self.range() > 5 * interval { interval } else { 0 };
        (((self.end - self.start) / 300.0) as u64).max(self.scrape.as_secs()).max(interval)
    }

    fn range(&self) -> u64 {
        (self.end - self.start) as u64
    }

    /// As Grafana has it: at least four scrapes.
    fn rate_interval(&self, interval: u64) -> u64 {
        (self.step(interval) + self.scrape.as_secs()).max(4 * self.scrape.as_secs())
    }

    /// The query as it is sent.
    pub(crate) fn fill(&self, expr: &str, interval: u64) -> String {
        let rate = self.rate_interval(interval);
        expr.replace("$__rate_interval_ms", &(rate * 1000).to_string())
            .replace("$__rate_interval", &format!("{rate}s"))
            .replace("$__range_s", &self.range().to_string())
            .replace("$__range", &format!("{}s", self.range()))
            .replace("$job", ".+")
            .replace("$namespace", ".*")
            .replace("$instance", ".+")
            .replace("$server", ".*")
            .replace("$code", ".+")
            .replace("$fpm", self.masters)
            .replace("$pool", ".*")
    }

    /// What a rate adds up to.
    pub(crate) fn integral(&self, query: &Query, values: impl Iterator<Item = f64>) -> f64 {
        values.sum::<f64>() * self.step(query.interval) as f64
    }

    /// Asks it, and gives the series or rows.
    pub(crate) fn ask(&self, prometheus: &Prometheus, query: &Query) -> Result<Vec<Value>> {
        let filled = percent(&self.fill(&query.expr, query.interval));
        let path = match query.kind {
            Kind::Instant => format!("query?query={filled}&time={}", self.end),
            Kind::Range => format!(
                "query_range?query={filled}&start={}&end={}&step={}",
                self.start,
                self.end,
                self.step(query.interval)
            ),
        };
        let mut data = prometheus.api(&path).map_err(|error| format!("{}: {error}", query.name()))?;
        match data["result"].take() {
            Value::Array(rows) => Ok(rows),
            other => Err(format!("{}: {other}", query.name()).into()),
        }
    }
}
