//! Busy workers and waiting connections of many pools, in one pass over the kernel's sockets.
//!
//! PHP-FPM takes one connection for each worker, so an accepted connection is a worker that is busy (nginx's
//! `fastcgi_keep_conn` holds workers that do nothing; they cannot serve anyone else either). A connection that
//! no worker took yet waits in the listener's queue, and goes on waiting there after nginx gave up.
//!
//! Names in `/proc/net/unix` are what was given to bind(): two containers in one network namespace that bind
//! the same path cannot be told apart, and a path may hold a line feed, by which a local user can write rows.

mod tcp;
#[cfg(test)]
mod tests;
mod unix;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::lines::Lines;
use super::listener::Listener;
use super::reading::{self, Reading, Unreadable};

/// The connections of one listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sockets {
    /// Somebody listens.
    pub listening: bool,
    /// Connections that a worker has taken.
    pub busy: u64,
    /// Connections that wait for a worker, those that nginx has given up among them: a worker will still run
    /// each, and each takes room in the queue.
    pub queued: u64,
}

/// The directory of `/proc` that shows the sockets of one network namespace: our own, or that of a process.
/// Anyone may read that of any process (fs/proc/proc_net.c, `get_proc_task_net` asks for no privilege).
pub fn net(procfs: &Path, pid: Option<u32>) -> PathBuf {
    match pid {
        Some(pid) => procfs.join(pid.to_string()).join("net"),
        None => procfs.join("net"),
    }
}

/// The inode that names the network namespace of a process, or our own. Needs the rights of a debugger for
/// other users' processes.
pub fn network(procfs: &Path, pid: Option<u32>) -> Reading<u64> {
    let pid = pid.map_or_else(|| "self".into(), |pid| pid.to_string());
    let path = procfs.join(pid).join("ns/net");
    let link = std::fs::read_link(&path).map_err(Unreadable::at(&path))?;
    let inode = link.to_str().and_then(|link| link.strip_prefix("net:[")?.strip_suffix(']'));
    inode.and_then(|inode| reading::decimal(inode.as_bytes())).ok_or_else(|| Unreadable::malformed(&path))
}

/// The listeners of one network namespace, ready to be looked for.
pub struct SocketTable {
    /// By the bytes of their path.
    unix: HashMap<Box<[u8]>, usize>,
    /// Sorted by port.
    tcp: Vec<tcp::Watched>,
    /// What was counted for each distinct listener.
    counts: Vec<Sockets>,
    /// For each listener that was asked for: where it is counted.
    asked: Vec<Asked>,
    lines: Lines,
}

#[derive(Clone, Copy)]
struct Asked {
    slot: usize,
    unix: bool,
}

impl SocketTable {
    /// Which listeners to look for.
    pub fn new(listeners: &[Listener]) -> Self {
        let mut slots: HashMap<&Listener, usize> = HashMap::new();
        let mut table = Self {
            unix: HashMap::new(),
            tcp: Vec::new(),
            counts: Vec::new(),
            asked: Vec::new(),
            lines: Lines::default(),
        };
        for listener in listeners {
            let next = slots.len();
            let slot = *slots.entry(listener).or_insert(next);
            table.asked.push(Asked { slot, unix: matches!(listener, Listener::Unix(_)) });
            match listener {
                _ if slot < next => {}
                Listener::Unix(path) => {
                    table.unix.insert(path.as_os_str().as_encoded_bytes().into(), slot);
                }
                Listener::Tcp { host, port } => {
                    table.tcp.push(tcp::Watched { port: *port, host: *host, slot });
                }
            }
        }
        table.tcp.sort_by_key(|watched| watched.port);
        table.counts.resize(slots.len(), Sockets::default());
        table
    }

    /// Counts in `net`, for each listener in the order of [`SocketTable::new`]. Files that nobody asked about
    /// are not read: the kernel walks a hash table of the machine's memory size for `/proc/net/tcp`.
    pub fn read(&mut self, net: &Path) -> Vec<Reading<Sockets>> {
        let Self { unix, tcp, counts, asked, lines } = self;
        counts.fill(Sockets::default());
        let unix_read = match unix.is_empty() {
            true => Ok(()),
            false => lines.each(&net.join("unix"), |row| unix::count(row, unix, counts)),
        };
        let tcp_read = match tcp.is_empty() {
            true => Ok(()),
            false => {
                lines.each(&net.join("tcp"), |row| tcp::count(row, tcp::V4, tcp, counts)).and_then(|()| {
                    match lines.each(&net.join("tcp6"), |row| tcp::count(row, tcp::V6, tcp, counts)) {
                        // A kernel without IPv6.
                        Err(missing) if missing.is_absent() => Ok(()),
                        read => read,
                    }
                })
            }
        };
        let result = |asked: &Asked| {
            let read = if asked.unix { &unix_read } else { &tcp_read };
            read.as_ref().map(|()| counts[asked.slot]).map_err(Clone::clone)
        };
        asked.iter().map(result).collect()
    }
}
