//! Rows of `/proc/net/tcp` and `tcp6` (net/ipv4/tcp_ipv4.c, `get_tcp4_sock`; net/ipv6/tcp_ipv6.c):
//!
//! ```text
//!   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//!    1: 0100007F:2328 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 3044448 4 …
//!   10: 0100007F:2328 0100007F:CA92 08 00000000:00000009 00:00000000 00000000    33        0 3045002 1 …
//!    2: 0100007F:2328 0100007F:CAB8 08 00000000:00000097 00:00000000 00000000     0        0 0 1 …
//! ```
//!
//! **Queued** is `rx_queue` of the LISTEN row, which is `sk_ack_backlog`, the very number that the kernel
//! compares with the limit. Rows with inode 0 would tell less: a client that left with a RST has no row, but
//! stays in the queue until a worker takes it.
//!
//! **Busy** is a row of the listener's port with an inode: some worker holds it. Its state does not matter.
//! CLOSE_WAIT (08) is a worker whose client has left, FIN_WAIT (04, 05) one that waits for the client's
//! end in PHP's `fcgi_close()`; when both have ended it, the row is gone and the worker free. The other end of a connection on loopback has the port in its remote address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Sockets;

/// Digits of an address.
pub(super) const V4: usize = 8;
pub(super) const V6: usize = 32;

const LISTEN: &[u8] = b"0A";

/// A listener that is looked for.
pub(super) struct Watched {
    pub(super) port: u16,
    pub(super) host: Option<IpAddr>,
    pub(super) slot: usize,
}

impl Watched {
    /// A connection to a certain address may be taken by who listens on all of them.
    fn is_reached_at(&self, local: IpAddr, listens: bool) -> bool {
        self.host.is_none_or(|host| {
            host == local || listens && local.is_unspecified() && (local.is_ipv6() || host.is_ipv4())
        })
    }
}

/// What a row tells of a socket.
#[derive(Clone, Copy)]
pub(super) enum Is {
    /// A listener, with so many connections in its queue.
    Listener(u32),
    /// Our end of a connection that a process holds.
    Held,
    /// Any other.
    Other,
}

/// Counts a row, whose addresses have `width` digits, for the listener of its local port.
pub(super) fn count(row: &[u8], width: usize, listeners: &[Watched], counts: &mut [Sockets]) {
    // The number of the row: at least four columns wide, ten at most.
    let Some(colon) = row.iter().take(11).position(|b| *b == b':') else { return };
    let Some(columns) = row.get(colon + 2..) else { return };
    let Some(port) = columns.get(width + 1..width + 5).and_then(hex) else { return };
    let Some(port) = u16::try_from(port).ok().filter(|port| of_port(listeners, *port).next().is_some())
    else {
        return;
    };
    let Some(local) = columns.get(..width).and_then(address) else { return };
    // Behind both addresses, their ports and the blanks.
    let Some([a, b, b' ', rest @ ..]) = columns.get(2 * width + 12..) else { return };
    let Some(queued) = rest.get(9..17).and_then(hex) else { return };
    let held = inode(rest).is_some_and(|inode| inode != b"0");
    let is = match [*a, *b] == *LISTEN {
        true => Is::Listener(queued),
        false if held => Is::Held,
        false => Is::Other,
    };
    add(local, port, is, listeners, counts);
}

/// Counts a socket for the listeners of its local port that it belongs to.
pub(super) fn add(local: IpAddr, port: u16, is: Is, listeners: &[Watched], counts: &mut [Sockets]) {
    let listens = matches!(is, Is::Listener(_));
    for watched in of_port(listeners, port).filter(|watched| watched.is_reached_at(local, listens)) {
        let counts = &mut counts[watched.slot];
        match is {
            Is::Listener(queued) => {
                counts.listening = true;
                counts.queued += u64::from(queued);
            }
            Is::Held => counts.busy += 1,
            Is::Other => {}
        }
    }
}

fn of_port(listeners: &[Watched], port: u16) -> impl Iterator<Item = &Watched> {
    let first = listeners.partition_point(|watched| watched.port < port);
    listeners[first..].iter().take_while(move |watched| watched.port == port)
}

/// The inode: behind `tx:rx tr:when retrnsmt`, which have fixed widths, and uid and timeout, which have not.
fn inode(rest: &[u8]) -> Option<&[u8]> {
    rest.get(39..)?.split(|b| *b == b' ').filter(|word| !word.is_empty()).nth(2)
}

/// An address: words of 32 bits, each printed as a number of this machine.
fn address(digits: &[u8]) -> Option<IpAddr> {
    let mut bytes = [0; 16];
    for (word, digits) in bytes.chunks_exact_mut(4).zip(digits.chunks_exact(8)) {
        word.copy_from_slice(&hex(digits)?.to_ne_bytes());
    }
    let [a, b, c, d, ..] = bytes;
    match digits.len() {
        V4 => Some(Ipv4Addr::new(a, b, c, d).into()),
        // A listener on :: shows its IPv4 connections as ::ffff:a.b.c.d.
        V6 => Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical()),
        _ => None,
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |sum, digit| Some(sum << 4 | char::from(*digit).to_digit(16)?))
}
