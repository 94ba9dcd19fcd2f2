//! Which namespaces a process is in, as far as an unprivileged user may know.
//!
//! The links below /proc/PID/ns need the rights of a debugger for other users' processes (namespaces(7)). Two things tell
//! the same to everybody: the inode numbers below /proc/PID/net, which each network namespace has of its own
//! (fs/proc/proc_net.c), and the mount of `/` in /proc/PID/mountinfo.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::reading::{self, Reading, Unreadable};

/// The inode that names a namespace (`net`, `mnt` …) of a process, or our own.
pub fn inode(procfs: &Path, pid: Option<u32>, kind: &str) -> Reading<u64> {
    let path = of(procfs, pid).join("ns").join(kind);
    let link = std::fs::read_link(&path).map_err(Unreadable::at(&path))?;
    let inode = link.to_str().and_then(|link| link.strip_prefix(kind)?.strip_prefix(":[")?.strip_suffix(']'));
    inode.and_then(|inode| reading::decimal(inode.as_bytes())).ok_or_else(|| Unreadable::malformed(&path))
}

/// Whether a process is in our network namespace.
pub fn shares_network(procfs: &Path, pid: u32) -> Reading<bool> {
    if let (Ok(theirs), Ok(ours)) = (inode(procfs, Some(pid), "net"), inode(procfs, None, "net")) {
        return Ok(theirs == ours);
    }
    let number = |pid| {
        let path = of(procfs, pid).join("net/unix");
        std::fs::metadata(&path).map(|meta| meta.ino()).map_err(Unreadable::at(&path))
    };
    Ok(number(Some(pid))? == number(None)?)
}

/// Whether a directory of procfs, as [`super::sockets::net`] gives it, shows our own network namespace. A procfs may be
/// another one's, or a copy.
pub fn is_our_network(net: &Path) -> bool {
    let number = |net: &Path| std::fs::metadata(net.join("unix")).map(|meta| meta.ino());
    matches!((number(net), number(Path::new("/proc/self/net"))), (Ok(one), Ok(other)) if one == other)
}

/// Whether a process has the same file system at `/` as we have: then a path is the same file for both, as far as nothing is
/// mounted over it.
pub fn shares_root(procfs: &Path, pid: u32) -> Reading<bool> {
    if let (Ok(theirs), Ok(ours)) = (inode(procfs, Some(pid), "mnt"), inode(procfs, None, "mnt"))
        && theirs == ours
    {
        return Ok(true);
    }
    Ok(root_mount(procfs, Some(pid))? == root_mount(procfs, None)?)
}

/// Device and directory of the file system that is mounted at `/` (proc_pid_mountinfo(5)).
fn root_mount(procfs: &Path, pid: Option<u32>) -> Reading<(String, String)> {
    let path = of(procfs, pid).join("mountinfo");
    let text = std::fs::read_to_string(&path).map_err(Unreadable::at(&path))?;
    // The last one covers those before it.
    let mounts = text.lines().rev().find_map(|line| {
        let mut columns = line.split(' ').skip(2);
        let (device, root, point) = (columns.next()?, columns.next()?, columns.next()?);
        (point == "/").then(|| (device.to_owned(), root.to_owned()))
    });
    mounts.ok_or_else(|| Unreadable::malformed(&path))
}

fn of(procfs: &Path, pid: Option<u32>) -> std::path::PathBuf {
    procfs.join(pid.map_or_else(|| "self".into(), |pid| pid.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A procfs whose links below `ns` may not be read, as for an unprivileged user.
    fn procfs(roots: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (pid, root) in roots {
            let process = dir.path().join(pid);
            fs::create_dir_all(process.join("net")).unwrap();
            fs::write(process.join("net/unix"), "").unwrap();
            fs::write(
                process.join("mountinfo"),
                format!("22 1 {root} / rw - ext4 x rw\n25 22 0:5 / /tmp rw - tmpfs x rw\n"),
            )
            .unwrap();
        }
        dir
    }

    #[test]
    fn an_unreadable_link_is_not_taken_for_our_own_namespace() {
        let dir = procfs(&[("self", "8:1 /"), ("7", "8:1 /"), ("8", "0:50 /"), ("9", "8:1 /jail")]);
        assert_eq!(shares_network(dir.path(), 7), Ok(false), "another file is another namespace");
        fs::remove_file(dir.path().join("7/net/unix")).unwrap();
        fs::hard_link(dir.path().join("self/net/unix"), dir.path().join("7/net/unix")).unwrap();
        assert_eq!(shares_network(dir.path(), 7), Ok(true));
        assert!(shares_network(dir.path(), 10).is_err(), "what cannot be read is not known");
        assert_eq!([7, 8, 9].map(|pid| shares_root(dir.path(), pid)), [Ok(true), Ok(false), Ok(false)]);
        assert!(shares_root(dir.path(), 10).is_err());
    }

    #[test]
    fn we_share_everything_with_ourselves() {
        let (procfs, own) = (Path::new("/proc"), std::process::id());
        assert_eq!((shares_network(procfs, own), shares_root(procfs, own)), (Ok(true), Ok(true)));
        assert!(is_our_network(Path::new("/proc/net")) && is_our_network(&of(procfs, Some(own)).join("net")));
        let copy = self::procfs(&[("self", "8:1 /")]);
        assert!(!is_our_network(&copy.path().join("self/net")) && !is_our_network(Path::new("/nowhere")));
    }
}
