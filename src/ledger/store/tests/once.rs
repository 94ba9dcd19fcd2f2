//! One operation fails, half done; then a kill comes, at each moment after it.

use super::run::{BOOT, Promise, Run, number};
use super::sim::{Fault, Op, Sim};

/// Two runs, in the second of which the operation of number `at` fails; `None` if there are not so many.
fn history(at: usize, failed: &mut usize) -> Option<Vec<Op>> {
    let sim = Sim::default();
    let mut run = Run::start(&sim, BOOT);
    run.commit(1).unwrap();
    run.kill();
    let at = sim.state().count + at;
    sim.fault(Some(Fault::Once(at, libc::EIO)));
    let mut run = Run::start(&sim, BOOT);
    for n in 2..=6 {
        *failed += usize::from(run.commit(n).is_err());
        run.pass(2);
    }
    let (history, reached) = (sim.history(), sim.state().count > at);
    for n in 7..=8 {
        sim.fault(None);
        run.commit(n).unwrap();
        run.pass(5);
    }
    assert_eq!(run.store.durable_failure(), None, "operation {at}: all is well again");
    reached.then_some(history)
}

fn check(left: &[Op], what: &str) {
    let promise = Promise::of(left);
    let run = Run::start(&Sim::replay(left), BOOT);
    let Some(loaded) = run.loaded else {
        assert_eq!(promise.published, 0, "{what}");
        return;
    };
    assert!(number(&loaded) >= promise.published, "{what}: {promise:?}");
    // A mark of which half was written is no mark until the next commit.
    let torn = run.set_aside.iter().any(|broken| broken.file == "mark");
    assert!(loaded.trusted || torn || promise.published == 0, "{what}: {promise:?} {:?}", run.set_aside);
}

#[test]
fn one_failure_anywhere_costs_nothing() {
    let (mut failed, mut kills) = (0, 0);
    let histories = (0..).map_while(|at| history(at, &mut failed)).collect::<Vec<_>>();
    for (at, history) in histories.iter().enumerate() {
        for end in 0..=history.len() {
            check(&history[..end], &format!("operation {at} failed, killed before {end}"));
            kills += 1;
            let Some(Op::Write { file, bytes }) = history.get(end) else { continue };
            // No kill tears the mark; see mark.rs.
            if bytes.starts_with(b"badgateway mark") {
                continue;
            }
            let mut left = history[..end].to_vec();
            left.push(Op::Write { file: *file, bytes: bytes[..bytes.len() * 3 / 4].to_vec() });
            check(&left, &format!("operation {at} failed, killed within {end}"));
            kills += 1;
        }
    }
    println!(
        "faults: {} operations failed, {failed} commits with them, {kills} kills after",
        histories.len()
    );
    assert!(failed > 10);
}
