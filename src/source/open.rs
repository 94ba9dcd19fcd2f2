//! Opens logs so that nothing put in their place can hang us or be changed by us.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use super::OpenError;

/// Says why `meta` is no plain file, if it is none.
pub(super) fn expect_plain(path: &Path, meta: &Metadata) -> Result<(), OpenError> {
    let path = path.to_path_buf();
    let kind = meta.file_type();
    if kind.is_file() {
        Ok(())
    } else if kind.is_dir() {
        Err(OpenError::Directory { path })
    } else if kind.is_fifo() {
        Err(OpenError::Fifo { path })
    } else if kind.is_socket() {
        Err(OpenError::Special { path, kind: "socket" })
    } else if kind.is_char_device() {
        Err(OpenError::Special { path, kind: "character device" })
    } else {
        Err(OpenError::Special { path, kind: "block device" })
    }
}

/// Opens a plain file for reading.
///
/// It is looked at before, because opening a FIFO lets its writer go on and opening a device can do anything;
/// and after, because it may have been swapped in between. `O_NONBLOCK` keeps that second case from waiting.
pub(super) fn plain_file(path: &Path) -> Result<(File, Metadata), OpenError> {
    let before = fs::metadata(path).map_err(|error| OpenError::from_io(path, "look at", error))?;
    expect_plain(path, &before)?;
    let (file, meta) = open(path).map_err(|error| OpenError::from_io(path, "open", error))?;
    expect_plain(path, &meta)?;
    Ok((file, meta))
}

fn open(path: &Path) -> io::Result<(File, Metadata)> {
    // The standard library adds O_CLOEXEC by itself.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let meta = file.metadata()?;
    Ok((file, meta))
}
