use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Instant;

use procfs::{FromRead, FromReadSI};

use super::*;
use crate::fuzz;

const PROC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/proc");

fn listeners(texts: &[&str]) -> Vec<Listener> {
    texts.iter().map(|text| Listener::from_fpm(text).unwrap()).collect()
}

fn read(texts: &[&str], net: &Path) -> Vec<Reading<Sockets>> {
    SocketTable::new(&listeners(texts)).read(net)
}

fn sockets(busy: u64, queued: u64) -> Reading<Sockets> {
    Ok(Sockets { listening: true, busy, queued })
}

#[test]
fn unix_rows_belong_to_the_path_they_bear() {
    let asked = ["/run/php/www.sock", "/run/php/api.sock", "/run/php/dead.sock", "/run/php/none.sock"];
    let silent = Ok(Sockets::default());
    let expected = [sockets(2, 3), sockets(0, 0), silent.clone(), silent];
    assert_eq!(read(&asked, &net(Path::new(PROC), None)), expected);
}

/// 3 of 127.0.0.1:9000 are held by workers, two of which have lost their client; 3 wait, though one of them
/// has no row of its own any more. Clients' ends, TIME_WAIT, SYN_RECV and 127.0.0.2:9000 are none of them.
#[test]
fn tcp_rows_belong_to_their_local_port() {
    let asked = ["127.0.0.1:9000", "*:9001", "[::1]:9002", "127.0.0.1:9001", "127.0.0.1:9002", "9000"];
    let unheard = Ok(Sockets::default());
    let expected = [sockets(3, 3), sockets(1, 2), sockets(1, 0), sockets(1, 2), unheard, sockets(4, 3)];
    assert_eq!(read(&asked, &net(Path::new(PROC), None)), expected);
}

#[test]
fn a_listener_that_is_asked_for_twice_is_counted_once() {
    let asked = ["9001", "/run/php/www.sock", "*:9001", "/run/php/www.sock"];
    let expected = [sockets(1, 2), sockets(2, 3), sockets(1, 2), sockets(2, 3)];
    let mut table = SocketTable::new(&listeners(&asked));
    for _ in 0..2 {
        assert_eq!(table.read(&net(Path::new(PROC), None)), expected);
    }
}

#[test]
fn unreadable_is_not_zero() {
    let readings = read(&["/run/php/www.sock", "9000"], &net(Path::new("/nowhere"), Some(7)));
    let paths: Vec<_> = readings.into_iter().map(|reading| reading.unwrap_err().what).collect();
    assert_eq!(paths, ["/nowhere/7/net/unix", "/nowhere/7/net/tcp"]);
}

#[test]
fn a_kernel_without_ipv6_has_no_tcp6() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(Path::new(PROC).join("net/tcp"), dir.path().join("tcp")).unwrap();
    assert_eq!(read(&["127.0.0.1:9000"], dir.path()), [sockets(3, 3)]);
}

#[test]
fn a_tcp_file_that_has_nothing_to_add_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(Path::new(PROC).join("net/tcp6"), dir.path().join("tcp6")).unwrap();
    assert_eq!(read(&["*:9001", "[::1]:9002"], dir.path()), [sockets(1, 2), sockets(1, 0)]);
    assert!(read(&["*:9001", "9003"], dir.path())[0].as_ref().unwrap_err().is_absent());
}

#[test]
fn this_machine_tells_accepted_from_waiting_on_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pool.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut clients: Vec<_> = (0..5).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let _workers = [listener.accept().unwrap(), listener.accept().unwrap()];
    let mut table = SocketTable::new(&[Listener::Unix(path)]);
    let here = net(Path::new("/proc"), None);
    assert_eq!(table.read(&here), [sockets(2, 3)]);
    // A client that leaves takes neither its worker nor its place in the queue with it.
    drop((clients.remove(4), clients.remove(0)));
    assert_eq!(table.read(&here), [sockets(2, 3)]);
    assert_eq!(table.read(&net(Path::new("/proc"), Some(std::process::id()))), [sockets(2, 3)]);
    drop(listener);
    assert_eq!(table.read(&here), [Ok(Sockets { listening: false, busy: 2, queued: 0 })]);
}

#[test]
fn this_machine_tells_accepted_from_waiting_on_a_port() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut clients: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
    let workers = [listener.accept().unwrap().0, listener.accept().unwrap().0];
    let asked = Listener::from_upstream(&address.to_string()).unwrap();
    let mut table = SocketTable::new(&[asked]);
    let here = net(Path::new("/proc"), None);
    assert_eq!(table.read(&here), [sockets(2, 3)]);
    clients[4].write_all(b"x").unwrap();
    drop((clients.remove(4), clients.remove(0)));
    assert_eq!(table.read(&here), [sockets(2, 3)]);
    // As PHP ends a request: it waits for the client to end it, too.
    workers[1].shutdown(Shutdown::Write).unwrap();
    assert_eq!(table.read(&here), [sockets(2, 3)]);
}

#[test]
fn damaged_rows_do_not_panic() {
    let mut counts = vec![Sockets::default(); 2];
    let unix: HashMap<Box<[u8]>, usize> = [(b"/run/php/www.sock".as_slice().into(), 0)].into();
    let watched = [tcp::Watched { port: 9000, host: None, slot: 1 }];
    let row = "00000000e5f72e2d: 00000002 00000000 00010000 0001 01 3044446 /run/php/www.sock";
    fuzz::target("proc_unix", vec![row.into()], &[" 00010000 ", " /run/php/www.sock", "@", ":"], |row| {
        unix::count(row, &unix, &mut counts);
    });
    for (file, name, width) in [("tcp", "proc_tcp", tcp::V4), ("tcp6", "proc_tcp6", tcp::V6)] {
        let text = std::fs::read(Path::new(PROC).join("net").join(file)).unwrap();
        let rows = text.split(|b| *b == b'\n').filter(|row| !row.is_empty()).map(<[u8]>::to_vec).collect();
        fuzz::target(name, rows, &[" 0A ", ":2328 ", "00000000:", "0100007F", " 08 ", " "], |row| {
            tcp::count(row, width, &watched, &mut counts);
        });
    }
}

/// Not a benchmark: the number is for whoever changes the parser. `cargo test --lib rows_a_second -- --nocapture`
#[test]
fn rows_a_second() {
    const COPIES: usize = 400;
    let dir = tempfile::tempdir().unwrap();
    for file in ["unix", "tcp"] {
        let text = std::fs::read(Path::new(PROC).join("net").join(file)).unwrap();
        let head = text.iter().position(|b| *b == b'\n').unwrap() + 1;
        let all = [&text[..head], &text[head..].repeat(COPIES)].concat();
        std::fs::write(dir.path().join(file), &all).unwrap();
    }
    let pools = (0..50).map(|n| Listener::Unix(format!("/run/php/pool{n}.sock").into()));
    for (file, more) in [("unix", "/run/php/www.sock"), ("tcp", "127.0.0.1:9000")] {
        let asked: Vec<_> =
            listeners(&[more]).into_iter().chain(pools.clone().filter(|_| file == "unix")).collect();
        let mut table = SocketTable::new(&asked);
        let path = dir.path().join(file);
        let rows = std::fs::read_to_string(&path).unwrap().lines().count() as f64;
        let start = Instant::now();
        let read = table.read(dir.path());
        let ours = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let theirs = match file {
            "unix" => procfs::net::UnixNetEntries::from_file(&path).unwrap().0.len(),
            _ => {
                let text = std::fs::File::open(&path).unwrap();
                procfs::net::TcpNetEntries::from_read(text, procfs::current_system_info()).unwrap().0.len()
            }
        };
        let ratio = start.elapsed().as_secs_f64() / ours;
        assert!(read[0].as_ref().unwrap().busy >= 2 * COPIES as u64 && theirs > 0);
        println!("{file}: {:.1} million rows/s, {ratio:.0} times the procfs crate", rows / ours / 1e6);
    }
}
