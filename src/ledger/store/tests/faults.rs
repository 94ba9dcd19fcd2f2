//! Disks that are full, read-only or broken for a while: commits fail, say so, and come back by themselves.

use super::super::StoreError;
use super::run::{BOOT, Run, number, payload};
use super::sim::{Fault, Kind, Sim};

const WRITING: &[Kind] =
    &[Kind::MakeDir, Kind::Create, Kind::Open, Kind::Write, Kind::Sync, Kind::SyncDir, Kind::Rename];

fn text(result: Result<(), StoreError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_store_that_starts_on_a_bad_disk_recovers() {
    for errno in [libc::ENOSPC, libc::EIO, libc::EROFS, libc::EACCES] {
        let sim = Sim::default();
        sim.fault(Some(Fault::On(WRITING, errno)));
        let mut run = Run::start(&sim, BOOT);
        assert!(run.loaded.is_none() && run.set_aside.is_empty());
        for n in 1..100 {
            let error = text(run.commit(n));
            assert!(error.starts_with("cannot open for writing /state/lock: "), "{error}");
        }
        assert_eq!(sim.state().handles, 0, "nothing is left open by what failed");
        sim.fault(None);
        run.commit(100).unwrap();
        run.kill();
        let loaded = Run::start(&sim, BOOT).loaded.unwrap();
        assert_eq!((number(&loaded), loaded.trusted), (100, true));
    }
}

#[test]
fn a_state_on_a_read_only_disk_is_loaded() {
    let sim = Sim::default();
    let mut run = Run::start(&sim, BOOT);
    run.commit(1).unwrap();
    run.kill();
    sim.fault(Some(Fault::On(WRITING, libc::EROFS)));
    let mut run = Run::start(&sim, BOOT);
    let loaded = run.loaded.take().unwrap();
    assert_eq!((number(&loaded), loaded.trusted), (1, true));
    let error = text(run.commit(2));
    assert!(error.contains("/state/lock") && error.contains("Point --state.dir"), "{error}");
    sim.fault(None);
    run.commit(3).unwrap();
    run.kill();
    assert_eq!(number(&Run::start(&sim, BOOT).loaded.unwrap()), 3);
}

#[test]
fn a_full_disk_stops_only_a_state_that_grows() {
    let sim = Sim::default();
    let mut run = Run::start(&sim, BOOT);
    for _ in 1..=4 {
        run.store.commit(&payload(2), run.now).unwrap();
        run.settle();
        run.pass(5);
    }
    sim.fault(Some(Fault::Full));
    for _ in 0..50 {
        run.pass(1);
        run.store.commit(&payload(1), run.now).unwrap();
        run.settle();
        assert_eq!(run.store.durable_failure(), None);
    }
    let handles = sim.state().handles;
    for _ in 0..50 {
        run.pass(1);
        let error = text(run.store.commit(&[b'x'; 10_000], run.now));
        assert!(
            error.starts_with("cannot write /state/live-") && error.contains("Free some space"),
            "{error}"
        );
        assert!(sim.state().handles <= handles);
        // A kill right now loses nothing that was published.
        let left = Sim::replay(&sim.history());
        let loaded = Run::start(&left, BOOT).loaded.unwrap();
        assert_eq!((number(&loaded), loaded.trusted), (1, true));
    }
    sim.fault(None);
    for _ in 0..2 {
        run.store.commit(&[b'x'; 10_000], run.now).unwrap();
    }
    assert_eq!(sim.state().handles, handles);
}

#[test]
fn a_failing_sync_stops_no_commit_and_is_retried_every_second() {
    let sim = Sim::default();
    let mut run = Run::start(&sim, BOOT);
    run.commit(1).unwrap();
    sim.fault(Some(Fault::On(&[Kind::Sync], libc::EIO)));
    run.pass(5);
    run.commit(2).unwrap();
    let failure = run.store.durable_failure().unwrap();
    assert!(failure.starts_with("cannot sync /state/durable-1: "), "{failure}");
    for n in 3..10 {
        run.pass(1);
        run.commit(n).unwrap();
        assert_eq!(run.store.durable_failure(), Some(failure.clone()), "the same slot is tried again");
    }
    sim.fault(None);
    run.pass(1);
    // Nothing new to commit: what failed is kept for another try.
    run.store.tick(run.now);
    run.settle();
    assert_eq!(run.store.durable_failure(), None);
    run.kill();
    let durable = sim.bytes("durable-1");
    assert!(durable.windows(10).any(|part| part == b"payload 9 "), "it is the newest that was synced");
}

#[test]
fn a_busy_thread_is_waited_for_by_nobody() {
    let sim = Sim::default();
    let mut run = Run::start(&sim, BOOT);
    run.commit(1).unwrap();
    sim.hold(true);
    for n in 2..500 {
        run.pass(5);
        run.commit_alone(n).unwrap();
    }
    sim.hold(false);
    run.settle();
    run.pass(5);
    run.store.tick(run.now);
    run.settle();
    let (old, new) = (sim.bytes("durable-1"), sim.bytes("durable-0"));
    assert!(old.windows(10).any(|part| part == b"payload 2 "));
    assert!(new.windows(12).any(|part| part == b"payload 499 "));
}

#[test]
fn a_deleted_directory_is_made_again() {
    let sim = Sim::default();
    let mut run = Run::start(&sim, BOOT);
    for n in 1..5 {
        run.commit(n).unwrap();
        run.pass(5);
    }
    let handles = sim.state().handles;
    sim.delete_dir();
    for n in 5..8 {
        run.commit(n).unwrap();
        run.pass(5);
    }
    assert_eq!(sim.state().handles, handles, "what was open for the old directory is closed");
    let history = sim.history();
    let left = Run::start(&Sim::replay(&history), BOOT);
    assert_eq!(number(&left.loaded.unwrap()), 7);
    run.kill();
    assert!(sim.state().names.contains_key("durable-0") && sim.state().names.contains_key("lock"));
}

/// A directory that was away and comes back with an older state does not win over ours.
#[test]
fn what_comes_back_is_older_than_what_we_write() {
    let sim = Sim::default();
    let mut run = Run::start(&sim, BOOT);
    for n in 1..50 {
        run.commit(n).unwrap();
    }
    run.kill();
    sim.fault(Some(Fault::On(WRITING, libc::EIO)));
    let names = std::mem::take(&mut sim.state().names);
    let mut run = Run::start(&sim, BOOT);
    assert!(run.loaded.is_none());
    sim.state().names = names;
    sim.fault(None);
    run.commit(50).unwrap();
    run.kill();
    let loaded = Run::start(&sim, BOOT).loaded.unwrap();
    assert_eq!((number(&loaded), loaded.trusted), (50, true));
}

#[test]
fn what_was_shown_without_being_committed_is_not_counted_on_from() {
    let sim = Sim::default();
    let mut run = Run::start(&sim, BOOT);
    run.commit(1).unwrap();
    run.store.distrust().unwrap();
    run.kill();
    let mut run = Run::start(&sim, BOOT);
    let loaded = run.loaded.take().unwrap();
    assert_eq!((number(&loaded), loaded.trusted), (1, false));
    run.commit(2).unwrap();
    run.store.distrust().unwrap();
    run.commit(3).unwrap();
    run.kill();
    let loaded = Run::start(&sim, BOOT).loaded.unwrap();
    assert_eq!((number(&loaded), loaded.trusted), (3, true), "the next commit makes it good");
}
