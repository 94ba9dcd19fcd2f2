//! The example for Alertmanager: who is told, and what may mute what.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use regex::Regex;
use serde::Deserialize;

use crate::rules;

fn config() -> PathBuf {
    rules::directory().join("alertmanager.example.yml")
}

fn amtool(args: &[&str]) -> (bool, String) {
    let done = Command::new("amtool").args(args).output().expect("amtool runs");
    (done.status.success(), String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

#[test]
fn amtool_accepts_the_example() {
    let (accepted, said) = amtool(&["check-config", config().to_str().unwrap()]);
    assert!(accepted && said.contains("1 templates"), "{said}");
}

#[test]
fn every_alert_reaches_who_must_act() {
    let file = format!("--config.file={}", config().display());
    for rule in rules::alerts() {
        let mut args = vec!["config", "routes", "test", &file];
        let name = format!("alertname={}", rule.alert);
        let labels: Vec<String> = rule.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        args.push(&name);
        args.extend(labels.iter().map(String::as_str));
        let expected = match rule.labels["severity"].as_str() {
            "critical" => "pager",
            "warning" => "tickets",
            _ => "nobody",
        };
        assert_eq!(amtool(&args).1, expected, "{} {:?}", rule.alert, rule.labels);
    }
}

#[derive(Deserialize)]
struct Example {
    inhibit_rules: Vec<Inhibition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inhibition {
    source_matchers: Vec<String>,
    target_matchers: Vec<String>,
    equal: Vec<String>,
}

/// Whether an alert's own labels satisfy all matchers.
fn matches(matchers: &[String], labels: &BTreeMap<String, String>) -> bool {
    matchers.iter().all(|matcher| {
        let parts = Regex::new(r#"^(\w+)(=~|!=|=)"(.*)"$"#).unwrap();
        let parts = parts.captures(matcher).unwrap_or_else(|| panic!("not a matcher: {matcher}"));
        let value = labels.get(&parts[1]).map_or("", String::as_str);
        match &parts[2] {
            "=" => value == &parts[3],
            "!=" => value != &parts[3],
            _ => Regex::new(&format!("^(?:{})$", &parts[3])).unwrap().is_match(value),
        }
    })
}

#[test]
fn causes_mute_consequences_and_never_the_error_budget() {
    let text = fs::read_to_string(config()).unwrap();
    let example: Example = serde_saphyr::from_str(&text).unwrap();
    let alerts: Vec<BTreeMap<String, String>> = rules::alerts()
        .into_iter()
        .map(|rule| {
            let mut labels = rule.labels;
            labels.insert("alertname".to_owned(), rule.alert);
            labels
        })
        .collect();
    for rule in &example.inhibit_rules {
        let sources: Vec<_> = alerts.iter().filter(|labels| matches(&rule.source_matchers, labels)).collect();
        let targets: Vec<_> = alerts.iter().filter(|labels| matches(&rule.target_matchers, labels)).collect();
        assert!(!sources.is_empty(), "nothing is {:?}", rule.source_matchers);
        assert!(!targets.is_empty(), "nothing is {:?}", rule.target_matchers);
        for target in &targets {
            assert!(!sources.contains(target), "{} would mute itself", target["alertname"]);
            if target["alertname"] == "NginxErrorBudgetBurn" {
                assert_eq!(target["severity"], "warning", "{:?} mutes the page", rule.source_matchers);
                assert!(sources.iter().all(|source| source["alertname"] == "NginxErrorBudgetBurn"));
            }
        }
        let place = if rule.equal.contains(&"server".to_owned()) { "server" } else { "instance" };
        for label in ["cluster", "namespace", "job", place] {
            assert!(
                rule.equal.contains(&label.to_owned()),
                "{:?} reaches beyond {label}",
                rule.source_matchers
            );
        }
        // Every name that is written out exists.
        for matcher in rule.source_matchers.iter().chain(&rule.target_matchers) {
            if let Some(names) = matcher.strip_prefix("alertname=~\"") {
                for name in spelled_out(names.trim_end_matches('"')) {
                    let known = Regex::new(&format!("^(?:{name})$")).unwrap();
                    let found = alerts.iter().any(|labels| known.is_match(&labels["alertname"]));
                    assert!(found, "{name} is no alert");
                }
            }
        }
    }
}

/// What begins with the failure but is a matter of its own when that is over.
const OUTLIVES: &[&str] =
    &["PhpFpmRestartLoop", "PhpFpmMemoryNearLimit", "Nginx504SlowUpstream", "PhpFpmPoolSaturated"];

/// Seconds for which an alert may go on after its last failure: its longest window, and what it is kept for.
fn lasts(rule: &rules::Rule) -> u64 {
    let seconds = |text: &str| {
        let (number, unit) = text.split_at(text.len() - 1);
        let unit = if unit == "m" {
            60
        } else if unit == "h" {
            3600
        } else {
            1
        };
        number.parse::<u64>().unwrap() * unit
    };
    let window = Regex::new(r"\[(\d+[smh])\]|2m\b").unwrap();
    let windows = window
        .captures_iter(&rule.expr)
        .map(|found| found.get(1).map_or(120, |range| seconds(range.as_str())));
    windows.max().unwrap_or(0) + rule.keep_firing_for.as_deref().map_or(0, seconds)
}

#[test]
fn what_is_muted_does_not_come_out_when_its_cause_is_over() {
    let text = fs::read_to_string(config()).unwrap();
    let example: Example = serde_saphyr::from_str(&text).unwrap();
    let labels = |rule: &rules::Rule| {
        let mut labels = rule.labels.clone();
        labels.insert("alertname".to_owned(), rule.alert.clone());
        labels
    };
    let alerts = rules::alerts();
    for rule in &example.inhibit_rules {
        let of = |matchers: &[String]| {
            alerts.iter().filter(|alert| matches(matchers, &labels(alert))).collect::<Vec<_>>()
        };
        // Its own fleet comes back with it; and the error budget is muted by the faster of its own.
        let sources = of(&rule.source_matchers);
        let sources = sources.into_iter().filter(|alert| alert.labels["component"] != "badgateway");
        for source in sources.filter(|alert| alert.alert != "NginxErrorBudgetBurn") {
            for target in of(&rule.target_matchers) {
                let is_own_matter =
                    OUTLIVES.contains(&target.alert.as_str()) || target.labels["severity"] == "info";
                assert!(
                    is_own_matter || lasts(source) >= lasts(target),
                    "{} lasts {} s, {} behind it {} s",
                    source.alert,
                    lasts(source),
                    target.alert,
                    lasts(target)
                );
            }
        }
    }
}

/// `A(B|C)|D` as `AB`, `AC`, `D`.
fn spelled_out(names: &str) -> Vec<String> {
    let (mut depth, mut from, mut alternatives) = (0, 0, Vec::new());
    for (at, character) in names.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            '|' if depth == 0 => {
                alternatives.push(&names[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    alternatives.push(&names[from..]);
    alternatives
        .into_iter()
        .flat_map(|name| match name.split_once('(') {
            Some((stem, ends)) => {
                ends.trim_end_matches(')').split('|').map(|end| format!("{stem}{end}")).collect()
            }
            None => vec![name.to_owned()],
        })
        .collect()
}

#[test]
fn a_message_says_what_broke_where_and_what_to_do() {
    let alert = |status: &str| {
        format!(
            r#"{{"receiver":"pager","status":"{status}","alerts":[{{"status":"{status}",
            "labels":{{"alertname":"PhpFpmDown","severity":"critical"}},
            "annotations":{{"summary":"PHP-FPM is down.","description":"Type first: x","runbook_url":"http://r","dashboard_url":"http://d"}},
            "startsAt":"2026-11-21T03:00:00Z","endsAt":"2026-11-21T03:10:00Z"}}],"groupLabels":{{}},
            "commonLabels":{{"job":"badgateway","instance":"web1","upstream":"unix:/w.sock"}},"commonAnnotations":{{}}}}"#
        )
    };
    let dir = tempfile::tempdir().unwrap();
    let render = |status: &str| {
        let data = dir.path().join("data.json");
        fs::write(&data, alert(status)).unwrap();
        let glob = format!("--template.glob={}", rules::directory().join("badgateway.tmpl").display());
        let data = format!("--template.data={}", data.display());
        let text =
            r#"--template.text={{ template "badgateway.title" . }}|{{ template "badgateway.text" . }}"#;
        amtool(&["template", "render", &glob, &data, text]).1
    };
    assert_eq!(
        render("firing"),
        "PHP-FPM is down. [badgateway web1 unix:/w.sock]|PhpFpmDown (critical) since 03:00:00 UTC\n\
         Type first: x\nRunbook: http://r\nNow: http://d"
    );
    assert_eq!(
        render("resolved"),
        "Over: PHP-FPM is down. [badgateway web1 unix:/w.sock]|Over since 03:10:00 UTC: PhpFpmDown"
    );
}
