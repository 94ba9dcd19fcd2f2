//! Badgateway without one flag, on machines as distributions, panels and provisioners set them up: it finds the logs and
//! pools, and tells why a response failed. The servers are this machine's; files and paths are those of each layout.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "the real servers are started")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use badgateway_harness::account::is_root;
use badgateway_harness::programs::{badgateway, php_fpm};
use badgateway_harness::root::{Needs, goes_on_here};

/// Root of namespaces in which file systems may be mounted over others.
fn may_make_machines() -> bool {
    let script = "d=$(mktemp -d) && mount -t tmpfs tmpfs $d && mkdir $d/u $d/w $d/r && \
        mount -t overlay overlay -o lowerdir=/,upperdir=$d/u,workdir=$d/w $d/r; e=$?; umount -R $d; rmdir $d; exit $e";
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--net", "--pid", "--fork", "sh", "-c", script]);
    is_root()
        && unshare.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// What a layout expects, a line each: `access PATH`, `error PATH`, `fpm PATH` (these logs are followed, and no others),
/// `says TEXT`, `diagnosis TEXT` (by the exporter),
/// `alone TEXT` (without one), `before CODE`, `after CODE`, `metric NAME{LABELS} VALUE`.
fn expectations(layout: &str) -> Vec<(String, String)> {
    let lines = layout.lines().skip_while(|line| *line != "--- expect").skip(1);
    let lines = lines.take_while(|line| !line.starts_with("--- "));
    let pair = |line: &str| line.split_once(' ').map(|(kind, text)| (kind.to_owned(), text.to_owned()));
    lines.filter_map(pair).collect()
}

/// Runs a layout, and gives all it was told that is not so.
fn failures(path: &Path) -> Vec<String> {
    let fpm = php_fpm().unwrap();
    let version = fpm.to_str().unwrap().trim_start_matches("/usr/sbin/php-fpm").to_owned();
    let layout = std::fs::read_to_string(path).unwrap().replace("@VERSION@", &version);
    let dir = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stock/machine.sh");
    let mut machine = Command::new("timeout");
    machine.args(["60", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh"]);
    let output =
        machine.arg(script).arg(dir.path()).arg(path).arg(badgateway().unwrap()).env("TZ", "UTC").output();
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let all = format!("{text}{}", String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return vec![format!("it ended with {}:\n{all}", output.status)];
    }
    let (said, rest) = text.split_once("== metrics\n").unwrap();
    let (metrics, diagnoses) = rest.split_once("== asked\n").unwrap();
    let (asked, alone) = diagnoses.split_once("== alone\n").unwrap();
    let mut failures = Vec::new();
    let mut followed: Vec<(&str, &str)> = Vec::new();
    for line in said.lines() {
        let words = [("access", "the access log "), ("error", "the error log "), ("fpm", "PHP-FPM's log ")];
        for (kind, word) in words {
            if let Some(path) = line.split(&format!("following {word}")).nth(1) {
                followed.push((kind, path.trim_end_matches('"')));
            }
        }
    }
    let expected = expectations(&layout);
    let logs: Vec<(&str, &str)> = expected
        .iter()
        .filter(|(kind, _)| ["access", "error", "fpm"].contains(&kind.as_str()))
        .map(|(kind, path)| (kind.as_str(), path.as_str()))
        .collect();
    let mut sorted = (logs, followed);
    sorted.0.sort_unstable();
    sorted.1.sort_unstable();
    if sorted.0 != sorted.1 {
        failures
            .push(format!("these logs are to be followed: {:?}, and these are: {:?}", sorted.0, sorted.1));
    }
    for (kind, text) in &expected {
        let holds = match kind.as_str() {
            "access" | "error" | "fpm" => true,
            "says" => said.contains(text),
            "before" | "after" => said.lines().any(|line| line == format!("{kind}: {text}")),
            "diagnosis" => asked.contains(text),
            "alone" => alone.contains(text),
            "metric" => metrics.lines().any(|line| line == format!("badgateway_{text}")),
            other => panic!("{}: {other} is no expectation", path.display()),
        };
        if !holds {
            failures.push(format!("missing: {kind} {text}"));
        }
    }
    if expected.len() < 3 {
        failures.push("it expects too little".to_owned());
    }
    if !failures.is_empty() {
        failures.push(all);
    }
    failures
}

#[test]
fn every_layout_is_found_without_a_flag() {
    let test = "every_layout_is_found_without_a_flag";
    if !goes_on_here(test, Needs::Root, may_make_machines).expect("it holds as root") {
        return;
    }
    let layouts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stock/layouts");
    let mut layouts: Vec<PathBuf> =
        std::fs::read_dir(layouts).unwrap().map(|entry| entry.unwrap().path()).collect();
    layouts.sort();
    assert!(layouts.len() >= 12, "{layouts:?}");
    // Each mostly waits.
    let next = std::sync::atomic::AtomicUsize::new(0);
    let failed = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(layout) = layouts.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    let failures = failures(layout);
                    if !failures.is_empty() {
                        failed.lock().unwrap().push(format!(
                            "{}:\n{}",
                            layout.display(),
                            failures.join("\n")
                        ));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
