//! TCP ports of the loopback address for the servers of one test process.

use std::{
    net::TcpListener,
    sync::{Mutex, PoisonError},
};

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
                if TcpListener::bind(("127.0.0.1", range.next)).is_ok() {
                    return Ok(range.next);
                }
            }
        }
        ranges.push(claim()?);
    }
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
