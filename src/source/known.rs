//! The rotated files that were there before, so that a new one is noticed whatever the clock says: after the
//! clock was set back, a file born today is older than yesterday's.
//!
//! A file is known by its first bytes, which have times in them and stay when the file is renamed, copied or
//! compressed.

use std::collections::BTreeSet;
use std::io;

use memchr::memchr;
use serde::{Deserialize, Serialize};

use super::files::LogFile;
use super::identity::{BEGINNING, FileId, HeadMark, hash, read_at_most};

/// The first bytes of a file.
pub(super) struct FileHead {
    bytes: Vec<u8>,
    /// `None`: the file is empty.
    pub(super) mark: Option<HeadMark>,
}

impl FileHead {
    pub(super) fn of(file: &dyn LogFile) -> io::Result<Self> {
        let mut bytes = vec![0; BEGINNING as usize];
        let n = read_at_most(file, &mut bytes, 0)?;
        bytes.truncate(n);
        let end = memchr(b'\n', &bytes).map_or(n, |newline| newline + 1);
        let line = bytes.get(..end).filter(|line| !line.is_empty()).map(hash);
        let mark = line.map(|line| HeadMark { line, len: n as u16, all: hash(&bytes) });
        Ok(Self { bytes, mark })
    }

    /// Whether a file that was marked so begins like this one. Of a copy under way only the first line is asked.
    pub(super) fn matches(&self, mark: &HeadMark) -> bool {
        let line = self.mark.is_some_and(|own| own.line == mark.line);
        line && self.bytes.get(..usize::from(mark.len)).is_none_or(|bytes| hash(bytes) == mark.all)
    }
}

/// Whether reading failed because of what the file holds (a gzip that is none, or not complete), so that
/// another try is in vain.
pub(super) fn is_broken(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// Files by their marks, and those that could not be read by a hash of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownFiles {
    marks: BTreeSet<HeadMark>,
    numbers: BTreeSet<u64>,
}

impl KnownFiles {
    pub(super) fn has(&self, head: &FileHead, id: FileId) -> bool {
        self.has_unreadable(id) || self.marks.iter().any(|mark| head.matches(mark))
    }

    pub(super) fn has_unreadable(&self, id: FileId) -> bool {
        self.numbers.contains(&number(id))
    }

    pub(super) fn add(&mut self, mark: Option<HeadMark>) {
        self.marks.extend(mark);
    }

    pub(super) fn add_unreadable(&mut self, id: FileId) {
        self.numbers.insert(number(id));
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.marks.extend(other.marks);
        self.numbers.extend(other.numbers);
    }
}

fn number(id: FileId) -> u64 {
    let mut bytes = [0; 17];
    let (dev, ino) = (id.dev.to_be_bytes(), id.ino.to_be_bytes());
    bytes.iter_mut().zip(dev.into_iter().chain(ino)).for_each(|(to, from)| *to = from);
    hash(&bytes)
}
