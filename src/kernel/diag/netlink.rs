//! One question to the kernel over netlink, and all parts of its answer (netlink(7), net/netlink/af_netlink.c).

use std::io;
use std::time::{Duration, Instant};

use netlink_packet_core::{
    DecodeError, DoneBuffer, ErrorBuffer, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE,
    NLMSG_ERROR, NLMSG_OVERRUN, NetlinkBuffer, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable,
};
use netlink_packet_sock_diag::SOCK_DIAG_BY_FAMILY;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The kernel answers while it is asked; this is for what may stand between.
const DEADLINE: Duration = Duration::from_millis(500);

/// More than the kernel puts into one part of an answer (net/netlink/af_netlink.c, `netlink_dump`: 32 KiB).
const BUFFER: usize = 64 * 1024;

/// How often a question is asked whose answer was not whole.
const TIMES: u32 = 3;

/// Asks, and gives each socket of the answer to `each`, which fills a `T`. Never waits beyond the deadline.
pub(super) fn dump<T: Default>(
    request: impl NetlinkSerializable,
    each: impl FnMut(&mut T, &[u8]) -> Result<(), DecodeError>,
) -> io::Result<T> {
    let deadline = Instant::now() + DEADLINE;
    let question = serialized(request);
    whole(|each| ask(&question, deadline, each), each)
}

/// What takes a socket of an answer.
pub(super) type Each<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), DecodeError>;

/// An answer of which a part was lost, or during which the kernel's tables changed so that it is not whole, is asked for
/// again, and nothing of it is kept.
pub(super) fn whole<T: Default>(
    mut ask: impl FnMut(Each<'_>) -> io::Result<()>,
    mut each: impl FnMut(&mut T, &[u8]) -> Result<(), DecodeError>,
) -> io::Result<T> {
    let mut times = 1;
    loop {
        let mut found = T::default();
        match ask(&mut |socket| each(&mut found, socket)) {
            Ok(()) => return Ok(found),
            Err(error) if times < TIMES && is_not_whole(&error) => times += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Something was lost on the way, which another try may bring.
fn is_not_whole(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted
        || error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error())
}

fn serialized(request: impl NetlinkSerializable) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn ask(question: &[u8], deadline: Instant, each: Each<'_>) -> io::Result<()> {
    // A socket of its own for each question: nothing of an earlier answer can be in it.
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.set_non_blocking(true)?;
    socket.send(question, 0)?;
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        buffer.clear();
        match socket.recv(&mut buffer, libc::MSG_TRUNC) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait(&socket, deadline)?;
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(length) if length > buffer.len() => return Err(io::ErrorKind::InvalidData.into()),
            received => received?,
        };
        if is_last(&buffer, each)? {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
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
pub(super) fn is_last(mut part: &[u8], each: Each<'_>) -> io::Result<bool> {
    let malformed = |_| io::Error::from(io::ErrorKind::InvalidData);
    while !part.is_empty() {
        let message = NetlinkBuffer::new_checked(part).map_err(malformed)?;
        if message.flags() & NLM_F_DUMP_INTR != 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match message.message_type() {
            SOCK_DIAG_BY_FAMILY => each(message.payload()).map_err(malformed)?,
            // The end of an answer tells whether it is one.
            NLMSG_DONE => match DoneBuffer::new_checked(message.payload()).map_err(malformed)?.code() {
                0.. => return Ok(true),
                code => return Err(io::Error::from_raw_os_error(code.saturating_neg())),
            },
            NLMSG_ERROR => {
                let error = ErrorBuffer::new_checked(message.payload()).map_err(malformed)?;
                let code = error.code().ok_or(io::ErrorKind::InvalidData)?;
                return Err(io::Error::from_raw_os_error(code.get().saturating_neg()));
            }
            NLMSG_OVERRUN => return Err(rustix::io::Errno::NOBUFS.into()),
            _ => {}
        }
        // Messages begin at multiples of four.
        let length = (message.length() as usize).next_multiple_of(4);
        part = part.get(length..).unwrap_or_default();
    }
    Ok(false)
}
