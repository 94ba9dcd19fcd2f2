//! The name goes to another file: rename, deletion, symlink.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use badgateway::source::ReadFrom;

use crate::support::{LogDir, writer};

#[test]
fn the_writer_stays_on_the_renamed_file_until_usr1() {
    let mut logs = LogDir::new();
    let mut nginx = writer(&logs.path("log"));
    let mut log = logs.follow("log", ReadFrom::Start);
    nginx.write_all(b"1\n").unwrap();
    logs.rename("log", "log.1");
    nginx.write_all(b"2\n").unwrap();
    assert_eq!(logs.poll(&mut log), "1\n2\n");
    assert_eq!(log.status().problem, None, "between rename and USR1 nothing is wrong");
    logs.append("log", "4\n");
    nginx.write_all(b"3\n").unwrap();
    assert_eq!(logs.poll(&mut log), "3\n4\n");
    logs.pass(59);
    nginx.write_all(b"late\n").unwrap();
    assert_eq!(logs.poll(&mut log), "late\n");
    assert_eq!(log.status().generations, 2);
    logs.pass(61);
    logs.poll(&mut log);
    assert_eq!(log.status().generations, 1);
}

/// coroot/coroot-node-agent#315: the end of the old file was glued to the first line of the new one.
#[test]
fn an_unfinished_line_is_not_glued_to_the_new_file() {
    let mut logs = LogDir::new();
    logs.append("log", "1\nunfin");
    let mut log = logs.follow("log", ReadFrom::Start);
    assert_eq!(logs.poll(&mut log), "1\n");
    logs.rename("log", "log.1");
    logs.append("log", "2\n");
    assert_eq!(logs.poll(&mut log), "2\n");
    logs.append("log.1", "ished\nand");
    assert_eq!(logs.poll(&mut log), "unfinished\n");
    logs.pass(61);
    assert_eq!(logs.poll(&mut log), "and\n", "at the end of the grace it is a line");
    assert_eq!(log.status().generations, 1);
    assert_eq!(log.status().lost_bytes, 0);
}

#[test]
fn two_rotations_in_a_row() {
    let mut logs = LogDir::new();
    logs.append("log", "1\n");
    let mut log = logs.follow("log", ReadFrom::Start);
    logs.rename("log", "log.1");
    logs.append("log", "2\n");
    log.check(logs.now);
    logs.rename("log.1", "log.2");
    logs.rename("log", "log.1");
    logs.append("log", "3\n");
    assert_eq!(logs.poll(&mut log), "1\n2\n3\n");
    assert_eq!(log.status().generations, 3);
}

#[test]
fn two_rotations_between_two_looks() {
    let mut logs = LogDir::new();
    logs.append("log", "1\n");
    logs.append("log.9", "older than us\n");
    let mut log = logs.follow("log", ReadFrom::Start);
    if fs::metadata(logs.path("log")).unwrap().created().is_err() {
        return; // Nothing tells the file in the middle from an older one.
    }
    // Out of reach of the slack that is given to the kernel's clock.
    let born = fs::metadata(logs.path("log.9")).unwrap().created().unwrap();
    while born.elapsed().unwrap().as_millis() < 50 {}
    log.check(logs.now);
    logs.rename("log", "log.1");
    logs.append("log", "2\n");
    logs.rename("log.1", "log.2");
    logs.rename("log", "log.1");
    logs.append("log", "3\n");
    fs::copy(logs.path("log.2"), logs.path("log.2.bak")).unwrap();
    fs::write(logs.path("log.3.gz"), "compressed\n").unwrap();
    logs.append("log.2", "late\n");
    assert_eq!(logs.poll(&mut log), "1\nlate\n2\n3\n");
}

#[test]
fn a_deleted_file_is_read_to_its_end_and_its_successor_from_the_start() {
    let mut logs = LogDir::new();
    let mut nginx = writer(&logs.path("log"));
    let mut log = logs.follow("log", ReadFrom::End);
    nginx.write_all(b"1\n").unwrap();
    fs::remove_file(logs.path("log")).unwrap();
    log.check(logs.now);
    nginx.write_all(b"2\n").unwrap();
    assert_eq!(logs.poll(&mut log), "1\n2\n");
    logs.pass(6);
    log.check(logs.now);
    assert!(log.status().problem.unwrap().contains("does not exist"));
    logs.append("log", "1\n");
    assert_eq!(logs.poll(&mut log), "1\n", "the same bytes in another file are other lines");
    assert_eq!(log.status().problem, None);
}

/// fluent/fluent-bit#1875, elastic/beats#1341: a new file with the old inode number was skipped.
#[test]
fn a_reused_inode_is_a_new_file() {
    let mut logs = LogDir::new();
    let mut log = logs.follow("log", ReadFrom::Start);
    for i in 0..200 {
        logs.append("log", format!("{i} is longer at first than it was before\n"));
        assert!(logs.poll(&mut log).starts_with(&i.to_string()));
        fs::remove_file(logs.path("log")).unwrap();
        log.check(logs.now);
        logs.pass(61);
        logs.poll(&mut log);
        assert_eq!(log.status().generations, 0, "the descriptor is closed, the number is free");
        logs.append("log", format!("{i} b\n"));
        assert_eq!(logs.poll(&mut log), format!("{i} b\n"));
        fs::remove_file(logs.path("log")).unwrap();
        logs.pass(1);
        log.check(logs.now);
        logs.pass(61);
        logs.poll(&mut log);
    }
}

#[test]
fn a_file_moved_back_is_read_on() {
    let mut logs = LogDir::new();
    logs.append("log", "1\n");
    let mut log = logs.follow("log", ReadFrom::Start);
    assert_eq!(logs.poll(&mut log), "1\n");
    for wait in [1, 61] {
        logs.rename("log", "aside");
        logs.poll(&mut log);
        logs.pass(wait);
        logs.poll(&mut log);
        logs.rename("aside", "log");
        logs.append("log", "2\n");
        assert_eq!(logs.poll(&mut log), "2\n");
        assert!(log.status().open);
    }
}

#[test]
fn a_symlink_is_switched() {
    let mut logs = LogDir::new();
    logs.append("monday", "1\n");
    logs.append("tuesday", "3\n");
    symlink("monday", logs.path("log")).unwrap();
    let mut log = logs.follow("log", ReadFrom::Start);
    assert_eq!(logs.poll(&mut log), "1\n");
    symlink("tuesday", logs.path("new")).unwrap();
    logs.rename("new", "log");
    logs.append("monday", "2\n");
    assert_eq!(logs.poll(&mut log), "2\n3\n");
}

/// Requests that look all the same, within one second: nothing but the bytes behind them tells the files apart.
#[test]
fn files_that_begin_with_the_same_line() {
    let mut logs = LogDir::new();
    logs.append("log", "same\n1\n");
    let mut log = logs.follow("log", ReadFrom::Start);
    assert_eq!(logs.poll(&mut log), "same\n1\n");
    for (a, b) in [(2, 3), (4, 5)] {
        for n in (1..=9).rev() {
            let _ = fs::rename(logs.path(&format!("log.{n}")), logs.path(&format!("log.{}", n + 2)));
        }
        logs.rename("log", "log.2");
        logs.append("log.1", format!("same\n{a}\n"));
        logs.append("log", format!("same\n{b}\n"));
        assert_eq!(logs.poll(&mut log), format!("same\n{a}\nsame\n{b}\n"));
    }
}
