//! What a follower tells about itself, and where it stands.

use serde::{Deserialize, Serialize};

use super::Skipped;
use super::files::LogFile;
use super::identity::{self, Beginning, FileId, WINDOW, Window};

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
    /// Of these, bytes of an unfinished last line: it has not been yielded.
    pub held: u64,
    /// Hash (FNV-1a) of the first bytes before the offset, at most 1024.
    pub head: u64,
    /// Hash (FNV-1a) of the last bytes before the offset, at most 256.
    pub tail: u64,
    /// The offset lies within a line whose rest is to be skipped: it was too long.
    pub mid_line: bool,
    /// Size of the file when it was last seen: what lies between is known to have been there.
    pub end: u64,
}

impl Position {
    /// Whether `file` holds what was before the position. Before offset 0 there is nothing to tell it by.
    pub(super) fn is_in(&self, file: &dyn LogFile) -> bool {
        let tail_len = self.offset.min(WINDOW as u64);
        // The head first: to look at a gzip's tail everything before it is decompressed.
        self.offset > 0
            && Beginning::read(file, self.offset).is_ok_and(|head| head.hash() == self.head)
            && Window::read(file, self.offset - tail_len, WINDOW.min(tail_len as usize)).is_ok_and(|tail| {
                tail.len() as u64 == tail_len && identity::hash(tail.as_slice()) == self.tail
            })
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
