//! Network namespaces: which one a process is in, and which addresses are local there.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::reading::{self, Reading, Unreadable};

/// Tells a network namespace from all others: the inode of a file below /proc/PID/net, which each has of its own
/// (fs/proc/proc_net.c) and which everybody may see.
pub type NetworkId = u64;

/// A machine with a full table of the Internet's routes has more text than this; then addresses are not known.
const MOST: u64 = 4 << 20;

/// The network namespace of a process, or our own.
pub fn id(procfs: &Path, pid: Option<u32>) -> Reading<NetworkId> {
    let path = net(procfs, pid).join("unix");
    std::fs::metadata(&path).map(|meta| meta.ino()).map_err(Unreadable::at(&path))
}

/// The addresses that are local in the network namespace of a process, or in ours: a connection to one of them ends there.
pub fn addresses(procfs: &Path, pid: Option<u32>) -> Reading<Vec<IpAddr>> {
    let net = net(procfs, pid);
    let path = net.join("fib_trie");
    let mut text = String::new();
    let file = std::fs::File::open(&path).map_err(Unreadable::at(&path))?;
    let read = file.take(MOST + 1).read_to_string(&mut text).map_err(Unreadable::at(&path))?;
    if read as u64 > MOST {
        return Err(Unreadable::malformed(&path));
    }
    let mut all = local_v4(&text);
    let path = net.join("if_inet6");
    let mut buffer = Vec::new();
    match reading::read_into(&path, &mut buffer) {
        Ok(()) => all.extend(local_v6(&String::from_utf8_lossy(&buffer))),
        // A kernel without IPv6.
        Err(unreadable) if unreadable.is_absent() => {}
        Err(unreadable) => return Err(unreadable),
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

fn net(procfs: &Path, pid: Option<u32>) -> PathBuf {
    procfs.join(pid.map_or_else(|| "self".into(), |pid| pid.to_string())).join("net")
}

/// `|-- ADDRESS` with `/32 host LOCAL` below it (net/ipv4/fib_trie.c, `fib_trie_seq_show`).
fn local_v4(text: &str) -> Vec<IpAddr> {
    let (mut last, mut local) = (None, Vec::new());
    for line in text.lines().map(str::trim_start) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line.starts_with("/32 host LOCAL") {
            local.extend(last.map(IpAddr::V4));
        }
    }
    local
}

/// Each line begins with an address as 32 hexadecimal digits (net/ipv6/addrconf.c, `if6_seq_show`).
fn local_v6(text: &str) -> Vec<IpAddr> {
    let first = |line: &str| {
        let digits = line.split(' ').next().filter(|digits| digits.len() == 32)?;
        u128::from_str_radix(digits, 16).ok().map(|bits| IpAddr::V6(Ipv6Addr::from(bits)))
    };
    text.lines().filter_map(first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    const FIB: &str = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
        Local:\n  +-- 127.0.0.0/8 2 0 2\n     |-- 127.0.0.0\n        /8 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n\
        |-- 172.18.0.3\n        /32 host LOCAL\n     |-- 172.18.255.255\n        /32 link BROADCAST\n";

    #[test]
    fn local_addresses_are_those_of_the_kernel_s_tables() {
        let dir = tempfile::tempdir().unwrap();
        let net = dir.path().join("7/net");
        std::fs::create_dir_all(&net).unwrap();
        std::fs::write(net.join("fib_trie"), FIB).unwrap();
        let expected: Vec<IpAddr> = vec!["127.0.0.1".parse().unwrap(), "172.18.0.3".parse().unwrap()];
        assert_eq!(addresses(dir.path(), Some(7)), Ok(expected), "without IPv6");
        let text = "00000000000000000000000000000001 01 80 10 80       lo\nfe800000000000000242acfffe120003 05 40 20 80     eth0\nxx\n";
        std::fs::write(net.join("if_inet6"), text).unwrap();
        let all = addresses(dir.path(), Some(7)).unwrap();
        assert!(all.len() == 4 && all.contains(&"fe80::242:acff:fe12:3".parse().unwrap()), "{all:?}");
        assert!(addresses(dir.path(), Some(8)).is_err() && id(dir.path(), Some(7)).is_err());
    }

    #[test]
    fn this_machine_has_its_loopback() {
        let own = addresses(Path::new("/proc"), None).unwrap();
        assert!(own.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)), "{own:?}");
        assert_eq!(id(Path::new("/proc"), None), id(Path::new("/proc"), Some(std::process::id())));
    }

    #[test]
    fn damaged_text_does_not_panic() {
        fuzz::target("proc_addresses", vec![FIB.into()], &["|-- ", "/32 host LOCAL", "\n", "::1"], |text| {
            let text = String::from_utf8_lossy(text);
            let _ = (local_v4(&text), local_v6(&text));
        });
    }
}
