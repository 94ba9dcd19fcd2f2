//! How long a listener's queue is, and may get: what only sock_diag tells.
//!
//! The limit is in no file of `/proc`. Asking over netlink needs no privilege (`ss -l` does the same), but it
//! works in our own network namespace only, and a seccomp filter or a kernel without the module may refuse.

mod netlink;
mod ports;
#[cfg(test)]
mod recorded;
pub(super) mod tcp;
#[cfg(test)]
mod tests;
mod unix;

use std::collections::HashMap;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::reading::Reading;
use crate::address::Listener;
pub(super) use ports::Ports;
use tcp::Tcp;
use unix::Unix;

/// The queue of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Connections that wait in it.
    pub queued: u64,
    /// Its limit: `listen.backlog`, or `net.core.somaxconn` where that is less. One more than it gets in
    /// (include/net/sock.h, `sk_acceptq_is_full`).
    pub limit: u64,
    /// The listener as the kernel names it, which is what [`super::sockets::SocketTable`] has to be asked for:
    /// another spelling of the path, or any address.
    pub bound: Listener,
}

/// Asks the kernel for each listener; `None` where nobody listens. Three questions at most, whatever the number
/// of listeners.
pub fn backlogs(listeners: &[Listener]) -> Vec<Reading<Option<Backlog>>> {
    let asks_unix = listeners.iter().any(|listener| matches!(listener, Listener::Unix(_)));
    let asks_tcp = listeners.iter().any(|listener| matches!(listener, Listener::Tcp { .. }));
    let unix = if asks_unix { unix::listeners() } else { Ok(Vec::new()) }.map(UnixListeners::new);
    let tcp = if asks_tcp { tcp::listeners(false) } else { Ok(Vec::new()) };
    let tcp6 = if asks_tcp { tcp::listeners(true) } else { Ok(Vec::new()) };
    let answer = |listener: &Listener| match listener {
        Listener::Unix(path) => unix.as_ref().map(|unix| unix.find(path)).map_err(Clone::clone),
        Listener::Tcp { host, port } => {
            let found = find_tcp(tcp.as_ref().map_err(Clone::clone)?, *host, *port);
            match (found, &tcp6) {
                (None, tcp6) => Ok(find_tcp(tcp6.as_ref().map_err(Clone::clone)?, *host, *port)),
                (found, _) => Ok(found),
            }
        }
    };
    listeners.iter().map(answer).collect()
}

/// Indexed, since a machine may have thousands.
struct UnixListeners {
    listeners: Vec<Unix>,
    by_name: HashMap<PathBuf, usize>,
    by_file: HashMap<(u32, u32), usize>,
}

impl UnixListeners {
    /// Of several under one name the newest counts: an old master may still hold the socket whose file the new
    /// one has replaced.
    fn new(mut listeners: Vec<Unix>) -> Self {
        listeners.sort_by_key(|unix| unix.inode);
        let by_name = listeners.iter().enumerate().map(|(at, unix)| (unix.name.clone(), at)).collect();
        let by_file = listeners.iter().enumerate().filter_map(|(at, unix)| Some((unix.file?, at))).collect();
        Self { listeners, by_name, by_file }
    }

    /// By the file first, since the name that was bound may be relative, or lead over a symbolic link. A file
    /// on overlayfs or btrfs shows another device than its file system has inside; then the name decides.
    fn find(&self, path: &Path) -> Option<Backlog> {
        let file = std::fs::metadata(path).ok().map(|meta| {
            let device = rustix::fs::major(meta.dev()) << 20 | rustix::fs::minor(meta.dev());
            (device, meta.ino() as u32)
        });
        let by_file = file.and_then(|file| self.by_file.get(&file));
        let found = self.listeners.get(*by_file.or_else(|| self.by_name.get(path))?)?;
        Some(Backlog {
            queued: found.queued.into(),
            limit: found.limit.into(),
            bound: Listener::Unix(found.name.clone()),
        })
    }
}

/// The listener on that very address, else on any address, which takes its connections.
fn find_tcp(listeners: &[Tcp], host: Option<IpAddr>, port: u16) -> Option<Backlog> {
    let reached = |tcp: &&Tcp| match host {
        Some(host) => tcp.host.is_unspecified() && (tcp.host.is_ipv6() || host.is_ipv4()),
        None => tcp.host.is_unspecified(),
    };
    let of_port = || listeners.iter().filter(|tcp| tcp.port == port);
    let found = of_port().find(|tcp| Some(tcp.host) == host).or_else(|| of_port().find(reached))?;
    let host = Some(found.host).filter(|host| !host.is_unspecified());
    Some(Backlog {
        queued: found.queued.into(),
        limit: found.limit.into(),
        bound: Listener::Tcp { host, port },
    })
}
