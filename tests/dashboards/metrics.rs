//! What is asked for exists, and is asked for as a counter, a gauge or a recorded series must be.

use std::collections::BTreeSet;

use badgateway::vocabulary::families::{self, Kind};
use badgateway_harness::prometheus;
use regex::Regex;

use crate::queries::{self, Query};

/// Of Prometheus itself, and of every exporter's own process.
const OTHERS: [&str; 5] =
    ["ALERTS", "up", "scrape_duration_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes"];

/// Each selector: name and matchers.
fn selectors(query: &Query) -> Vec<(String, String)> {
    let selector = Regex::new(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}").unwrap();
    selector.captures_iter(&query.expr).map(|found| (found[1].to_owned(), found[2].to_owned())).collect()
}

fn recorded() -> BTreeSet<String> {
    let name = Regex::new(r"record: (\S+)").unwrap();
    let texts = prometheus::rules().map(|path| std::fs::read_to_string(path).unwrap());
    texts.iter().flat_map(|text| name.captures_iter(text).map(|found| found[1].to_owned())).collect()
}

#[test]
fn every_metric_is_exported_or_recorded() {
    let recorded = recorded();
    let bare = Regex::new(r"[a-zA-Z_:]*badgateway[a-zA-Z0-9_:]*").unwrap();
    for query in queries::all() {
        let found = selectors(&query);
        assert!(!found.is_empty(), "{}: {}", query.name(), query.expr);
        for name in bare.find_iter(&query.expr) {
            let is_selected = found.iter().any(|(selected, _)| selected == name.as_str());
            assert!(is_selected, "{}: {} has no matchers", query.name(), name.as_str());
        }
        for (name, _) in found {
            let family = families::ALL.iter().any(|family| match family.kind {
                Kind::Histogram => name.strip_suffix("_bucket") == Some(family.name),
                _ => name == family.name,
            });
            let is_known = family || recorded.contains(&name) || OTHERS.contains(&name.as_str());
            assert!(is_known, "{}: nothing exports or records {name}", query.name());
        }
    }
}

#[test]
fn labels_are_those_of_the_family() {
    let matcher = Regex::new(r#"(\w+)(?:=~|!=|=)""#).unwrap();
    for query in queries::all() {
        for (name, matchers) in selectors(&query) {
            let Some(family) = families::ALL.iter().find(|family| family.name == name) else { continue };
            for label in matcher.captures_iter(&matchers) {
                let of_target = ["job", "namespace", "instance"].contains(&&label[1]);
                let is_label = of_target || family.labels.contains(&&label[1]);
                assert!(is_label, "{}: {name} has no label {}", query.name(), &label[1]);
            }
        }
    }
}

#[test]
fn everything_is_asked_of_the_chosen_targets() {
    for query in queries::all() {
        for (name, matchers) in selectors(&query) {
            // Alerts of a site have no instance, what is recorded for a job has none either.
            let whole = name == "ALERTS" || name.starts_with("cause:") || name.starts_with("root_cause:");
            let is_chosen = matchers.contains(r#"job=~"$job"#)
                && matchers.contains(r#"namespace=~"$namespace""#)
                && (matchers.contains(r#"instance=~"$instance"#) || whole);
            assert!(is_chosen, "{}: {name}{{{matchers}}}", query.name());
        }
    }
}

#[test]
fn counters_are_looked_at_as_counters() {
    let window = Regex::new(r"\[([^\]:]+)(?::[^\]]*)?\]").unwrap();
    for query in queries::all() {
        for (name, matchers) in selectors(&query) {
            if !name.ends_with("_total") && !name.ends_with("_bucket") {
                continue;
            }
            let selector = format!("{name}{{{matchers}}}");
            let uses = query.expr.matches(&selector).count();
            let inside = ["rate", "increase", "count_over_time"]
                .iter()
                .map(|function| query.expr.matches(&format!("{function}({selector}[")).count())
                .sum::<usize>();
            // One of three uses in `rise` is the number itself: of a counter that was born in the window.
            let born = query.expr.matches(&format!("({selector} and count_over_time({selector}[")).count();
            assert_eq!(uses, inside + born, "{}: {selector} is a bare counter", query.name());
        }
        for found in window.captures_iter(&query.expr) {
            // Fixed windows are for numbers of now, in whose title or description they are.
            let is_fixed = !found[1].starts_with('$');
            let is_now = query.kind == queries::Kind::Instant;
            assert!(!is_fixed || is_now, "{}: [{}] in a range", query.name(), &found[1]);
        }
        assert!(!query.expr.contains("irate"), "{}", query.name());
        let is_many = query.kind == queries::Kind::Range && query.expr.contains("topk(");
        assert!(
            !is_many || query.expr.contains("@ end()"),
            "{}: topk changes from point to point",
            query.name()
        );
    }
}
