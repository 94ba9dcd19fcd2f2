//! The file is emptied under us.

use std::fs::{self, OpenOptions};

use badgateway::source::{Follower, ReadFrom, Upto};

use crate::support::Lab;

fn truncate(lab: &Lab) {
    OpenOptions::new().write(true).open(lab.path("log")).unwrap().set_len(0).unwrap();
}

fn started(lab: &mut Lab) -> Follower {
    lab.append("log", "first line of all\nsecond\nhal");
    let mut log = lab.follow("log", ReadFrom::Start);
    assert_eq!(lab.poll(&mut log), "first line of all\nsecond\n");
    log
}

#[test]
fn the_rest_is_rescued_from_the_copy() {
    let mut lab = Lab::new();
    fs::write(lab.path("log.2"), "an older and longer log that has nothing to do with it\n").unwrap();
    let mut log = started(&mut lab);
    lab.append("log", "f\nunread\n");
    fs::copy(lab.path("log"), lab.path("log.1")).unwrap();
    truncate(&lab);
    lab.append("log", "new\n");
    assert_eq!(lab.poll(&mut log), "half\nunread\nnew\n");
    let status = log.status();
    assert_eq!((status.lost_bytes, status.generations), (0, 1));
    lab.append("log", "next\n");
    assert_eq!(lab.poll(&mut log), "next\n");
}

#[test]
fn the_rest_is_rescued_when_the_new_content_is_longer() {
    let mut lab = Lab::new();
    let mut log = started(&mut lab);
    lab.append("log", "f\n");
    fs::copy(lab.path("log"), lab.path("log-20261121")).unwrap();
    truncate(&lab);
    let long = "a new line\n".repeat(100);
    lab.append("log", &long);
    assert_eq!(lab.read(&mut log, Upto::End), format!("half\n{long}"), "found by the read alone");
}

#[test]
fn without_a_copy_what_is_known_is_counted_as_lost() {
    let mut lab = Lab::new();
    let mut log = started(&mut lab);
    lab.append("log", "f and more\n");
    log.check(lab.now);
    truncate(&lab);
    lab.append("log", "new\n");
    assert_eq!(lab.poll(&mut log), "new\n", "the torn line is lost, not glued");
    assert_eq!(log.status().lost_bytes, "half and more\n".len() as u64);
}

#[test]
fn a_copy_made_too_early_loses_only_the_difference() {
    let mut lab = Lab::new();
    let mut log = started(&mut lab);
    lab.append("log", "f\n");
    fs::copy(lab.path("log"), lab.path("log.1")).unwrap();
    lab.append("log", "gap\n");
    log.check(lab.now);
    truncate(&lab);
    assert_eq!(lab.poll(&mut log), "half\n");
    assert_eq!(log.status().lost_bytes, 4);
}

#[test]
fn truncated_and_regrown_past_the_old_size() {
    let mut lab = Lab::new();
    let mut log = started(&mut lab);
    truncate(&lab);
    let long = "regrown\n".repeat(50);
    lab.append("log", &long);
    assert_eq!(lab.poll(&mut log), long);
}

/// Health checks: lines of one length, so the bytes before the position agree by chance. The time at the head
/// of the file does not.
#[test]
fn regrown_with_the_same_bytes_before_the_position() {
    let mut lab = Lab::new();
    let line = |time: u32| format!("10.0.0.1 [{time:08}] \"GET /health\" 200 \"{}\"\n", "probe".repeat(20));
    let mut log = lab.follow("log", ReadFrom::Start);
    (0..5).for_each(|time| lab.append("log", line(time)));
    lab.poll(&mut log);
    truncate(&lab);
    let new: String = (100..110).map(line).collect();
    lab.append("log", &new);
    assert_eq!(lab.poll(&mut log), new);
}

#[test]
fn many_cycles_lose_and_double_nothing() {
    let mut lab = Lab::new();
    let mut log = lab.follow("log", ReadFrom::Start);
    let (mut wrote, mut read) = (String::new(), String::new());
    for i in 0..100 {
        for j in 0..i % 7 {
            let line = format!("line {i}.{j}\n");
            lab.append("log", &line);
            wrote += &line;
            if j % 3 == 0 {
                read += &lab.poll(&mut log);
            }
        }
        if lab.path("log").exists() && i % 7 > 0 {
            let copy = lab.path(&format!("log.{i}"));
            fs::copy(lab.path("log"), copy).unwrap();
            truncate(&lab);
        }
        read += &lab.poll(&mut log);
    }
    assert_eq!(read, wrote);
    assert_eq!(log.status().lost_bytes, 0);
}
