//! A log that grows, without rotation.

use badgateway::source::{ReadFrom, Upto};

use crate::support::LogDir;

#[test]
fn a_partial_line_waits_for_its_rest() {
    let mut logs = LogDir::new();
    logs.append("log", "one\ntw");
    let mut log = logs.follow("log", ReadFrom::Start);
    assert_eq!(logs.poll(&mut log), "one\n");
    assert_eq!(logs.poll(&mut log), "");
    logs.append("log", "o");
    assert_eq!(logs.poll(&mut log), "");
    logs.append("log", "\nthree\nfo");
    assert_eq!(logs.poll(&mut log), "two\nthree\n");
    assert_eq!(log.positions()[0].line_start(), 14, "the partial line is not counted as read");
}

/// linemux#70: linemux's reader stops at the first invalid byte, and any client can send one.
#[test]
fn invalid_utf8_and_nul_are_just_bytes() {
    let mut logs = LogDir::new();
    let bytes = b"caf\xe9\n\0\0\n\xff\xfe\n\n";
    logs.append("log", bytes);
    let mut log = logs.follow("log", ReadFrom::Start);
    assert_eq!(logs.read_bytes(&mut log, Upto::End), bytes);
}

#[test]
fn from_the_end_only_later_lines_are_read() {
    let mut logs = LogDir::new();
    logs.append("log", "old\n");
    let mut log = logs.follow("log", ReadFrom::End);
    assert_eq!(logs.poll(&mut log), "");
    logs.append("log", "new\n");
    assert_eq!(logs.poll(&mut log), "new\n");
}

#[test]
fn from_the_end_an_unfinished_line_is_read_whole() {
    let mut logs = LogDir::new();
    logs.append("log", "old\nhal");
    let mut log = logs.follow("log", ReadFrom::End);
    logs.append("log", "f\n");
    assert_eq!(logs.poll(&mut log), "half\n");
}

#[test]
fn a_missing_file_is_read_whole_once_created() {
    let mut logs = LogDir::new();
    let mut log = logs.follow("log", ReadFrom::End);
    let status = log.status();
    assert!(status.problem.unwrap().contains("does not exist"));
    assert!(!status.open);
    logs.append("log", "one\ntwo\n");
    assert_eq!(logs.poll(&mut log), "one\ntwo\n");
    assert_eq!(log.status().problem, None);
    assert!(log.status().open);
}

#[test]
fn a_missing_directory_is_no_obstacle() {
    let mut logs = LogDir::new();
    let mut log = logs.follow("later/log", ReadFrom::End);
    std::fs::create_dir(logs.path("later")).unwrap();
    logs.append("later/log", "one\n");
    assert_eq!(logs.poll(&mut log), "one\n");
}

#[test]
fn a_directory_at_the_path_is_a_problem_until_it_goes() {
    let mut logs = LogDir::new();
    std::fs::create_dir(logs.path("log")).unwrap();
    let mut log = logs.follow("log", ReadFrom::End);
    assert!(log.status().problem.unwrap().contains("is a directory"));
    std::fs::remove_dir(logs.path("log")).unwrap();
    logs.append("log", "one\n");
    assert_eq!(logs.poll(&mut log), "one\n");
}

#[test]
fn status_tells_the_backlog() {
    let mut logs = LogDir::new();
    let mut log = logs.follow("log", ReadFrom::Start);
    logs.append("log", "12345\n");
    log.check(logs.now);
    assert_eq!(log.status().unread_bytes, 6);
    logs.read(&mut log, Upto::End);
    assert_eq!(log.status().unread_bytes, 0);
}

#[test]
fn positions_depend_on_the_bytes_before_them() {
    let mut logs = LogDir::new();
    logs.append("a", "x".repeat(2000) + "\n");
    logs.append("b", "y".to_string() + &"x".repeat(1999) + "\n");
    let (mut a, mut b) = (logs.follow("a", ReadFrom::Start), logs.follow("b", ReadFrom::Start));
    logs.poll(&mut a);
    logs.poll(&mut b);
    let (a, b) = (a.positions()[0], b.positions()[0]);
    assert_eq!((a.offset, b.offset), (2001, 2001));
    assert_ne!(a.head, b.head);
    assert_eq!(a.tail, b.tail);
    assert_ne!(a.ino, b.ino);
}
