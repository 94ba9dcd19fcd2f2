use std::net::{TcpListener, TcpStream};

use super::*;
use crate::kernel::sockets;

/// A pool with one busy worker and one who waits.
struct Pool {
    address: String,
    _clients: [TcpStream; 2],
    _worker: TcpStream,
    _listener: TcpListener,
}

fn pool() -> Pool {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let clients = [(); 2].map(|()| TcpStream::connect(address).unwrap());
    let worker = listener.accept().unwrap().0;
    Pool { address: address.to_string(), _clients: clients, _worker: worker, _listener: listener }
}

fn table(pool: &Pool) -> Table {
    let net = sockets::net(Path::new("/proc"), None);
    Table::new(net, true, vec![0], &[Listener::from_upstream(&pool.address).unwrap()])
}

const SEEN: [Reading<Sockets>; 1] = [Ok(Sockets { listening: true, busy: 1, queued: 1 })];

fn refuse(_: &mut SocketTable, _: All) -> Reading<Vec<Sockets>> {
    crate::kernel::namespace::inode(Path::new("/nowhere"), None, "net").map(|_| Vec::new())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn ports_of_our_own_network_are_asked_for() {
    let (pool, now) = (pool(), Instant::now());
    let mut table = table(&pool);
    let look = table.look(now, 1).unwrap();
    assert_eq!((look.sockets.as_slice(), look.since), (SEEN.as_slice(), Some(Duration::ZERO)));
    assert_eq!(look.diag, Some(Ok(())));
    // Not due yet, whatever it took: the queue is looked at all the same.
    table.due = Some(now + seconds(5));
    let look = table.look(now + seconds(2), 1).unwrap();
    assert_eq!((look.sockets.as_slice(), look.since), (SEEN.as_slice(), None));
    let look = table.look(now + seconds(6), 1).unwrap();
    assert_eq!((look.sockets.as_slice(), look.since), (SEEN.as_slice(), Some(seconds(6))));
}

#[test]
fn where_sock_diag_refuses_the_files_are_read_and_it_is_said() {
    let (pool, now) = (pool(), Instant::now());
    let mut table = table(&pool);
    table.look(now, 1).unwrap();
    table.ask = Some(refuse);
    table.due = Some(now + seconds(9));
    let look = table.look(now + seconds(1), 1).unwrap();
    assert_eq!((look.sockets.as_slice(), look.since), (SEEN.as_slice(), Some(seconds(1))));
    assert!(look.diag.unwrap().unwrap_err().is_absent() && table.is_read());
    // It is not asked again for a minute; the files are read in their share of the time.
    table.ask = Some(ask);
    table.due = Some(now + seconds(30));
    assert!(table.look(now + seconds(29), 1).is_none());
    let look = table.look(now + seconds(31), 1).unwrap();
    assert_eq!((look.sockets.as_slice(), look.diag), (SEEN.as_slice(), None));
    let look = table.look(now + seconds(62), 1).unwrap();
    assert_eq!((look.sockets.as_slice(), look.diag), (SEEN.as_slice(), Some(Ok(()))));
}

#[test]
fn another_procfs_and_unix_sockets_are_read() {
    let net = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/proc/net"));
    let port = Listener::from_fpm("127.0.0.1:9000").unwrap();
    let mut table = Table::new(net.into(), true, vec![0], &[port]);
    assert!(!table.is_asked());
    let look = table.look(Instant::now(), 1).unwrap();
    assert_eq!(look.sockets, [Ok(Sockets { listening: true, busy: 3, queued: 3 })]);
    assert_eq!(look.diag, None);
    let unix = Listener::from_fpm("/run/php/www.sock").unwrap();
    assert!(!Table::new("/proc/net".into(), false, vec![0], &[unix]).is_asked());
}

#[test]
fn files_of_all_network_namespaces_have_one_share() {
    let net = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/proc/net"));
    let now = Instant::now();
    let due = |tables| {
        let port = Listener::from_fpm("127.0.0.1:9000").unwrap();
        let mut table = Table::new(net.into(), true, vec![0], &[port]);
        table.look(now, tables).unwrap();
        (table.due.unwrap() - now).div_duration_f64(table.cost[1]).round()
    };
    assert_eq!([0, 1, 8].map(due), [100.0, 100.0, 800.0]);
}

#[test]
fn a_look_is_paid_for_and_one_that_was_slow_by_chance_is_not() {
    let (pool, now) = (pool(), Instant::now());
    let mut table = table(&pool);
    let millis = Duration::from_millis;
    assert!(table.is_due(now, true));
    table.paid(now, millis(4), SHARE);
    assert_eq!(table.due, Some(now + millis(300)));
    // Nobody waits: every other sample is enough. Somebody does: as soon as the share allows.
    assert_eq!(
        [200, 300, 399, 400].map(|at| table.is_due(now + millis(at), true)),
        [false, false, false, true]
    );
    assert_eq!([200, 299, 300].map(|at| table.is_due(now + millis(at), false)), [false, false, true]);
    table.paid(now, millis(50), SHARE);
    assert_eq!(table.due, Some(now + millis(300)));
    table.paid(now, millis(50), SHARE);
    assert_eq!(table.due, Some(now + millis(3750)));
}
