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
        assert!(of("runbook_url").ends_with(&format!("/runbooks/{alert}")), "{alert}: {}", of("runbook_url"));
        assert!(of("dashboard_url").starts_with("http"), "{alert}");
        // mixtool: a summary is a sentence, and a description says whose it is.
        assert!(summary.starts_with(|first: char| first.is_uppercase()), "{alert}: {summary}");
        assert!(
            of("description").contains("{{"),
            "{alert}: the description says nothing of what is affected"
        );
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
                if found.contains(":badgateway_")
                    || found.starts_with("badgateway:threshold:") && found.len() > 21
                {
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
        alerts.iter().any(|rule| covered(&rule.expr).contains(&(label.to_owned(), word.to_owned())))
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
        let covered = covered(&rules::alert(cause.alert()).expr);
        let has = |label: &str, word: &str| covered.contains(&(label.to_owned(), word.to_owned()));
        let truncated = *cause == Cause::ResponseTruncated && has("outcome", Outcome::Truncated.word());
        let covers = has("cause", cause.word()) || has("root_cause", cause.root().word()) || truncated;
        assert!(covers, "{} is not about {}", cause.alert(), cause.word());
    }
    for root in RootCause::ALL {
        let covered = covered(&rules::alert(root.alert()).expr);
        let has = |label: &str, word: &str| covered.contains(&(label.to_owned(), word.to_owned()));
        let by_cause = Cause::ALL.iter().any(|cause| cause.root() == *root && has("cause", cause.word()));
        assert!(has("root_cause", root.word()) || by_cause, "{} is not about {}", root.alert(), root.word());
    }
}

#[test]
fn every_threshold_is_used_and_there_is_no_other() {
    let all = rules::all();
    let thresholds: Vec<&str> =
        all.iter().filter_map(|rule| rule.record.strip_prefix("badgateway:threshold:")).collect();
    assert!(thresholds.len() > 10);
    for name in &thresholds {
        let chosen = format!(":badgateway_threshold:{name}");
        assert!(all.iter().any(|rule| rule.record.ends_with(&chosen)), "{name} has no overrides");
        let used = |rule: &&Rule| rule.expr.contains(&chosen) && !rule.record.ends_with(&chosen);
        assert!(all.iter().any(|rule| used(&rule)), "nothing uses {name}");
        assert!(
            rules::alert("BadgatewayThresholdsWrong").expr.contains(&format!("threshold:{name}{{")),
            "{name}"
        );
    }
    // Numbers in an alert: 0 and 1 are no opinions, and the burn rates follow from the windows.
    let number = Regex::new(r"(?:>=?|<=?|==)\s*([0-9.]+)").unwrap();
    for rule in all.iter().filter(|rule| rule.alert != "NginxErrorBudgetBurn") {
        for found in number.captures_iter(&rule.expr) {
            let own = format!("{}{}", rule.alert, rule.record);
            assert!(["0", "1"].contains(&&found[1]), "{own}: {} belongs to thresholds.yml", &found[1]);
        }
        // It is nothing, and whatever is compared with it is silent, where there are two.
        assert!(!rule.expr.contains("scalar("), "{}{}", rule.alert, rule.record);
    }
}

#[test]
fn windows_hold_four_samples_of_a_slow_scrape() {
    let window = Regex::new(r"\[(\d+)([smhd])(?:\]|:)").unwrap();
    for rule in rules::all() {
        for found in window.captures_iter(&rule.expr) {
            let unit = match &found[2] {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                _ => 86400,
            };
            let seconds = found[1].parse::<u32>().unwrap() * unit;
            assert!(seconds >= 240, "{}{}: {}", rule.record, rule.alert, &found[0]);
        }
        let own = rule.record.contains("badgateway_threshold:") || rule.alert == "BadgatewayThresholdsWrong";
        assert!(
            own || !rule.expr.contains(" by ("),
            "{}{}: `by` drops the labels that people add",
            rule.record,
            rule.alert
        );
        let waits = rule.pending.iter().chain(&rule.keep_firing_for);
        assert!(waits.clone().all(|wait| !wait.is_empty()), "{}", rule.alert);
    }
}

/// pint: a division by 0 is NaN, which is neither above nor below anything.
#[test]
fn nothing_is_divided_by_what_may_be_zero() {
    let divisor = Regex::new(r"/ (?:ignoring \([^)]*\) group_left \(\)\s+)?(\S+)").unwrap();
    let all = rules::all();
    let never_zero: Vec<&str> = all
        .iter()
        .filter(|rule| rule.expr.trim_end().ends_with("> 0"))
        .map(|rule| rule.record.as_str())
        .collect();
    for rule in &all {
        let name = format!("{}{}", rule.record, rule.alert);
        let expr = rule.expr.split_whitespace().collect::<Vec<_>>().join(" ");
        for found in divisor.captures_iter(&expr) {
            let start = found.get(1).unwrap().start();
            let guarded = expr[start..].starts_with('(') && {
                let mut depth = 0;
                let end = expr[start..].find(|c: char| {
                    depth += i32::from(c == '(') - i32::from(c == ')');
                    depth == 0
                });
                expr[start..start + end.unwrap()].ends_with("> 0")
            };
            let word = found[1].trim_end_matches([',', ')']);
            let known = word.parse::<f64>().is_ok() || never_zero.contains(&word);
            assert!(guarded || known, "{name}: {}", &found[0]);
        }
    }
}

/// pint: groups are evaluated apart. What one reads of another that reads of it is one evaluation older each time round.
#[test]
fn groups_do_not_depend_on_each_other_in_a_circle() {
    let groups = rules::groups();
    let name = Regex::new(r"[a-z_]+:[a-zA-Z0-9_:]+").unwrap();
    let mut after: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for group in &groups {
        for rule in &group.rules {
            for found in name.find_iter(&rule.expr) {
                let of = groups.iter().find(|of| of.rules.iter().any(|r| r.record == found.as_str()));
                if let Some(of) = of.filter(|of| of.name != group.name) {
                    after.entry(&group.name).or_default().insert(&of.name);
                }
            }
        }
    }
    assert!(after.len() > 4, "{after:?}");
    let mut done: BTreeSet<&str> = BTreeSet::new();
    while done.len() < groups.len() {
        let next: Vec<&str> = groups
            .iter()
            .map(|group| group.name.as_str())
            .filter(|name| !done.contains(name))
            .filter(|name| after.get(name).is_none_or(|needs| needs.is_subset(&done)))
            .collect();
        assert!(!next.is_empty(), "a circle among {after:?}, after {done:?}");
        done.extend(next);
    }
}

/// mixtool.
#[test]
fn groups_are_small_and_have_names_of_their_own() {
    let groups = rules::groups();
    let names: BTreeSet<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names.len(), groups.len());
    for group in &groups {
        assert!(group.rules.len() <= 20, "{} has {} rules", group.name, group.rules.len());
        assert!(group.name.starts_with("badgateway-"), "{}", group.name);
    }
}

#[test]
fn there_are_few_enough_for_a_person() {
    let names: BTreeSet<String> = rules::alerts().into_iter().map(|rule| rule.alert).collect();
    assert!(names.len() < 40, "{} alerts", names.len());
}

/// The same, with those of the states that it is made of.
fn covered(expr: &str) -> Vec<(String, String)> {
    let mut found = matched(expr);
    for rule in rules::all().iter().filter(|rule| rule.record.ends_with(":page")) {
        if expr.split("unless").next().is_some_and(|own| own.contains(&rule.record)) {
            found.extend(matched(&rule.expr));
        }
    }
    found
}

/// The values of each `label="…"` and `label=~"…|…"` of an expression.
fn matched(expr: &str) -> Vec<(String, String)> {
    let matcher = Regex::new(r#"(\w+)=~?"([^"]*)""#).unwrap();
    let found = matcher.captures_iter(expr);
    found
        .flat_map(|m| m[2].split('|').map(|word| (m[1].to_owned(), word.to_owned())).collect::<Vec<_>>())
        .collect()
}
