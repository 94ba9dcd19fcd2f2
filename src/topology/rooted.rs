//! Files as another mount namespace sees them, without ever leaving it.
//!
//! `/proc/PID/root/etc/x` follows a link `x -> /srv/x` to *our* /srv. A container could so have us read the host's
//! files and quote them in an error; so links are followed by hand, from the root that was given.

mod glob;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

/// As many links as the kernel follows (path_resolution(7)).
const LINKS: usize = 40;

/// A directory that stands for `/`.
#[derive(Clone, Debug)]
pub(crate) struct Rooted(PathBuf);

impl Rooted {
    pub(crate) fn new(root: &Path) -> Self {
        Self(root.to_path_buf())
    }

    fn whole(&self) -> bool {
        self.0.as_os_str().is_empty() || self.0 == Path::new("/")
    }

    /// Where a path of that namespace is in ours.
    pub(crate) fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        if self.whole() {
            return Ok(path.to_path_buf());
        }
        let mut todo: Vec<OsString> = parts(path);
        let (mut at, mut links) = (self.0.clone(), 0);
        while let Some(part) = todo.pop() {
            if part == ".." {
                if at != self.0 {
                    at.pop();
                }
                continue;
            }
            at.push(&part);
            // What does not exist cannot lead outside; opening it will say that it is missing.
            if !at.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
                continue;
            }
            links += 1;
            if links > LINKS {
                return Err(io::Error::from_raw_os_error(libc::ELOOP));
            }
            let target = at.read_link()?;
            at.pop();
            if target.is_absolute() {
                at.clone_from(&self.0);
            }
            todo.extend(parts(&target));
        }
        Ok(at)
    }

    /// Reads a whole file; never waits for a FIFO, never reads a device, never reads more than `limit` bytes.
    pub(crate) fn read(&self, path: &Path, limit: u64) -> io::Result<(PathBuf, Vec<u8>)> {
        let real = self.resolve(path)?;
        let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&real)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file"));
        }
        let mut bytes = Vec::new();
        if file.take(limit + 1).read_to_end(&mut bytes)? as u64 > limit {
            let text = format!("it is longer than {limit} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok((real, bytes))
    }
}

/// The parts of a path, last one first, `.` and `/` left out.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_os_string()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    let mut parts: Vec<_> = parts.collect();
    parts.reverse();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_never_leaves_the_root() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir_all(root.join("srv")).unwrap();
        std::fs::write(root.join("srv/x"), "inside").unwrap();
        std::fs::write(dir.path().join("secret"), "outside").unwrap();
        for (name, target) in [("abs", "/srv/x"), ("up", "../../../srv/x"), ("loop", "loop")] {
            symlink(target, root.join(name)).unwrap();
        }
        symlink(dir.path().join("secret"), root.join("out")).unwrap();
        let rooted = Rooted::new(&root);
        let read = |path: &str| rooted.read(Path::new(path), 100).map(|(_, bytes)| bytes);
        assert_eq!(read("/abs").unwrap(), b"inside");
        assert_eq!(read("/up").unwrap(), b"inside");
        assert_eq!(read("/out").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(read("/../secret").is_err());
        assert_eq!(read("/loop").unwrap_err().raw_os_error(), Some(libc::ELOOP));
        assert!(rooted.read(Path::new("/abs"), 3).is_err());
        assert!(read("/srv").is_err());
    }
}
