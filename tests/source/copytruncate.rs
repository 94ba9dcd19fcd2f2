//! The file is emptied under us.

use std::fs::{self, OpenOptions};

use badgateway::source::{Follower, ReadFrom, Upto};

use crate::support::LogDir;

fn truncate(logs: &LogDir) {
    OpenOptions::new().write(true).open(logs.path("log")).unwrap().set_len(0).unwrap();
}

fn started(logs: &mut LogDir) -> Follower {
    logs.append("log", "first line of all\nsecond\nhal");
    let mut log = logs.follow("log", ReadFrom::Start);
    assert_eq!(logs.poll(&mut log), "first line of all\nsecond\n");
    log
}

#[test]
fn the_rest_is_rescued_from_the_copy() {
    let mut logs = LogDir::new();
    fs::write(logs.path("log.2"), "an older and longer log that has nothing to do with it\n").unwrap();
    let mut log = started(&mut logs);
    logs.append("log", "f\nunread\n");
    fs::copy(logs.path("log"), logs.path("log.1")).unwrap();
    truncate(&logs);
    logs.append("log", "new\n");
    assert_eq!(logs.poll(&mut log), "half\nunread\nnew\n");
    let status = log.status();
    assert_eq!((status.lost_bytes, status.generations), (0, 1));
    logs.append("log", "next\n");
    assert_eq!(logs.poll(&mut log), "next\n");
}

#[test]
fn the_rest_is_rescued_when_the_new_content_is_longer() {
    let mut logs = LogDir::new();
    let mut log = started(&mut logs);
    logs.append("log", "f\n");
    fs::copy(logs.path("log"), logs.path("log-20261121")).unwrap();
    truncate(&logs);
    let long = "a new line\n".repeat(100);
    logs.append("log", &long);
    assert_eq!(logs.read(&mut log, Upto::End), format!("half\n{long}"), "found by the read alone");
}

#[test]
fn without_a_copy_what_is_known_is_counted_as_lost() {
    let mut logs = LogDir::new();
    let mut log = started(&mut logs);
    logs.append("log", "f and more\n");
    log.check(logs.now);
    truncate(&logs);
    logs.append("log", "new\n");
    assert_eq!(logs.poll(&mut log), "new\n", "the torn line is lost, not glued");
    assert_eq!(log.status().lost_bytes, "half and more\n".len() as u64);
}

#[test]
fn a_copy_made_too_early_loses_only_the_difference() {
    let mut logs = LogDir::new();
    let mut log = started(&mut logs);
    logs.append("log", "f\n");
    fs::copy(logs.path("log"), logs.path("log.1")).unwrap();
    logs.append("log", "gap\n");
    log.check(logs.now);
    truncate(&logs);
    assert_eq!(logs.poll(&mut log), "half\n");
    assert_eq!(log.status().lost_bytes, 4);
}

#[test]
fn truncated_and_regrown_past_the_old_size() {
    let mut logs = LogDir::new();
    let mut log = started(&mut logs);
    truncate(&logs);
    let long = "regrown\n".repeat(50);
    logs.append("log", &long);
    assert_eq!(logs.poll(&mut log), long);
}

/// Health checks: lines of one length, so the bytes before the position agree by chance. The time at the head
/// of the file does not.
#[test]
fn regrown_with_the_same_bytes_before_the_position() {
    let mut logs = LogDir::new();
    let line = |time: u32| format!("10.0.0.1 [{time:08}] \"GET /health\" 200 \"{}\"\n", "probe".repeat(20));
    let mut log = logs.follow("log", ReadFrom::Start);
    (0..5).for_each(|time| logs.append("log", line(time)));
    logs.poll(&mut log);
    truncate(&logs);
    let new: String = (100..110).map(line).collect();
    logs.append("log", &new);
    assert_eq!(logs.poll(&mut log), new);
}

#[test]
fn many_cycles_lose_and_double_nothing() {
    let mut logs = LogDir::new();
    let mut log = logs.follow("log", ReadFrom::Start);
    let (mut wrote, mut read) = (String::new(), String::new());
    for i in 0..100 {
        for j in 0..i % 7 {
            let line = format!("line {i}.{j}\n");
            logs.append("log", &line);
            wrote += &line;
            if j % 3 == 0 {
                read += &logs.poll(&mut log);
            }
        }
        if logs.path("log").exists() && i % 7 > 0 {
            let copy = logs.path(&format!("log.{i}"));
            fs::copy(logs.path("log"), copy).unwrap();
            truncate(&logs);
        }
        read += &logs.poll(&mut log);
    }
    assert_eq!(read, wrote);
    assert_eq!(log.status().lost_bytes, 0);
}
