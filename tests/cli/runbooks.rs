//! The runbooks: one for each alert, all of one shape, and shown by the command and by the pages.

use std::collections::BTreeSet;
use std::path::Path;

use badgateway::runbooks::{self, Runbook};
use badgateway::vocabulary::families;
use badgateway::vocabulary::{Cause, RootCause};
use regex::Regex;

use super::support::{Serve, run, stderr, text};

const SECTIONS: [&str; 6] = ["Meaning", "Impact", "Diagnosis", "Fix", "Prevention", "When to silence"];

fn files(dir: &str, extension: &str) -> Vec<std::path::PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

/// What follows a word in the rules: names of alerts, or of recorded series.
fn in_rules(key: &str) -> BTreeSet<String> {
    let of = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    let rules: String = files("alerts", "yml").into_iter().map(of).collect();
    let line = Regex::new(&format!(r"(?m)^ *- {key}: (\S+)$")).unwrap();
    line.captures_iter(&rules).map(|found| found[1].to_owned()).collect()
}

/// Sections in order, at least one block to paste, a silence: a person at night finds each at its place.
fn shape(Runbook { name, text }: &Runbook) {
    assert!(text.starts_with(&format!("# {name}\n\n")), "{name}: its title");
    let sections: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(sections, SECTIONS, "{name}");
    let part =
        |title: &str| text.split(&format!("\n## {title}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    assert!(part("Diagnosis").contains("\n   ```sh\n"), "{name}: no commands");
    assert!(part("When to silence").contains("amtool silence add alertname="), "{name}: no silence");
    assert!(part("When to silence").contains(name), "{name}: silences another alert");
    assert_eq!(text.matches("```").count() % 2, 0, "{name}: an open block");
}

#[test]
fn there_is_one_for_each_alert_and_all_have_one_shape() {
    let names: Vec<_> = runbooks::ALL.iter().map(|runbook| runbook.name).collect();
    assert!(names.is_sorted());
    let table: BTreeSet<_> = names.into_iter().map(str::to_owned).collect();
    let texts = files("alerts/runbooks", "md");
    let texts: BTreeSet<_> =
        texts.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(table, texts, "the binary and alerts/runbooks");
    assert_eq!(table, in_rules("alert"), "the binary and alerts/*.yml");
    runbooks::ALL.iter().for_each(shape);
}

#[test]
fn every_cause_and_root_cause_has_one() {
    for (word, alert) in Cause::ALL.iter().map(|cause| (cause.word(), cause.alert())) {
        assert!(runbooks::find(alert).is_some_and(|runbook| runbook.name == alert), "{word}: {alert}");
    }
    for (word, alert) in RootCause::ALL.iter().map(|root| (root.word(), root.alert())) {
        assert!(runbooks::find(alert).is_some_and(|runbook| runbook.name == alert), "{word}: {alert}");
    }
}

#[test]
fn they_name_only_what_exists() {
    let recorded = in_rules("record");
    let thresholds: BTreeSet<_> =
        recorded.iter().filter_map(|series| series.strip_prefix("badgateway:threshold:")).collect();
    let series =
        Regex::new(r"(?:[a-z_]+:)?badgateway_[a-z0-9_:]*[a-z0-9]|badgateway:threshold:[a-z_]+").unwrap();
    let threshold = Regex::new(r"`([a-z]+_(?:ratio|failures|bytes|seconds|rate|exits)|restarts)`").unwrap();
    let runbook = Regex::new(r"`((?:Nginx|PhpFpm|Badgateway)[A-Z0-9][A-Za-z0-9]+)`").unwrap();
    for Runbook { name, text } in runbooks::ALL.iter() {
        for found in series.find_iter(text).map(|found| found.as_str()) {
            let known = recorded.contains(found)
                || families::ALL.iter().any(|family| {
                    let rest = found.strip_prefix(family.name);
                    let histogram = family.kind == families::Kind::Histogram;
                    rest == Some("") || histogram && matches!(rest, Some("_sum" | "_count" | "_bucket"))
                });
            assert!(known, "{name}: {found} does not exist");
        }
        for found in threshold.captures_iter(text) {
            assert!(thresholds.contains(&found[1]), "{name}: no threshold {}", &found[1]);
        }
        for found in runbook.captures_iter(text) {
            assert!(runbooks::find(&found[1]).is_some(), "{name}: no runbook {}", &found[1]);
        }
    }
}

fn said(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_command_shows_them_by_alert_and_by_cause() {
    let list = said(&["runbook"]);
    assert_eq!(list.lines().count(), runbooks::ALL.len());
    assert!(list.contains("\nPhpFpmDown ") && list.contains("  PHP-FPM does not run"), "{list}");
    let down = said(&["runbook", "phpfpmdown"]);
    assert!(down.starts_with("# PhpFpmDown\n"), "{down}");
    assert_eq!(said(&["runbook", "fpm_not_running"]), down);
    assert!(said(&["runbook", "socket_missing"]).starts_with("# NginxCannotConnect\n"));
    for (wrong, meant) in
        [("PhpFpmDwon", "PhpFpmDown?"), ("socket_mising", "socket_missing?"), ("xyzzy", "xyzzy")]
    {
        let output = run(&["runbook", wrong]);
        assert_eq!(output.status.code(), Some(1));
        let message = stderr(&output);
        assert!(message.contains(meant) && message.contains("`badgateway runbook` lists"), "{message}");
    }
}

#[test]
fn the_pages_show_them_and_an_unknown_name_shows_the_list() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    std::fs::write(&log, "").unwrap();
    let serve = Serve::start(&["--access-log", text(&log)]);
    let get = |path: &str| {
        let (status, head, body) = serve.get(path, "");
        assert!(head.to_lowercase().contains("content-type: text/html"), "{path}: {head}");
        (status, String::from_utf8(body).unwrap())
    };
    for path in ["/runbooks", "/runbooks/"] {
        let (status, page) = get(path);
        assert_eq!(status, 200);
        assert_eq!(page.matches("<dt>").count(), runbooks::ALL.len());
    }
    for Runbook { name, .. } in runbooks::ALL.iter() {
        let (status, page) = get(&format!("/runbooks/{name}"));
        assert_eq!(status, 200);
        assert!(
            page.contains(&format!("<h1>{name}</h1>")) && page.contains("<code class=\"language-sh\">"),
            "{name}"
        );
        assert!(page.contains("Runbook of the alert") && page.contains("href=\"/\""), "{name}: no note");
    }
    for word in
        Cause::ALL.iter().map(|cause| cause.word()).chain(RootCause::ALL.iter().map(|root| root.word()))
    {
        let (status, page) = get(&format!("/runbooks/{word}"));
        assert_eq!(status, 200, "{word}");
        assert!(page.contains("Runbook of the alert"), "{word}");
    }
    let (status, page) = get("/runbooks/PhpFpmDwon%3Cb%3E");
    assert_eq!(status, 404);
    assert!(
        page.contains("&lt;b&gt;")
            && !page.contains("<b>")
            && page.contains("perhaps <a href=\"/runbooks/PhpFpmDown\">"),
        "{page}"
    );
    assert_eq!(page.matches("<dt>").count(), runbooks::ALL.len());
    assert!(get("/").1.contains("href=\"/runbooks\""));
}
