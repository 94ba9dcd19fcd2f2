//! Every case of `tests/corpus/` (real logs of real failures) must get exactly its expected verdict: from
//! the rich access log and, where the truth can be seen there, from the plain combined one; from the error
//! log of a stock nginx (level error) and from one at level info.

#![allow(clippy::disallowed_methods, reason = "the real binary is run on the real logs")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

type Rows = BTreeMap<Vec<String>, u64>;

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let dirs = |dir: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    };
    let mut cases: Vec<_> = dirs(&root).iter().flat_map(|version| dirs(version)).collect();
    cases.sort();
    cases
}

fn explain(case: &Path, access: &str, error: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_badgateway"))
        .args(["explain", "--format", "json"])
        .arg("--access-log")
        .arg(case.join(access))
        .arg("--error-log")
        .arg(case.join(error))
        .arg("--fpm-log")
        .arg(case.join("fpm.log"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {}", case.display(), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn rows(value: &Value, section: &str, keys: &[&str]) -> Rows {
    let mut rows = Rows::new();
    for row in value[section].as_array().unwrap() {
        let key = keys.iter().map(|key| row[*key].as_str().unwrap().to_owned()).collect();
        *rows.entry(key).or_default() += row["count"].as_u64().unwrap();
    }
    rows
}

/// Rewrites what may be said instead (`also_ok`) to what is expected.
fn accept(expected: &Value, got: Rows, wanted: &Rows, columns: &[&str]) -> Rows {
    let mut out = Rows::new();
    for (key, count) in got {
        let mut accepted = key.clone();
        if !wanted.contains_key(&key) {
            for (at, column) in columns.iter().enumerate() {
                let Some(alternatives) = expected["also_ok"][*column].as_object() else { continue };
                let allowed =
                    |list: &Value| list.as_array().is_some_and(|list| list.iter().any(|v| *v == key[at]));
                if let Some((instead_of, _)) = alternatives.iter().find(|(_, list)| allowed(list)) {
                    accepted[at] = instead_of.clone();
                }
            }
        }
        *out.entry(accepted).or_default() += count;
    }
    out
}

fn judge(case: &Path, expectation: &str, access: &str, faults: &mut Vec<String>) {
    let Ok(text) = std::fs::read(case.join(expectation)) else { return };
    let expected: Value = serde_json::from_slice(&text).unwrap();
    for error in ["error.default.log", "error.log"] {
        let got = explain(case, access, error);
        let optional = expected["also_ok"]["failures_optional"].as_array().cloned().unwrap_or_default();
        for (section, keys) in [
            ("responses", &["code", "cause", "root_cause", "upstream"][..]),
            ("failures", &["cause", "upstream", "outcome"]),
            ("worker_exits", &["pool", "reason"]),
        ] {
            let wanted = rows(&expected, section, keys);
            let mut seen = accept(&expected, rows(&got, section, keys), &wanted, keys);
            if section == "failures" {
                seen.retain(|key, _| {
                    wanted.contains_key(key)
                        || !optional
                            .iter()
                            .any(|o| o["cause"] == key[0].as_str() && o["outcome"] == key[2].as_str())
                });
            }
            if seen != wanted {
                let name = case.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display();
                faults.push(format!(
                    "{name} ({access}, {error}) {section}:\n  want {wanted:?}\n  got  {seen:?}"
                ));
            }
        }
        if got["lines"]["unparsed"] != 0 {
            faults.push(format!("{} ({access}, {error}): unparsed lines", case.display()));
        }
    }
}

#[test]
fn every_case_gets_its_verdict() {
    let cases = cases();
    assert!(cases.len() >= 113, "the corpus is not complete: {} cases", cases.len());
    let mut faults = Vec::new();
    for case in &cases {
        judge(case, "expected.json", "access.log", &mut faults);
        judge(case, "expected.combined.json", "access.combined.log", &mut faults);
    }
    assert!(faults.is_empty(), "{} of {} cases differ:\n{}", faults.len(), cases.len(), faults.join("\n"));
}
