//! Failed responses by cause and by root cause, failed attempts: from `explain`, and from `/metrics`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use badgateway::commands::{explain_files, explain_memory};
use badgateway::record::LogKind;
use badgateway_harness::exporter::Scrape;
use serde_json::Value;

/// A count for each row of labels.
pub(crate) type Rows = BTreeMap<Vec<String>, u64>;

/// What was found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) causes: Rows,
    pub(crate) roots: Rows,
    pub(crate) attempts: Rows,
}

const CAUSES: [&str; 3] = ["code", "cause", "upstream"];
const ROOTS: [&str; 3] = ["code", "root_cause", "upstream"];
const ATTEMPTS: [&str; 3] = ["cause", "outcome", "upstream"];

impl Verdict {
    /// What a page of metrics says.
    pub(crate) fn of_scrape(scrape: &Scrape) -> Verdict {
        Verdict {
            causes: scrape.sums("badgateway_http_errors_total", &CAUSES),
            roots: scrape.sums("badgateway_http_root_causes_total", &ROOTS),
            attempts: scrape.sums("badgateway_upstream_failures_total", &ATTEMPTS),
        }
    }

    fn of_report(report: &Value) -> Verdict {
        Verdict {
            causes: rows(report, "responses", CAUSES),
            roots: rows(report, "responses", ROOTS),
            attempts: rows(report, "failures", ATTEMPTS),
        }
    }

    fn all(&mut self) -> [&mut Rows; 3] {
        [&mut self.causes, &mut self.roots, &mut self.attempts]
    }

    /// The same, so many times.
    pub(crate) fn times(mut self, n: u64) -> Verdict {
        self.all().into_iter().flat_map(|rows| rows.values_mut()).for_each(|count| *count *= n);
        self
    }

    /// Both together.
    pub(crate) fn plus(mut self, mut other: Verdict) -> Verdict {
        for (rows, more) in self.all().into_iter().zip(other.all()) {
            for (key, count) in more {
                *rows.entry(key.clone()).or_default() += *count;
            }
        }
        self
    }
}

fn rows(report: &Value, section: &str, keys: [&str; 3]) -> Rows {
    let mut rows = Rows::new();
    for row in report[section].as_array().unwrap() {
        let key = keys.iter().map(|key| row[*key].as_str().unwrap().to_owned()).collect();
        *rows.entry(key).or_default() += row["count"].as_u64().unwrap();
    }
    rows
}

fn kind(word: &str) -> LogKind {
    match word {
        "access" => LogKind::Access,
        "error" => LogKind::Error,
        _ => LogKind::Fpm,
    }
}

fn of_json(json: &str) -> Verdict {
    Verdict::of_report(&serde_json::from_str(json).unwrap_or_else(|_| panic!("{json}")))
}

/// What `explain` says of files, in this order.
pub(crate) fn explain<'p>(logs: impl IntoIterator<Item = (&'p str, PathBuf)>) -> Verdict {
    let logs: Vec<_> = logs.into_iter().map(|(word, path)| (kind(word), path)).collect();
    of_json(&explain_files(&logs))
}

/// What `explain` says of texts, each as one file.
pub(crate) fn explain_texts(logs: &[(&str, &str)]) -> Verdict {
    let logs: Vec<_> = logs.iter().map(|(word, text)| (kind(word), text.as_bytes())).collect();
    of_json(&explain_memory(&logs))
}
