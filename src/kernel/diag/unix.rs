//! Listening Unix sockets (net/unix/diag.c).

use std::path::PathBuf;

use netlink_packet_core::{Emitable, Parseable};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::unix::nlas::{Nla, UnixDiagName, Vfs};
use netlink_packet_sock_diag::unix::{ShowFlags, StateFlags, UnixRequest, UnixResponse};

use super::super::reading::{Reading, Unreadable};
use super::netlink;

/// A listening Unix socket.
pub(super) struct Unix {
    pub(super) name: PathBuf,
    /// The file: device as the kernel encodes it inside (major << 20 | minor), inode cut to 32 bits.
    pub(super) file: Option<(u32, u32)>,
    pub(super) inode: u32,
    pub(super) queued: u32,
    pub(super) limit: u32,
}

/// All of them.
pub(super) fn listeners() -> Reading<Vec<Unix>> {
    let request = SockDiagMessage::UnixRequest(UnixRequest {
        state_flags: StateFlags::LISTEN,
        inode: 0,
        show_flags: ShowFlags::NAME | ShowFlags::VFS | ShowFlags::RQLEN,
        cookie: [0xff; 8],
    });
    let found = netlink::dump(request, |found: &mut Vec<Unix>, socket| {
        found.extend(of_unix(&UnixResponse::parse(socket)?));
        Ok(())
    });
    found.map_err(|error| Unreadable::new("the backlog of Unix sockets (sock_diag)", &error))
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
