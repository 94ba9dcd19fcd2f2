//! Patterns to files, each file once.

use std::fs;
use std::path::Path;

use badgateway::source::{FollowSet, OpenError, ReadFrom, Upto};

use crate::support::LogDir;

#[allow(clippy::disallowed_methods, reason = "the standard library has no mkfifo")]
pub(crate) fn make_fifo(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn set(logs: &LogDir, patterns: &[&str], from: ReadFrom) -> Result<FollowSet, OpenError> {
    let patterns = patterns.iter().map(|name| logs.path(name)).collect();
    FollowSet::new(patterns, from, logs.now)
}

/// One poll a second later: refresh, check, read; every follower's lines, in the order of the set.
fn poll(logs: &mut LogDir, set: &mut FollowSet) -> String {
    logs.pass(1);
    set.refresh(logs.now);
    let mut all = String::new();
    for follower in set.iter_mut() {
        follower.check(logs.now);
        all += &logs.read(follower, Upto::End);
    }
    all
}

#[test]
fn a_new_match_is_read_whole() {
    let mut logs = LogDir::new();
    logs.append("a.log", "old\n");
    let mut set = set(&logs, &["*.log"], ReadFrom::End).unwrap();
    assert_eq!(poll(&mut logs, &mut set), "");
    logs.append("b.log", "1\n");
    logs.append("b.log.gz", "no log\n");
    set.refresh(logs.now);
    assert_eq!(set.len(), 1, "at most once a second");
    assert_eq!(poll(&mut logs, &mut set), "1\n");
    assert_eq!(set.len(), 2);
}

#[test]
fn a_rotated_file_that_matches_too_is_not_read_twice() {
    let mut logs = LogDir::new();
    logs.append("access.log", "1\n");
    let mut set = set(&logs, &["access.log*"], ReadFrom::Start).unwrap();
    assert_eq!(poll(&mut logs, &mut set), "1\n");
    let mut expected = 2;
    for _ in 0..4 {
        for n in (1..5).rev() {
            let _ = fs::rename(
                logs.path(&format!("access.log.{n}")),
                logs.path(&format!("access.log.{}", n + 1)),
            );
        }
        logs.rename("access.log", "access.log.1");
        logs.append("access.log.1", format!("{expected}\n"));
        logs.append("access.log", format!("{}\n", expected + 1));
        assert_eq!(poll(&mut logs, &mut set), format!("{expected}\n{}\n", expected + 1));
        expected += 2;
        for wait in [1, 61, 1, 61, 1] {
            logs.pass(wait);
            assert_eq!(poll(&mut logs, &mut set), "", "closed, it is still known");
        }
    }
}

#[test]
fn a_moved_file_under_the_pattern_is_followed_on_by_its_new_name() {
    let mut logs = LogDir::new();
    logs.append("a.log", "1\n");
    let mut set = set(&logs, &["*.log"], ReadFrom::Start).unwrap();
    assert_eq!(poll(&mut logs, &mut set), "1\n");
    logs.rename("a.log", "b.log");
    logs.append("b.log", "2\n");
    assert_eq!(poll(&mut logs, &mut set), "2\n");
    for _ in 0..4 {
        logs.pass(61);
        assert_eq!(poll(&mut logs, &mut set), "");
    }
    logs.append("b.log", "3\n");
    assert_eq!(poll(&mut logs, &mut set), "3\n");
    assert_eq!(set.len(), 1);
}

#[test]
fn a_copy_that_matches_too_is_not_read_twice() {
    let mut logs = LogDir::new();
    logs.append("access.log", "1\n2\n");
    let mut set = set(&logs, &["access.log*"], ReadFrom::Start).unwrap();
    assert_eq!(poll(&mut logs, &mut set), "1\n2\n");
    for round in 0..3 {
        // The copy begins as an empty file; we look in the middle of it.
        let _ = fs::rename(logs.path("access.log.1"), logs.path(&format!("access.log.{}", round + 2)));
        fs::write(logs.path("access.log.1"), "").unwrap();
        assert_eq!(poll(&mut logs, &mut set), "");
        logs.append("access.log", "3\n");
        fs::copy(logs.path("access.log"), logs.path("access.log.1")).unwrap();
        fs::File::create(logs.path("access.log")).unwrap();
        logs.append("access.log", format!("{round} is new\n"));
        assert_eq!(poll(&mut logs, &mut set), format!("3\n{round} is new\n"));
        for _ in 0..3 {
            logs.pass(61);
            assert_eq!(poll(&mut logs, &mut set), "");
        }
    }
    assert!(set.iter().all(|follower| follower.status().lost_bytes == 0));
}

#[test]
fn a_symlink_and_its_target_are_one_file() {
    let mut logs = LogDir::new();
    logs.append("2026.log", "1\n");
    std::os::unix::fs::symlink("2026.log", logs.path("current.log")).unwrap();
    let mut set = set(&logs, &["current.log", "*.log", "current.log"], ReadFrom::Start).unwrap();
    assert_eq!(set.len(), 1);
    assert_eq!(poll(&mut logs, &mut set), "1\n");
    logs.append("2026.log", "2\n");
    assert_eq!(poll(&mut logs, &mut set), "2\n");
}

#[test]
fn a_deleted_match_leaves_the_set() {
    let mut logs = LogDir::new();
    logs.append("a.log", "1\n");
    let mut set = set(&logs, &["*.log"], ReadFrom::Start).unwrap();
    poll(&mut logs, &mut set);
    fs::remove_file(logs.path("a.log")).unwrap();
    poll(&mut logs, &mut set);
    logs.pass(61);
    poll(&mut logs, &mut set);
    poll(&mut logs, &mut set);
    assert!(set.is_empty());
}

#[test]
fn what_can_never_be_followed_is_an_error_at_start() {
    let logs = LogDir::new();
    fs::create_dir(logs.path("dir")).unwrap();
    make_fifo(&logs.path("fifo"));
    let error = |pattern| set(&logs, &[pattern], ReadFrom::End).err().unwrap();
    assert!(matches!(error("dir"), OpenError::Directory { .. }));
    assert!(matches!(error("fifo"), OpenError::Fifo { .. }));
    let invalid = error("a***b");
    assert!(matches!(invalid, OpenError::Pattern { .. }));
    assert!(invalid.to_string().contains("a***b"));
}

#[test]
fn a_missing_path_is_waited_for() {
    let mut logs = LogDir::new();
    let mut set = set(&logs, &["later.log", "none*"], ReadFrom::End).unwrap();
    assert_eq!(set.len(), 1);
    assert!(set.iter().all(|follower| follower.status().problem.is_some()));
    logs.append("later.log", "1\n");
    assert_eq!(poll(&mut logs, &mut set), "1\n");
}

#[test]
fn a_pattern_that_is_a_file_name_is_that_file() {
    let mut logs = LogDir::new();
    logs.append("[a].log", "1\n");
    logs.append("a.log", "2\n");
    let mut set = set(&logs, &["[a].log"], ReadFrom::Start).unwrap();
    assert_eq!(poll(&mut logs, &mut set), "1\n");
}

/// The reader thread owns them.
#[test]
fn all_can_be_sent_to_a_thread() {
    fn is_send<T: Send>() {}
    is_send::<FollowSet>();
    is_send::<badgateway::source::Offline>();
    is_send::<badgateway::source::Waker>();
}

/// Names these patterns from now on, as a reload does.
fn name(logs: &LogDir, set: &mut FollowSet, paths: &[&str], patterns: &[&str]) {
    let of =
        |names: &[&str]| names.iter().map(|name| logs.path(name)).collect::<std::collections::BTreeSet<_>>();
    let (paths, patterns) = (of(paths), of(patterns));
    let dir = logs.path("");
    set.leave(&|path| {
        let is_new = |pattern: &std::path::PathBuf| {
            pattern.ends_with("*.log") && path.extension().is_some_and(|end| end == "log")
        };
        !paths.contains(path) && !patterns.iter().any(is_new) && path.starts_with(&dir)
    });
    set.set(&paths, &patterns, std::time::SystemTime::now(), &mut |_, _, _| None, logs.now);
}

#[test]
fn a_log_that_was_left_goes_on_where_it_was() {
    let mut logs = LogDir::new();
    logs.append("a.log", "old\n");
    logs.append("b.log", "old\n");
    let mut set = set(&logs, &["a.log", "b.log"], ReadFrom::End).unwrap();
    assert_eq!(poll(&mut logs, &mut set), "");
    let mut n = 0;
    let mut both = |logs: &mut LogDir| {
        n += 1;
        logs.append("a.log", format!("a{n}\n"));
        logs.append("b.log", format!("b{n}\n"));
    };
    both(&mut logs);
    name(&logs, &mut set, &["a.log"], &[]);
    assert_eq!((poll(&mut logs, &mut set).as_str(), set.len()), ("a1\n", 1));
    both(&mut logs);
    assert_eq!(poll(&mut logs, &mut set), "a2\n");
    logs.rename("b.log", "b.log.1");
    both(&mut logs);
    name(&logs, &mut set, &[], &["*.log"]);
    assert_eq!(poll(&mut logs, &mut set), "a3\nb1\nb2\nb3\n", "by a pattern, and over a rotation");
    name(&logs, &mut set, &[], &["*.log"]);
    assert_eq!(poll(&mut logs, &mut set), "", "nothing changes");
    // Half a line.
    logs.append("b.log", "b4");
    assert_eq!(poll(&mut logs, &mut set), "");
    name(&logs, &mut set, &["a.log"], &[]);
    name(&logs, &mut set, &["a.log", "b.log"], &[]);
    logs.append("b.log", "!\n");
    assert_eq!(poll(&mut logs, &mut set), "b4!\n");
}
