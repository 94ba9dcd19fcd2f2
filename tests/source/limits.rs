//! Memory is bounded, whatever a line is.

use std::fs::File;
use std::io::Write;

use badgateway::source::{BLOCK, Buffer, Follower, MAX_LINE, ReadFrom, Skipped, Upto};

use crate::support::{LogDir, writer};

/// In one piece, and in pieces that end anywhere, a line is kept up to MAX_LINE bytes.
#[test]
fn lines_around_the_limit() {
    for len in [BLOCK - 1, BLOCK, BLOCK + 1, MAX_LINE - 1, MAX_LINE, MAX_LINE + 1] {
        for piece in [len + 1, 65_537, BLOCK] {
            let mut logs = LogDir::new();
            let mut log = logs.follow("log", ReadFrom::Start);
            let mut line = vec![b'x'; len];
            line.push(b'\n');
            let mut read = Vec::new();
            for part in [&b"before\n"[..], &line, b"after\n"].concat().chunks(piece) {
                logs.append("log", part);
                log.check(logs.now);
                read.extend(logs.read_bytes(&mut log, Upto::End));
            }
            if len <= MAX_LINE {
                assert_eq!(read, [&b"before\n"[..], &line, b"after\n"].concat(), "{len} in {piece}");
                assert_eq!(log.status().skipped, Skipped::default());
            } else {
                assert_eq!(read, b"before\nafter\n", "{len} in {piece}");
                let expected = Skipped { oversized_lines: 1, bytes: len as u64 + 1 };
                assert_eq!(log.status().skipped, expected);
            }
        }
    }
}

/// grafana/loki#10393: a long line was an out-of-memory loop, since the position never advanced.
#[test]
fn a_line_of_64_mib_is_counted_once_and_the_next_is_right() {
    const LEN: u64 = 64 * 1024 * 1024;
    let mut logs = LogDir::new();
    // A hole: it reads as NUL and costs no disk.
    File::create(logs.path("log")).unwrap().set_len(LEN).unwrap();
    let mut log = logs.follow("log", ReadFrom::Start);
    assert_eq!(logs.poll(&mut log), "");
    assert_eq!(log.status().skipped, Skipped { oversized_lines: 1, bytes: LEN });
    assert!(log.positions()[0].mid_line);
    assert_eq!(log.positions()[0].offset, LEN, "the offset advances");
    logs.append("log", "end of it\nnormal\n");
    assert_eq!(logs.poll(&mut log), "normal\n");
    assert_eq!(log.status().skipped, Skipped { oversized_lines: 1, bytes: LEN + 10 });
    assert!(!log.positions()[0].mid_line);
}

#[test]
fn a_line_without_end_lets_others_have_their_turn() {
    const LEN: u64 = 64 * 1024 * 1024;
    let logs = LogDir::new();
    logs.append("log", vec![b'x'; LEN as usize]);
    let mut log = logs.follow("log", ReadFrom::Start);
    log.check(logs.now);
    let (mut buffer, mut turns, mut most, mut last) = (Buffer::new(), 0, 0, 0);
    while let Some(block) = log.read_block(&mut buffer, Upto::End).unwrap() {
        assert_eq!(block, b"");
        let at = log.positions()[0].offset;
        (turns, most, last) = (turns + 1, most.max(at - last), at);
    }
    assert!(turns >= 10 && most <= 32 << 20, "{turns} turns, {most} bytes at most in one");
    assert_eq!(log.status().skipped, Skipped { oversized_lines: 1, bytes: LEN });
}

#[test]
fn a_hole_within_a_line_without_end_is_not_read() {
    const LEN: u64 = 1 << 40;
    let mut logs = LogDir::new();
    logs.append("log", "first\n");
    let mut log = logs.follow("log", ReadFrom::Start);
    File::options().write(true).open(logs.path("log")).unwrap().set_len(LEN).unwrap();
    logs.append("log", "rest\nlast\n");
    let (mut buffer, mut lines, mut turns) = (Buffer::new(), Vec::new(), 0);
    log.check(logs.now);
    while let Some(block) = log.read_block(&mut buffer, Upto::End).unwrap() {
        lines.extend_from_slice(block);
        turns += 1;
        assert!(turns < 100, "it is read");
    }
    assert_eq!(lines, b"first\nlast\n");
    assert_eq!(log.status().skipped, Skipped { oversized_lines: 1, bytes: LEN - 6 + 5 });
    logs.append("log", "more\n");
    assert_eq!(logs.poll(&mut log), "more\n");
}

#[test]
fn an_unfinished_long_line_at_the_end_is_passed_over_unseen() {
    let mut logs = LogDir::new();
    logs.append("log", vec![b'x'; 2 * BLOCK]);
    let mut log = logs.follow("log", ReadFrom::End);
    logs.append("log", "rest\nnew\n");
    assert_eq!(logs.poll(&mut log), "new\n");
}

#[test]
fn a_file_of_newlines_only() {
    let mut logs = LogDir::new();
    let newlines = vec![b'\n'; 3 * BLOCK + 1];
    logs.append("log", &newlines);
    let mut log = logs.follow("log", ReadFrom::Start);
    assert_eq!(logs.read_bytes(&mut log, Upto::End), newlines);
}

/// Set for the child process that is measured.
const ALONE: &str = "BADGATEWAY_TEST_ALONE";

/// Alone in its process, so that no other test's memory is measured.
#[test]
fn one_gib_without_a_newline_grows_the_process_by_less_than_one_mib() {
    if std::env::var_os(ALONE).is_some() {
        return read_one_gib();
    }
    let test = "limits::one_gib_without_a_newline_grows_the_process_by_less_than_one_mib";
    #[allow(clippy::disallowed_methods, reason = "a test may start itself")]
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

fn read_one_gib() {
    let logs = LogDir::new();
    let path = logs.path("log");
    writer(&path).write_all(&b"an ordinary line\n".repeat(100_000)).unwrap();
    let mut log = Follower::new(path.clone(), ReadFrom::Start, logs.now);
    let mut buffer = Buffer::new();
    while log.read_block(&mut buffer, Upto::End).unwrap().is_some() {}
    let before = peak_rss_kib();
    File::options().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
    while let Some(block) = log.read_block(&mut buffer, Upto::End).unwrap() {
        assert_eq!(block, b"");
    }
    let growth = peak_rss_kib() - before;
    assert_eq!(log.status().skipped.oversized_lines, 1);
    assert!(growth <= 1024, "grew by {growth} KiB");
}

fn peak_rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
