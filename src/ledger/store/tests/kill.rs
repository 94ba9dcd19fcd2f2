//! kill -9 at every operation and in the middle of every write: everything done so far stays.

use super::super::Reason;
use super::run::{BOOT, Promise, Run, number};
use super::sim::{Op, Sim};

/// Three runs, one after the other: closed, killed, closed. Syncs overlap with commits.
fn history() -> Vec<Op> {
    let sim = Sim::default();
    let mut run = Run::start(&sim, BOOT);
    for n in 1..=6 {
        run.commit(n).unwrap();
        run.pass(u64::from(n % 3) * 5);
    }
    run.close(7).unwrap();

    let mut run = Run::start(&sim, BOOT);
    run.commit(8).unwrap();
    run.pass(5);
    sim.hold(true);
    for n in 9..=12 {
        run.commit_alone(n).unwrap();
    }
    sim.hold(false);
    run.kill();

    let mut run = Run::start(&sim, BOOT);
    run.commit(13).unwrap();
    run.close(14).unwrap();
    sim.history()
}

/// Starts on what is left, and goes on from it.
fn check(left: &[Op], what: &str, whole_mark: bool, warned: bool) {
    let promise = Promise::of(left);
    let sim = Sim::replay(left);
    let mut run = Run::start(&sim, BOOT);
    let loaded = run.loaded.as_ref().map(number);
    match loaded {
        Some(loaded) => {
            assert!((promise.published..=promise.given).contains(&loaded), "{what}: {loaded}, {promise:?}");
            assert_eq!(run.loaded.as_ref().unwrap().trusted, whole_mark, "{what}: {promise:?}");
        }
        None => assert_eq!(promise.published, 0, "{what}"),
    }
    let warnings = run.set_aside.iter().filter(|broken| broken.reason != Reason::Unfinished).count();
    assert!(warned || warnings == 0, "{what}: a kill is worth no warning: {:?}", run.set_aside);

    run.commit(20).unwrap();
    run.kill();
    let again = Run::start(&sim, BOOT).loaded.unwrap();
    assert_eq!((number(&again), again.trusted), (20, true), "{what}, then a commit");
}

#[test]
fn a_kill_between_two_operations_loses_nothing() {
    let history = history();
    for end in 0..=history.len() {
        check(&history[..end], &format!("killed before operation {end}"), true, false);
    }
    println!("kill: {} operations", history.len());
}

#[test]
fn a_kill_within_a_write_loses_nothing() {
    let (history, mut tears) = (history(), 0);
    let named = |file: usize| {
        let created = |op: &&Op| matches!(op, Op::Create { file: found, .. } if *found == file);
        let Some(Op::Create { name, .. }) = history.iter().find(created) else { unreachable!() };
        name.clone()
    };
    for (at, op) in history.iter().enumerate() {
        let Op::Write { file, bytes } = op else { continue };
        let name = named(*file);
        // One page is never torn by a kill, and the mark is far smaller; see mark.rs.
        if name == "mark" {
            continue;
        }
        for cut in 0..bytes.len() {
            let mut left = history[..at].to_vec();
            left.push(Op::Write { file: *file, bytes: bytes[..cut].to_vec() });
            // Nor is the first line torn, in truth; if it were, that would cost a warning but no number.
            let line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
            check(&left, &format!("operation {at} on {name} cut at {cut}"), true, cut > 0 && cut <= line);
            tears += 1;
        }
    }
    println!("kill: {tears} torn writes");
    assert!(tears > 3000);
}

/// It cannot happen, and it would do no harm: counters would start at 0.
#[test]
fn a_torn_mark_is_distrusted() {
    let history = history();
    let first = |op: &Op| matches!(op, Op::Note(super::sim::Note::Published(3)));
    let at = history.iter().position(first).unwrap();
    let sim = Sim::replay(&history[..at]);
    let (mark, last) = (sim.bytes("mark"), sim.bytes("mark").len() - 1);
    for cut in 0..last {
        let torn = Sim::replay(&history[..at]);
        torn.damage("mark", mark[..cut].to_vec());
        let loaded = Run::start(&torn, BOOT).loaded.unwrap();
        assert_eq!((number(&loaded), loaded.trusted), (3, false), "cut at {cut}");
    }
}
