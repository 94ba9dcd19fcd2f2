//! What promtool does not look at: that rules, vocabulary and metrics stay in step, and that each alert is complete.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use badgateway::vocabulary::{Cause, ExitReason, Outcome, RootCause};
use regex::Regex;

use crate::rules::{self, Rule};

#[test]
fn every_alert_is_complete() {
    for Rule { alert, labels, annotations, .. } in rules::alerts() {
        let prefixes = ["Nginx", "PhpFpm", "Badgateway"];
        assert!(prefixes.iter().any(|prefix| alert.starts_with(prefix)), "{alert}: whose is it?");
        assert!(["critical", "warning", "info"].contains(&labels["severity"].as_str()), "{alert}");
        assert!(["nginx", "php-fpm", "badgateway"].contains(&labels["component"].as_str()), "{alert}");
        assert!(
            labels.values().all(|value| !value.contains("{{")),
            "{alert}: a label that changes is a new alert"
        );
        let of = |name: &str| annotations.get(name).unwrap_or_else(|| panic!("{alert} has no {name}")).trim();
        let summary = of("summary");
        assert!(summary.ends_with('.') && !summary.contains("{{"), "{alert}: {summary}");
        assert!(of("description").len() > 80, "{alert}: say more");
        if labels["severity"] == "critical" {
            assert!(of("description").contains("Type first: "), "{alert} does not say what to type");
        }
        assert!(
            of("runbook_url").ends_with(&format!("{{{{ end }}}}{alert}")),
            "{alert}: {}",
            of("runbook_url")
        );
        assert!(of("dashboard_url").contains("dashboards"), "{alert}");
    }
}

#[test]
fn alerts_of_one_name_say_the_same_and_differ_in_labels() {
    let mut seen: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for rule in rules::alerts() {
        let summary = rule.annotations["summary"].clone();
        let (first, labels) =
            seen.entry(rule.alert.clone()).or_insert_with(|| (summary.clone(), BTreeSet::new()));
        assert_eq!(*first, summary, "{}", rule.alert);
        assert!(labels.insert(format!("{:?}", rule.labels)), "{} is there twice", rule.alert);
    }
}

#[test]
fn every_metric_of_a_rule_exists() {
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).unwrap();
    let recorded: BTreeSet<String> = rules::all().into_iter().map(|rule| rule.record).collect();
    let name = Regex::new(r"[a-zA-Z_:][a-zA-Z0-9_:]*").unwrap();
    for rule in rules::all() {
        let texts = rule.annotations.values().filter(|text| text.contains("query")).chain([&rule.expr]);
        for text in texts {
            for found in name.find_iter(text).map(|found| found.as_str()) {
                let of = format!("{}{}", rule.record, rule.alert);
                if found.contains(":badgateway_") || found.starts_with("badgateway:threshold:") {
                    assert!(recorded.contains(found), "{of}: {found} is recorded nowhere");
                } else if found.starts_with("badgateway_") {
                    let family = found.strip_suffix("_count").unwrap_or(found);
                    assert!(docs.contains(&format!("## `{family}`\n")), "{of}: there is no {found}");
                }
            }
        }
    }
}

#[test]
fn every_word_in_a_matcher_is_in_the_vocabulary() {
    let words: BTreeMap<&str, Vec<&str>> = [
        ("cause", Cause::ALL.iter().map(|word| word.word()).collect::<Vec<_>>()),
        ("root_cause", RootCause::ALL.iter().map(|word| word.word()).collect()),
        ("outcome", Outcome::ALL.iter().map(|word| word.word()).collect()),
        ("reason", ExitReason::ALL.iter().map(|word| word.word()).collect()),
    ]
    .into();
    for rule in rules::all() {
        for (label, word) in matched(&rule.expr) {
            if let Some(known) = words.get(label.as_str()) {
                assert!(known.contains(&word.as_str()), "{}{}: {label}={word}", rule.record, rule.alert);
            }
        }
    }
}

#[test]
fn every_cause_and_root_cause_has_an_alert() {
    let alerts = rules::alerts();
    let of = |label: &str, word: &str| {
        alerts.iter().any(|rule| matched(&rule.expr).contains(&(label.to_owned(), word.to_owned())))
    };
    for cause in Cause::ALL {
        // Those that are always explained, or whose responses are no failed ones, have the alert of what they are.
        let by_root = of("root_cause", cause.root().word()) && cause.root() != RootCause::Unknown;
        let truncated = *cause == Cause::ResponseTruncated && of("outcome", Outcome::Truncated.word());
        assert!(of("cause", cause.word()) || by_root || truncated, "{} has no alert", cause.word());
    }
    for root in RootCause::ALL {
        let by_cause = Cause::ALL.iter().any(|cause| cause.root() == *root && of("cause", cause.word()));
        assert!(of("root_cause", root.word()) || by_cause, "{} has no alert", root.word());
    }
}

#[test]
fn the_alert_that_a_word_names_covers_it() {
    for cause in Cause::ALL {
        let covered = matched(&rules::alert(cause.alert()).expr);
        let has = |label: &str, word: &str| covered.contains(&(label.to_owned(), word.to_owned()));
        let truncated = *cause == Cause::ResponseTruncated && has("outcome", Outcome::Truncated.word());
        let covers = has("cause", cause.word()) || has("root_cause", cause.root().word()) || truncated;
        assert!(covers, "{} is not about {}", cause.alert(), cause.word());
    }
    for root in RootCause::ALL {
        let covered = matched(&rules::alert(root.alert()).expr);
        let has = |label: &str, word: &str| covered.contains(&(label.to_owned(), word.to_owned()));
        let by_cause = Cause::ALL.iter().any(|cause| cause.root() == *root && has("cause", cause.word()));
        assert!(has("root_cause", root.word()) || by_cause, "{} is not about {}", root.alert(), root.word());
    }
}

#[test]
fn every_threshold_is_used_and_there_is_no_other() {
    let uses = rules::all();
    let used = |name: &str| uses.iter().any(|rule| rule.expr.contains(&format!("({name})")));
    let thresholds: Vec<String> = rules::all()
        .into_iter()
        .map(|rule| rule.record)
        .filter(|name| name.starts_with("badgateway:threshold:"))
        .collect();
    assert!(thresholds.len() > 10);
    for name in &thresholds {
        assert!(used(name), "nothing uses {name}");
    }
    // Numbers in an alert: 0 and 1 are no opinions, and the burn rates follow from the windows.
    let number = Regex::new(r"(?:>=?|<=?|==)\s*([0-9.]+)").unwrap();
    for rule in rules::alerts().iter().filter(|rule| rule.alert != "NginxErrorBudgetBurn") {
        for found in number.captures_iter(&rule.expr) {
            assert!(
                ["0", "1"].contains(&&found[1]),
                "{}: {} belongs to thresholds.yml",
                rule.alert,
                &found[1]
            );
        }
    }
}

#[test]
fn windows_hold_two_samples_of_a_slow_scrape() {
    let window = Regex::new(r"\[(\d+)([smhd])\]").unwrap();
    for rule in rules::all() {
        for found in window.captures_iter(&rule.expr) {
            let unit = match &found[2] {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                _ => 86400,
            };
            let seconds = found[1].parse::<u32>().unwrap() * unit;
            assert!(seconds >= 120, "{}{}: {}", rule.record, rule.alert, &found[0]);
        }
        assert!(
            !rule.expr.contains(" by ("),
            "{}{}: `by` drops the labels that people add",
            rule.record,
            rule.alert
        );
        let waits = rule.pending.iter().chain(&rule.keep_firing_for);
        assert!(waits.clone().all(|wait| !wait.is_empty()), "{}", rule.alert);
    }
}

/// The values of each `label="…"` and `label=~"…|…"` of an expression.
fn matched(expr: &str) -> Vec<(String, String)> {
    let matcher = Regex::new(r#"(\w+)=~?"([^"]*)""#).unwrap();
    let found = matcher.captures_iter(expr);
    found
        .flat_map(|m| m[2].split('|').map(|word| (m[1].to_owned(), word.to_owned())).collect::<Vec<_>>())
        .collect()
}
