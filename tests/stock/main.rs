//! Badgateway without one flag, on machines as distributions, panels and provisioners set them up: it finds the logs and
//! pools, and tells why a response failed. The servers are this machine's; files and paths are those of each layout.
//! And one failure at a time, on a machine that is new for each: `diagnose` names it, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "the real servers are started")]

mod machine;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use badgateway_harness::account::is_root;
use badgateway_harness::root::{Needs, goes_on_here};

/// Machines that run at a time: each mostly waits.
const AT_ONCE: usize = 4;

/// Failures of the short form: no two of them are of one kind.
const SHORT: [&str; 4] = ["queue_full", "reloaded", "route_prohibited", "permissions_and_a_slow_script"];

/// Root of namespaces in which file systems may be mounted over others.
fn may_make_machines() -> bool {
    let script = "d=$(mktemp -d) && mount -t tmpfs tmpfs $d && mkdir $d/u $d/w $d/r && \
        mount -t overlay overlay -o lowerdir=/,upperdir=$d/u,workdir=$d/w $d/r; e=$?; umount -R $d; rmdir $d; exit $e";
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--net", "--pid", "--fork", "sh", "-c", script]);
    is_root()
        && unshare.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The files of a directory beside this one, by their names without `.txt`.
fn texts(directory: &str) -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stock").join(directory);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |file: &Path| file.file_stem().unwrap().to_str().unwrap().to_owned();
    files.iter().map(|file| (name(file), std::fs::read_to_string(file).unwrap())).collect()
}

fn run_all(layouts: &[(String, String)]) {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((name, layout)) = layouts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let failures = machine::failures(layout);
                    if !failures.is_empty() {
                        failed.lock().unwrap().push(format!("{name}:\n{}", failures.join("\n")));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), layouts.len(), failed.join("\n\n"));
}

#[test]
fn every_layout_is_found_without_a_flag() {
    let test = "every_layout_is_found_without_a_flag";
    if !goes_on_here(test, Needs::Root, may_make_machines).expect("it holds as root") {
        return;
    }
    let layouts = texts("layouts");
    assert!(layouts.len() >= 12, "{}", layouts.len());
    run_all(&layouts);
}

/// All of them with `E2E=1`.
#[test]
fn diagnose_names_each_failure_and_nothing_else() {
    let test = "diagnose_names_each_failure_and_nothing_else";
    if !goes_on_here(test, Needs::Root, may_make_machines).expect("it holds as root") {
        return;
    }
    let debian = texts("layouts").into_iter().find(|(name, _)| name == "debian").unwrap().1;
    // Without its own failure and what it expects.
    let base = debian.split("--- break\n").next().unwrap();
    let logs: String = debian
        .lines()
        .filter(|line| ["access /", "error /", "fpm /"].iter().any(|log| line.starts_with(log)))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut failures = texts("failures");
    assert!(failures.len() >= 30, "{}", failures.len());
    if std::env::var_os("E2E").is_none() {
        failures.retain(|(name, _)| SHORT.contains(&name.as_str()));
        assert_eq!(failures.len(), SHORT.len());
    }
    if let Ok(only) = std::env::var("FAILURE") {
        failures.retain(|(name, _)| *name == only);
    }
    let machines: Vec<_> =
        failures.into_iter().map(|(name, text)| (name, format!("{base}{text}{logs}"))).collect();
    run_all(&machines);
}
