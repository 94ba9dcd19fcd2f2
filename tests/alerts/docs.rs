//! The table of `alerts/README.md`.

use std::{collections::BTreeMap, fs};

use crate::rules;

const BEGIN: &str = "<!-- alerts -->\n";
const END: &str = "<!-- end -->\n";

fn table() -> String {
    let mut rows: Vec<(String, Vec<String>, String)> = Vec::new();
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    for rule in rules::alerts() {
        let severity = rule.labels["severity"].clone();
        match at.get(&rule.alert) {
            Some(row) if !rows[*row].1.contains(&severity) => rows[*row].1.push(severity),
            Some(_) => {}
            None => {
                at.insert(rule.alert.clone(), rows.len());
                rows.push((rule.alert, vec![severity], rule.annotations["summary"].clone()));
            }
        }
    }
    rows.sort();
    let mut table = String::from("| alert | severity | what it says |\n|---|---|---|\n");
    for (alert, severities, summary) in rows {
        table.push_str(&format!(
            "| [{alert}](runbooks/{alert}.md) | {} | {summary} |\n",
            severities.join(", ")
        ));
    }
    table
}

#[test]
fn the_table_of_alerts_is_in_step() {
    let path = rules::directory().join("README.md");
    let text = fs::read_to_string(&path).expect("alerts/README.md");
    let (before, rest) = text.split_once(BEGIN).expect("the begin of the table");
    let (_, after) = rest.split_once(END).expect("the end of the table");
    let right = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("BADGATEWAY_WRITE_DOCS").is_some() {
        fs::write(&path, right).expect("alerts/README.md can be written");
    } else {
        assert_eq!(text, right, "run `make docs`");
    }
}
