//! Responses against FPM's past.

use super::super::names::Id;
use super::*;

fn reset(at: Local) -> Question {
    question(at, Cause::ConnectionReset, b"GET /x.php")
}

fn question(at: Local, cause: Cause, target: &[u8]) -> Question {
    let verdict = Verdict { status: 502, cause, server: Id::NONE, upstream: Id::NONE, at };
    Question {
        verdict: Some(verdict),
        at,
        asked: at,
        target: Target::of(target),
        otherwise: RootCause::Unknown,
    }
}

fn exit(roots: &mut Roots, at: Local, child: u64, signal: u32) -> Option<ExitReason> {
    roots.event(at, Event::Exited { pool: b"www", child, how: Exit::Signal(signal) })
}

fn answers(roots: &mut Roots, questions: Vec<Question>) -> Vec<RootCause> {
    for question in questions {
        roots.ask(question);
    }
    let mut out = Vec::new();
    roots.answer(Local::MAX / 2, |_, root| out.push(root));
    out
}

#[test]
fn exits_pair_with_resets_one_to_one_and_in_order() {
    let mut roots = Roots::default();
    assert_eq!(exit(&mut roots, 10, 1, 11), Some(ExitReason::Crash));
    assert_eq!(exit(&mut roots, 10, 2, 9), Some(ExitReason::Sigkill));
    assert_eq!(
        answers(&mut roots, vec![reset(10), reset(10), reset(10)]),
        [RootCause::WorkerCrashed, RootCause::WorkerKilled, RootCause::Unknown]
    );
}

#[test]
fn a_neighbour_s_exit_is_not_taken() {
    let mut roots = Roots::default();
    exit(&mut roots, 10, 1, 9);
    exit(&mut roots, 12, 2, 11);
    assert_eq!(
        answers(&mut roots, vec![reset(9), reset(10), reset(11)]),
        [RootCause::Unknown, RootCause::WorkerKilled, RootCause::WorkerCrashed]
    );
}

#[test]
fn a_truncated_response_uses_up_an_exit() {
    let mut roots = Roots::default();
    exit(&mut roots, 10, 1, 11);
    let truncated = Question { verdict: None, ..reset(10) };
    assert_eq!(answers(&mut roots, vec![truncated, reset(10)]), [RootCause::Unknown]);
}

#[test]
fn a_termination_is_found_by_its_request() {
    let mut roots = Roots::default();
    roots.event(9, Event::Terminating { pool: b"rtt", child: 5, request: b"GET /slow.php?s=6" });
    assert_eq!(exit(&mut roots, 9, 5, 15), Some(ExitReason::Terminated));
    let out = answers(&mut roots, vec![reset(9), question(9, Cause::ConnectionReset, b"GET /slow.php?s=6")]);
    assert_eq!(out, [RootCause::Unknown, RootCause::RequestTerminated]);
}

#[test]
fn stop_and_reload_last_until_ready() {
    let mut roots = Roots::default();
    roots.event(10, Event::Reloading);
    roots.event(11, Event::Ready);
    roots.event(20, Event::Stopping);
    let refused = |at| question(at, Cause::ConnectionRefused, b"GET /");
    assert_eq!(
        answers(&mut roots, vec![reset(10), reset(11), refused(15), reset(20), refused(500)]),
        [
            RootCause::FpmReloaded,
            RootCause::FpmReloaded,
            RootCause::Unknown,
            RootCause::FpmStopped,
            RootCause::FpmStopped
        ]
    );
}

#[test]
fn long_targets_are_compared_as_fpm_cut_them() {
    let uri = format!("GET /{}", "a".repeat(300));
    assert_eq!(Target::of(&uri.as_bytes()[..131]), Target::of(uri.as_bytes()));
    assert_ne!(Target::of(b"GET /a"), Target::of(b"GET /ab"));
    assert_eq!(Target::of(b"GET /a?b"), Target::of(b"GET /a?b"));
}
