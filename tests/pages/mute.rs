//! What is muted behind what, asked of Alertmanager itself: it alone knows how it reads the rules.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    alertmanager::Alertmanager,
    harness::{scratch_dir, wait_for},
    inbox::Inbox,
    say,
};

const SITE: &str = "unix:/run/php/www.sock";

/// (source, its severity, targets it mutes on the same upstream, and others that it must not).
const MUTES: &[(&str, &str, &[&str], &[&str])] = &[
    (
        "PhpFpmDown",
        "critical",
        &[
            "NginxCannotConnect",
            "NginxCannotConnect",
            "Nginx502ConnectionLost",
            "Nginx502NoLiveUpstreams",
            "PhpFpmPoolExhausted",
            "PhpFpmRestartLoop",
            "PhpFpmWorkersDying",
        ],
        &[
            "NginxErrorBudgetBurn",
            "Nginx502PermissionDenied",
            "Nginx502InvalidResponse",
            "PhpFpmMemoryNearLimit",
        ],
    ),
    (
        "PhpFpmDown",
        "critical",
        &["PhpFpmDown", "PhpFpmRestartLoop", "Nginx502NoLiveUpstreams"],
        &["NginxErrorBudgetBurn", "Nginx502TlsFailure"],
    ),
    (
        "Nginx502WrongAddress",
        "critical",
        &["NginxCannotConnect", "Nginx502InvalidResponse", "Nginx502NoLiveUpstreams"],
        &["NginxErrorBudgetBurn", "PhpFpmDown"],
    ),
    (
        "PhpFpmPoolExhausted",
        "critical",
        &["PhpFpmPoolExhausted", "PhpFpmPoolSaturated", "PhpFpmPoolSaturated", "PhpFpmPoolSaturated"],
        &["NginxErrorBudgetBurn", "PhpFpmOomKill", "Nginx504SlowUpstream"],
    ),
    (
        "PhpFpmOomKill",
        "critical",
        &["PhpFpmOomKill", "PhpFpmWorkersDying", "PhpFpmMemoryNearLimit", "Nginx502ConnectionLost"],
        &["NginxErrorBudgetBurn", "PhpFpmDown"],
    ),
    ("Nginx504SlowUpstream", "warning", &["Nginx504SlowUpstream"], &["PhpFpmWorkersDying"]),
    (
        "BadgatewayDown",
        "critical",
        &["PhpFpmDown", "Nginx502TlsFailure", "BadgatewayLogUnreadable"],
        &["NginxErrorBudgetBurn"],
    ),
    ("BadgatewayLogUnreadable", "warning", &["Nginx502Unexplained"], &["Nginx502ConnectionLost"]),
];

/// Targets that are sources, too.
const SOURCES: &[&str] = &["PhpFpmDown", "PhpFpmPoolExhausted", "PhpFpmOomKill"];

fn alert(name: &str, severity: &str, instance: &str, upstream: &str) -> Value {
    let component = match name {
        name if name.starts_with("Badgateway") => "badgateway",
        name if name.starts_with("PhpFpm") => "php-fpm",
        _ => "nginx",
    };
    json!({"labels": {
        "alertname": name, "severity": severity, "component": component,
        "job": "badgateway", "instance": instance, "upstream": upstream,
    }})
}

#[test]
fn a_cause_mutes_its_consequences_and_nothing_else() {
    let dir = scratch_dir().unwrap();
    let inbox = Inbox::open().unwrap();
    for (source, severity, muted, spared) in MUTES {
        // One for each, so that no source finds another's targets.
        let root = dir.path().join(source);
        let alertmanager = Alertmanager::start(&root, &inbox).expect("Alertmanager starts");
        let mut all = vec![alert(source, severity, "web1", SITE)];
        let severity = |name: &str| if name == "NginxErrorBudgetBurn" { "critical" } else { "warning" };
        for name in muted.iter().chain(*spared) {
            all.push(alert(name, severity(name), "web1", SITE));
        }
        // The same on another machine is another matter. (Some would mute the rest there.)
        let others = muted.iter().filter(|name| !SOURCES.contains(name));
        all.extend(others.map(|name| alert(name, "warning", "web2", SITE)));
        alertmanager.post(&Value::Array(all.clone())).unwrap();
        let mut last = Vec::new();
        let settled = wait_for("the states", Duration::from_secs(15), || {
            last.clear();
            let states = alertmanager.alerts().ok()?;
            for alert in &states {
                let labels = &alert["labels"];
                let name = labels["alertname"].as_str()?;
                let expected = labels["instance"] == "web1" && muted.contains(&name);
                let is = !alert["status"]["inhibitedBy"].as_array()?.is_empty();
                if is != expected {
                    last.push(format!("{name} on {}: muted is {is}", labels["instance"]));
                }
            }
            (states.len() == all.len() && last.is_empty()).then_some(())
        });
        assert!(settled.is_ok(), "{source}: {last:?}");
    }
    say(&format!("ok   {} causes mute their consequences and nothing else", MUTES.len()));
}
