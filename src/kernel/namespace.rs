//! Which namespaces a process lives in.

use std::path::Path;

use super::reading::{self, Reading, Unreadable};

/// The inode that names a namespace (`net`, `mnt` …) of a process, or our own. Needs the rights of a debugger for
/// other users' processes (namespaces(7), "The /proc/pid/ns/ directory").
pub fn inode(procfs: &Path, pid: Option<u32>, kind: &str) -> Reading<u64> {
    let pid = pid.map_or_else(|| "self".into(), |pid| pid.to_string());
    let path = procfs.join(pid).join("ns").join(kind);
    let link = std::fs::read_link(&path).map_err(Unreadable::at(&path))?;
    let inode = link.to_str().and_then(|link| link.strip_prefix(kind)?.strip_prefix(":[")?.strip_suffix(']'));
    inode.and_then(|inode| reading::decimal(inode.as_bytes())).ok_or_else(|| Unreadable::malformed(&path))
}
