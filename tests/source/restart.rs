//! What is yielded after a restart, whatever happened to the files while we were away.

use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use badgateway::source::files::Files;
use badgateway::source::{Buffer, Follower, MAX_LINE, ReadFrom, SavedLog, Upto};

use crate::memory::{Handle, Memory, path};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// One log, and what was saved of its follower when it was stopped.
struct Away {
    disk: Memory,
    nginx: Handle,
    saved: String,
}

/// What was found after the restart: lines, bytes lost, gaps.
type Found = (String, u64, u64);

fn read(log: &mut Follower) -> String {
    let mut buffer = Buffer::new();
    let mut all = String::new();
    while let Some(block) = log.read_block(&mut buffer, Upto::End).unwrap() {
        all += std::str::from_utf8(block).unwrap();
    }
    all
}

impl Away {
    /// We have read `before` and stopped.
    fn after(before: &str) -> Self {
        Self::of(Memory::new(true), before)
    }

    fn of(disk: Memory, before: &str) -> Self {
        let nginx = disk.writer("log");
        nginx.append(before);
        let mut log = Follower::with(Arc::new(disk.clone()), path("log"), ReadFrom::Start, Instant::now());
        read(&mut log);
        let saved = serde_json::to_string(&log.save()).unwrap();
        Self { disk, nginx, saved }
    }

    fn reopen(&mut self) {
        self.nginx = self.disk.writer("log");
    }

    /// As logrotate does, then USR1.
    fn rotate(&mut self, rotated: &[&str]) {
        for pair in rotated.windows(2).rev() {
            self.disk.rename(pair[0], pair[1]);
        }
        self.disk.rename("log", rotated[0]);
        self.reopen();
    }

    fn come_back(&self) -> Found {
        let now = Instant::now();
        let saved: SavedLog = serde_json::from_str(&self.saved).unwrap();
        let mut log = Follower::resume(Arc::new(self.disk.clone()), &saved, now);
        let mut lines = String::new();
        for minutes in 0..3 {
            log.check(now + Duration::from_secs(61 * minutes));
            lines += &read(&mut log);
        }
        let status = log.status();
        assert_eq!((status.unread_bytes, status.generations), (0, 1), "{status:?}");
        (lines, status.lost_bytes, status.gaps)
    }
}

fn all_of(lines: &str) -> Found {
    (lines.to_owned(), 0, 0)
}

#[test]
fn renamed() {
    let mut away = Away::after("1\n");
    away.nginx.append("2\n");
    away.rotate(&["log.1"]);
    away.nginx.append("3\n");
    assert_eq!(away.come_back(), all_of("2\n3\n"));
}

#[test]
fn renamed_before_anything_was_written() {
    let mut away = Away::after("");
    away.nginx.append("1\n");
    away.rotate(&["log.1"]);
    away.nginx.append("2\n");
    assert_eq!(away.come_back(), all_of("1\n2\n"));
}

#[test]
fn renamed_twice() {
    let mut away = Away::after("1\n");
    away.nginx.append("2\n");
    away.rotate(&["log.1"]);
    away.nginx.append("3\n");
    away.rotate(&["log.1", "log.2"]);
    away.nginx.append("4\n");
    assert_eq!(away.come_back(), all_of("2\n3\n4\n"));
}

#[test]
fn renamed_five_times() {
    let names = ["log.1", "log.2", "log.3", "log.4", "log.5"];
    let mut away = Away::after("1\n");
    for n in 0..5 {
        away.nginx.append(&format!("{}\n", n + 2));
        away.rotate(&names[..=n]);
    }
    away.nginx.append("7\n");
    assert_eq!(away.come_back(), all_of("2\n3\n4\n5\n6\n7\n"));
}

#[test]
fn a_rotated_file_from_before_us_is_not_read() {
    let disk = Memory::new(true);
    disk.write("log.1", b"0\n".to_vec());
    let mut away = Away::of(disk, "1\n");
    away.nginx.append("2\n");
    away.rotate(&["log.1", "log.2"]);
    away.nginx.append("3\n");
    assert_eq!(away.come_back(), all_of("2\n3\n"));
}

#[test]
fn compressed() {
    let mut away = Away::after("1\n");
    away.nginx.append("2\n");
    away.rotate(&["log.1"]);
    away.disk.gzip("log.1");
    away.nginx.append("3\n");
    assert_eq!(away.come_back(), all_of("2\n3\n"));
}

#[test]
fn compressed_a_rotation_later() {
    let mut away = Away::after("1\n");
    away.nginx.append("2\n");
    away.rotate(&["log.1"]);
    away.nginx.append("3\n");
    away.disk.gzip("log.1");
    away.disk.rename("log.1.gz", "log.2.gz");
    away.rotate(&["log.1"]);
    away.nginx.append("4\n");
    assert_eq!(away.come_back(), all_of("2\n3\n4\n"));
}

#[test]
fn copied_and_truncated() {
    let away = Away::after("1\n");
    away.nginx.append("2\n");
    away.disk.copy("log", "log.1");
    away.disk.truncate("log");
    away.nginx.append("3\n");
    assert_eq!(away.come_back(), all_of("2\n3\n"));
}

#[test]
fn copied_and_truncated_before_anything_was_written() {
    let away = Away::after("");
    away.nginx.append("1\n");
    away.disk.copy("log", "log.1");
    away.disk.truncate("log");
    assert_eq!(away.come_back(), all_of("1\n"));
}

#[test]
fn deleted() {
    let mut away = Away::after("1\nhalf");
    away.nginx.append(" a line\n");
    away.disk.remove("log");
    away.disk.write("log", Vec::new());
    away.reopen();
    away.nginx.append("3\n");
    assert_eq!(away.come_back(), ("3\n".to_owned(), 4, 1), "what was seen of it is known");
}

#[test]
fn truncated_without_a_copy() {
    let away = Away::after("1\n2\n");
    away.disk.truncate("log");
    away.nginx.append("3\n");
    assert_eq!(away.come_back(), ("3\n".to_owned(), 0, 1));
}

#[test]
fn in_the_middle_of_a_line() {
    let away = Away::after("1\nha");
    away.nginx.append("lf\n2\n");
    assert_eq!(away.come_back(), all_of("half\n2\n"));
}

#[test]
fn in_the_middle_of_a_line_whose_file_was_renamed() {
    let mut away = Away::after("1\nha");
    away.nginx.append("lf\n");
    away.rotate(&["log.1"]);
    away.nginx.append("2\n");
    assert_eq!(away.come_back(), all_of("half\n2\n"));
}

#[test]
fn inside_an_oversized_line() {
    let away = Away::after(&format!("1\n{}", "x".repeat(MAX_LINE + 1)));
    away.nginx.append("the end of it\n2\n");
    assert_eq!(away.come_back(), all_of("2\n"));
}

#[test]
fn another_file_got_the_inode() {
    let mut away = Away::after("1\n");
    let before = away.disk.stat(&path("log")).unwrap().ino;
    away.disk.remove("log");
    away.nginx = Memory::new(true).writer("log");
    away.reopen();
    away.nginx.append("3\n4\n");
    assert_eq!(away.disk.stat(&path("log")).unwrap().ino, before);
    assert_eq!(away.come_back(), ("3\n4\n".to_owned(), 0, 1));
}

#[test]
fn the_symlink_leads_elsewhere() {
    let disk = Memory::new(true);
    disk.write("monday", Vec::new());
    disk.symlink("monday", "log");
    let mut away = Away::of(disk, "1\n");
    away.nginx.append("2\n");
    away.disk.symlink("tuesday", "log");
    away.disk.write("tuesday", Vec::new());
    away.reopen();
    away.nginx.append("3\n");
    assert_eq!(away.come_back(), all_of("2\n3\n"));
}

#[test]
fn the_clock_was_set_back() {
    let mut away = Away::after("1\n");
    away.nginx.append("2\n");
    away.disk.set_clock(away.disk.now() - DAY);
    away.rotate(&["log.1"]);
    away.nginx.append("3\n");
    away.rotate(&["log.1", "log.2"]);
    away.nginx.append("4\n");
    assert_eq!(away.come_back(), all_of("2\n3\n4\n"));
}

#[test]
fn before_1970() {
    let disk = Memory::new(true);
    disk.set_clock(UNIX_EPOCH - DAY);
    let mut away = Away::of(disk, "1\n");
    away.nginx.append("2\n");
    away.rotate(&["log.1"]);
    away.nginx.append("3\n");
    assert_eq!(away.come_back(), all_of("2\n3\n"));
}
