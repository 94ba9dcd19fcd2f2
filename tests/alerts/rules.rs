//! The rule files as they are shipped.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// One rule, recording or alerting.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    #[serde(default)]
    pub(crate) record: String,
    #[serde(default)]
    pub(crate) alert: String,
    pub(crate) expr: String,
    #[serde(default, rename = "for")]
    pub(crate) pending: Option<String>,
    #[serde(default)]
    pub(crate) keep_firing_for: Option<String>,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// Rules that are evaluated one after the other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) name: String,
    #[serde(default)]
    #[allow(dead_code, reason = "promtool reads it")]
    interval: Option<String>,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    groups: Vec<Group>,
}

/// Where they are.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts")
}

/// The rule files: every `*.yml` but the example for Alertmanager.
pub(crate) fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(directory()).expect("the alerts directory");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .filter(|path| !path.ends_with("alertmanager.example.yml"))
        .collect();
    files.sort();
    files
}

/// All rules, in the order of the files.
pub(crate) fn all() -> Vec<Rule> {
    groups().into_iter().flat_map(|group| group.rules).collect()
}

/// All groups, in the order of the files.
pub(crate) fn groups() -> Vec<Group> {
    let mut groups = Vec::new();
    for path in files() {
        let text = fs::read_to_string(&path).expect("a rule file");
        let file: File = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        groups.extend(file.groups);
    }
    assert!(groups.len() > 5, "only {} groups were found", groups.len());
    groups
}

/// What a test file says of the order of groups: without it promtool takes another one in each run. Thresholds come first.
pub(crate) fn order() -> String {
    let mut names: Vec<_> = groups().into_iter().map(|group| group.name).collect();
    names.sort_by_key(|name| !name.contains("threshold"));
    format!("group_eval_order: [{}]\n", names.join(", "))
}

/// The alerting rules.
pub(crate) fn alerts() -> Vec<Rule> {
    all().into_iter().filter(|rule| !rule.alert.is_empty()).collect()
}

/// The rule of that alert and severity.
pub(crate) fn alert_of(name: &str, severity: &str) -> Rule {
    let found = alerts().into_iter().find(|rule| rule.alert == name && rule.labels["severity"] == severity);
    found.unwrap_or_else(|| panic!("no alert {name} ({severity})"))
}

/// The first rule of that alert; they differ in severity at most.
pub(crate) fn alert(name: &str) -> Rule {
    alerts().into_iter().find(|rule| rule.alert == name).unwrap_or_else(|| panic!("no alert {name}"))
}
