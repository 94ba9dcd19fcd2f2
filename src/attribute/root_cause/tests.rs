//! Responses against FPM's past.

use super::*;

mod absences;
mod masters;
mod storms;

#[derive(Default)]
struct Told {
    roots: Vec<RootCause>,
    exits: Vec<ExitReason>,
}

impl RootCauseSink for Told {
    fn root(&mut self, _: &Verdict, root: RootCause, count: u64) {
        self.roots.extend(std::iter::repeat_n(root, usize::try_from(count).unwrap()));
    }

    fn killed(&mut self, _: Id, _: Id, reason: ExitReason, _: Local) {
        self.exits.push(reason);
    }
}

fn reset(at: Local) -> PendingRootCause {
    question(at, Cause::ConnectionReset, b"GET /x.php")
}

fn question(at: Local, cause: Cause, target: &[u8]) -> PendingRootCause {
    let verdict = Verdict { status: 502, cause, server: Id::NONE, upstream: Id::NONE, at };
    PendingRootCause {
        verdict: Some(verdict),
        at,
        asked: at,
        target: Target::of(target),
        upstream: Id::NONE,
        fastcgi: Some(true),
        otherwise: RootCause::Unknown,
        count: 1,
    }
}

fn exit(roots: &mut Roots, at: Local, child: u64, signal: u32) -> Option<ExitReason> {
    roots.event(at, at, 0, Id::NONE, Event::Exited { pool: b"www", child, how: Exit::Signal(signal) })
}

fn answers(roots: &mut Roots, questions: Vec<PendingRootCause>) -> Vec<RootCause> {
    for question in questions {
        roots.ask(question);
    }
    let mut told = Told::default();
    roots.answer(Local::MAX / 2, &Peers::default(), &mut told);
    told.roots
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
    let truncated = PendingRootCause { verdict: None, ..reset(10) };
    assert_eq!(answers(&mut roots, vec![truncated, reset(10)]), [RootCause::Unknown]);
}

#[test]
fn a_termination_is_found_by_its_request() {
    let mut roots = Roots::default();
    roots.event(
        9,
        9,
        0,
        Id::NONE,
        Event::Terminating { pool: b"rtt", child: 5, request: b"GET /slow.php?s=6" },
    );
    assert_eq!(exit(&mut roots, 9, 5, 15), Some(ExitReason::Terminated));
    let out = answers(&mut roots, vec![reset(9), question(9, Cause::ConnectionReset, b"GET /slow.php?s=6")]);
    assert_eq!(out, [RootCause::Unknown, RootCause::RequestTerminated]);
}

#[test]
fn stop_and_reload_last_until_ready() {
    let mut roots = Roots::default();
    roots.event(10, 10, 0, Id::NONE, Event::Reloading);
    roots.event(11, 11, 0, Id::NONE, Event::Ready);
    roots.event(20, 20, 0, Id::NONE, Event::Stopping);
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

fn id(number: u32) -> Id {
    serde_json::from_value(number.into()).unwrap()
}

fn pool_peer(pool: u32, log: Option<LogId>) -> PoolPeer {
    PoolPeer {
        pool: id(pool),
        fpm: id(100 + pool),
        key: u64::from(pool),
        log,
        group: None,
        may_refuse: false,
        refuses: false,
    }
}

/// Upstream 10 is pool 1 with log 7, upstream 20 is pool 2 with log 8; at 30 nobody listens, 31 is another host.
fn two_pools() -> Peers {
    let by_upstream = [
        (id(10), Peer::Pool(pool_peer(1, Some(7)))),
        (id(20), Peer::Pool(pool_peer(2, Some(8)))),
        (id(30), Peer::Nobody),
        (id(31), Peer::Elsewhere),
    ];
    let fpms = [(7, id(101)), (8, id(102))].into();
    Peers { by_upstream: by_upstream.into(), complete: true, any: true, fpms, ..Peers::default() }
}

fn ask(roots: &mut Roots, peers: &Peers, questions: Vec<PendingRootCause>) -> Told {
    for question in questions {
        roots.ask(question);
    }
    let mut told = Told::default();
    roots.answer(Local::MAX / 2, peers, &mut told);
    told
}

fn of(upstream: u32, question: PendingRootCause) -> PendingRootCause {
    let upstream = id(upstream);
    PendingRootCause {
        upstream,
        verdict: question.verdict.map(|verdict| Verdict { upstream, ..verdict }),
        ..question
    }
}

#[test]
fn evidence_of_another_pool_explains_nothing() {
    let mut roots = Roots::default();
    let end = |signal| Event::Exited { pool: b"", child: u64::from(signal), how: Exit::Signal(signal) };
    roots.event(10, 10, 7, id(1), end(11));
    roots.event(10, 10, 8, id(2), end(15));
    roots.event(30, 30, 8, Id::NONE, Event::Reloading);
    roots.event(31, 31, 8, Id::NONE, Event::Ready);
    let told = ask(
        &mut roots,
        &two_pools(),
        vec![of(20, reset(10)), of(10, reset(10)), of(10, reset(10)), of(10, reset(30)), of(20, reset(30))],
    );
    assert_eq!(
        told.roots,
        [
            RootCause::WorkerKilled,
            RootCause::WorkerCrashed,
            RootCause::Unknown,
            RootCause::Unknown,
            RootCause::FpmReloaded
        ]
    );
}

#[test]
fn a_refusal_explains_only_a_pool_that_refuses() {
    let mut peers = Peers { complete: false, ..two_pools() };
    let refusing = PoolPeer { may_refuse: true, ..pool_peer(2, Some(7)) };
    peers.by_upstream.insert(id(20), Peer::Pool(refusing));
    let mut roots = Roots::default();
    for _ in 0..3 {
        roots.event(10, 10, 7, Id::NONE, Event::Disallowed);
    }
    let told = ask(&mut roots, &peers, vec![of(10, reset(10)), of(20, reset(10)), of(99, reset(10))]);
    let expected = [RootCause::Unknown, RootCause::ClientNotAllowed, RootCause::ClientNotAllowed];
    assert_eq!(told.roots, expected, "of the third it is not known which pool it is");
}

#[test]
fn an_oom_kill_is_behind_as_many_exits_as_it_can_be() {
    let mut roots = Roots::default();
    roots.observe(0, Fact::SeesOomKills);
    assert_eq!(exit(&mut roots, 10, 1, 9), None, "its reason is not known yet");
    assert_eq!(exit(&mut roots, 10, 2, 9), None);
    roots.observe(11, Fact::OomKills(1, None));
    let told = ask(&mut roots, &Peers::default(), vec![reset(10), reset(10), reset(10)]);
    assert_eq!(told.exits, [ExitReason::Oom, ExitReason::Sigkill]);
    assert_eq!(told.roots, [RootCause::WorkerOomKilled, RootCause::WorkerKilled, RootCause::Unknown]);
}

#[test]
fn what_does_not_listen_and_what_listens_elsewhere() {
    let mut roots = Roots::default();
    let peers = two_pools();
    let refused = |at| question(at, Cause::ConnectionRefused, b"GET /");
    roots.observe(5, Fact::Up(1, true));
    roots.observe(20, Fact::Up(1, false));
    roots.observe(90, Fact::Up(1, true));
    let http = PendingRootCause { fastcgi: Some(false), ..of(30, refused(50)) };
    let told = ask(
        &mut roots,
        &peers,
        vec![
            of(10, refused(10)),
            of(10, refused(19)),
            of(30, refused(40)),
            http,
            of(10, refused(60)),
            of(10, refused(95)),
        ],
    );
    assert_eq!(
        told.roots,
        [
            RootCause::Unknown,
            RootCause::FpmNotRunning,
            RootCause::WrongAddress,
            RootCause::Unknown,
            RootCause::FpmNotRunning,
            RootCause::Unknown
        ]
    );
    let nothing = Peers { any: false, ..two_pools() };
    assert_eq!(ask(&mut roots, &nothing, vec![of(30, refused(100))]).roots, [RootCause::FpmNotRunning]);
    let nobody_knows = Peers::default();
    assert_eq!(ask(&mut roots, &nobody_knows, vec![of(30, refused(110))]).roots, [RootCause::Unknown]);
}

#[test]
fn a_group_is_down_when_all_of_its_servers_are_for_one_reason() {
    let mut roots = Roots::default();
    let mut peers = two_pools();
    // 40 and 41 are groups; at 30 no pool listens.
    peers.members = [(id(40), vec![id(10), id(20)]), (id(41), vec![id(10), id(30)])].into();
    let dead = |group, at| of(group, question(at, Cause::NoLiveUpstreams, b"GET /"));
    roots.observe(5, Fact::Up(1, false));
    roots.observe(5, Fact::Up(2, true));
    roots.observe(50, Fact::Up(2, false));
    let told = ask(&mut roots, &peers, vec![dead(40, 20), dead(40, 60), dead(41, 60), dead(42, 60)]);
    assert_eq!(
        told.roots,
        [RootCause::Unknown, RootCause::FpmNotRunning, RootCause::Unknown, RootCause::Unknown]
    );
}

#[test]
fn every_other_evidence_goes_before_a_kept_connection() {
    let mut roots = Roots::default();
    exit(&mut roots, 10, 1, 11);
    roots.event(30, 30, 0, Id::NONE, Event::Reloading);
    roots.event(31, 31, 0, Id::NONE, Event::Ready);
    let stale = |at| PendingRootCause { otherwise: RootCause::StaleKeepalive, ..reset(at) };
    assert_eq!(
        answers(&mut roots, vec![stale(10), stale(20), stale(30)]),
        [RootCause::WorkerCrashed, RootCause::StaleKeepalive, RootCause::FpmReloaded]
    );
}

#[test]
fn how_things_stood_is_known_when_the_change_is_long_ago() {
    let mut roots = Roots::default();
    roots.observe(10, Fact::Up(1, false));
    let refused = |at| of(10, question(at, Cause::SocketMissing, b"GET /"));
    for at in [100, 1000, 10_000] {
        assert_eq!(ask(&mut roots, &two_pools(), vec![refused(at)]).roots, [RootCause::FpmNotRunning]);
    }
}

#[test]
fn a_full_tcp_queue_and_a_restart_and_a_refused_client() {
    let mut roots = Roots::default();
    let mut peers = two_pools();
    let refusing = PoolPeer { may_refuse: true, refuses: true, ..pool_peer(3, None) };
    peers.by_upstream.insert(id(30), Peer::Pool(refusing));
    roots.observe(10, Fact::Full(1, true));
    roots.observe(12, Fact::Full(1, false));
    roots.observe(50, Fact::Stopped(2));
    let timeout = |at| of(10, question(at, Cause::ConnectTimeout, b"GET /"));
    let told = ask(
        &mut roots,
        &peers,
        vec![
            timeout(8),
            timeout(9),
            timeout(11),
            timeout(14),
            timeout(42),
            timeout(43),
            of(20, reset(50)),
            of(30, reset(60)),
            of(20, reset(70)),
        ],
    );
    assert_eq!(
        told.roots,
        [
            RootCause::Unknown,
            RootCause::PoolSaturated,
            RootCause::PoolSaturated,
            RootCause::PoolSaturated,
            RootCause::PoolSaturated,
            RootCause::Unknown,
            RootCause::FpmStopped,
            RootCause::ClientNotAllowed,
            RootCause::Unknown
        ]
    );
}

#[test]
fn an_oom_kill_in_another_cgroup_explains_nothing() {
    let mut roots = Roots::default();
    let groups = [(0, 5)].into();
    let peers = Peers { groups, ..Peers::default() };
    roots.observe(0, Fact::SeesOomKills);
    exit(&mut roots, 10, 1, 9);
    roots.observe(10, Fact::OomKills(1, Some(6)));
    let told = ask(&mut roots, &peers, vec![reset(10)]);
    assert_eq!((told.exits, told.roots), (vec![ExitReason::Sigkill], vec![RootCause::WorkerKilled]));
    exit(&mut roots, 30, 2, 9);
    roots.observe(31, Fact::OomKills(1, Some(5)));
    let told = ask(&mut roots, &peers, vec![reset(30)]);
    assert_eq!((told.exits, told.roots), (vec![ExitReason::Oom], vec![RootCause::WorkerOomKilled]));
}
