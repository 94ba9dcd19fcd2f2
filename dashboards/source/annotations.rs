//! What happened: marks on the time axis of every dashboard.

use serde_json::{Value, json};

use super::{
    panel::datasource,
    query::{ALERTS, S},
};

/// Each can be switched off above the dashboard.
pub(crate) fn list() -> Vec<Value> {
    let mark = |name: &str, colour: &str, title: &str, text: &str, expr: String| {
        json!({
            "name": name, "datasource": datasource(), "enable": true, "hide": false, "iconColor": colour,
            // Grafana 10 reads expr and step, later ones the target.
            "expr": expr, "step": "60s", "target": { "refId": "Anno", "expr": expr, "interval": "60s" },
            "titleFormat": title, "textFormat": text, "tagKeys": "", "useValueForTime": false
        })
    };
    vec![
        json!({
            "name": "Annotations & Alerts", "builtIn": 1, "enable": true, "hide": true, "type": "dashboard",
            "datasource": { "type": "grafana", "uid": "-- Grafana --" }, "iconColor": "rgba(0, 211, 255, 1)"
        }),
        mark(
            "Reloads and restarts of PHP-FPM",
            "#0B97D1",
            "PHP-FPM reloaded or restarted",
            "{{fpm}} on {{instance}}",
            format!(
                "max by (instance, fpm) (increase(badgateway_fpm_reloads_total{{{S}}}[$__rate_interval])) > 0"
            ),
        ),
        mark(
            "Starts of PHP-FPM",
            "#1C5BEE",
            "A new master of PHP-FPM",
            "{{fpm}} on {{instance}}",
            format!(
                "max by (instance, fpm) (badgateway_fpm_start_time_seconds{{{S}}}) > time() - $__rate_interval_ms / 1000"
            ),
        ),
        mark(
            "OOM kills",
            "#A83AA3",
            "Killed for memory",
            "{{scope}} on {{instance}}",
            format!(
                "sum by (instance, scope) (increase(badgateway_oom_kills_total{{{S},scope=~\"fpm.*\"}}[$__rate_interval])) > 0"
            ),
        ),
        mark(
            "Configuration",
            "#876044",
            "Configuration read again",
            "on {{instance}}",
            format!(
                "sum by (instance) (changes(badgateway_config_last_reload_success_timestamp_seconds{{{S}}}[$__rate_interval])) > 0"
            ),
        ),
        mark(
            "Alerts",
            "#E46433",
            "{{alertname}}",
            "{{severity}} {{upstream}} {{server}} {{instance}}",
            format!("count by (alertname, severity, upstream, server, instance) ({ALERTS}) > 0"),
        ),
        mark(
            "Versions of Badgateway",
            "#797F88",
            "Badgateway {{version}}",
            "on {{instance}}",
            format!(
                "(badgateway_build_info{{{S}}} unless badgateway_build_info{{{S}}} offset 5m) \
                 and on (job, instance) badgateway_build_info{{{S}}} offset 5m"
            ),
        ),
    ]
}
