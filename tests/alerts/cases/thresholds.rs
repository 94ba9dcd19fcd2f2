//! Thresholds of one's own, and what is wrong with them.

use super::STEP;
use super::special::{base, expect, failing, on_machine};
use crate::promtool::{Expect, Run, test_only, test_with};

/// An override holds for its job, machine or upstream alone, and all else keeps the default; what is missing, doubled or of
/// no effect is told.
#[test]
fn thresholds_can_be_set_for_a_job_a_machine_and_an_upstream() {
    let input = || {
        [
            base(),
            failing("tls_failure", "tls", "u:1", "0+0x20 10+10x100"),
            failing("tls_failure", "tls", "u:2", "0+0x20 10+10x100"),
        ]
        .concat()
    };
    let machine = |job: &str, host: &str| (format!(r#"job="{job}",instance="{host}:10502""#), input());
    let page = |job: &str, host: &str, upstream: &str| {
        format!(
            r#"alertname="Nginx502TlsFailure",job="{job}",instance="{host}:10502",upstream="{upstream}",severity="critical",component="nginx""#
        )
    };
    let run = |name: &str, wrong: &[&str], firing: Vec<String>| {
        Run {
        name: name.to_owned(),
        step: STEP,
        targets: vec![machine("blog", "b1"), machine("shop", "s1"), machine("shop", "s2")],
        expects: vec![
            expect(720, "Nginx502TlsFailure", firing),
            Expect {
                at: 720,
                matchers: r#"alertname="BadgatewayThresholdsWrong""#.to_owned(),
                firing: wrong
                    .iter()
                    .map(|threshold| {
                        format!(
                            r#"alertname="BadgatewayThresholdsWrong",threshold="{threshold}",severity="warning",component="badgateway""#
                        )
                    })
                    .collect(),
            },
        ],
    }
    };
    let all = |skip: &[(&str, &str)]| {
        let mut firing = Vec::new();
        for (job, host) in [("blog", "b1"), ("shop", "s1"), ("shop", "s2")] {
            for upstream in ["u:1", "u:2"] {
                if !skip.contains(&(host, upstream)) {
                    firing.push(page(job, host, upstream));
                }
            }
        }
        firing
    };
    let override_of = |labels: &str| {
        format!("      - record: badgateway:threshold:page_ratio\n        expr: vector(0.2)\n{labels}")
    };
    let cases = [
        ("default", String::new(), vec![], all(&[])),
        (
            "a job",
            override_of("        labels: {job: shop}"),
            vec![],
            all(&[("s1", "u:1"), ("s1", "u:2"), ("s2", "u:1"), ("s2", "u:2")]),
        ),
        (
            "a machine",
            override_of("        labels: {job: shop, instance: 's1:10502'}"),
            vec![],
            all(&[("s1", "u:1"), ("s1", "u:2")]),
        ),
        (
            "an upstream",
            override_of("        labels: {job: shop, upstream: 'u:1'}"),
            vec![],
            all(&[("s1", "u:1"), ("s2", "u:1")]),
        ),
        ("no job", override_of("        labels: {instance: 's1:10502'}"), vec!["page_ratio"], all(&[])),
        ("doubled", override_of("        labels: {team: web}"), vec!["page_ratio"], vec![]),
    ];
    for (name, rule, wrong, firing) in cases {
        let more = if rule.is_empty() {
            String::new()
        } else {
            format!("groups:\n  - name: overrides\n    rules:\n{rule}\n")
        };
        // The higher of two defaults holds, so nobody is woken at 10 %.
        test_with(&format!("thresholds: {name}"), STEP, &[run(name, &wrong, firing)], &more);
    }
}

#[test]
fn a_missing_default_is_told() {
    let thresholds = std::fs::read_to_string(crate::rules::directory().join("thresholds.yml")).unwrap();
    let without = thresholds.replace("- record: badgateway:threshold:page_ratio\n", "- record: nothing\n");
    assert_ne!(without, thresholds);
    let wrong = r#"alertname="BadgatewayThresholdsWrong",threshold="page_ratio",severity="warning",component="badgateway""#;
    let run = on_machine(
        "missing",
        STEP,
        base(),
        vec![expect(720, "BadgatewayThresholdsWrong", vec![wrong.to_owned()])],
    );
    test_only("a missing default", STEP, &[run], &without);
}
