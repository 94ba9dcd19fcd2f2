//! The rules in other forms: with links of somebody's own, as a PrometheusRule, as a mixin.

use std::{fs, path::Path, process::Command};

use serde::Deserialize;

use crate::{
    promtool::promtool,
    rules::{self, Group},
};

/// Copies the rules, makes the other forms of the copy, and gives the directory that they are in.
fn build(dir: &Path, links: &[&str]) -> std::path::PathBuf {
    let alerts = dir.join("alerts");
    fs::create_dir_all(&alerts).unwrap();
    let own = [rules::directory().join("build.sh")];
    for path in rules::files().iter().chain(&own) {
        fs::copy(path, alerts.join(path.file_name().unwrap())).unwrap();
    }
    let done = Command::new("sh").arg(alerts.join("build.sh")).args(links).status().expect("sh runs");
    assert!(done.success());
    dir.join("target/alerts")
}

fn names() -> Vec<String> {
    rules::files().iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[derive(Deserialize)]
struct Resource {
    kind: String,
    spec: Groups,
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[test]
fn links_can_lead_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let out = build(dir.path(), &["https://wiki.example.com/r/", "https://grafana.example.com/d/x"]);
    let files: Vec<_> = names().iter().map(|name| out.join(name)).collect();
    assert!(promtool().args(["check", "rules"]).args(&files).output().unwrap().status.success());
    let mut seen = 0;
    for file in &files {
        let Groups { groups } = serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        for rule in groups.iter().flat_map(|group| &group.rules).filter(|rule| !rule.alert.is_empty()) {
            // pint: literal, as a link in a page must be that is read when nothing answers.
            let expected = format!("https://wiki.example.com/r/{}", rule.alert);
            assert_eq!(rule.annotations["runbook_url"], expected);
            assert_eq!(rule.annotations["dashboard_url"], "https://grafana.example.com/d/x");
            seen += 1;
        }
    }
    assert_eq!(seen, rules::alerts().len());
}

#[test]
fn without_addresses_the_rules_stay_as_they_are_and_are_all_in_the_resource() {
    let dir = tempfile::tempdir().unwrap();
    let out = build(dir.path(), &[]);
    for name in names() {
        let (own, built) = (rules::directory().join(&name), out.join(&name));
        assert_eq!(fs::read_to_string(own).unwrap(), fs::read_to_string(built).unwrap());
    }
    let text = fs::read_to_string(out.join("prometheusrule.yaml")).unwrap();
    let resource: Resource = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(resource.kind, "PrometheusRule");
    let rows = |groups: &[Group]| {
        let rules = groups.iter().flat_map(|group| group.rules.iter().map(|rule| (group.name.clone(), rule)));
        let mut rows: Vec<_> = rules
            .map(|(group, rule)| (group, rule.alert.clone(), rule.record.clone(), rule.expr.clone()))
            .collect();
        rows.sort();
        rows
    };
    assert_eq!(rows(&resource.spec.groups), rows(&rules::groups()));
}

#[test]
fn the_mixin_reads_every_file_of_rules() {
    let mixin = fs::read_to_string(rules::directory().join("mixin.libsonnet")).unwrap();
    for name in names() {
        assert!(mixin.contains(&format!("importstr '{name}'")), "{name}");
    }
    assert_eq!(mixin.matches("importstr '").count(), names().len());
}

/// With the jsonnet that `JSONNET` names, as `make e2e` does: distributions have none, or one that reads no YAML.
#[test]
fn the_mixin_evaluates_to_the_rules() {
    let Some(jsonnet) = std::env::var_os("JSONNET") else {
        assert!(std::env::var_os("E2E").is_none(), "make e2e names a jsonnet");
        println!("alerts: JSONNET names no jsonnet: the mixin is not evaluated");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mixin.jsonnet");
    let evaluate = |more: &str| -> Groups {
        let mixin = rules::directory().join("mixin.libsonnet");
        let text = format!("((import '{}'){more}).prometheusAlerts", mixin.display());
        fs::write(&file, text).unwrap();
        let done = Command::new(&jsonnet).arg(&file).output().expect("jsonnet runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).expect("groups")
    };
    let own = format!("{:?}", sorted(rules::groups()));
    assert_eq!(format!("{:?}", sorted(evaluate("").groups)), own);

    let linked = evaluate(
        " + { _config+:: { runbooks: 'https://wiki.example.com/r', dashboards: 'https://grafana.example.com' } }",
    );
    let alerts = linked.groups.iter().flat_map(|group| &group.rules).filter(|rule| !rule.alert.is_empty());
    let mut seen = 0;
    for rule in alerts {
        assert_eq!(rule.annotations["runbook_url"], format!("https://wiki.example.com/r/{}", rule.alert));
        assert_eq!(rule.annotations["dashboard_url"], "https://grafana.example.com");
        seen += 1;
    }
    assert_eq!(seen, rules::alerts().len());
}

fn sorted(mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_by(|one, other| one.name.cmp(&other.name));
    groups
}
