//! What is at the path of a socket, and who may pass.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::address::Listener;
use crate::check::machine::{Acl, Permissions, SocketFile, SocketKind};

/// More than any access control list has.
const ATTRIBUTE: usize = 16 << 10;

/// Looks at it. `listens`: whether the kernel knows somebody who listens there.
pub(super) fn socket(path: &Path, listens: Option<bool>) -> SocketFile {
    let resolved = match Listener::Unix(path.to_path_buf()).resolved() {
        Listener::Unix(path) => path,
        Listener::Tcp { .. } => path.to_path_buf(),
    };
    let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
    let kind = match fs::metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => SocketKind::Socket(listens),
        Ok(_) => SocketKind::Other,
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_link => SocketKind::Dangling,
        Err(error) if error.kind() == io::ErrorKind::NotFound => SocketKind::Missing,
        Err(_) => SocketKind::Unseen,
    };
    let label = attribute(&resolved, "security.selinux").and_then(|label| {
        let text = String::from_utf8_lossy(&label).into_owned();
        text.trim_end_matches('\0').split(':').nth(2).map(str::to_owned)
    });
    SocketFile { way: way(&resolved), resolved, kind, label }
}

/// Each directory above a file, and the file; only if all of them could be seen.
pub(super) fn way(path: &Path) -> Vec<Permissions> {
    let mut all: Vec<&Path> = path.ancestors().filter(|part| part.is_absolute()).collect();
    all.reverse();
    all.into_iter().map(permissions).collect::<Option<_>>().unwrap_or_default()
}

fn permissions(path: &Path) -> Option<Permissions> {
    let meta = fs::metadata(path).ok()?;
    let acl = attribute(path, "system.posix_acl_access").and_then(|bytes| acl(&bytes));
    Some(Permissions {
        path: path.to_path_buf(),
        uid: meta.uid(),
        gid: meta.gid(),
        mode: meta.mode() & 0o7777,
        acl,
    })
}

fn attribute(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut buffer = vec![0; ATTRIBUTE];
    let length = rustix::fs::getxattr(path, name, buffer.as_mut_slice()).ok()?;
    buffer.truncate(length);
    Some(buffer)
}

/// `struct posix_acl_xattr_entry`: after a version of 4 bytes, tag and rights of 2 bytes each, and an id of 4
/// (include/uapi/linux/posix_acl_xattr.h).
fn acl(bytes: &[u8]) -> Option<Acl> {
    const USER: u16 = 0x02;
    const GROUP_OWNER: u16 = 0x04;
    const GROUP: u16 = 0x08;
    const MASK: u16 = 0x10;
    let (version, entries) = bytes.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != 2 {
        return None;
    }
    let entries: Vec<(u16, u32, u32)> = entries
        .chunks_exact(8)
        .map(|entry| {
            let short = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
            let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
            (short(0), u32::from(short(2)), id)
        })
        .collect();
    let mask = entries.iter().find(|(tag, ..)| *tag == MASK).map_or(7, |(_, rights, _)| *rights);
    let of = |wanted: u16| {
        let found = entries.iter().filter(move |(tag, ..)| *tag == wanted);
        found.map(|(_, rights, id)| (*id, rights & mask)).collect::<Vec<_>>()
    };
    let group = of(GROUP_OWNER).first().map_or(0, |(_, rights)| *rights);
    Some(Acl { users: of(USER), groups: of(GROUP), group })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_is_at_a_path_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let _listener = UnixListener::bind(at("socket")).unwrap();
        fs::write(at("file"), "").unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
        std::os::unix::fs::symlink(at("socket"), at("link")).unwrap();
        for (name, kind) in [
            ("socket", SocketKind::Socket(Some(true))),
            ("link", SocketKind::Socket(Some(true))),
            ("file", SocketKind::Other),
            ("dangling", SocketKind::Dangling),
            ("missing", SocketKind::Missing),
        ] {
            assert_eq!(socket(&at(name), Some(true)).kind, kind, "{name}");
        }
        let linked = socket(&at("link"), None);
        assert_eq!(linked.resolved, at("socket").canonicalize().unwrap());
        assert_eq!(linked.way.last().unwrap().path, linked.resolved);
        assert_eq!(linked.way.first().unwrap().path, Path::new("/"));
    }

    #[test]
    fn an_acl_is_what_the_kernel_keeps() {
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, id) in [
            (1_u16, 6_u16, u32::MAX),
            (2, 7, 33),
            (4, 6, u32::MAX),
            (8, 4, 50),
            (0x10, 6, u32::MAX),
            (0x20, 0, u32::MAX),
        ] {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(rights.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        assert_eq!(acl(&bytes), Some(Acl { users: vec![(33, 6)], groups: vec![(50, 4)], group: 6 }));
        assert_eq!((acl(b""), acl(&[1, 0, 0, 0])), (None, None));
    }
}
