//! What is muted behind what, asked of Alertmanager itself: it alone knows how it reads the rules.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    alertmanager::Alertmanager,
    harness::{scratch_dir, wait_for},
    inbox::Inbox,
    say,
};

fn alert(name: &str, severity: &str, component: &str, server: &str) -> Value {
    json!({"labels": {
        "alertname": name, "severity": severity, "component": component,
        "job": "badgateway", "instance": "web1", "server": server,
    }})
}

/// Alerts that say the same exclude each other in their expressions: here only a fast burn mutes the slow one of its site.
#[test]
fn a_fast_burn_mutes_the_slow_one_of_its_site_and_nothing_mutes_anything_else() {
    let dir = scratch_dir().unwrap();
    let inbox = Inbox::open().unwrap();
    let alertmanager = Alertmanager::start(dir.path(), &inbox, false).expect("Alertmanager starts");
    let burn = "NginxErrorBudgetBurn";
    let all = vec![
        alert(burn, "critical", "nginx", "shop"),
        alert(burn, "warning", "nginx", "shop"),
        alert(burn, "warning", "nginx", "blog"),
        alert("PhpFpmDown", "critical", "php-fpm", "shop"),
        alert("Nginx502Unexplained", "warning", "nginx", "shop"),
        alert("BadgatewayDown", "critical", "badgateway", "shop"),
    ];
    alertmanager.post(&Value::Array(all.clone())).unwrap();
    let mut last = Vec::new();
    let settled = wait_for("the states", Duration::from_secs(15), || {
        last.clear();
        let states = alertmanager.alerts().ok()?;
        for alert in &states {
            let labels = &alert["labels"];
            let expected =
                labels["alertname"] == burn && labels["severity"] == "warning" && labels["server"] == "shop";
            let is = !alert["status"]["inhibitedBy"].as_array()?.is_empty();
            if is != expected {
                last.push(format!("{labels}: muted is {is}"));
            }
        }
        (states.len() == all.len() && last.is_empty()).then_some(())
    });
    assert!(settled.is_ok(), "{last:?}");
    say("ok   a fast burn mutes the slow one of its site, and nothing else is muted");
}
