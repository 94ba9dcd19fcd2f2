//! The limits of accept queues, which no file in `/proc` shows: asked of the kernel through sock_diag.
//!
//! No privilege is needed, but the answer is only about our own network namespace. A container's seccomp filter may
//! forbid netlink altogether; then limits are unreadable, not 0.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{self, ExtensionFlags, InetRequest, SocketId};
use netlink_packet_sock_diag::unix::nlas::{Nla, UnixDiagName};
use netlink_packet_sock_diag::unix::{self, ShowFlags, UnixRequest};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};

use super::listener::Listener;
use super::reading::{Reading, Unreadable};

/// Bytes of one answer: the kernel fills up to 32 KiB (net/netlink/af_netlink.c, `netlink_dump`).
const ROOM: usize = 32 * 1024;

/// Answers taken at most: a bound for a kernel that never says it is done.
const MOST_ANSWERS: usize = 10_000;

/// How many connections may wait at each listener, one more being let in; `None`: it does not listen here.
///
/// # Errors
///
/// When the kernel may not be asked.
pub fn limits(listeners: &[Listener]) -> Reading<Vec<Option<u64>>> {
    let failed = Unreadable::at(Path::new("sock_diag"));
    ask(listeners).map_err(failed)
}

fn ask(listeners: &[Listener]) -> io::Result<Vec<Option<u64>>> {
    let mut unix = HashMap::new();
    let mut tcp: Vec<(u16, IpAddr, u64)> = Vec::new();
    if listeners.iter().any(|listener| matches!(listener, Listener::Unix(_))) {
        let request = SockDiagMessage::UnixRequest(UnixRequest {
            state_flags: unix::StateFlags::LISTEN,
            inode: 0,
            show_flags: ShowFlags::NAME | ShowFlags::RQLEN,
            cookie: [0xff; 8],
        });
        dump(request, |message| {
            if let SockDiagMessage::UnixResponse(socket) = message {
                let (mut name, mut limit) = (None, None);
                for nla in socket.nlas {
                    match nla {
                        Nla::Name(UnixDiagName::Pathname(path)) => name = Some(path),
                        Nla::ReceiveQueueLength(_, most) => limit = Some(u64::from(most)),
                        _ => {}
                    }
                }
                unix.extend(name.zip(limit));
            }
        })?;
    }
    if listeners.iter().any(|listener| matches!(listener, Listener::Tcp { .. })) {
        for (family, socket_id) in [(AF_INET, SocketId::new_v4()), (AF_INET6, SocketId::new_v6())] {
            let request = SockDiagMessage::InetRequest(InetRequest {
                family,
                protocol: IPPROTO_TCP,
                extensions: ExtensionFlags::empty(),
                states: inet::StateFlags::LISTEN,
                socket_id,
            });
            dump(request, |message| {
                if let SockDiagMessage::InetResponse(socket) = message {
                    // For a listener these two are the queue and its limit (net/ipv4/tcp_diag.c, tcp_diag_get_info).
                    let id = &socket.header.socket_id;
                    tcp.push((id.source_port, id.source_address, u64::from(socket.header.send_queue)));
                }
            })?;
        }
    }
    Ok(listeners.iter().map(|listener| limit(listener, &unix, &tcp)).collect())
}

fn limit(
    listener: &Listener,
    unix: &HashMap<std::ffi::OsString, u64>,
    tcp: &[(u16, IpAddr, u64)],
) -> Option<u64> {
    match listener {
        Listener::Unix(path) => unix.get(AsRef::<OsStr>::as_ref(path)).copied(),
        Listener::Tcp { host, port } => {
            let here = |address: IpAddr| {
                host.is_none_or(|host| address.is_unspecified() || address.to_canonical() == host)
            };
            let mut limits = tcp.iter().filter(|(of, address, _)| of == port && here(*address));
            limits.next().map(|(_, _, limit)| *limit)
        }
    }
}

/// Asks, and shows each answer. It never waits: the kernel makes the answers of a dump while they are read.
fn dump(request: SockDiagMessage, mut each: impl FnMut(SockDiagMessage)) -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.set_non_blocking(true)?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, request.into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let mut room = vec![0; ROOM];
    for _ in 0..MOST_ANSWERS {
        let n = socket.recv(&mut &mut room[..], 0)?;
        let mut rest = &room[..n.min(ROOM)];
        while let Some(length) = length(rest) {
            let (one, more) = rest.split_at(length.min(rest.len()));
            // One that is not understood (a name without its end, say) is passed over.
            if let Ok(message) = NetlinkMessage::<SockDiagMessage>::deserialize(one) {
                match message.payload {
                    NetlinkPayload::Done(_) => return Ok(()),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::InnerMessage(inner) => each(inner),
                    _ => {}
                }
            }
            rest = more;
        }
    }
    Err(io::ErrorKind::QuotaExceeded.into())
}

/// Bytes of the next message, its padding with it (`NLMSG_ALIGN`); `None` at the end.
fn length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    (length >= 16).then(|| length.next_multiple_of(4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    #[test]
    fn the_kernel_tells_the_backlog_of_our_own_listeners() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.sock");
        let _unix = UnixListener::bind(&path).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let listeners = [
            Listener::Unix(path),
            Listener::Tcp { host: Some(address.ip()), port: address.port() },
            Listener::Unix("/nowhere/x.sock".into()),
        ];
        let limits = limits(&listeners).unwrap();
        assert!(limits[0].is_some_and(|limit| limit > 0), "{limits:?}");
        assert!(limits[1].is_some_and(|limit| limit > 0), "{limits:?}");
        assert_eq!(limits[2], None);
    }

    #[test]
    fn a_broken_length_ends_the_walk() {
        assert_eq!(length(&[]), None);
        assert_eq!(length(&[1, 0, 0, 0]), None);
        assert_eq!(length(&17_u32.to_ne_bytes()), Some(20));
    }
}
