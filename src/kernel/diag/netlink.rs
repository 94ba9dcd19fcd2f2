//! The questions themselves (net/unix/diag.c, net/ipv4/inet_diag.c).

use std::io;
use std::time::{Duration, Instant};

use netlink_packet_core::{
    Emitable, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags as InetStates};
use netlink_packet_sock_diag::unix::nlas::{Nla, UnixDiagName, Vfs};
use netlink_packet_sock_diag::unix::{ShowFlags, StateFlags, UnixRequest, UnixResponse};
use netlink_packet_sock_diag::{AF_INET, AF_INET6, IPPROTO_TCP, SockDiagMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::reading::{Reading, Unreadable};
use super::{Tcp, Unix};

/// The kernel answers while it is asked; this is for what may stand between.
const DEADLINE: Duration = Duration::from_millis(500);

/// More than the kernel puts into one part of an answer (net/netlink/af_netlink.c, `netlink_dump`: 32 KiB).
const BUFFER: usize = 64 * 1024;

/// All listening Unix sockets.
pub(super) fn unix() -> Reading<Vec<Unix>> {
    let request = SockDiagMessage::UnixRequest(UnixRequest {
        state_flags: StateFlags::LISTEN,
        inode: 0,
        show_flags: ShowFlags::NAME | ShowFlags::VFS | ShowFlags::RQLEN,
        cookie: [0xff; 8],
    });
    let mut found = Vec::new();
    let answer = |message| {
        if let SockDiagMessage::UnixResponse(response) = message {
            found.extend(of_unix(&response));
        }
    };
    ask(request, answer)
        .map_err(|error| Unreadable::new("the backlog of Unix sockets (sock_diag)", &error))?;
    Ok(found)
}

/// A socket whose name is no path is none of PHP-FPM's.
fn of_unix(response: &UnixResponse) -> Option<Unix> {
    let Some(UnixDiagName::Pathname(name)) = response.name() else { return None };
    let (mut file, mut queue) = (None, None);
    for nla in &response.nlas {
        match nla {
            Nla::Vfs(vfs) => file = Some(file_of(vfs)),
            Nla::ReceiveQueueLength(queued, limit) => queue = Some((*queued, *limit)),
            _ => {}
        }
    }
    let (queued, limit) = queue?;
    Some(Unix { name: name.into(), file, inode: response.header.inode, queued, limit })
}

/// Device and inode, which the crate keeps to itself unless it writes them out again.
fn file_of(vfs: &Vfs) -> (u32, u32) {
    let mut bytes = [0; 8];
    vfs.emit(&mut bytes);
    let [a, b, c, d, e, f, g, h] = bytes;
    (u32::from_ne_bytes([e, f, g, h]), u32::from_ne_bytes([a, b, c, d]))
}

/// All listening TCP sockets of one version of IP.
pub(super) fn tcp(v6: bool) -> Reading<Vec<Tcp>> {
    let request = SockDiagMessage::InetRequest(InetRequest {
        family: if v6 { AF_INET6 } else { AF_INET },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: InetStates::LISTEN,
        socket_id: if v6 { SocketId::new_v6() } else { SocketId::new_v4() },
    });
    let mut found = Vec::new();
    let answer = |message| {
        if let SockDiagMessage::InetResponse(response) = message {
            let header = &response.header;
            found.push(Tcp {
                host: header.socket_id.source_address.to_canonical(),
                port: header.socket_id.source_port,
                queued: header.recv_queue,
                limit: header.send_queue,
            });
        }
    };
    match ask(request, answer) {
        // A kernel without IPv6.
        Err(error) if v6 && error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Unreadable::new("the backlog of TCP ports (sock_diag)", &error)),
        Ok(()) => Ok(found),
    }
}

/// Sends one request and gives every message of the answer to `each`. Never waits beyond the deadline.
fn ask(request: SockDiagMessage, mut each: impl FnMut(SockDiagMessage)) -> io::Result<()> {
    let deadline = Instant::now() + DEADLINE;
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.set_non_blocking(true)?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, request.into());
    message.finalize();
    let mut buffer = vec![0; message.buffer_len()];
    message.serialize(&mut buffer);
    socket.send(&buffer, 0)?;
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        wait(&socket, deadline)?;
        buffer.clear();
        match socket.recv(&mut buffer, 0) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            received => received?,
        };
        if is_last(&buffer, &mut each)? {
            return Ok(());
        }
    }
}

fn wait(socket: &Socket, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads the messages of one part; `true` when it says that no other follows.
pub(super) fn is_last(mut part: &[u8], each: &mut impl FnMut(SockDiagMessage)) -> io::Result<bool> {
    let malformed = |_| io::Error::from(io::ErrorKind::InvalidData);
    while !part.is_empty() {
        let message = NetlinkMessage::<SockDiagMessage>::deserialize(part).map_err(malformed)?;
        match message.payload {
            NetlinkPayload::InnerMessage(inner) => each(inner),
            NetlinkPayload::Done(_) => return Ok(true),
            NetlinkPayload::Error(error) => return Err(error.to_io()),
            _ => {}
        }
        // Messages begin at multiples of four, and none is shorter than its header.
        let length = (message.header.length as usize).max(16).next_multiple_of(4);
        part = part.get(length..).unwrap_or_default();
    }
    Ok(false)
}
