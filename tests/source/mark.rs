//! What is written after `mark()` waits.

use badgateway::source::{ReadFrom, Upto};

use crate::support::Lab;

#[test]
fn bytes_after_the_mark_are_left() {
    let mut lab = Lab::new();
    lab.append("log", "1\n");
    let mut log = lab.follow("log", ReadFrom::Start);
    assert_eq!(lab.read(&mut log, Upto::Mark), "", "nothing is marked yet");
    log.mark();
    lab.append("log", "2\n");
    assert_eq!(lab.read(&mut log, Upto::Mark), "1\n");
    assert_eq!(lab.read(&mut log, Upto::Mark), "");
    assert_eq!(lab.read(&mut log, Upto::End), "2\n");
}

#[test]
fn a_mark_within_a_line() {
    let mut lab = Lab::new();
    lab.append("log", "1\npart");
    let mut log = lab.follow("log", ReadFrom::Start);
    log.mark();
    lab.append("log", "ial\n");
    assert_eq!(lab.read(&mut log, Upto::Mark), "1\n");
    log.mark();
    assert_eq!(lab.read(&mut log, Upto::Mark), "partial\n");
}

#[test]
fn every_generation_has_its_mark() {
    let mut lab = Lab::new();
    lab.append("log", "1\n");
    let mut log = lab.follow("log", ReadFrom::Start);
    lab.rename("log", "log.1");
    lab.append("log", "3\n");
    log.check(lab.now);
    log.mark();
    lab.append("log.1", "2\n");
    lab.append("log", "4\n");
    assert_eq!(lab.read(&mut log, Upto::Mark), "1\n3\n");
    assert_eq!(lab.read(&mut log, Upto::End), "2\n4\n");
}

#[test]
fn a_file_found_after_the_mark_waits() {
    let mut lab = Lab::new();
    let mut log = lab.follow("log", ReadFrom::Start);
    log.mark();
    lab.append("log", "1\n");
    log.check(lab.now);
    assert_eq!(lab.read(&mut log, Upto::Mark), "");
    log.mark();
    assert_eq!(lab.read(&mut log, Upto::Mark), "1\n");
}

#[test]
fn the_mark_sees_a_truncation() {
    let mut lab = Lab::new();
    lab.append("log", "a longer line than the next\n");
    let mut log = lab.follow("log", ReadFrom::Start);
    lab.poll(&mut log);
    std::fs::write(lab.path("log"), "new\n").unwrap();
    log.mark();
    lab.append("log", "after\n");
    assert_eq!(lab.read(&mut log, Upto::Mark), "new\n");
    assert_eq!(lab.read(&mut log, Upto::End), "after\n");
}
