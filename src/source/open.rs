//! Opens logs so that nothing put in their place can hang us or be changed by us.

use std::path::Path;

use super::files::{FileType, Files, LogFile, Stat};
use super::{OpenError, gzip};

/// Says why `stat` is no plain file, if it is none.
pub(super) fn expect_plain(path: &Path, stat: &Stat) -> Result<(), OpenError> {
    let path = path.to_path_buf();
    match stat.kind {
        FileType::File => Ok(()),
        FileType::Directory => Err(OpenError::Directory { path }),
        FileType::Fifo => Err(OpenError::Fifo { path }),
        FileType::Socket => Err(OpenError::Special { path, kind: "socket" }),
        FileType::CharacterDevice => Err(OpenError::Special { path, kind: "character device" }),
        FileType::BlockDevice => Err(OpenError::Special { path, kind: "block device" }),
        FileType::Symlink => Err(OpenError::Special { path, kind: "symlink" }),
    }
}

/// Opens a plain file for reading.
///
/// It is looked at before, because opening a FIFO lets its writer go on and opening a device can do anything;
/// and after, because it may have been swapped in between. `O_NONBLOCK` keeps that second case from waiting.
pub(super) fn plain_file(files: &dyn Files, path: &Path) -> Result<(Box<dyn LogFile>, Stat), OpenError> {
    let before = files.stat(path).map_err(|error| OpenError::from_io(path, "look at", error))?;
    expect_plain(path, &before)?;
    let file = files.open(path).map_err(|error| OpenError::from_io(path, "open", error))?;
    let stat = file.stat().map_err(|error| OpenError::from_io(path, "open", error))?;
    expect_plain(path, &stat)?;
    Ok((file, stat))
}

/// Opens a rotated file, decompressed if its name says that it is a gzip.
pub(super) fn rotated_file(files: &dyn Files, path: &Path) -> Result<(Box<dyn LogFile>, Stat), OpenError> {
    let (file, stat) = plain_file(files, path)?;
    if !gzip::is_named_so(path) {
        return Ok((file, stat));
    }
    let file = gzip::GzipFile::new(file, stat);
    let stat = file.stat().map_err(|error| OpenError::from_io(path, "examine", error))?;
    Ok((Box::new(file), stat))
}
