//! The name goes to another file: rename, deletion, symlink.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use badgateway::source::ReadFrom;

use crate::support::{Lab, writer};

#[test]
fn the_writer_stays_on_the_renamed_file_until_usr1() {
    let mut lab = Lab::new();
    let mut nginx = writer(&lab.path("log"));
    let mut log = lab.follow("log", ReadFrom::Start);
    nginx.write_all(b"1\n").unwrap();
    lab.rename("log", "log.1");
    nginx.write_all(b"2\n").unwrap();
    assert_eq!(lab.poll(&mut log), "1\n2\n");
    assert_eq!(log.status().problem, None, "between rename and USR1 nothing is wrong");
    lab.append("log", "4\n");
    nginx.write_all(b"3\n").unwrap();
    assert_eq!(lab.poll(&mut log), "3\n4\n");
    lab.pass(59);
    nginx.write_all(b"late\n").unwrap();
    assert_eq!(lab.poll(&mut log), "late\n");
    assert_eq!(log.status().generations, 2);
    lab.pass(61);
    lab.poll(&mut log);
    assert_eq!(log.status().generations, 1);
}

/// coroot/coroot-node-agent#315: the end of the old file was glued to the first line of the new one.
#[test]
fn an_unfinished_line_is_not_glued_to_the_new_file() {
    let mut lab = Lab::new();
    lab.append("log", "1\nunfin");
    let mut log = lab.follow("log", ReadFrom::Start);
    assert_eq!(lab.poll(&mut log), "1\n");
    lab.rename("log", "log.1");
    lab.append("log", "2\n");
    assert_eq!(lab.poll(&mut log), "2\n");
    lab.append("log.1", "ished\nand");
    assert_eq!(lab.poll(&mut log), "unfinished\n");
    lab.pass(61);
    assert_eq!(lab.poll(&mut log), "and\n", "at the end of the grace it is a line");
    assert_eq!(log.status().generations, 1);
    assert_eq!(log.status().lost_bytes, 0);
}

#[test]
fn two_rotations_in_a_row() {
    let mut lab = Lab::new();
    lab.append("log", "1\n");
    let mut log = lab.follow("log", ReadFrom::Start);
    lab.rename("log", "log.1");
    lab.append("log", "2\n");
    log.check(lab.now);
    lab.rename("log.1", "log.2");
    lab.rename("log", "log.1");
    lab.append("log", "3\n");
    assert_eq!(lab.poll(&mut log), "1\n2\n3\n");
    assert_eq!(log.status().generations, 3);
}

#[test]
fn two_rotations_between_two_looks() {
    let mut lab = Lab::new();
    lab.append("log", "1\n");
    lab.append("log.9", "older than us\n");
    let mut log = lab.follow("log", ReadFrom::Start);
    if fs::metadata(lab.path("log")).unwrap().created().is_err() {
        return; // Nothing tells the file in the middle from an older one.
    }
    // Out of reach of the slack that is given to the kernel's clock.
    let born = fs::metadata(lab.path("log.9")).unwrap().created().unwrap();
    while born.elapsed().unwrap().as_millis() < 50 {}
    log.check(lab.now);
    lab.rename("log", "log.1");
    lab.append("log", "2\n");
    lab.rename("log.1", "log.2");
    lab.rename("log", "log.1");
    lab.append("log", "3\n");
    fs::copy(lab.path("log.2"), lab.path("log.2.bak")).unwrap();
    fs::write(lab.path("log.3.gz"), "compressed\n").unwrap();
    lab.append("log.2", "late\n");
    assert_eq!(lab.poll(&mut log), "1\nlate\n2\n3\n");
}

#[test]
fn a_deleted_file_is_read_to_its_end_and_its_successor_from_the_start() {
    let mut lab = Lab::new();
    let mut nginx = writer(&lab.path("log"));
    let mut log = lab.follow("log", ReadFrom::End);
    nginx.write_all(b"1\n").unwrap();
    fs::remove_file(lab.path("log")).unwrap();
    log.check(lab.now);
    nginx.write_all(b"2\n").unwrap();
    assert_eq!(lab.poll(&mut log), "1\n2\n");
    lab.pass(6);
    log.check(lab.now);
    assert!(log.status().problem.unwrap().contains("does not exist"));
    lab.append("log", "1\n");
    assert_eq!(lab.poll(&mut log), "1\n", "the same bytes in another file are other lines");
    assert_eq!(log.status().problem, None);
}

/// fluent/fluent-bit#1875, elastic/beats#1341: a new file with the old inode number was skipped.
#[test]
fn a_reused_inode_is_a_new_file() {
    let mut lab = Lab::new();
    let mut log = lab.follow("log", ReadFrom::Start);
    for i in 0..200 {
        lab.append("log", format!("{i} is longer at first than it was before\n"));
        assert!(lab.poll(&mut log).starts_with(&i.to_string()));
        fs::remove_file(lab.path("log")).unwrap();
        log.check(lab.now);
        lab.pass(61);
        lab.poll(&mut log);
        assert_eq!(log.status().generations, 0, "the descriptor is closed, the number is free");
        lab.append("log", format!("{i} b\n"));
        assert_eq!(lab.poll(&mut log), format!("{i} b\n"));
        fs::remove_file(lab.path("log")).unwrap();
        lab.pass(1);
        log.check(lab.now);
        lab.pass(61);
        lab.poll(&mut log);
    }
}

#[test]
fn a_file_moved_back_is_read_on() {
    let mut lab = Lab::new();
    lab.append("log", "1\n");
    let mut log = lab.follow("log", ReadFrom::Start);
    assert_eq!(lab.poll(&mut log), "1\n");
    for wait in [1, 61] {
        lab.rename("log", "aside");
        lab.poll(&mut log);
        lab.pass(wait);
        lab.poll(&mut log);
        lab.rename("aside", "log");
        lab.append("log", "2\n");
        assert_eq!(lab.poll(&mut log), "2\n");
        assert!(log.status().open);
    }
}

#[test]
fn a_symlink_is_switched() {
    let mut lab = Lab::new();
    lab.append("monday", "1\n");
    lab.append("tuesday", "3\n");
    symlink("monday", lab.path("log")).unwrap();
    let mut log = lab.follow("log", ReadFrom::Start);
    assert_eq!(lab.poll(&mut log), "1\n");
    symlink("tuesday", lab.path("new")).unwrap();
    lab.rename("new", "log");
    lab.append("monday", "2\n");
    assert_eq!(lab.poll(&mut log), "2\n3\n");
}

/// Requests that look all the same, within one second: nothing but the bytes behind them tells the files apart.
#[test]
fn files_that_begin_with_the_same_line() {
    let mut lab = Lab::new();
    lab.append("log", "same\n1\n");
    let mut log = lab.follow("log", ReadFrom::Start);
    assert_eq!(lab.poll(&mut log), "same\n1\n");
    for (a, b) in [(2, 3), (4, 5)] {
        for n in (1..=9).rev() {
            let _ = fs::rename(lab.path(&format!("log.{n}")), lab.path(&format!("log.{}", n + 2)));
        }
        lab.rename("log", "log.2");
        lab.append("log.1", format!("same\n{a}\n"));
        lab.append("log", format!("same\n{b}\n"));
        assert_eq!(lab.poll(&mut log), format!("same\n{a}\nsame\n{b}\n"));
    }
}
