//! Busy workers and waiting connections of many pools, in one pass over the kernel's sockets.
//!
//! PHP-FPM takes one connection for each worker, so an accepted connection is a worker that is busy (nginx's
//! `fastcgi_keep_conn` holds workers that do nothing; they cannot serve anyone else either). A connection that
//! no worker took yet waits in the listener's queue, and goes on waiting there after nginx gave up.
//!
//! Names in `/proc/net/unix` are what was given to bind(): two containers in one network namespace that bind
//! the same path cannot be told apart, and a path may hold a line feed, by which a local user can write rows.

#[cfg(test)]
mod both;
mod tcp;
#[cfg(test)]
mod tests;
mod unix;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::diag;
use super::lines::Lines;
use super::reading::Reading;
use crate::address::Listener;

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
    /// Ports of `tcp`.
    ports: diag::Ports,
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
            ports: diag::Ports::new([]),
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
        table.ports = diag::Ports::new(table.tcp.iter().map(|watched| watched.port));
        table.counts.resize(slots.len(), Sockets::default());
        table
    }

    /// Counts in `net`, for each listener in the order of [`SocketTable::new`].
    ///
    /// `unix` costs what its rows cost. For each of `tcp` and `tcp6` the kernel walks its whole table of
    /// connections, whose size goes by the machine's memory: 2.5 ms for an empty file were measured at 262,144
    /// buckets. So no file is read that nobody asked about, and ports deserve a table of their own that is
    /// read less often, or not at all where [`SocketTable::ask`] can be asked.
    pub fn read(&mut self, net: &Path) -> Vec<Reading<Sockets>> {
        let Self { unix, tcp, counts, asked, lines, .. } = self;
        counts.fill(Sockets::default());
        let unix_read = if unix.is_empty() {
            Ok(())
        } else {
            lines.each(&net.join("unix"), |row| unix::count(row, unix, counts))
        };
        let tcp_read = by_version(tcp, counts, |v6, counts| {
            let (name, width) = if v6 { ("tcp6", tcp::V6) } else { ("tcp", tcp::V4) };
            match lines.each(&net.join(name), |row| tcp::count(row, width, tcp, counts)) {
                // A kernel without IPv6.
                Err(missing) if v6 && missing.is_absent() => Ok(()),
                read => read,
            }
        });
        let result = |asked: &Asked| {
            let read = if asked.unix { &unix_read } else { &tcp_read };
            read.as_ref().map(|()| counts[asked.slot]).map_err(Clone::clone)
        };
        asked.iter().map(result).collect()
    }

    /// The same for ports, in our own network namespace, by sock_diag: the kernel leaves out what nobody asked for.
    pub fn ask(&mut self) -> Reading<Vec<Sockets>> {
        self.counts.fill(Sockets::default());
        let Self { tcp, counts, ports, .. } = self;
        by_version(tcp, counts, |v6, counts| {
            ask_listeners(v6, tcp, counts)?;
            for held in diag::tcp::held(v6, ports)? {
                tcp::add(held.host, held.port, tcp::Is::Held, tcp, counts);
            }
            Ok(())
        })?;
        Ok(self.asked.iter().map(|asked| self.counts[asked.slot]).collect())
    }

    /// As [`SocketTable::ask`], but looks only at who listens and how many wait, at a hundredth of the cost: `busy` is
    /// what it was when that was asked last.
    pub fn ask_queues(&mut self) -> Reading<Vec<Sockets>> {
        for counts in &mut self.counts {
            *counts = Sockets { busy: counts.busy, ..Sockets::default() };
        }
        let Self { tcp, counts, .. } = self;
        by_version(tcp, counts, |v6, counts| ask_listeners(v6, tcp, counts))?;
        Ok(self.asked.iter().map(|asked| self.counts[asked.slot]).collect())
    }
}

fn ask_listeners(v6: bool, tcp: &[tcp::Watched], counts: &mut [Sockets]) -> Reading<()> {
    for listener in diag::tcp::listeners(v6)? {
        tcp::add(listener.host, listener.port, tcp::Is::Listener(listener.queued), tcp, counts);
    }
    Ok(())
}

/// Looks (`true`: at IPv6) first where PHP-FPM's listeners are expected: IPv4 for an IPv4 address, else IPv6, since a
/// bare port is bound to `::` (fpm_sockets.c, `fpm_socket_af_inet_listening_socket`). All connections of a
/// listener are of its version, so the other one is looked at only while some listener was not found.
fn by_version(
    tcp: &[tcp::Watched],
    counts: &mut [Sockets],
    mut look: impl FnMut(bool, &mut [Sockets]) -> Reading<()>,
) -> Reading<()> {
    let any_v4 = tcp.iter().any(|watched| watched.host.is_some_and(|host| host.is_ipv4()));
    for v6 in [!any_v4, any_v4] {
        if tcp.iter().any(|watched| !counts[watched.slot].listening) {
            look(v6, counts)?;
        }
    }
    Ok(())
}
