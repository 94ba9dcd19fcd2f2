//! Power losses: what was not synced may be there, missing or torn.

use super::power::Random;
use super::run::{BOOT, Promise, Run, number};
use super::sim::{Fault, Kind, Note, Op, Sim};

const AFTER: &str = "after-the-power-loss";

/// Loads what a power loss left, and holds it against what was promised.
fn check(left: &Sim, promise: &Promise, what: &str) {
    let run = Run::start(left, AFTER);
    let Some(loaded) = &run.loaded else {
        assert_eq!(promise.durable, 0, "{what}: nothing can be loaded; {promise:?} {:?}", run.set_aside);
        return;
    };
    let found = number(loaded);
    assert!((promise.durable..=promise.given).contains(&found), "{what}: {found} of {promise:?}");
    if loaded.trusted {
        assert!(found >= promise.published, "{what}: {found} is trusted, but {promise:?}");
        assert!(promise.closing.contains(&found), "{what}: {found} is trusted, but was not closed");
    }
}

/// A random life: commits, closes, kills at any operation, failing syncs, losses of power.
fn life(random: &mut Random) -> Vec<Op> {
    let (mut sim, mut boot, mut n) = (Sim::default(), 0, 0);
    for _ in 0..1 + random.below(4) {
        let begin = sim.state().history.len();
        let mut run = Run::start(&sim, &format!("boot-{boot}"));
        for _ in 0..random.below(8) {
            n += 1;
            run.pass(random.below(7) as u64);
            match random.below(8) {
                0 => sim.fault(Some(Fault::On(&[Kind::Sync], libc::EIO))),
                1 => sim.hold(true),
                _ => {
                    sim.fault(None);
                    sim.hold(false);
                }
            }
            let held = sim.state().held;
            // The first mark of a run is synced by the commit itself, so that it may fail.
            let _ = if held { run.commit_alone(n) } else { run.commit(n) };
        }
        sim.fault(None);
        sim.hold(false);
        match random.below(4) {
            0 => {
                n += 1;
                run.close(n).unwrap();
            }
            1 => run.kill(),
            ended => {
                run.kill();
                let history = sim.history();
                let cut = begin + random.below(history.len() - begin + 1);
                sim = if ended == 2 {
                    Sim::replay(&history[..cut])
                } else {
                    boot += 1;
                    Sim::power_loss(&history[..cut], random)
                };
            }
        }
    }
    sim.history()
}

#[test]
fn every_power_loss_leaves_the_last_sync_or_newer() {
    let (mut traces, mut trusted) = (0, 0);
    for seed in 0..400 {
        let mut random = Random(seed);
        let history = life(&mut random);
        for _ in 0..50 {
            // A power loss in the past of a life that went on after one is not a point in time.
            let restarted = |op: &Op| matches!(op, Op::Note(Note::Restarted));
            let from = history.iter().rposition(restarted).map_or(0, |at| at + 1);
            let end = from + random.below(history.len() - from + 1);
            let left = Sim::power_loss(&history[..end], &mut random);
            check(&left, &Promise::of(&history[..end]), &format!("life {seed}, cut at {end}"));
            trusted += usize::from(Run::start(&left, AFTER).loaded.is_some_and(|loaded| loaded.trusted));
            traces += 1;
        }
    }
    println!("power loss: {traces} traces, {trusted} of them trusted after a close");
    assert!(traces >= 10_000 && trusted > 100);
}

#[test]
fn every_point_of_one_life_survives_a_power_loss() {
    let sim = Sim::default();
    let mut run = Run::start(&sim, BOOT);
    for n in 1..=5 {
        run.commit(n).unwrap();
        run.pass(3);
    }
    run.close(6).unwrap();
    let mut run = Run::start(&sim, BOOT);
    for n in 7..=9 {
        run.commit(n).unwrap();
        run.pass(5);
    }
    run.close(10).unwrap();

    let (history, mut random) = (sim.history(), Random(1));
    for end in 0..=history.len() {
        for _ in 0..100 {
            let left = Sim::power_loss(&history[..end], &mut random);
            check(&left, &Promise::of(&history[..end]), &format!("cut at {end}"));
        }
    }
}

/// A closed state is trusted after a reboot, until a run has published more.
#[test]
fn a_close_is_not_trusted_once_a_run_went_on_from_it() {
    let sim = Sim::default();
    let run = Run::start(&sim, BOOT);
    run.close(1).unwrap();
    let closed = Run::start(&sim, "boot-2");
    assert!(closed.loaded.as_ref().unwrap().trusted);
    let mut run = closed;
    sim.hold(true);
    run.commit_alone(2).unwrap();
    let history = sim.history();
    sim.hold(false);
    let mut old = 0;
    for seed in 0..200 {
        let left = Sim::power_loss(&history, &mut Random(seed));
        let loaded = Run::start(&left, "boot-3").loaded.unwrap();
        assert!(!loaded.trusted);
        old += usize::from(number(&loaded) == 1);
    }
    assert!(old > 0, "in some of them the closed one is all there is");
}

/// A sync that failed is not reported to the next process, whose own sync would then prove nothing.
#[test]
fn a_copy_in_doubt_is_written_again_before_the_other_one_is_given_up() {
    let sim = Sim::default();
    let mut run = Run::start(&sim, BOOT);
    run.commit(1).unwrap();
    run.pass(5);
    sim.fault(Some(Fault::On(&[Kind::Sync], libc::EIO)));
    run.commit(2).unwrap();
    assert!(run.store.durable_failure().is_some());
    run.kill();
    sim.fault(None);
    let begin = sim.history().len();
    Run::start(&sim, BOOT).commit(3).unwrap();
    let (history, mut random) = (sim.history(), Random(2));
    for end in begin..=history.len() {
        for _ in 0..500 {
            let left = Sim::power_loss(&history[..end], &mut random);
            check(&left, &Promise::of(&history[..end]), &format!("cut at {end}"));
        }
    }
}
