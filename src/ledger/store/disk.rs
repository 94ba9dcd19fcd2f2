//! The few operations that the store needs of a file system: one directory, files overwritten in place.
//!
//! A trait, so that the tests can stop, cut the power or fill the disk at each of them.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::sandbox;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Reading; it has to exist.
    Read,
    /// Writing in place; it is created if missing, never truncated.
    Write,
}

/// One directory.
pub(super) trait Disk: Send + Sync {
    /// Where a file is, for messages; the directory itself for an empty name.
    fn path(&self, name: &str) -> PathBuf;
    /// Makes the directory, and those above it.
    fn make_dir(&self) -> io::Result<()>;
    /// Opens a file.
    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn Slot>>;
    /// Gives a file another name; a file that has it is replaced.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Returns once the names in the directory would survive a power loss.
    fn sync_dir(&self) -> io::Result<()>;
}

/// An open file.
pub(super) trait Slot: Send {
    /// Whether its name still leads to it: somebody may have deleted or replaced the directory.
    fn in_place(&self) -> bool;
    /// Bytes it has.
    fn size(&self) -> io::Result<u64>;
    /// Fills `buffer` as far as the file goes.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes `bytes` over the start; what is behind them stays.
    fn overwrite(&self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once what was written would survive a power loss.
    fn sync(&self) -> io::Result<()>;
    /// Takes the advisory lock; false if another process has it. It ends with the process.
    fn try_lock(&self) -> io::Result<bool>;
}

/// A directory of the real file system.
pub(super) struct RealDisk {
    dir: PathBuf,
}

impl RealDisk {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf() }
    }
}

impl Disk for RealDisk {
    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.dir.clone() } else { self.dir.join(name) }
    }

    fn make_dir(&self) -> io::Result<()> {
        let dir = self.dir.clone();
        sandbox::above_state(&self.dir, move || DirBuilder::new().recursive(true).mode(0o700).create(dir))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn Slot>> {
        let write = access == Access::Write;
        let path = self.path(name);
        let mut options = OpenOptions::new();
        // No symbolic link is followed, and a FIFO does not block: nothing else puts files there.
        options
            .read(true)
            .write(write)
            .create(write)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = if write {
            let path = path.clone();
            sandbox::in_state(&self.dir, move || options.open(path))?
        } else {
            options.open(&path)?
        };
        let identity = identity(&file.metadata()?);
        Ok(Box::new(RealSlot { file, path, identity }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.path(from), self.path(to));
        sandbox::in_state(&self.dir, move || fs::rename(from, to))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()?;
        // The directory may be new itself. The one above need not be ours to open.
        if let Some(Ok(above)) = self.dir.parent().map(File::open) {
            let _ = above.sync_all();
        }
        Ok(())
    }
}

struct RealSlot {
    file: File,
    path: PathBuf,
    identity: (u64, u64),
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Slot for RealSlot {
    fn in_place(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut got = 0;
        while got < buffer.len() {
            match self.file.read_at(&mut buffer[got..], offset + got as u64) {
                Ok(0) => break,
                Ok(more) => got += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(got)
    }

    fn overwrite(&self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, 0)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Whether an error says that there is no such file.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
