//! What a follower tells about itself, and where it stands.

use std::fs::File;
use std::io;

use super::Skipped;
use super::identity::{self, FileId};

/// Where to begin with a file that exists when we start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// At its first byte.
    Start,
    /// At its end; an unfinished last line is still read whole.
    End,
}

/// The state of one follower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Bytes known to be there and not read yet, all generations together.
    pub unread_bytes: u64,
    /// Bytes known to have been written that can never be read: truncated away, or on a failing disk.
    pub lost_bytes: u64,
    /// Lines passed over for their length.
    pub skipped: Skipped,
    /// Why the path, or an older file of it, cannot be read at present: a full sentence.
    pub problem: Option<String>,
    /// Files held open for this path: the one at the path and rotated ones.
    pub generations: usize,
    /// Whether the file at the path itself is open.
    pub open: bool,
}

/// Where one generation stands, in a form that can be saved and recognised later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Offset in bytes of the first byte not yet yielded as part of a whole line.
    pub offset: u64,
    /// Hash (FNV-1a) of the first bytes before the offset, at most 1024.
    pub head: u64,
    /// Hash (FNV-1a) of the last bytes before the offset, at most 256.
    pub tail: u64,
    /// The offset lies within a line whose rest is to be skipped: it was too long.
    pub mid_line: bool,
}

const HEAD: usize = 1024;
const TAIL: usize = 256;

impl Position {
    /// Hashes what lies before `offset`. An error when the file is shorter than that by now: such a position
    /// could never be recognised.
    pub(super) fn take(file: &File, id: FileId, offset: u64, mid_line: bool) -> io::Result<Self> {
        let before = usize::try_from(offset).unwrap_or(usize::MAX);
        let head = hash_at(file, 0, before.min(HEAD))?;
        let tail_len = before.min(TAIL);
        let tail = hash_at(file, offset - tail_len as u64, tail_len)?;
        Ok(Self { dev: id.dev, ino: id.ino, offset, head, tail, mid_line })
    }
}

fn hash_at(file: &File, offset: u64, len: usize) -> io::Result<u64> {
    let mut bytes = [0; HEAD];
    let room = bytes.get_mut(..len).unwrap_or_default();
    if identity::read_at_most(file, room, offset)? < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(identity::hash(room))
}
