use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};

use super::*;
use crate::fuzz;

fn one(listener: Listener) -> Option<Backlog> {
    backlogs(&[listener]).remove(0).unwrap()
}

/// What std asks for; or somaxconn, where that is less.
fn limit(asked: u64) -> u64 {
    asked.min(std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap())
}

#[test]
fn a_unix_socket_has_a_queue_and_a_limit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pool.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let _clients: Vec<_> = (0..3).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let bound = Listener::Unix(path.clone());
    let found = one(bound.clone()).unwrap();
    assert_eq!((found.queued, &found.bound), (3, &bound));
    assert!(found.limit >= limit(128) && found.limit < 1 << 31, "{found:?}");
    let _worker = listener.accept().unwrap();
    assert_eq!(one(bound.clone()).unwrap().queued, 2);
    // Another spelling of the same file is the same socket.
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(dir.path(), &link).unwrap();
    assert_eq!(one(Listener::Unix(link.join("pool.sock"))).unwrap().bound, bound);
    drop(listener);
    assert_eq!(one(bound), None);
}

#[test]
fn the_newest_of_one_name_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pool.sock");
    let _old = UnixListener::bind(&path).unwrap();
    let _client = UnixStream::connect(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let _new = UnixListener::bind(&path).unwrap();
    assert_eq!(one(Listener::Unix(path.clone())).unwrap().queued, 0);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(one(Listener::Unix(path)).unwrap().queued, 0);
}

#[test]
fn a_port_has_a_queue_and_a_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
    let asked = Listener::from_upstream(&address.to_string()).unwrap();
    let found = one(asked.clone()).unwrap();
    assert_eq!((found.queued, found.bound), (3, asked.clone()));
    assert!(found.limit >= limit(128), "{}", found.limit);
    drop(listener);
    assert_eq!(one(asked), None);
}

#[test]
fn any_address_is_found_for_one_of_them() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let any = Listener::Tcp { host: None, port };
    let one_of_them = Listener::from_upstream(&format!("127.0.0.1:{port}")).unwrap();
    for found in backlogs(&[any.clone(), one_of_them]) {
        assert_eq!(found.unwrap().unwrap().bound, any);
    }
}

#[test]
fn a_damaged_answer_does_not_panic() {
    use netlink_packet_core::{NetlinkHeader, NetlinkMessage, Parseable};
    use netlink_packet_sock_diag::SockDiagMessage;
    use netlink_packet_sock_diag::unix::nlas::{Nla, UnixDiagName};
    use netlink_packet_sock_diag::unix::{UnixResponse, UnixResponseHeader};
    let nlas =
        [Nla::Name(UnixDiagName::Pathname("/run/php/www.sock".into())), Nla::ReceiveQueueLength(7, 20)];
    let header = UnixResponseHeader { kind: 1, state: 10, inode: 3_044_446, cookie: [0; 8] };
    let response = UnixResponse { header, nlas: nlas.into_iter().collect() };
    let message = SockDiagMessage::UnixResponse(Box::new(response));
    let mut message = NetlinkMessage::new(NetlinkHeader::default(), message.into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    let mut whole = 0;
    let mut count = |_: &[u8]| {
        whole += 1;
        Ok(())
    };
    assert!(!netlink::is_last(&bytes, &mut count).unwrap());
    assert_eq!(whole, 1);
    fuzz::target("diag_unix", vec![bytes], &[], |bytes| {
        drop(netlink::is_last(bytes, &mut |socket| UnixResponse::parse(socket).map(drop)));
    });
}
