//! How a file is recognised when its name no longer tells: device and inode, and the bytes around a position.
//!
//! The inode alone is not enough. It stays the same when a file is truncated and written anew (copytruncate),
//! and it is given to another file after deletion.

use std::io;

use memchr::memchr;
use serde::{Deserialize, Serialize};

use super::files::{LogFile, Stat};

/// Bytes kept from the head of a file and from before the read position. An access line has its time within
/// them, so two logs that agree in both places at the same offsets are copies.
pub(super) const WINDOW: usize = 256;

/// Bytes of a head by which rotated names are told from copies: fewer than the shortest line of an access log.
const PRINTED: usize = 64;

/// Bytes of the beginning by which a file is recognised after a restart: more than one line, since the first
/// bytes of a JSON line may be the same in all of them.
pub(super) const BEGINNING: u64 = 1024;

/// What a file is recognised by: its first line, and the first bytes beyond it that were there, since several files may
/// begin within one second with the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct HeadMark {
    pub(super) line: u64,
    pub(super) len: u16,
    pub(super) all: u64,
}

impl HeadMark {
    /// `line` and `all` are hashes, the latter of `len` bytes.
    pub(super) fn new(line: u64, len: u16, all: u64) -> Self {
        Self { line, len, all }
    }
}

/// A file, as long as it exists or is held open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileId {
    pub(super) dev: u64,
    pub(super) ino: u64,
}

impl FileId {
    pub(super) fn of(stat: &Stat) -> Self {
        Self { dev: stat.dev, ino: stat.ino }
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

    /// What a hole reads as.
    pub(super) const ZEROS: Self = Self { bytes: [0; WINDOW], len: WINDOW };

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
    pub(super) fn read(file: &dyn LogFile, offset: u64, len: usize) -> io::Result<Self> {
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

    /// Whether `file` holds these very bytes at `offset`.
    pub(super) fn is_at(&self, file: &dyn LogFile, offset: u64) -> io::Result<bool> {
        Ok(Self::read(file, offset, self.len)?.as_slice() == self.as_slice())
    }
}

/// What is remembered of a file's first bytes beyond our own lifetime: a hash, since a log's bytes are none of
/// the state file's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeadPrint {
    len: u8,
    hash: u64,
}

impl HeadPrint {
    pub(super) fn of(window: &Window) -> Self {
        let bytes = window.as_slice();
        let bytes = bytes.get(..PRINTED).unwrap_or(bytes);
        Self { len: bytes.len() as u8, hash: hash(bytes) }
    }

    /// Nothing was there to remember: it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a file beginning with `window` begins with what is remembered.
    pub(super) fn begins(&self, window: &Window) -> bool {
        window.as_slice().get(..usize::from(self.len)).is_some_and(|bytes| hash(bytes) == self.hash)
    }

    /// Whether more is remembered than `window` holds, so that it cannot be compared yet.
    pub(super) fn is_longer_than(&self, window: &Window) -> bool {
        usize::from(self.len) > window.len
    }
}

/// The hash of a file's first bytes, which grows as they are read, and that of its first line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    hash: u64,
    len: u16,
    line: Option<u64>,
}

impl Default for Beginning {
    fn default() -> Self {
        Self { hash: OFFSET_BASIS, len: 0, line: None }
    }
}

impl Beginning {
    /// Of a file that was read up to `pos`.
    pub(super) fn read(file: &dyn LogFile, pos: u64) -> io::Result<Self> {
        let mut bytes = vec![0; pos.min(BEGINNING) as usize];
        if read_at_most(file, &mut bytes, 0)? < bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut beginning = Self::default();
        beginning.grow(0, &bytes);
        Ok(beginning)
    }

    /// `fresh` was read at `pos`.
    pub(super) fn grow(&mut self, pos: u64, fresh: &[u8]) {
        let wanted = BEGINNING.saturating_sub(pos).min(fresh.len() as u64) as usize;
        let fresh = fresh.get(..wanted).unwrap_or_default();
        if self.line.is_none() {
            let newline = memchr(b'\n', fresh).map(|newline| newline + 1);
            let filled = (wanted > 0 && pos + wanted as u64 == BEGINNING).then_some(wanted);
            let end = newline.or(filled);
            self.line = end.map(|end| hash_on(self.hash, fresh.get(..end).unwrap_or_default()));
        }
        self.hash = hash_on(self.hash, fresh);
        self.len += fresh.len() as u16;
    }

    pub(super) fn hash(self) -> u64 {
        self.hash
    }

    /// What the file is known by, once its first line, or as much of it as is looked at, was read.
    pub(super) fn mark(self) -> Option<HeadMark> {
        self.line.map(|line| HeadMark::new(line, self.len, self.hash))
    }

    /// The same of a file that ends within its first line; `None`: nothing was read.
    pub(super) fn last_mark(self) -> Option<HeadMark> {
        let unfinished = (self.len > 0).then(|| HeadMark::new(self.hash, self.len, self.hash));
        self.mark().or(unfinished)
    }
}

/// Fills `room` from `offset`, or less at the end of the file.
pub(super) fn read_at_most(file: &dyn LogFile, room: &mut [u8], offset: u64) -> io::Result<usize> {
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

const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, 64 bits: saved positions outlive the program, and the standard library's hash may change with it.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    hash_on(OFFSET_BASIS, bytes)
}

fn hash_on(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
