//! Runs cases through `promtool test rules` and `promtool check rules`.

use std::{fmt::Write, fs, path::PathBuf, process::Command, time::Instant};

use crate::rules;

/// `promtool`, or the one that `PROMTOOL` names: another version can be judged like that.
pub(crate) fn promtool() -> Command {
    Command::new(std::env::var("PROMTOOL").unwrap_or_else(|_| "promtool".to_owned()))
}

/// A series of an input: name, labels besides the target's, values in promtool's notation.
pub(crate) type Series = (&'static str, String, String);

/// What must hold of `ALERTS{alertstate="firing"}`.
#[derive(Clone)]
pub(crate) struct Expect {
    /// Seconds after the start.
    pub(crate) at: u32,
    /// Further matchers of the query.
    pub(crate) matchers: String,
    /// The labels of each firing alert, without `alertname` of the target; none: nothing fires.
    pub(crate) firing: Vec<String>,
}

/// One test of promtool.
pub(crate) struct Run {
    pub(crate) name: String,
    /// Between samples, in seconds.
    pub(crate) step: u32,
    /// Labels of each scraped target, and its series.
    pub(crate) targets: Vec<(String, Vec<Series>)>,
    pub(crate) expects: Vec<Expect>,
}

/// A target on a machine, and one in Kubernetes with labels that somebody added.
pub(crate) const MACHINE: &str = r#"job="badgateway",instance="web1:10502""#;
pub(crate) const POD: &str = r#"job="shop/badgateway",instance="10.1.2.3:10502",namespace="shop",pod="web-7d9f",container="badgateway",cluster="eu",team="blue""#;

/// Runs all; panics with promtool's own words.
pub(crate) fn test(title: &str, step: u32, runs: &[Run]) {
    test_with(title, step, runs, "");
}

/// The error budget counts days, a minute at a time: it is left out of what is not about it.
pub(crate) const WITHOUT_SLO: &[&str] = &["thresholds.yml", "nginx.yml", "php-fpm.yml", "badgateway.yml"];

/// The same with some of the files.
pub(crate) fn test_of(title: &str, step: u32, runs: &[Run], names: &[&str]) {
    let files: Vec<PathBuf> = names.iter().map(|name| rules::directory().join(name)).collect();
    judge(title, step, runs, &files);
}

/// The same with a few rules alone: a week of all of them takes too long.
pub(crate) fn test_rules(title: &str, step: u32, runs: &[Run], names: &[&str]) {
    let dir = tempfile::tempdir().expect("a directory");
    let rule = |rule: rules::Rule| {
        let kind = if rule.alert.is_empty() { ("record", rule.record) } else { ("alert", rule.alert) };
        serde_json::json!({ kind.0: kind.1, "expr": rule.expr, "labels": rule.labels })
    };
    let named =
        |rule: &rules::Rule| names.contains(&rule.record.as_str()) || names.contains(&rule.alert.as_str());
    let found: Vec<_> = rules::all().into_iter().filter(named).map(rule).collect();
    assert_eq!(found.len(), names.len());
    let file = dir.path().join("few.yml");
    let text = serde_json::json!({ "groups": [{ "name": "few", "rules": found }] }).to_string();
    fs::write(&file, text).expect("a file of rules");
    judge(title, step, runs, &[file]);
}

/// The same with more rules, as a file of its own.
pub(crate) fn test_with(title: &str, step: u32, runs: &[Run], more: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut files = rules::files();
    if !more.is_empty() {
        files.push(dir.path().join("more.yml"));
        fs::write(&files[files.len() - 1], more).expect("a file of rules");
    }
    judge(title, step, runs, &files);
}

/// The same with another text in place of thresholds.yml.
pub(crate) fn test_only(title: &str, step: u32, runs: &[Run], thresholds: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let other = dir.path().join("thresholds.yml");
    fs::write(&other, thresholds).expect("a file of rules");
    let mut files = rules::files();
    files.retain(|file| !file.ends_with("thresholds.yml"));
    files.push(other);
    judge(title, step, runs, &files);
}

fn judge(title: &str, step: u32, runs: &[Run], files: &[PathBuf]) {
    let mut text = String::from("rule_files:\n");
    for file in files {
        writeln!(text, "  - {}", file.display()).unwrap();
    }
    text.push_str(&rules::order());
    writeln!(text, "evaluation_interval: {step}s\ntests:").unwrap();
    for run in runs {
        writeln!(
            text,
            "  - name: '{}'\n    interval: {}s\n    input_series:",
            run.name.replace('\'', "''"),
            run.step
        )
        .unwrap();
        for (target, series) in &run.targets {
            for (metric, labels, values) in series {
                let comma = if labels.is_empty() { "" } else { "," };
                let series = format!("{metric}{{{target}{comma}{labels}}}");
                writeln!(text, "      - series: '{series}'\n        values: '{values}'").unwrap();
            }
        }
        text.push_str("    promql_expr_test:\n");
        for expect in &run.expects {
            let Expect { at, matchers, firing } = expect;
            let expr = format!("ALERTS{{alertstate=\"firing\",{matchers}}}");
            writeln!(text, "      - expr: '{expr}'\n        eval_time: {at}s").unwrap();
            if !firing.is_empty() {
                text.push_str("        exp_samples:\n");
            }
            for labels in firing {
                writeln!(
                    text,
                    "          - labels: 'ALERTS{{alertstate=\"firing\",{labels}}}'\n            value: 1"
                )
                .unwrap();
            }
        }
    }
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("rules.test.yml");
    fs::write(&path, &text).expect("the test file");
    let began = Instant::now();
    let done = promtool().args(["test", "rules"]).arg(&path).output().expect("promtool runs");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{title}: promtool says\n{said}");
    println!("alerts: {title}: {} tests in {:.1?}", runs.len(), began.elapsed());
}

#[test]
fn promtool_accepts_the_rules() {
    let done = promtool().args(["check", "rules"]).args(rules::files()).output().expect("promtool runs");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}");
}
