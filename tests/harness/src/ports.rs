//! TCP ports of the loopback address for the servers of one test process.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Mutex, PoisonError},
};

use tokio::net::TcpSocket;

use crate::Result;

/// Consecutive ports that this process has claimed: the first one is bound as long as the process lives, and whoever
/// wants the same ones finds it taken.
struct PortRange {
    _first: TcpListener,
    next: u16,
    end: u16,
}

/// A TCP port of the loopback address that nobody listens on, and that no other test process on this machine will take.
///
/// Taken from below the range of automatic ports (32768 and up on Linux), so that no outgoing connection can occupy it
/// while a server of ours is being restarted on it.
pub fn free_port() -> Result<u16> {
    static RANGES: Mutex<Option<Vec<PortRange>>> = Mutex::new(None);
    let mut ranges = RANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let ranges = ranges.get_or_insert_default();
    loop {
        if let Some(range) = ranges.last_mut() {
            while range.next < range.end {
                range.next += 1;
                if is_free(range.next) {
                    return Ok(range.next);
                }
            }
        }
        ranges.push(claim()?);
    }
}

/// Whether nobody listens on it. Asked without listening: a process that another thread is just starting has a copy of the
/// socket until it becomes another program, and one that listened would keep the port from its user for so long.
fn is_free(port: u16) -> bool {
    let bound = TcpSocket::new_v4().and_then(|socket| {
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    });
    bound.is_ok()
}

/// Claims the next range that nobody has.
fn claim() -> Result<PortRange> {
    const FIRST: u16 = 15_000;
    const LENGTH: u16 = 128;
    const COUNT: u16 = 130;
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    for number in 0..COUNT {
        let first = FIRST + (start + number) % COUNT * LENGTH;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", first)) {
            return Ok(PortRange { _first: listener, next: first, end: first + LENGTH - 1 });
        }
    }
    Err("no free TCP ports on 127.0.0.1".into())
}

/// An address of the loopback interface with a port from [`free_port`].
pub fn free_address() -> Result<String> {
    Ok(format!("127.0.0.1:{}", free_port()?))
}

#[cfg(test)]
mod tests {
    use std::{
        process::Command,
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::*;

    /// A process that is just being started has copies of all our descriptors until it becomes another program.
    #[test]
    fn a_port_is_free_while_other_threads_start_programs() {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        Command::new("true").status().unwrap();
                    }
                });
            }
            let taken: Vec<_> = (0..500).map(|_| TcpListener::bind(free_address().unwrap())).collect();
            stop.store(true, Ordering::Relaxed);
            let failed: Vec<_> = taken.iter().filter_map(|taken| taken.as_ref().err()).collect();
            assert!(failed.is_empty(), "{} of 500: {:?}", failed.len(), failed[0]);
        });
    }
}
