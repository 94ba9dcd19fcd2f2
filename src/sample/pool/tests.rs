use std::net::{TcpListener, TcpStream};

use super::*;
use crate::kernel::cgroup::Cgroups;
use crate::kernel::diag;
use crate::kernel::processes::Process;
use crate::kernel::sockets::SocketTable;

fn tracked() -> Tracked {
    let mut pool = Tracked::unseen(
        1,
        InstanceId { path: "/etc/php/8.2/fpm/php-fpm.conf".into(), nth: 0 },
        "8.2".into(),
        "www".into(),
        Listener::Unix("/run/x.sock".into()),
    );
    pool.limit = 2;
    pool.shown = true;
    pool.queue_limit = Some(1);
    pool.master = Some(MasterSeen { pid: 1, started: 0.0 });
    pool
}

fn sockets(busy: u64, queued: u64) -> Option<Sockets> {
    Some(Sockets { listening: true, busy, queued })
}

fn worker(pid: u32, started: f64) -> Worker {
    let process = Process {
        pid,
        ppid: 1,
        state: 'S',
        started,
        cpu_seconds: 0.0,
        resident_bytes: 0,
        run_queue_wait: Ok(0.0),
        cgroups: Ok(Cgroups::default()),
    };
    Worker { pool: "www".into(), process }
}

#[test]
fn a_pool_whose_master_was_never_seen_is_up_while_it_listens() {
    let (mut pool, mut gains) = (tracked(), Vec::new());
    pool.master = None;
    let (now, tick) = (Instant::now(), Some(Duration::ZERO));
    let mut sample =
        |pool: &mut Tracked, sockets| pool.sample(sockets, false, true, now, tick, &mut gains)[0];
    assert_eq!(sample(&mut pool, sockets(0, 0)), Fact::Up(1, true), "a sidecar sees no processes");
    assert_eq!(sample(&mut pool, Some(Sockets::default())), Fact::Up(1, false));
    pool.last_master = Some(MasterSeen { pid: 1, started: 0.0 });
    pool.up = Some(true);
    assert_eq!(sample(&mut pool, sockets(0, 0)), Fact::Up(1, false), "it was seen, and is gone");
}

#[test]
fn workers_that_crash_one_after_the_other_are_no_reload() {
    let mut pool = tracked();
    let master = |workers: [(u32, f64); 2]| Master {
        process: worker(1, 0.0).process,
        config: None,
        shares_network: Ok(true),
        mounts: Ok(0),
        workers: workers.into_iter().map(|(pid, started)| worker(pid, started)).collect(),
    };
    let mut look = |workers| pool.processes(Some(&master(workers)), &mut Vec::new());
    assert_eq!(look([(10, 1.0), (11, 1.0)]), []);
    assert_eq!(look([(12, 5.0), (13, 5.4)]), [], "two crashes within one look");
    assert_eq!(look([(14, 9.0), (15, 9.02)]), [Fact::Reloaded(1)]);
    assert_eq!(look([(14, 9.0), (16, 9.5)]), []);
}

#[test]
fn changes_are_told_once_and_time_above_one_is_counted() {
    let (mut pool, mut gains, now) = (tracked(), Vec::new(), Instant::now());
    let tick = Some(Duration::from_millis(200));
    let mut sample =
        |sockets, gains: &mut Vec<CounterDelta>| pool.sample(sockets, false, true, now, tick, gains);
    assert_eq!(sample(sockets(1, 0), &mut gains), [Fact::Up(1, true), Fact::Full(1, false)]);
    assert_eq!(sample(sockets(2, 1), &mut gains), []);
    assert_eq!(sample(sockets(2, 2), &mut gains), [Fact::Full(1, true)]);
    assert_eq!(sample(None, &mut gains), [], "what cannot be read has not changed");
    assert_eq!(sample(Some(Sockets::default()), &mut gains), [Fact::Up(1, false), Fact::Full(1, false)]);
    let above: f64 = gains.iter().map(|gain| gain.by).sum();
    assert!((above - 0.4).abs() < 1e-9);
    let shown = pool.show(now);
    assert_eq!((shown.up, shown.peak.queue, shown.peak.ratio), (Some(false), Some(2), Some(2.0)));
}

#[test]
fn our_own_poll_is_no_visitor() {
    assert_eq!(sockets(2, 3).map(|s| without_ours(s, true)), sockets(2, 2));
    assert_eq!(sockets(2, 0).map(|s| without_ours(s, true)), sockets(1, 0));
    assert_eq!(sockets(0, 0).map(|s| without_ours(s, true)), sockets(0, 0));
}

/// Whoever meets a full queue has no answer, and gives up later: a queue that is full between two looks at the connections
/// must be seen, too.
#[test]
fn a_tcp_queue_that_is_full_is_seen_when_clients_get_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut pool = tracked();
    pool.listener = Listener::from_upstream(&address.to_string()).unwrap();
    let asked = [pool.listener.clone()];
    let backlog = || diag::backlogs(&asked).remove(0).unwrap().unwrap();
    pool.queue_limit = Some(backlog().limit);
    let mut table = SocketTable::new(&asked);
    let mut full = |pool: &mut Tracked| {
        let seen = table.ask_queues().unwrap()[0];
        pool.sample(Some(seen), false, true, Instant::now(), None, &mut Vec::new());
        pool.full
    };
    assert_eq!(full(&mut pool), Some(false));
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(300));
    let waiting: Vec<_> = (0..backlog().limit + 1).map(|_| connect().unwrap()).collect();
    assert_eq!(connect().unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert_eq!((full(&mut pool), backlog().queued), (Some(true), waiting.len() as u64));
    let _worker = listener.accept().unwrap();
    assert_eq!(full(&mut pool), Some(false));
}

#[test]
fn a_look_at_the_queue_alone_tells_nothing_of_workers() {
    let (mut pool, mut gains, now) = (tracked(), Vec::new(), Instant::now());
    let tick = Duration::from_millis(400);
    assert_eq!(pool.sample(sockets(2, 0), false, true, now, Some(tick), &mut gains).len(), 2);
    gains.clear();
    // Its own poll, which a worker had, waits in the queue now.
    assert_eq!(pool.sample(sockets(7, 3), true, true, now, None, &mut gains), [Fact::Full(1, true)]);
    let shown = pool.show(now);
    assert_eq!(
        (shown.busy, shown.queue, shown.peak.busy, shown.peak.queue),
        (Some(2), Some(2), Some(2), Some(2))
    );
    assert_eq!((shown.peak.ratio, gains.iter().map(|gain| gain.by).sum::<f64>()), (Some(1.0), 0.0));
    assert_eq!(pool.sample(sockets(2, 0), false, true, now, None, &mut gains), [Fact::Full(1, false)]);
    let gone = Some(Sockets::default());
    assert_eq!(pool.sample(gone, false, true, now, None, &mut gains), [Fact::Up(1, false)]);
}

#[test]
fn time_for_which_a_pool_is_down_is_counted_between_looks() {
    let (mut pool, start) = (tracked(), Instant::now());
    let mut down = 0.0;
    let mut sample = |milliseconds, sockets| {
        let (mut gains, now) = (Vec::new(), start + Duration::from_millis(milliseconds));
        pool.sample(sockets, false, true, now, None, &mut gains);
        let gained = gains.iter().filter(|gain| gain.what == Counted::DownSeconds);
        down += gained.map(|gain| gain.by).sum::<f64>();
        (down * 10.0).round() as u64
    };
    let gone = Some(Sockets::default());
    assert_eq!(sample(0, sockets(0, 0)), 0);
    assert_eq!(sample(200, gone), 0, "it listened until now, for all that is known");
    assert_eq!(sample(400, gone), 2);
    assert_eq!(sample(600, None), 2, "what cannot be read is not counted");
    assert_eq!(sample(800, gone), 2, "nor is the time before it could be read again");
    assert_eq!(sample(1000, sockets(0, 0)), 4);
    assert_eq!(sample(1200, sockets(0, 0)), 4);
}
