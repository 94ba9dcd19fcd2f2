//! Both sources of TCP sockets say the same, on real listeners of this machine.

use std::net::{IpAddr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::{SocketTable, Sockets, net};
use crate::address::Listener;

/// A pool of one's own: a listener, connections that were taken, and connections that wait.
struct Pool {
    listener: TcpListener,
    clients: Vec<TcpStream>,
    workers: Vec<TcpStream>,
}

impl Pool {
    /// At a port that nobody has at any other address either.
    fn new(host: &str) -> Self {
        let host: IpAddr = host.parse().unwrap();
        let listener = (0..100).find_map(|_| {
            let free = TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port();
            TcpListener::bind(SocketAddr::new(host, free)).ok()
        });
        Self { listener: listener.unwrap(), clients: Vec::new(), workers: Vec::new() }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    fn connect(&mut self, host: &str, times: usize) {
        let address = SocketAddr::new(host.parse().unwrap(), self.port());
        self.clients.extend((0..times).map(|_| TcpStream::connect(address).unwrap()));
    }

    fn take(&mut self, times: usize) {
        self.workers.extend((0..times).map(|_| self.listener.accept().unwrap().0));
    }
}

fn tcp(host: Option<IpAddr>, port: u16) -> Listener {
    Listener::Tcp { host, port }
}

/// What both say; asked again until they agree, since connections of other tests come and go between the two looks.
fn both(listeners: &[Listener]) -> Vec<Sockets> {
    let here = net(Path::new("/proc"), None);
    let mut table = SocketTable::new(listeners);
    let mut differ = Vec::new();
    for _ in 0..50 {
        let read: Vec<Sockets> = table.read(&here).into_iter().map(Result::unwrap).collect();
        let asked = table.ask().unwrap();
        if read == asked {
            assert_eq!(table.ask_queues().unwrap(), asked, "nothing has changed since");
            return asked;
        }
        differ.push((read, asked));
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{:?}", differ.last())
}

fn sockets(busy: u64, queued: u64) -> Sockets {
    Sockets { listening: true, busy, queued }
}

#[test]
fn ipv4_ipv6_and_both_in_one() {
    let localhost = |v6: bool| match v6 {
        true => IpAddr::from(Ipv6Addr::LOCALHOST),
        false => IpAddr::from([127, 0, 0, 1]),
    };
    let (mut v4, mut v6, mut any, mut any4) =
        (Pool::new("127.0.0.1"), Pool::new("::1"), Pool::new("::"), Pool::new("0.0.0.0"));
    v4.connect("127.0.0.1", 5);
    v4.take(2);
    v6.connect("::1", 3);
    v6.take(3);
    any.connect("::1", 2);
    any.connect("127.0.0.1", 4);
    any.take(3);
    any4.connect("127.0.0.2", 1);
    let asked = [
        tcp(Some(localhost(false)), v4.port()),
        tcp(None, v4.port()),
        tcp(Some(localhost(true)), v6.port()),
        tcp(None, any.port()),
        tcp(Some(localhost(false)), any4.port()),
        tcp(None, any4.port()),
    ];
    // Of connections to an address, only those to that very address are counted: here none was taken yet.
    let expected = [sockets(2, 3), sockets(2, 3), sockets(3, 0), sockets(3, 3), sockets(0, 1), sockets(0, 1)];
    assert_eq!(both(&asked), expected);
    // Each alone, so that only one version of IP is looked at, and all in the other order.
    for (asked, expected) in asked.iter().zip(expected) {
        assert_eq!(both(std::slice::from_ref(asked)), [expected], "{asked:?}");
    }
    // The IPv4 connections of a listener on :: have an address of their own.
    any.take(3);
    assert_eq!(both(&[tcp(None, any.port())]), [sockets(6, 0)]);
}

#[test]
fn whatever_state_a_connection_is_in() {
    let mut pool = Pool::new("127.0.0.1");
    let asked = [tcp(None, pool.port())];
    pool.connect("127.0.0.1", 8);
    pool.take(5);
    assert_eq!(both(&asked), [sockets(5, 3)]);
    // FIN_WAIT2 here, CLOSE_WAIT there.
    pool.workers[0].shutdown(Shutdown::Write).unwrap();
    // CLOSE_WAIT here.
    pool.clients[1].shutdown(Shutdown::Write).unwrap();
    assert_eq!(both(&asked), [sockets(5, 3)]);
    // TIME_WAIT here, once both ends have closed: held by nobody.
    drop(pool.workers.remove(0));
    drop(pool.clients.remove(0));
    assert_eq!(both(&asked), [sockets(4, 3)]);
    // LAST_ACK and gone; who waits in the queue and has left stays in it.
    pool.clients.pop();
    assert_eq!(both(&asked), [sockets(4, 3)]);
    drop(pool.listener);
    assert_eq!(both(&asked), [Sockets { listening: false, busy: 4, queued: 0 }]);
    pool.workers.clear();
    assert_eq!(both(&asked), [Sockets::default()]);
}

/// As many as need several parts of an answer, on more ports than the kernel filters one by one.
#[test]
fn many_sockets_on_many_ports() {
    const POOLS: usize = 40;
    const EACH: usize = 12;
    let mut pools: Vec<Pool> =
        (0..POOLS).map(|n| Pool::new(if n % 2 == 0 { "127.0.0.1" } else { "::1" })).collect();
    for (n, pool) in pools.iter_mut().enumerate() {
        pool.connect(if n % 2 == 0 { "127.0.0.1" } else { "::1" }, EACH);
        pool.take(n % EACH);
    }
    let asked: Vec<Listener> = pools.iter().map(|pool| tcp(None, pool.port())).collect();
    let expected: Vec<Sockets> =
        (0..POOLS).map(|n| sockets((n % EACH) as u64, (EACH - n % EACH) as u64)).collect();
    assert_eq!(both(&asked), expected);
    let of_some: Vec<Listener> = asked.iter().step_by(3).cloned().collect();
    assert_eq!(both(&of_some), expected.iter().step_by(3).copied().collect::<Vec<_>>());
}
