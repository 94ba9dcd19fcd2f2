//! What a page says, word by word: templates are programs, and a wrong one shows only when somebody is woken.

use std::fs;

use crate::{promtool::promtool, rules};

const INPUT: &str = r#"
      - series: 'badgateway_build_info{job="badgateway",instance="web1:10502",version="1"}'
        values: '1+0x400'
      - series: 'badgateway_fpm_pool_info{job="badgateway",instance="web1:10502",fpm="8.2",pool="www",upstream="unix:/w.sock",pm="static"}'
        values: '1+0x400'
      - series: 'badgateway_fpm_up{job="badgateway",instance="web1:10502",fpm="8.2",pool="www"}'
        values: '1+0x20 0+0x20'
      - series: 'badgateway_http_responses_total{job="badgateway",instance="web1:10502",server="~^(?<n>.+)\\.shop$",code="200"}'
        values: '0+100x400'
      - series: 'badgateway_http_responses_total{job="badgateway",instance="web1:10502",server="~^(?<n>.+)\\.shop$",code="502"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_http_errors_total{job="badgateway",instance="web1:10502",server="~^(?<n>.+)\\.shop$",upstream="unix:/w.sock",code="502",cause="socket_missing"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_http_root_causes_total{job="badgateway",instance="web1:10502",upstream="unix:/w.sock",code="502",root_cause="fpm_not_running"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_http_errors_total{job="badgateway",instance="web2:10502",server="s",upstream="a:1",code="502",cause="connect_failed"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_http_root_causes_total{job="badgateway",instance="web2:10502",upstream="a:1",code="502",root_cause="unknown"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_upstream_seconds_count{job="badgateway",instance="web2:10502",upstream="a:1",phase="response"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_http_errors_total{job="badgateway",instance="web3:10502",server="s",upstream="a:1",code="502",cause="connect_failed"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_http_root_causes_total{job="badgateway",instance="web3:10502",upstream="a:1",code="502",root_cause="unknown"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_upstream_seconds_count{job="badgateway",instance="web3:10502",upstream="a:1",phase="response"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_upstream_failures_total{job="badgateway",instance="web3:10502",upstream="a:1",cause="connect_failed",outcome="failed"}'
        values: '0+0x20 100+100x20'
"#;

const PAGES: &str = r#"
      - alertname: PhpFpmDown
        eval_time: 8m
        exp_alerts:
          - exp_labels: {severity: critical, component: php-fpm, job: badgateway, instance: "web1:10502", upstream: "unix:/w.sock"}
            exp_annotations:
              summary: PHP-FPM is down.
              description: "PHP-FPM at unix:/w.sock on web1:10502 (pool www) does not run or does not listen, so every visitor who needs it gets 502. Type first: systemctl status 'php*-fpm'; journalctl -u 'php*-fpm' -n 30; then systemctl start it. nginx saw: socket_missing."
              runbook_url: RUNBOOKS/PhpFpmDown
              dashboard_url: DASHBOARD
      - alertname: NginxCannotConnect
        eval_time: 8m
        exp_alerts:
          - exp_labels: {severity: critical, component: nginx, job: badgateway, instance: "web2:10502", upstream: "a:1"}
            exp_annotations:
              summary: nginx cannot connect to the upstream, and why is not among the usual reasons.
              description: "100% of the requests to a:1 on web2:10502 fail while connecting. Badgateway found no entry of the error log that names the number. Type first: nginx -T | grep error_log; it must be at level error, not crit, and Badgateway must be able to read it."
              runbook_url: RUNBOOKS@web2/NginxCannotConnect
              dashboard_url: DASHBOARD@web2
          - exp_labels: {severity: critical, component: nginx, job: badgateway, instance: "web3:10502", upstream: "a:1"}
            exp_annotations:
              summary: nginx cannot connect to the upstream, and why is not among the usual reasons.
              description: "100% of the requests to a:1 on web3:10502 fail while connecting. The error log has the number, and it is a rare one. Type first: grep -a 'connect()' /var/log/nginx/error.log | tail -n 5; the number in parentheses is explained in the runbook."
              runbook_url: RUNBOOKS@web3/NginxCannotConnect
              dashboard_url: DASHBOARD@web3
      - alertname: NginxErrorBudgetBurn
        eval_time: 9m
        exp_alerts:
          - exp_labels: {severity: critical, component: nginx, job: badgateway, server: '~^(?<n>.+)\.shop$', long: 1h, short: 5m}
            exp_annotations:
              summary: Visitors get errors faster than the service level objective allows.
              description: "BURN% of the requests to ~^(?<n>.+)\\.shop$ (job badgateway) failed in the last 1h: at this pace the error budget of 30 days is gone in 2 days. Most of them: socket_missing at unix:/w.sock. Type first: badgateway explain --access-log /var/log/nginx/access.log --error-log /var/log/nginx/error.log --fpm-log /var/log/php8.2-fpm.log."
              runbook_url: RUNBOOKS/NginxErrorBudgetBurn
              dashboard_url: DASHBOARD
"#;

/// Runs the two pages; `links` are further rules, by which the links lead elsewhere.
fn pages(links: &str, runbooks: &str, dashboard: &str) {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("links.yml");
    fs::write(&own, links).unwrap();
    let mut text = String::from("rule_files:\n");
    for file in rules::files().iter().chain([&own]) {
        text.push_str(&format!("  - {}\n", file.display()));
    }
    let mut pages = PAGES.to_owned();
    for host in ["web2", "web3"] {
        pages = pages.replace(&format!("RUNBOOKS@{host}"), &runbooks.replace("web1", host));
        pages = pages.replace(&format!("DASHBOARD@{host}"), &dashboard.replace("web1", host));
    }
    let pages = pages.replace("RUNBOOKS", runbooks).replace("DASHBOARD", dashboard).replace("BURN", "20.42");
    text.push_str(&format!(
        "evaluation_interval: 15s\ntests:\n  - interval: 15s\n    input_series:{INPUT}    alert_rule_test:{pages}"
    ));
    let path = dir.path().join("pages.yml");
    fs::write(&path, text).unwrap();
    let done = promtool().args(["test", "rules"]).arg(&path).output().expect("promtool runs");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}");
}

#[test]
fn a_page_says_what_broke_and_what_to_type() {
    pages("groups: []\n", "http://web1:10502/runbooks", "http://web1:10502/");
}

#[test]
fn links_can_lead_elsewhere() {
    let links = "groups: [{name: links, rules: [{record: 'badgateway:links', expr: vector(1), \
                 labels: {runbooks: 'https://wiki/r/', dashboards: 'https://grafana/'}}]}]\n";
    pages(links, "https://wiki/r", "https://grafana/");
}
