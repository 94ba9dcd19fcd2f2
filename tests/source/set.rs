//! Patterns to files, each file once.

use std::fs;
use std::path::Path;

use badgateway::source::{FollowSet, OpenError, ReadFrom, Upto};

use crate::support::Lab;

#[allow(clippy::disallowed_methods, reason = "the standard library has no mkfifo")]
pub(crate) fn make_fifo(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn set(lab: &Lab, patterns: &[&str], from: ReadFrom) -> Result<FollowSet, OpenError> {
    let patterns = patterns.iter().map(|name| lab.path(name).display().to_string()).collect();
    FollowSet::new(patterns, from, lab.now)
}

/// One poll a second later: refresh, check, read; every follower's lines, in the order of the set.
fn poll(lab: &mut Lab, set: &mut FollowSet) -> String {
    lab.pass(1);
    set.refresh(lab.now);
    let mut all = String::new();
    for follower in set.iter_mut() {
        follower.check(lab.now);
        all += &lab.read(follower, Upto::End);
    }
    all
}

#[test]
fn a_new_match_is_read_whole() {
    let mut lab = Lab::new();
    lab.append("a.log", "old\n");
    let mut set = set(&lab, &["*.log"], ReadFrom::End).unwrap();
    assert_eq!(poll(&mut lab, &mut set), "");
    lab.append("b.log", "1\n");
    lab.append("b.log.gz", "no log\n");
    set.refresh(lab.now);
    assert_eq!(set.len(), 1, "at most once a second");
    assert_eq!(poll(&mut lab, &mut set), "1\n");
    assert_eq!(set.len(), 2);
}

#[test]
fn a_rotated_file_that_matches_too_is_not_read_twice() {
    let mut lab = Lab::new();
    lab.append("access.log", "1\n");
    let mut set = set(&lab, &["access.log*"], ReadFrom::Start).unwrap();
    assert_eq!(poll(&mut lab, &mut set), "1\n");
    let mut expected = 2;
    for _ in 0..4 {
        for n in (1..5).rev() {
            let _ =
                fs::rename(lab.path(&format!("access.log.{n}")), lab.path(&format!("access.log.{}", n + 1)));
        }
        lab.rename("access.log", "access.log.1");
        lab.append("access.log.1", format!("{expected}\n"));
        lab.append("access.log", format!("{}\n", expected + 1));
        assert_eq!(poll(&mut lab, &mut set), format!("{expected}\n{}\n", expected + 1));
        expected += 2;
        for wait in [1, 61, 1, 61, 1] {
            lab.pass(wait);
            assert_eq!(poll(&mut lab, &mut set), "", "closed, it is still known");
        }
    }
}

#[test]
fn a_moved_file_under_the_pattern_is_followed_on_by_its_new_name() {
    let mut lab = Lab::new();
    lab.append("a.log", "1\n");
    let mut set = set(&lab, &["*.log"], ReadFrom::Start).unwrap();
    assert_eq!(poll(&mut lab, &mut set), "1\n");
    lab.rename("a.log", "b.log");
    lab.append("b.log", "2\n");
    assert_eq!(poll(&mut lab, &mut set), "2\n");
    for _ in 0..4 {
        lab.pass(61);
        assert_eq!(poll(&mut lab, &mut set), "");
    }
    lab.append("b.log", "3\n");
    assert_eq!(poll(&mut lab, &mut set), "3\n");
    assert_eq!(set.len(), 1);
}

#[test]
fn a_copy_that_matches_too_is_not_read_twice() {
    let mut lab = Lab::new();
    lab.append("access.log", "1\n2\n");
    let mut set = set(&lab, &["access.log*"], ReadFrom::Start).unwrap();
    assert_eq!(poll(&mut lab, &mut set), "1\n2\n");
    for round in 0..3 {
        // The copy begins as an empty file; we look in the middle of it.
        let _ = fs::rename(lab.path("access.log.1"), lab.path(&format!("access.log.{}", round + 2)));
        fs::write(lab.path("access.log.1"), "").unwrap();
        assert_eq!(poll(&mut lab, &mut set), "");
        lab.append("access.log", "3\n");
        fs::copy(lab.path("access.log"), lab.path("access.log.1")).unwrap();
        fs::File::create(lab.path("access.log")).unwrap();
        lab.append("access.log", format!("{round} is new\n"));
        assert_eq!(poll(&mut lab, &mut set), format!("3\n{round} is new\n"));
        for _ in 0..3 {
            lab.pass(61);
            assert_eq!(poll(&mut lab, &mut set), "");
        }
    }
    assert!(set.iter().all(|follower| follower.status().lost_bytes == 0));
}

#[test]
fn a_symlink_and_its_target_are_one_file() {
    let mut lab = Lab::new();
    lab.append("2026.log", "1\n");
    std::os::unix::fs::symlink("2026.log", lab.path("current.log")).unwrap();
    let mut set = set(&lab, &["current.log", "*.log", "current.log"], ReadFrom::Start).unwrap();
    assert_eq!(set.len(), 1);
    assert_eq!(poll(&mut lab, &mut set), "1\n");
    lab.append("2026.log", "2\n");
    assert_eq!(poll(&mut lab, &mut set), "2\n");
}

#[test]
fn a_deleted_match_leaves_the_set() {
    let mut lab = Lab::new();
    lab.append("a.log", "1\n");
    let mut set = set(&lab, &["*.log"], ReadFrom::Start).unwrap();
    poll(&mut lab, &mut set);
    fs::remove_file(lab.path("a.log")).unwrap();
    poll(&mut lab, &mut set);
    lab.pass(61);
    poll(&mut lab, &mut set);
    poll(&mut lab, &mut set);
    assert!(set.is_empty());
}

#[test]
fn what_can_never_be_followed_is_an_error_at_start() {
    let lab = Lab::new();
    fs::create_dir(lab.path("dir")).unwrap();
    make_fifo(&lab.path("fifo"));
    let error = |pattern| set(&lab, &[pattern], ReadFrom::End).err().unwrap();
    assert!(matches!(error("dir"), OpenError::Directory { .. }));
    assert!(matches!(error("fifo"), OpenError::Fifo { .. }));
    let invalid = error("a***b");
    assert!(matches!(invalid, OpenError::Pattern { .. }));
    assert!(invalid.to_string().contains("a***b"));
}

#[test]
fn a_missing_path_is_waited_for() {
    let mut lab = Lab::new();
    let mut set = set(&lab, &["later.log", "none*"], ReadFrom::End).unwrap();
    assert_eq!(set.len(), 1);
    assert!(set.iter().all(|follower| follower.status().problem.is_some()));
    lab.append("later.log", "1\n");
    assert_eq!(poll(&mut lab, &mut set), "1\n");
}

#[test]
fn a_pattern_that_is_a_file_name_is_that_file() {
    let mut lab = Lab::new();
    lab.append("[a].log", "1\n");
    lab.append("a.log", "2\n");
    let mut set = set(&lab, &["[a].log"], ReadFrom::Start).unwrap();
    assert_eq!(poll(&mut lab, &mut set), "1\n");
}

/// The reader thread owns them.
#[test]
fn all_can_be_sent_to_a_thread() {
    fn is_send<T: Send>() {}
    is_send::<FollowSet>();
    is_send::<badgateway::source::Offline>();
    is_send::<badgateway::source::Waker>();
}
