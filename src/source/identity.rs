//! How a file is recognised when its name no longer tells: device and inode, and the bytes around a position.
//!
//! The inode alone is not enough. It stays the same when a file is truncated and written anew (copytruncate),
//! and it is given to another file after deletion.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

/// Bytes kept from the head of a file and from before the read position. An access line has its time within
/// the first 64 bytes, so two logs that agree in both places at the same offsets are copies.
pub(super) const WINDOW: usize = 64;

/// A file, as long as it exists or is held open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileId {
    pub(super) dev: u64,
    pub(super) ino: u64,
}

impl FileId {
    pub(super) fn of(meta: &Metadata) -> Self {
        Self { dev: meta.dev(), ino: meta.ino() }
    }
}

/// At most [`WINDOW`] bytes of a file.
#[derive(Clone, Copy)]
pub(super) struct Window {
    bytes: [u8; WINDOW],
    len: usize,
}

impl Window {
    pub(super) const EMPTY: Self = Self { bytes: [0; WINDOW], len: 0 };

    /// The first bytes of `data`.
    pub(super) fn first(data: &[u8]) -> Self {
        let mut window = Self::EMPTY;
        for (to, from) in window.bytes.iter_mut().zip(data) {
            *to = *from;
        }
        window.len = data.len().min(WINDOW);
        window
    }

    /// The last bytes of `data`.
    pub(super) fn last(data: &[u8]) -> Self {
        Self::first(data.get(data.len().saturating_sub(WINDOW)..).unwrap_or_default())
    }

    /// Reads the window at `offset`; shorter when the file ends before.
    pub(super) fn read(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        let mut bytes = [0; WINDOW];
        let room = bytes.get_mut(..len.min(WINDOW)).unwrap_or_default();
        let len = read_at_most(file, room, offset)?;
        Ok(Self { bytes, len })
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether both are beginnings of the same bytes; an empty one says nothing.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        let common = self.len.min(other.len);
        common > 0 && self.bytes.get(..common) == other.bytes.get(..common)
    }

    /// Whether `file` holds these very bytes at `offset`.
    pub(super) fn is_at(&self, file: &File, offset: u64) -> io::Result<bool> {
        Ok(Self::read(file, offset, self.len)?.as_slice() == self.as_slice())
    }
}

/// Fills `room` from `offset`, or less at the end of the file.
pub(super) fn read_at_most(file: &File, room: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = room.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// FNV-1a, 64 bits: saved positions outlive the program, and the standard library's hash may change with it.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
