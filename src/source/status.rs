//! What a follower tells about itself, and where it stands.

use std::io;

use serde::{Deserialize, Serialize};

use super::Skipped;
use super::files::LogFile;
use super::identity::{self, Beginning, FileId, WINDOW, Window};
use super::known::is_broken;

/// Where to begin with a file that exists when we start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// At its first byte.
    Start,
    /// At its end; an unfinished last line is still read whole.
    End,
    /// At the line around this byte.
    Byte(u64),
}

/// The state of one follower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Bytes known to be there and not read yet, all generations together.
    pub unread_bytes: u64,
    /// Bytes known to have been written that can never be read: truncated away, or on a failing disk.
    pub lost_bytes: u64,
    /// How often lines may have been lost whose size is unknown: the file was truncated before it was copied, or
    /// was gone after a restart.
    pub gaps: u64,
    /// Lines passed over for their length.
    pub skipped: Skipped,
    /// Why the path, or an older file of it, cannot be read at present: a full sentence.
    pub problem: Option<String>,
    /// Files held open for this path: the one at the path and rotated ones.
    pub generations: usize,
    /// Whether the file at the path itself is open.
    pub open: bool,
}

/// Where one file stands, in a form that can be saved and recognised later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Bytes read.
    pub offset: u64,
    /// Of these, bytes of an unfinished last line: it has not been yielded. Of a file of which nothing was read,
    /// the first bytes count as read and held.
    pub held: u64,
    /// Hash (FNV-1a) of the first bytes before the offset, at most 1024.
    pub head: u64,
    /// Hash (FNV-1a) of the last bytes before the offset, at most 256.
    pub tail: u64,
    /// The offset lies within a line whose rest is to be skipped: it was too long.
    pub mid_line: bool,
    /// Size of the file when it was last seen: what lies between is known to have been there.
    pub end: u64,
    /// Seconds for which a late writer is still waited for; `None`: it is the file at the path.
    #[serde(default)]
    pub grace: Option<u64>,
}

/// A file that had not grown for so long is not expected to grow: at most so many seconds of its grace are left.
const QUIET: u64 = 20;

impl Position {
    /// Whether the file was rotated away, read to its end, and had been still for long: nobody misses it.
    pub(super) fn is_done(&self) -> bool {
        self.unyielded() == 0 && self.grace.is_some_and(|grace| grace <= QUIET)
    }

    /// Whether `file` holds what was before the position: any does, if that is nothing.
    pub(super) fn is_in(&self, file: &dyn LogFile) -> io::Result<bool> {
        let matches = || {
            // The head first: to look at a gzip's tail everything before it is decompressed.
            if Beginning::read(file, self.offset)?.hash() != self.head {
                return Ok(false);
            }
            let len = self.offset.min(WINDOW as u64);
            let tail = Window::read(file, self.offset - len, len as usize)?;
            Ok(tail.len() as u64 == len && identity::hash(tail.as_slice()) == self.tail)
        };
        matches().or_else(|error| if is_broken(&error) { Ok(false) } else { Err(error) })
    }

    /// Whether nothing was yielded of the file: it is as good as never seen, and its first bytes may be those of
    /// many.
    pub(super) fn is_fresh(&self) -> bool {
        self.line_start() == 0
    }

    pub(super) fn id(&self) -> FileId {
        FileId { dev: self.dev, ino: self.ino }
    }

    /// Offset of the first byte that was not yielded as part of a whole line.
    pub fn line_start(&self) -> u64 {
        self.offset.saturating_sub(self.held)
    }

    /// Bytes that were there and had not been yielded.
    pub fn unyielded(&self) -> u64 {
        self.end.saturating_sub(self.line_start())
    }
}
