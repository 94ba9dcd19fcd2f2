//! The variables above a dashboard. Each is asked only of what those before it leave.

use serde_json::{Value, json};

use super::panel::datasource;

/// Name, label, query, and what "All" is: `.*` for a label that need not be there.
const QUERIES: &[(&str, &str, &str, &str)] = &[
    ("job", "Job", "label_values(badgateway_build_info, job)", ".+"),
    // On machines outside Kubernetes there is no such label.
    ("namespace", "Namespace", r#"label_values(badgateway_build_info{job=~"$job"}, namespace)"#, ".*"),
    (
        "instance",
        "Instance",
        r#"label_values(badgateway_build_info{job=~"$job",namespace=~"$namespace"}, instance)"#,
        ".+",
    ),
    // Empty with nginx's own log_format, which does not tell it.
    (
        "server",
        "Server",
        r#"label_values(badgateway_http_responses_total{job=~"$job",namespace=~"$namespace",instance=~"$instance"}, server)"#,
        ".*",
    ),
    (
        "fpm",
        "PHP-FPM",
        r#"label_values(badgateway_fpm_workers_limit{job=~"$job",namespace=~"$namespace",instance=~"$instance"}, fpm)"#,
        ".*",
    ),
    (
        "pool",
        "Pool",
        r#"label_values(badgateway_fpm_workers_limit{job=~"$job",namespace=~"$namespace",instance=~"$instance",fpm=~"$fpm"}, pool)"#,
        ".*",
    ),
];

/// Those of these names, after the data source; and the address for links to runbooks.
pub(crate) fn list(names: &[&str]) -> Vec<Value> {
    let mut list = vec![json!({
        "type": "datasource", "name": "datasource", "label": "Data Source", "query": "prometheus",
        "hide": 0, "includeAll": false, "multi": false, "refresh": 1, "regex": "", "options": [], "current": {}
    })];
    for (name, label, query, all) in QUERIES.iter().filter(|(name, ..)| names.contains(name)) {
        list.push(json!({
            "type": "query", "name": name, "label": label, "datasource": datasource(),
            "definition": query, "query": { "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery", "qryType": 1 },
            "refresh": 2, "sort": 1, "hide": 0, "multi": true, "includeAll": true, "allValue": all,
            "regex": "", "options": [], "current": { "text": ["All"], "value": ["$__all"] }
        }));
    }
    if names.contains(&"code") {
        list.push(code());
    }
    // Any one of the exporters has all runbooks: `make alerts RUNBOOKS=…` puts another address into the links.
    let exporter = r#"label_values(badgateway_build_info{job=~"$job",namespace=~"$namespace",instance=~"$instance"}, instance)"#;
    list.push(json!({
        "type": "query", "name": "exporter", "label": "Runbooks at", "datasource": datasource(),
        "definition": exporter, "query": { "query": exporter, "refId": "PrometheusVariableQueryEditor-VariableQuery", "qryType": 1 },
        "refresh": 2, "sort": 1, "hide": 2, "multi": false, "includeAll": false, "regex": "", "options": [], "current": {}
    }));
    list
}

/// The codes that are counted as failures.
fn code() -> Value {
    let codes = ["502", "504", "500", "503", "009"];
    let options: Vec<Value> =
        codes.iter().map(|code| json!({ "text": code, "value": code, "selected": false })).collect();
    json!({
        "type": "custom", "name": "code", "label": "Code", "query": codes.join(","), "options": options,
        "hide": 0, "multi": true, "includeAll": true, "allValue": ".+",
        "current": { "text": ["All"], "value": ["$__all"] }
    })
}
