//! How many failures have the labels that they should have.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::writer::{CAUSES, cause_of};
use crate::live::Exporter;

/// How long an exporter may need to catch up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Failures whose label is right.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) causes: u64,
    pub(crate) roots: u64,
}

/// Whether this is the cause of that upstream.
fn is_right(upstream: &str, cause: &str) -> bool {
    let number = upstream.split(['.', ':']).nth(3).and_then(|number| number.parse().ok());
    number.is_some_and(|upstream: u64| cause == CAUSES[cause_of(upstream)].1)
}

/// In what `explain` prints.
pub(super) fn of_report(out: &[u8]) -> Counts {
    let report: Value = serde_json::from_slice(out).expect("JSON");
    let mut counts = Counts::default();
    for row in report["responses"].as_array().expect("rows") {
        let text = |key: &str| row[key].as_str().expect("text");
        let count = row["count"].as_u64().expect("a number");
        counts.causes += count * u64::from(is_right(text("upstream"), text("cause")));
        counts.roots +=
            count * u64::from(text("root_cause") == "fpm_stopped" && !text("upstream").is_empty());
    }
    counts
}

/// On the page of an exporter, when it has read `all` failures and answered for each what broke it.
pub(super) fn of_metrics(exporter: &Exporter, all: u64) -> Counts {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = String::from_utf8(exporter.ask("/metrics", "")).expect("text");
        let mut counts = Counts::default();
        let (mut read, mut answered) = (0, 0);
        for line in page.lines() {
            let Some((family, rest)) = line.split_once('{') else { continue };
            let label = |name: &str| {
                let value = rest.split_once(&format!("{name}=\""));
                value.and_then(|(_, value)| value.split('"').next()).unwrap_or_default()
            };
            let count =
                rest.rsplit(' ').next().and_then(|n| n.parse::<f64>().ok()).unwrap_or_default() as u64;
            if family == "badgateway_http_errors_total" {
                read += count;
                counts.causes += count * u64::from(is_right(label("upstream"), label("cause")));
            } else if family == "badgateway_http_root_causes_total" {
                answered += count;
                let is_right = label("root_cause") == "fpm_stopped" && !label("upstream").is_empty();
                counts.roots += count * u64::from(is_right);
            }
        }
        if (read >= all && answered >= all) || Instant::now() > deadline {
            return counts;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
