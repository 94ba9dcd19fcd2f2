//! TCP sockets of our own network namespace (net/ipv4/inet_diag.c).

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{DecodeError, DefaultNla, Emitable, NetlinkSerializable, Parseable};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponseHeader, SocketId, StateFlags};
use netlink_packet_sock_diag::{AF_INET, AF_INET6, IPPROTO_TCP, SOCK_DIAG_BY_FAMILY};

use super::super::reading::{Reading, Unreadable};
use super::netlink;
use super::ports::Ports;

/// A listening port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Tcp {
    pub(in super::super) host: IpAddr,
    pub(in super::super) port: u16,
    pub(in super::super) queued: u32,
    pub(in super::super) limit: u32,
}

/// Our end of a connection that some process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Held {
    pub(in super::super) host: IpAddr,
    pub(in super::super) port: u16,
}

/// A question with the program that filters its answer.
struct Filtered {
    request: InetRequest,
    program: Option<DefaultNla>,
}

impl NetlinkSerializable for Filtered {
    fn message_type(&self) -> u16 {
        SOCK_DIAG_BY_FAMILY
    }

    fn buffer_len(&self) -> usize {
        self.request.buffer_len() + self.program.as_ref().map_or(0, Emitable::buffer_len)
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let (request, program) = buffer.split_at_mut(self.request.buffer_len());
        self.request.emit(request);
        if let Some(attribute) = &self.program {
            attribute.emit(program);
        }
    }
}

/// All listening sockets of one version of IP: a walk over few buckets, whatever the number of connections.
pub(in super::super) fn listeners(v6: bool) -> Reading<Vec<Tcp>> {
    let asked = question(v6, StateFlags::LISTEN, None);
    let found = netlink::dump(asked, |found: &mut Vec<Tcp>, socket| {
        let (local, header) = parse(socket)?;
        let (queued, limit) = (header.recv_queue, header.send_queue);
        found.push(Tcp { host: local.host, port: local.port, queued, limit });
        Ok(())
    });
    without_v6(found, v6, "listening TCP sockets (sock_diag)")
}

/// Our ends of connections of one version of IP that a process holds, by local port: of at least these ports.
///
/// The kernel leaves out other ports, and TIME_WAIT and SYN_RECV, which no process holds: after a busy minute those are
/// most.
pub(in super::super) fn held(v6: bool, ports: &Ports) -> Reading<Vec<Held>> {
    let Some(program) = ports.attribute() else { return Ok(Vec::new()) };
    let states = StateFlags::ESTABLISHED
        | StateFlags::SYN_SENT
        | StateFlags::FIN_WAIT1
        | StateFlags::FIN_WAIT2
        | StateFlags::CLOSE_WAIT
        | StateFlags::LAST_ACK
        | StateFlags::CLOSING;
    let found = netlink::dump(question(v6, states, Some(program)), |found: &mut Vec<Held>, socket| {
        let (local, header) = parse(socket)?;
        // No process has taken it from the queue, or none has it any more.
        if header.inode != 0 {
            found.push(local);
        }
        Ok(())
    });
    without_v6(found, v6, "TCP connections (sock_diag)")
}

fn question(v6: bool, states: StateFlags, program: Option<DefaultNla>) -> Filtered {
    let request = InetRequest {
        family: if v6 { AF_INET6 } else { AF_INET },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states,
        socket_id: if v6 { SocketId::new_v6() } else { SocketId::new_v4() },
    };
    Filtered { request, program }
}

/// The fixed part of an answer: its attributes tell nothing that is wanted.
pub(super) fn parse(socket: &[u8]) -> Result<(Held, InetResponseHeader), DecodeError> {
    let header = InetResponseHeader::parse(socket)?;
    // A listener on :: shows its IPv4 connections as ::ffff:a.b.c.d.
    let host = header.socket_id.source_address.to_canonical();
    Ok((Held { host, port: header.socket_id.source_port }, header))
}

/// A kernel without IPv6 has no such sockets.
fn without_v6<T>(found: io::Result<Vec<T>>, v6: bool, what: &str) -> Reading<Vec<T>> {
    match found {
        Err(error) if v6 && error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found.map_err(|error| Unreadable::new(what, &error)),
    }
}
