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
    }
}

/// Groups are evaluated apart, up to an interval: an alert that is to be muted by one of another group is sent before that.
#[test]
fn nothing_is_muted_by_an_alert_of_another_group() {
    let text = fs::read_to_string(config()).unwrap();
    let example: Example = serde_saphyr::from_str(&text).unwrap();
    for rule in &example.inhibit_rules {
        let of = |matchers: &[String]| {
            let groups = rules::groups().into_iter().filter(|group| {
                group.rules.iter().filter(|rule| !rule.alert.is_empty()).any(|alert| {
                    let mut labels = alert.labels.clone();
                    labels.insert("alertname".to_owned(), alert.alert.clone());
                    matches(matchers, &labels)
                })
            });
            groups.map(|group| group.name).collect::<Vec<_>>()
        };
        let (sources, targets) = (of(&rule.source_matchers), of(&rule.target_matchers));
        assert_eq!((sources.len(), &sources), (1, &targets), "{:?}", rule.source_matchers);
    }
}

#[derive(Deserialize)]
struct Routes {
    route: Route,
}

#[derive(Deserialize)]
struct Route {
    #[serde(default)]
    group_by: Vec<String>,
    #[serde(default)]
    routes: Vec<Route>,
    #[serde(default)]
    matchers: Vec<String>,
}

/// A page of one machine is no update of another machine's.
#[test]
fn a_fleet_is_not_hidden_behind_its_first_machine() {
    let text = fs::read_to_string(config()).unwrap();
    let Routes { route } = serde_saphyr::from_str(&text).unwrap();
    let of_machine = ["instance", "upstream", "fpm", "alertname"].map(str::to_owned);
    assert!(of_machine.iter().all(|label| route.group_by.contains(label)), "{:?}", route.group_by);
    for own in &route.routes {
        let is_site = own.matchers[0].contains("NginxErrorBudgetBurn");
        let is_ours = own.matchers[0].contains("component");
        assert!(
            own.group_by.is_empty() || is_site || is_ours,
            "{:?} groups by {:?}",
            own.matchers,
            own.group_by
        );
    }
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
