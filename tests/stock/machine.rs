//! A machine of a layout: it runs, and what was seen there is compared with what the layout expects.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use badgateway_harness::programs::{badgateway, php_fpm};

/// What a layout expects, a line each: `access PATH`, `error PATH`, `fpm PATH` (these logs are followed, and no others),
/// `says TEXT`, `diagnosis TEXT` (by the exporter), `alone TEXT` (without one), `before CODE`, `after CODE`,
/// `metric NAME{LABELS} VALUE`, `verdict NAME UPSTREAM` (`diagnose` finds these to fail, and no others), `alone_verdict` (the
/// same without an exporter, where what ended before nobody looked cannot be known).
fn expectations(layout: &str) -> Vec<(String, String)> {
    let lines = layout.lines().skip_while(|line| *line != "--- expect").skip(1);
    let lines = lines.take_while(|line| !line.starts_with("--- "));
    let pair = |line: &str| line.split_once(' ').map(|(kind, text)| (kind.to_owned(), text.to_owned()));
    lines.filter_map(pair).collect()
}

/// What was seen on the machine.
struct Seen {
    said: String,
    metrics: String,
    /// `diagnose` beside the exporter and without it, for people and for programs.
    asked: [String; 2],
    alone: [String; 2],
}

/// Runs it. An error is all that it printed.
fn run(layout: &str) -> Result<Seen, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), layout).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stock/machine.sh");
    let mut machine = Command::new("timeout");
    machine.args(["60", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh"]);
    machine.arg(script).arg(dir.path()).arg(file.path()).arg(badgateway().unwrap()).env("TZ", "UTC");
    let output = machine.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("it ended with {}:\n{text}{errors}", output.status));
    }
    let mut parts = text.split("\n== ").map(|part| part.split_once('\n').unwrap_or_default().1.to_owned());
    let mut next = || parts.next().ok_or_else(|| format!("a part is missing:\n{text}"));
    let before = text.lines().take_while(|line| !line.starts_with("== "));
    let before: String = before.map(|line| format!("{line}\n")).collect();
    next()?;
    Ok(Seen {
        said: format!("{before}{}", next()?),
        metrics: next()?,
        asked: [next()?, next()?],
        alone: [next()?, next()?],
    })
}

/// Name and upstream of what fails by a diagnosis.
fn verdicts(json: &str) -> BTreeSet<String> {
    let diagnosis: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let findings = diagnosis["findings"].as_array().into_iter().flatten();
    let word = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    findings
        .filter(|finding| finding["fails"] == true)
        .map(|finding| format!("{} {}", word(finding, "name"), word(finding, "upstream")))
        .collect()
}

/// The logs that are followed by what was said, each with its kind.
fn followed(said: &str) -> Vec<(&str, &str)> {
    let words = [("access", "the access log "), ("error", "the error log "), ("fpm", "PHP-FPM's log ")];
    let mut followed = Vec::new();
    for line in said.lines() {
        for (kind, word) in words {
            if let Some(path) = line.split(&format!("following {word}")).nth(1) {
                followed.push((kind, path.trim_end_matches('"')));
            }
        }
    }
    followed.sort_unstable();
    followed
}

/// Runs a layout, and gives all it was told that is not so.
pub fn failures(layout: &str) -> Vec<String> {
    let fpm = php_fpm().unwrap();
    let version = fpm.to_str().unwrap().trim_start_matches("/usr/sbin/php-fpm").to_owned();
    let layout = layout.replace("@VERSION@", &version);
    let seen = match run(&layout) {
        Ok(seen) => seen,
        Err(text) => return vec![text],
    };
    let expected = expectations(&layout);
    let of = |kinds: &[&str]| -> Vec<(&str, &str)> {
        let of = expected.iter().filter(|(kind, _)| kinds.contains(&kind.as_str()));
        of.map(|(kind, text)| (kind.as_str(), text.as_str())).collect()
    };
    let mut failures = Vec::new();
    let mut logs = of(&["access", "error", "fpm"]);
    logs.sort_unstable();
    let followed = followed(&seen.said);
    if logs != followed {
        failures.push(format!("these logs are to be followed: {logs:?}, and these are: {followed:?}"));
    }
    let verdict =
        |kind| -> BTreeSet<String> { of(&[kind]).into_iter().map(|(_, text)| text.to_owned()).collect() };
    let (fail, alone) = (verdict("verdict"), verdict("alone_verdict"));
    let alone = if alone.is_empty() { &fail } else { &alone };
    for (who, [_, json], fail) in [("beside the exporter", &seen.asked, &fail), ("alone", &seen.alone, alone)]
    {
        let found = verdicts(json);
        if !fail.is_empty() && found != *fail {
            failures.push(format!("diagnose {who} finds {found:?} and not {fail:?}"));
        }
    }
    for (kind, text) in &expected {
        let holds = match kind.as_str() {
            "access" | "error" | "fpm" | "verdict" | "alone_verdict" => true,
            "says" => seen.said.contains(text),
            "before" | "after" => seen.said.lines().any(|line| line == format!("{kind}: {text}")),
            "diagnosis" => seen.asked[0].contains(text),
            "alone" => seen.alone[0].contains(text),
            "metric" => seen.metrics.lines().any(|line| line == format!("badgateway_{text}")),
            other => panic!("{other} is no expectation"),
        };
        if !holds {
            failures.push(format!("missing: {kind} {text}"));
        }
    }
    if expected.len() < 3 {
        failures.push("it expects too little".to_owned());
    }
    if !failures.is_empty() {
        let Seen { said, metrics, asked, alone } = seen;
        failures.push([said, metrics, asked.join("\n"), alone.join("\n")].join("\n"));
    }
    failures
}
