//! Several masters, and other hosts: whose log tells of whom.

use super::*;

#[test]
fn what_one_master_tells_explains_nothing_of_another_one_with_the_same_pool() {
    // Both are called www; the log of the third is not read.
    let mut peers = two_pools();
    for (upstream, log, fpm) in [(10, Some(7), 101), (20, Some(8), 102), (40, None, 103)] {
        let www = PoolPeer { pool: id(1), fpm: id(fpm), key: u64::from(upstream), ..pool_peer(1, log) };
        peers.by_upstream.insert(id(upstream), Peer::Pool(www));
    }
    let mut roots = Roots::default();
    let end = |child, signal| Event::Exited { pool: b"www", child, how: Exit::Signal(signal) };
    roots.event(10, 10, 7, id(1), end(5, 11));
    roots.event(10, 10, 8, id(1), end(5, 9));
    let lost = |upstream| of(upstream, reset(10));
    let told = ask(&mut roots, &peers, vec![lost(40), lost(20), lost(10)]);
    assert_eq!(told.roots, [RootCause::Unknown, RootCause::WorkerKilled, RootCause::WorkerCrashed]);
    // A log that belongs to none of this machine's masters may be that of the third.
    roots.event(30, 30, 9, id(1), end(6, 11));
    let lost = |upstream| of(upstream, reset(30));
    let told = ask(&mut roots, &peers, vec![lost(10), lost(20), lost(40)]);
    assert_eq!(told.roots, [RootCause::Unknown, RootCause::Unknown, RootCause::WorkerCrashed]);
}

#[test]
fn a_termination_of_one_master_is_not_taken_for_the_end_of_another_one_s_child() {
    let mut roots = Roots::default();
    let request = b"GET /index.php";
    let terminating = Event::Terminating { pool: b"www", child: 5, request };
    roots.event(10, 10, 7, id(1), terminating);
    let end = Event::Exited { pool: b"www", child: 5, how: Exit::Signal(15) };
    assert_eq!(roots.event(11, 11, 8, id(2), end), Some(ExitReason::Terminated));
    let told = ask(&mut roots, &two_pools(), vec![of(20, reset(11))]);
    assert_eq!(told.roots, [RootCause::WorkerKilled], "its own master did not announce it");
}

#[test]
fn what_befalls_this_machine_s_workers_says_nothing_of_another_host() {
    let mut roots = Roots::default();
    exit_told_by(&mut roots, 7, 11);
    roots.event(10, 10, 8, Id::NONE, Event::Stopping);
    let refused = question(10, Cause::ConnectionRefused, b"GET /");
    let told = ask(&mut roots, &two_pools(), vec![of(31, reset(10)), of(31, refused)]);
    assert_eq!(told.roots, [RootCause::Unknown, RootCause::Unknown]);
    // The log of that host may be read here.
    exit_told_by(&mut roots, 9, 9);
    let told = ask(&mut roots, &two_pools(), vec![of(31, reset(10))]);
    assert_eq!(told.roots, [RootCause::WorkerKilled]);
}

fn exit_told_by(roots: &mut Roots, log: LogId, signal: u32) {
    let child = u64::from(signal);
    roots.event(10, 10, log, id(1), Event::Exited { pool: b"www", child, how: Exit::Signal(signal) });
}
