//! Many failures at once: the answers depend on kinds, not on volume.

use std::collections::BTreeMap;

use super::*;
use crate::attribute::root_cause::waiting::IN_ORDER;

/// Counts by status, so that responses of several kinds are told apart, and by root cause.
#[derive(Default)]
struct Shares(BTreeMap<(Option<u32>, RootCause), u64>);

impl RootCauseSink for Shares {
    fn root(&mut self, verdict: &Verdict, root: RootCause, count: u64) {
        let upstream = serde_json::to_value(verdict.upstream).unwrap().as_u64();
        *self.0.entry((upstream.and_then(|id| u32::try_from(id).ok()), root)).or_default() += count;
    }

    fn killed(&mut self, _: Id, _: Id, _: ExitReason, _: Local) {}
}

const CONNECTS: [Cause; 3] = [Cause::ConnectionRefused, Cause::SocketMissing, Cause::NoLiveUpstreams];

/// A stop at 100, a start at 110, and failures of three causes at 40 upstreams all the time.
fn storm(rate: u64) -> (Shares, usize) {
    let (mut roots, mut told, mut most) = (Roots::default(), Shares::default(), 0);
    let peers = Peers::default();
    roots.event(100, 100, 0, Id::NONE, Event::Stopping);
    for at in 95..125 {
        if at == 110 {
            roots.event(at, at, 0, Id::NONE, Event::Ready);
        }
        for n in 0..rate * 120 {
            let upstream = 2 + u32::try_from(n % 40).unwrap();
            let failed = of(upstream, question(at, CONNECTS[(n % 3) as usize], b""));
            assert_eq!(roots.ask(failed), None, "nothing is answered before its time");
        }
        most = most.max(roots.kinds());
        roots.answer(at - GRACE, &peers, &mut told);
    }
    roots.answer(Local::MAX, &peers, &mut told);
    (told, most)
}

#[test]
fn a_thousand_times_the_rate_never_changes_the_shares() {
    let (one, few) = storm(1);
    let (thousand, many) = storm(1000);
    let scaled: BTreeMap<_, _> = one.0.iter().map(|(key, count)| (*key, count * 1000)).collect();
    assert_eq!(scaled, thousand.0);
    assert_eq!(one.0.values().sum::<u64>(), 30 * 120);
    let stopped = one.0.iter().filter(|((_, root), _)| *root == RootCause::FpmStopped);
    assert_eq!(stopped.map(|(_, count)| count).sum::<u64>(), 12 * 120, "100 to 110, and the second behind");
    // 120 kinds in a second, which wait for four; twice that before they are put together.
    assert!(few <= IN_ORDER && many <= IN_ORDER + 120, "{few} {many}");
}

#[test]
fn lost_connections_in_a_storm_pair_with_exits_one_to_one() {
    for interleaved in [false, true] {
        let mut roots = Roots::default();
        for child in 0..300 {
            exit(&mut roots, 10, child, if child < 100 { 11 } else { 9 });
        }
        for n in 0..60_000 {
            let upstream = if interleaved { 2 + n % 7 } else { 2 };
            roots.ask(of(upstream, reset(10)));
        }
        let mut told = Shares::default();
        roots.answer(Local::MAX, &Peers::default(), &mut told);
        let sum = |root| told.0.iter().filter(|((_, r), _)| *r == root).map(|(_, n)| n).sum::<u64>();
        assert_eq!(sum(RootCause::WorkerCrashed), 100);
        assert_eq!(sum(RootCause::WorkerKilled), 200);
        assert_eq!(sum(RootCause::Unknown), 59_700);
    }
}

#[test]
fn a_few_failures_stay_in_order_whatever_stands_between_them() {
    let mut roots = Roots::default();
    for (child, signal) in [(1, 11), (2, 9), (3, 11)] {
        exit(&mut roots, 10, child, signal);
    }
    let told = ask(&mut roots, &Peers::default(), vec![of(2, reset(10)), of(3, reset(10)), of(2, reset(10))]);
    assert_eq!(told.roots, [RootCause::WorkerCrashed, RootCause::WorkerKilled, RootCause::WorkerCrashed]);
}

#[test]
fn requests_that_are_all_different_take_no_more_memory_than_is_allowed() {
    let mut roots = Roots::default();
    let mut lost = 0;
    for n in 0..400_000_u32 {
        let target = format!("GET /{n}");
        let asked = question(10, Cause::ClosedPrematurely, target.as_bytes());
        lost += roots.ask(asked).map_or(0, |oldest| oldest.count);
        assert!(roots.kinds() <= CAPACITY);
    }
    let mut told = Shares::default();
    roots.answer(Local::MAX, &Peers::default(), &mut told);
    assert_eq!((lost, told.0.values().sum::<u64>()), (0, 400_000));
}

#[test]
fn a_termination_is_found_among_as_many_others_as_wait_in_a_busy_second() {
    let mut roots = Roots::default();
    for n in 0..5000 {
        let target = format!("GET /{n}");
        roots.ask(of(2 + n % 3, question(10, Cause::ConnectionReset, target.as_bytes())));
    }
    let event = Event::Terminating { pool: b"www", child: 5, request: b"GET /4321" };
    roots.event(11, 11, 0, Id::NONE, event);
    let mut told = Shares::default();
    roots.answer(Local::MAX, &Peers::default(), &mut told);
    assert_eq!(told.0.get(&(Some(2 + 4321 % 3), RootCause::RequestTerminated)), Some(&1));
    assert_eq!(told.0.values().sum::<u64>(), 5000);
}

/// As it was saved before there were counts: a list of responses, each for itself.
#[test]
fn what_was_saved_one_by_one_is_answered_too() {
    let verdict = r#"{"status":502,"cause":"connection_refused","server":0,"upstream":2,"at":105}"#;
    let question = format!(
        r#"{{"verdict":{verdict},"at":105,"asked":105,"target":7,"upstream":2,"fastcgi":true,"otherwise":"unknown"}}"#
    );
    let text = format!(
        r#"{{"terminations":[],"deaths":[],"absences":[{{"from":100,"to":null,"log":3,"root":"fpm_stopped"}}],
            "questions":[{question},{question},{question}],"kills":[],"observed":{{"seen":[],"before":[]}}}}"#
    );
    let mut roots: Roots = serde_json::from_str(&text).unwrap();
    assert_eq!(roots.waiting(), 3);
    let again: Roots = serde_json::from_str(&serde_json::to_string(&roots).unwrap()).unwrap();
    for roots in [&mut roots, &mut again.clone()] {
        let mut told = Shares::default();
        roots.answer(Local::MAX, &Peers::default(), &mut told);
        assert_eq!(told.0, [((Some(2), RootCause::FpmStopped), 3)].into());
    }
}

#[test]
fn what_was_counted_before_all_counters_began_anew_is_not_answered() {
    let mut roots = Roots::default();
    exit(&mut roots, 10, 1, 11);
    roots.ask(question(10, Cause::ConnectionRefused, b""));
    roots.ask(reset(10));
    roots.counters_reset();
    let told = ask(&mut roots, &Peers::default(), vec![reset(10), question(10, Cause::SocketMissing, b"")]);
    // The old reset has used up the exit.
    assert_eq!(told.roots, [RootCause::Unknown, RootCause::Unknown]);
}
