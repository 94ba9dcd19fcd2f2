//! The file system as this module sees it, so that a test can put another one in its place: one whose inodes
//! are reused at once, whose clock jumps, whose disk fails.

use std::fmt::Debug;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::listings::Listings;
use super::rotated_name::is_rotated_name;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FileType {
    File,
    Directory,
    Fifo,
    Socket,
    CharacterDevice,
    BlockDevice,
    Symlink,
}

/// What `stat()` tells of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Size in bytes.
    pub len: u64,
    /// What it is.
    pub kind: FileType,
    /// Last write, if the file system tells.
    pub modified: Option<SystemTime>,
    /// Creation, if the file system tells.
    pub created: Option<SystemTime>,
}

/// Where logs are looked for.
pub trait Files: Send + Sync + Debug {
    /// What is at `path`, symlinks followed.
    ///
    /// # Errors
    /// As `stat(2)`.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// What is at `path` itself, be it a symlink.
    ///
    /// # Errors
    /// As `lstat(2)`.
    fn lstat(&self, path: &Path) -> io::Result<Stat>;

    /// Opens for reading, without waiting for a FIFO's writer.
    ///
    /// # Errors
    /// As `open(2)`.
    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>>;

    /// Paths of everything in a directory.
    ///
    /// # Errors
    /// As `opendir(3)`.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// Paths of everything beside `live` whose name is its own and more, such as its rotated files.
    ///
    /// # Errors
    /// As `opendir(3)`.
    fn beside(&self, live: &Path) -> io::Result<Vec<PathBuf>> {
        let dir = live.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let mut paths = self.list(dir)?;
        paths.retain(|path| is_rotated_name(live, path));
        Ok(paths)
    }

    /// An open file of the log `live`, found at `at`: where only so many may be open, it may be closed and opened again.
    fn keep(&self, _live: &Path, _at: &Path, _stat: &Stat, file: Box<dyn LogFile>) -> Box<dyn LogFile> {
        file
    }

    /// The path without symlinks.
    ///
    /// # Errors
    /// As `realpath(3)`.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf>;

    /// The clock that also dates files.
    fn now(&self) -> SystemTime;
}

/// An open file: it stays what it is whatever happens to its name.
pub trait LogFile: Send + Sync + Debug {
    /// Reads at an offset; 0 at the end.
    ///
    /// # Errors
    /// As `pread(2)`.
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize>;

    /// What it is now.
    ///
    /// # Errors
    /// As `fstat(2)`.
    fn stat(&self) -> io::Result<Stat>;

    /// Where the next byte that takes room on the disk is, at `offset` or behind it; `None`: that is not known. What
    /// lies before are zeros.
    fn next_data(&self, _offset: u64) -> Option<u64> {
        None
    }
}

/// The operating system's.
#[derive(Debug, Clone, Default)]
pub struct Os {
    listings: Arc<Listings>,
}

impl Files for Os {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        fs::metadata(path).map(|meta| stat(&meta))
    }

    fn lstat(&self, path: &Path) -> io::Result<Stat> {
        fs::symlink_metadata(path).map(|meta| stat(&meta))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        // The standard library adds O_CLOEXEC by itself.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        Ok(Box::new(OpenOptions::new().read(true).custom_flags(flags).open(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(fs::read_dir(dir)?.flatten().map(|entry| entry.path()).collect())
    }

    fn beside(&self, live: &Path) -> io::Result<Vec<PathBuf>> {
        self.listings.beside(live)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl LogFile for File {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, room, offset)
    }

    fn stat(&self) -> io::Result<Stat> {
        self.metadata().map(|meta| stat(&meta))
    }

    fn next_data(&self, offset: u64) -> Option<u64> {
        match rustix::fs::seek(self, rustix::fs::SeekFrom::Data(offset)) {
            // All behind it is a hole.
            Err(rustix::io::Errno::NXIO) => Some(u64::MAX),
            result => result.ok(),
        }
    }
}

fn stat(meta: &Metadata) -> Stat {
    let kind = meta.file_type();
    let kind = if kind.is_file() {
        FileType::File
    } else if kind.is_dir() {
        FileType::Directory
    } else if kind.is_fifo() {
        FileType::Fifo
    } else if kind.is_socket() {
        FileType::Socket
    } else if kind.is_char_device() {
        FileType::CharacterDevice
    } else if kind.is_symlink() {
        FileType::Symlink
    } else {
        FileType::BlockDevice
    };
    Stat {
        dev: meta.dev(),
        ino: meta.ino(),
        len: meta.len(),
        kind,
        modified: meta.modified().ok(),
        created: meta.created().ok(),
    }
}

/// A file read from its first byte on.
#[derive(Debug)]
pub(super) struct Sequential {
    file: Box<dyn LogFile>,
    offset: u64,
}

impl Sequential {
    pub(super) fn new(file: Box<dyn LogFile>) -> Self {
        Self { file, offset: 0 }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }
}

impl Read for Sequential {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(room, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}
