//! The files themselves: names, modes, the lock, descriptors.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use badgateway::ledger::store::{Opened, Reason, Store, StoreError};

use crate::support::{BOOT, number, open, open_in, payload, until};

/// Descriptors of this process that lead into `dir`; other tests run beside this one.
fn descriptors(dir: &Path) -> usize {
    let all = fs::read_dir("/proc/self/fd").unwrap();
    let target = |entry: std::io::Result<fs::DirEntry>| fs::read_link(entry.unwrap().path());
    all.filter_map(|entry| target(entry).ok()).filter(|target| target.starts_with(dir)).count()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn files_are_private_and_can_be_read_by_a_person() {
    let own = tempfile::tempdir().unwrap();
    let dir = own.path().join("lib/badgateway");
    let Opened { mut store, loaded, set_aside } = open(&dir);
    assert!(loaded.is_none() && set_aside.is_empty());
    store.commit(b"one", Instant::now()).unwrap();
    store.close(b"two").unwrap();
    assert_eq!(mode(&dir), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap()) {
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.path());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["durable-0", "durable-1", "live-0", "live-1", "lock", "mark"]);
    let text = fs::read_to_string(dir.join("live-1")).unwrap();
    let begin = format!("badgateway state 1 sequence 2 boot {BOOT} clean yes length 3 crc32 ");
    assert!(text.starts_with(&begin) && text.ends_with("\ntwo"), "{text}");
    assert!(
        fs::read_to_string(dir.join("mark")).unwrap().starts_with("badgateway mark 1 00000000000000000002 ")
    );
}

#[test]
fn a_close_is_trusted_after_a_reboot_and_a_commit_is_not() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).store.close(b"1\n").unwrap();
    let Opened { mut store, loaded, .. } = open_in(dir.path(), "another-boot");
    assert!(loaded.unwrap().trusted);
    store.commit(b"2\n", Instant::now()).unwrap();
    drop(store);
    let loaded = open_in(dir.path(), "a-third-boot").loaded.unwrap();
    assert_eq!((number(&loaded), loaded.trusted), (2, false));
}

#[test]
fn a_second_store_on_one_directory_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let Err(error) = Store::open(dir.path(), BOOT) else { panic!("the directory is taken") };
    assert!(matches!(error, StoreError::Locked { pid, .. } if pid == Some(std::process::id())));
    let expected = format!(
        "{} is in use by process {}. Stop that one, or give this one a --state.dir of its own.",
        dir.path().display(),
        std::process::id()
    );
    assert_eq!(error.to_string(), expected);
    drop(first);
    open(dir.path());
}

#[test]
fn descriptors_stay_the_same_over_10_000_commits() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { mut store, .. } = open(dir.path());
    let mut now = Instant::now();
    let mut most = 0;
    for n in 0..10_000 {
        // A second at a time: 2,000 of them are due for a sync, as many as the disk can take.
        now += Duration::from_secs(1);
        store.commit(&payload(n, 2_000), now).unwrap();
        most = most.max(descriptors(dir.path()));
    }
    // lock, mark, and two slots of each kind; the directory while it is synced, or a slot while it is read.
    assert!(most <= 7, "{most}");
    store.close(b"1\n").unwrap();
    assert_eq!(descriptors(dir.path()), 0);
}

#[test]
fn a_directory_that_is_deleted_or_replaced_is_used_again() {
    let own = tempfile::tempdir().unwrap();
    let dir = own.path().join("state");
    let Opened { mut store, .. } = open(&dir);
    let mut now = Instant::now();
    store.commit(b"1\n", now).unwrap();
    // The syncing thread may be putting files there meanwhile.
    until("it can be removed", || fs::remove_dir_all(&dir).ok());
    now += Duration::from_secs(5);
    store.commit(b"2\n", now).unwrap();
    fs::rename(&dir, own.path().join("moved")).unwrap();
    fs::create_dir(&dir).unwrap();
    now += Duration::from_secs(5);
    store.commit(b"3\n", now).unwrap();
    drop(store);
    let loaded = open(&dir).loaded.unwrap();
    assert_eq!((number(&loaded), loaded.trusted), (3, true));
}

#[test]
fn a_directory_that_cannot_be_made_is_no_reason_not_to_start() {
    let own = tempfile::tempdir().unwrap();
    let file = own.path().join("file");
    fs::write(&file, "").unwrap();
    let dir = file.join("state");
    let Opened { mut store, loaded, set_aside } = open(&dir);
    assert!(loaded.is_none() && set_aside.is_empty());
    let error = store.commit(b"1\n", Instant::now()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot open for writing {}/lock: ", dir.display())), "{error}");
    fs::remove_file(&file).unwrap();
    store.commit(b"2\n", Instant::now()).unwrap();
    store.close(b"3\n").unwrap();
    assert_eq!(number(&open(&dir).loaded.unwrap()), 3);
}

#[test]
fn what_is_broken_keeps_its_bytes_under_another_name() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).store.close(b"1\n").unwrap();
    fs::write(dir.path().join("live-0"), [0; 4096]).unwrap();
    let Opened { loaded, set_aside, .. } = open(dir.path());
    assert_eq!(number(&loaded.unwrap()), 1, "the durable copy is there");
    assert_eq!(
        (set_aside.len(), &*set_aside[0].file, set_aside[0].reason),
        (1, "live-0", Reason::Unreadable)
    );
    assert_eq!(fs::read(dir.path().join("live-0.bad")).unwrap(), [0; 4096]);
}

/// A directory in place of a file, a link that leads nowhere, a FIFO: none of them stops a start.
#[test]
fn what_is_no_file_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).store.close(b"1\n").unwrap();
    fs::remove_file(dir.path().join("live-0")).unwrap();
    fs::create_dir(dir.path().join("live-0")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("live-1")).unwrap();
    let Opened { mut store, loaded, set_aside } = open(dir.path());
    assert_eq!(number(&loaded.unwrap()), 1);
    assert!(set_aside.iter().all(|broken| broken.reason == Reason::Unreadable), "{set_aside:?}");
    assert_eq!(set_aside.len(), 2);
    store.commit(b"2\n", Instant::now()).unwrap();
    store.close(b"3\n").unwrap();
}
