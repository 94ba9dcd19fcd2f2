//! What is written after `mark()` waits.

use badgateway::source::{ReadFrom, Upto};

use crate::support::LogDir;

#[test]
fn bytes_after_the_mark_are_left() {
    let mut logs = LogDir::new();
    logs.append("log", "1\n");
    let mut log = logs.follow("log", ReadFrom::Start);
    assert_eq!(logs.read(&mut log, Upto::Mark), "", "nothing is marked yet");
    log.mark();
    logs.append("log", "2\n");
    assert_eq!(logs.read(&mut log, Upto::Mark), "1\n");
    assert_eq!(logs.read(&mut log, Upto::Mark), "");
    assert_eq!(logs.read(&mut log, Upto::End), "2\n");
}

#[test]
fn a_mark_within_a_line() {
    let mut logs = LogDir::new();
    logs.append("log", "1\npart");
    let mut log = logs.follow("log", ReadFrom::Start);
    log.mark();
    logs.append("log", "ial\n");
    assert_eq!(logs.read(&mut log, Upto::Mark), "1\n");
    log.mark();
    assert_eq!(logs.read(&mut log, Upto::Mark), "partial\n");
}

#[test]
fn every_generation_has_its_mark() {
    let mut logs = LogDir::new();
    logs.append("log", "1\n");
    let mut log = logs.follow("log", ReadFrom::Start);
    logs.rename("log", "log.1");
    logs.append("log", "3\n");
    log.check(logs.now);
    log.mark();
    logs.append("log.1", "2\n");
    logs.append("log", "4\n");
    assert_eq!(logs.read(&mut log, Upto::Mark), "1\n3\n");
    assert_eq!(logs.read(&mut log, Upto::End), "2\n4\n");
}

#[test]
fn a_file_found_after_the_mark_waits() {
    let mut logs = LogDir::new();
    let mut log = logs.follow("log", ReadFrom::Start);
    log.mark();
    logs.append("log", "1\n");
    log.check(logs.now);
    assert_eq!(logs.read(&mut log, Upto::Mark), "");
    log.mark();
    assert_eq!(logs.read(&mut log, Upto::Mark), "1\n");
}

#[test]
fn the_mark_sees_a_truncation() {
    let mut logs = LogDir::new();
    logs.append("log", "a longer line than the next\n");
    let mut log = logs.follow("log", ReadFrom::Start);
    logs.poll(&mut log);
    std::fs::write(logs.path("log"), "new\n").unwrap();
    log.mark();
    logs.append("log", "after\n");
    assert_eq!(logs.read(&mut log, Upto::Mark), "new\n");
    assert_eq!(logs.read(&mut log, Upto::End), "after\n");
}
