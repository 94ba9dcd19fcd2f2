//! Lines without an end, on the real binary: they cost no memory, and the line after them is right.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use crate::counters::{counters, sum};
use crate::support::{Serve, text};

const LENGTH: u64 = 4 << 30;

/// Resident memory in bytes that is the process's own (`RssAnon`): pages of the binary come and go.
fn resident(serve: &Serve) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", serve.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn four_gib_without_a_newline() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let line =
        |n| format!("192.0.2.1 - - [21/Nov/2026:05:00:00 +0000] \"GET /{n} HTTP/1.1\" 200 1 \"-\" \"-\"\n");
    fs::write(&log, line(0).repeat(5_000)).unwrap();
    let state = dir.path().join("state");
    let args = ["--access-log", text(&log), "--read-from", "start", "--state.dir", text(&state)];
    let serve = Serve::start(&args);
    let parsed = |serve: &Serve| sum(&counters(&serve.scrape()), "log_lines_total", "parsed");
    let oversized = |serve: &Serve| sum(&counters(&serve.scrape()), "log_lines_total", "oversized");
    serve.until(|serve| parsed(serve) == 5_000);
    let before = resident(&serve);

    // A hole: it reads as NUL and costs no disk.
    let start = Instant::now();
    let mut file = File::options().write(true).open(&log).unwrap();
    let end = file.seek(SeekFrom::End(0)).unwrap() + LENGTH;
    file.set_len(end).unwrap();
    // 4 GiB through the page cache, on a machine that may do other things as well.
    let patience = Duration::from_secs(300);
    serve.until_within(patience, |serve| oversized(serve) == 1);
    let mut most = resident(&serve);
    // Killed within the line, it goes on within the line.
    let unread = |serve: &Serve| serve.sum("badgateway_log_bytes_unread", &[]);
    serve.until_within(patience, |serve| unread(serve) == 0.0);
    most = most.max(resident(&serve));
    drop(serve);
    let serve = Serve::start(&args);
    file.seek(SeekFrom::End(0)).unwrap();
    file.write_all(format!("the end of it\n{}", line(1)).as_bytes()).unwrap();
    serve.until(|serve| parsed(serve) == 5_001);
    assert_eq!((oversized(&serve), sum(&counters(&serve.scrape()), "log_lines_total", "unparsed")), (1, 0));
    let grown = most.saturating_sub(before);
    println!(
        "oversized: a line of {LENGTH} bytes passed over in {:?}, memory grew by {grown} bytes",
        start.elapsed()
    );
    assert!(grown <= 1 << 20, "memory grew by {grown} bytes");
}
