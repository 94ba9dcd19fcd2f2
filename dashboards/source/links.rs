//! Where a click leads: to another dashboard with the same time, or to a runbook.

use serde_json::{Value, json};

/// The data source and the time go along.
const KEEP: &str = "${__url_time_range}&${datasource:queryparam}";

/// To a dashboard, with variables from the row that was clicked: name of the variable, name of the column.
pub(crate) fn board(title: &str, uid: &str, variables: &[(&str, &str)]) -> Value {
    let mut url = format!("/d/{uid}?{KEEP}");
    for (variable, column) in variables {
        url.push_str(&format!("&var-{variable}=${{__data.fields[\"{column}\"]:percentencode}}"));
    }
    json!({ "title": title, "url": url, "targetBlank": false })
}

/// To the runbook that a column of the row names, by alert, cause or root cause.
pub(crate) fn runbook_of_column(column: &str) -> Value {
    let url = format!("http://${{exporter}}/runbooks/${{__data.fields[\"{column}\"]:percentencode}}");
    json!({ "title": "Runbook", "url": url, "targetBlank": true })
}

/// To the runbook of a series' label.
pub(crate) fn runbook_of_label(label: &str) -> Value {
    let url = format!("http://${{exporter}}/runbooks/${{__field.labels.{label}:percentencode}}");
    json!({ "title": "Runbook", "url": url, "targetBlank": true })
}

/// To Badgateway's own page on the instance of the row.
pub(crate) fn page_of(column: &str) -> Value {
    json!({ "title": "Badgateway there", "url": format!("http://${{__data.fields[\"{column}\"]}}/"), "targetBlank": true })
}
