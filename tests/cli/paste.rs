//! `explain 'LINE'` and `explain -`: what somebody has copied.

use std::io::Write;
use std::process::{Command, Stdio};

use badgateway_harness::programs::badgateway;

use super::support::{json, run, text};

const REFUSED: &str = "connect() failed (111: Connection refused) while connecting to upstream";

#[test]
fn a_pasted_line_is_explained() {
    let output = run(&["explain", &format!("> [error] {REFUSED}, upstream: \"http://10.0.0.1:80/\"")]);
    let said = String::from_utf8(output.stdout).unwrap();
    for wanted in [
        "connection_refused: Nothing listens at the upstream's address.",
        "Upstream: 10.0.0.1:80",
        "Likely behind it: fpm_not_running",
        "Fix: ",
        "More: badgateway runbook NginxCannotConnect",
        "Missing: a time stamp",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(!said.contains("Missing: the level"), "{said}");
}

#[test]
fn lines_of_standard_input_are_explained_one_by_one() {
    let mut child = Command::new(badgateway().unwrap())
        .args(["explain", "--lines", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = format!("Hello\n\n   # {REFUSED}\r\nnginx: [emerg] host not found in upstream \"b\"\n");
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let causes: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["cause"].clone())
        .collect();
    assert_eq!(causes, [serde_json::Value::Null, "connection_refused".into(), "dns_failure".into()]);
}

#[test]
fn a_paste_can_be_one_object() {
    let got = json(&run(&["explain", "--format", "json", REFUSED]));
    assert_eq!(got["pasted"][0]["cause"], "connection_refused");
    assert_eq!(got["pasted"][0]["errno"], 111);
    assert_eq!(got["pasted"][0]["likely"][0], "fpm_not_running");
}

/// A log stays strictly read, and a person is told what its line would mean.
#[test]
fn an_entry_without_its_date_in_a_log_is_not_counted_but_explained() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("error.log");
    std::fs::write(&path, format!("[error] 7#7: *1 {REFUSED}, client: 1.2.3.4, server: s\n")).unwrap();
    let output = run(&["explain", "--format", "json", "--error-log", text(&path)]);
    assert_eq!(output.status.code(), Some(1), "no line of it was read");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["lines"]["error"], &report["failures"]), (&0.into(), &serde_json::json!([])));
    let output = run(&["explain", "--error-log", text(&path)]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("It is not counted") && said.contains("connection_refused") && said.contains("Fix:"),
        "{said}"
    );
}
