//! Connections that the kernel refused for a full TCP queue.

use std::path::Path;

use super::reading::{self, Reading, Unreadable};

/// Counters of a network namespace since it exists; all its listeners together. Nothing comparable exists for
/// Unix sockets, whose clients are told at once (EAGAIN).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflows {
    /// `ListenOverflows`: a connection found the queue full (net/ipv4/tcp_ipv4.c, `tcp_v4_syn_recv_sock`;
    /// net/ipv4/tcp_input.c, `tcp_conn_request`). A client tries again, so one failure counts several times.
    pub overflows: u64,
    /// `ListenDrops`: those, and connections dropped for other reasons, such as memory.
    pub drops: u64,
}

impl Overflows {
    /// Reads `netstat` in the directory that [`super::sockets::net`] names.
    pub fn read(net: &Path) -> Reading<Self> {
        let path = net.join("netstat");
        parse(&reading::read(&path)?).ok_or_else(|| Unreadable::malformed(&path))
    }
}

/// A row of names and a row of values, both beginning with `TcpExt:` (net/ipv4/proc.c, `netstat_seq_show`).
fn parse(text: &[u8]) -> Option<Overflows> {
    let mut rows = text.split(|b| *b == b'\n').filter_map(|row| row.strip_prefix(b"TcpExt: "));
    let words = |row: &'_ [u8]| row.split(|b| *b == b' ').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (names, values) = (words(rows.next()?), words(rows.next()?));
    let value = |name: &[u8]| {
        let at = names.iter().position(|word| word == name)?;
        reading::decimal(values.get(at)?)
    };
    Some(Overflows { overflows: value(b"ListenOverflows")?, drops: value(b"ListenDrops")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    const PROC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/proc");

    #[test]
    fn values_stand_below_their_names() {
        let net = Path::new(PROC).join("net");
        assert_eq!(Overflows::read(&net), Ok(Overflows { overflows: 10, drops: 12 }));
    }

    #[test]
    fn this_machine_counts_drops_with_overflows() {
        let read = Overflows::read(Path::new("/proc/net")).unwrap();
        assert!(read.drops >= read.overflows);
    }

    #[test]
    fn absent_is_not_zero() {
        assert!(Overflows::read(Path::new("/nowhere")).unwrap_err().is_absent());
        assert_eq!(parse(b"TcpExt: SyncookiesSent\nTcpExt: 4\n"), None);
    }

    #[test]
    fn damaged_text_does_not_panic() {
        let words = &["TcpExt: ", "ListenOverflows", "ListenDrops", "\n", " "];
        fuzz::target("proc_netstat", fuzz::fixtures(&["proc/net/netstat"]), words, |text| _ = parse(text));
    }
}
