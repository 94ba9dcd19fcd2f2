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
      - series: 'badgateway_fpm_down_seconds_total{job="badgateway",instance="web1:10502",fpm="8.2",pool="www"}'
        values: '0+0x20 15+15x20'
      - series: 'badgateway_http_responses_total{job="badgateway",instance="web1:10502",server="~^(?<n>.+)\\.shop$",code="200"}'
        values: '0+100x400'
      - series: 'badgateway_http_responses_total{job="badgateway",instance="web1:10502",server="~^(?<n>.+)\\.shop$",code="502"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_http_errors_total{job="badgateway",instance="web1:10502",server="~^(?<n>.+)\\.shop$",upstream="unix:/w.sock",code="502",cause="socket_missing"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_http_root_causes_total{job="badgateway",instance="web1:10502",server="~^(?<n>.+)\\.shop$",upstream="unix:/w.sock",code="502",root_cause="fpm_not_running"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_http_errors_total{job="badgateway",instance="web2:10502",server="s",upstream="a:1",code="502",cause="connect_failed"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_http_root_causes_total{job="badgateway",instance="web2:10502",server="s",upstream="a:1",code="502",root_cause="unknown"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_upstream_seconds_count{job="badgateway",instance="web2:10502",upstream="a:1",phase="response"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_http_errors_total{job="badgateway",instance="web3:10502",server="s",upstream="a:1",code="502",cause="connect_failed"}'
        values: '0+0x20 100+100x20'
      - series: 'badgateway_http_root_causes_total{job="badgateway",instance="web3:10502",server="s",upstream="a:1",code="502",root_cause="unknown"}'
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
          - exp_labels: {severity: critical, component: php-fpm, job: badgateway, instance: "web1:10502", fpm: "8.2"}
            exp_annotations:
              summary: PHP-FPM is down.
              description: "PHP-FPM 8.2 on web1:10502 does not run or does not listen, so every visitor who needs it gets 502. Type first: systemctl status 'php*-fpm'; journalctl -u 'php*-fpm' -n 30; then systemctl start it. Pool www (unix:/w.sock). Most hit: ~^(?<n>.+)\\.shop$."
              runbook_url: http://web1:10502/runbooks/PhpFpmDown
              dashboard_url: http://web1:10502/
      - alertname: NginxCannotConnect
        eval_time: 8m
        exp_alerts:
          - exp_labels: {severity: critical, component: nginx, job: badgateway, instance: "web2:10502", upstream: "a:1"}
            exp_annotations:
              summary: An upstream cannot be reached, and nothing on this machine tells why.
              description: "100% of the requests to a:1 on web2:10502 fail while connecting. nginx saw: connect_failed. Type first: nginx -T | grep error_log; an entry at level error has the number, which the runbook explains. Most hit: s."
              runbook_url: http://web2:10502/runbooks/NginxCannotConnect
              dashboard_url: http://web2:10502/
          - exp_labels: {severity: critical, component: nginx, job: badgateway, instance: "web3:10502", upstream: "a:1"}
            exp_annotations:
              summary: An upstream cannot be reached, and nothing on this machine tells why.
              description: "100% of the requests to a:1 on web3:10502 fail while connecting. nginx saw: connect_failed. Type first: nginx -T | grep error_log; an entry at level error has the number, which the runbook explains. Most hit: s."
              runbook_url: http://web3:10502/runbooks/NginxCannotConnect
              dashboard_url: http://web3:10502/
      - alertname: NginxErrorBudgetBurn
        eval_time: 9m
        exp_alerts:
          - exp_labels: {severity: critical, component: nginx, job: badgateway, server: '~^(?<n>.+)\.shop$', long: 1h, short: 5m}
            exp_annotations:
              summary: Visitors get errors faster than the service level objective allows.
              description: "BURN% of the requests to ~^(?<n>.+)\\.shop$ (job badgateway) failed in the last 1h: at this pace the error budget of 30 days is gone in PACE. Most of them: socket_missing at unix:/w.sock. Type first: badgateway explain --access-log /var/log/nginx/access.log --error-log /var/log/nginx/error.log --fpm-log /var/log/php*-fpm.log."
              runbook_url: http://web1:10502/runbooks/NginxErrorBudgetBurn
              dashboard_url: http://web1:10502/
"#;

/// A page of the budget tells how long it lasts at this pace, and leads to a machine that fails.
#[test]
fn a_page_says_what_broke_and_what_to_type() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = String::from("rule_files:\n");
    for file in rules::files() {
        text.push_str(&format!("  - {}\n", file.display()));
    }
    text.push_str(&rules::order());
    let pages = PAGES.replace("BURN", "22.22").replace("PACE", "3h 14m 24s");
    text.push_str(&format!(
        "evaluation_interval: 15s\ntests:\n  - interval: 15s\n    input_series:{INPUT}    alert_rule_test:{pages}"
    ));
    let path = dir.path().join("pages.yml");
    fs::write(&path, text).unwrap();
    let done = promtool().args(["test", "rules"]).arg(&path).output().expect("promtool runs");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}");
}
