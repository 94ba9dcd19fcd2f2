//! A small gzip that inflates to gigabytes, among the logs and beside one that was rotated.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use badgateway_harness::programs::badgateway;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::hostile::{FORMAT, failed, line};
use super::support::{Serve, text};

/// Zeros, none of them a line's end.
const ZEROS: u64 = 2 << 30;

/// Lines, and behind them zeros.
fn bomb(path: &Path, lines: &str) {
    let mut packed = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
    packed.write_all(lines.as_bytes()).unwrap();
    let chunk = vec![0; 1 << 20];
    for _ in 0..ZEROS / (1 << 20) {
        packed.write_all(&chunk).unwrap();
    }
    packed.finish().unwrap();
    assert!(fs::metadata(path).unwrap().len() < 16 << 20);
}

/// Peak resident memory of a process, in bytes.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn explain_passes_over_it_in_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, packed) = (dir.path().join("access.log"), dir.path().join("access.log.1.gz"));
    fs::write(&plain, line("a").repeat(10)).unwrap();
    bomb(&packed, &line("b").repeat(20));
    // More address space than it needs, and a tenth of what the zeros would take.
    let out = Command::new("sh")
        .args(["-c", "ulimit -v 400000; exec \"$0\" \"$@\""])
        .arg(badgateway().unwrap())
        .args(["explain", "--format", "json", "--log-format", FORMAT, "--access-log", text(&plain)])
        .args(["--access-log", text(&packed)])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(report["lines"]["access"], 30, "{report:#}");
}

#[test]
fn serve_reads_on_beside_it_and_answers() {
    let dir = tempfile::tempdir().unwrap();
    let (live, state) = (dir.path().join("access.log"), dir.path().join("state"));
    fs::write(&live, line("a").repeat(10)).unwrap();
    let args = [
        "--read-from",
        "start",
        "--log-format",
        FORMAT,
        "--access-log",
        text(&live),
        "--state.dir",
        text(&state),
    ];
    let serve = Serve::start(&args);
    serve.until(|serve| failed(serve) == 10.0);
    assert_eq!(serve.terminate(), Some(0));
    // While it was away: lines, then rotation into a gzip that holds them and more than there is memory for.
    bomb(&dir.path().join("access.log.1.gz"), &line("a").repeat(15));
    fs::remove_file(&live).unwrap();
    fs::write(&live, line("a").repeat(7)).unwrap();
    let serve = Serve::start(&args);
    serve.until(|serve| failed(serve) == 22.0);
    assert!(peak(serve.pid()) < 64 << 20, "{} bytes", peak(serve.pid()));
    assert_eq!(serve.terminate(), Some(0));
}
