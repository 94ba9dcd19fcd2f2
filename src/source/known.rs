//! The rotated files that were there before, so that a new one is noticed whatever the clock says: after the
//! clock was set back, a file born today is older than yesterday's.
//!
//! A file is known by its first line, which has a time in it and stays when the file is renamed, copied or
//! compressed.

use std::collections::BTreeSet;
use std::io;

use memchr::memchr;
use serde::{Deserialize, Serialize};

use super::files::LogFile;
use super::identity::{BEGINNING, FileId, hash, read_at_most};

/// The first line of a file, or what there is of it. `None`: the file is empty.
pub(super) fn first_line(file: &dyn LogFile) -> io::Result<Option<u64>> {
    let mut bytes = vec![0; BEGINNING as usize];
    let n = read_at_most(file, &mut bytes, 0)?;
    let bytes = bytes.get(..n).unwrap_or_default();
    let end = memchr(b'\n', bytes).map_or(n, |newline| newline + 1);
    Ok(bytes.get(..end).filter(|line| !line.is_empty()).map(hash))
}

/// Whether reading failed because of what the file holds (a gzip that is none, or not complete), so that
/// another try is in vain.
pub(super) fn is_broken(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// Hashes: of first lines, and of the numbers of files whose first line could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Known(BTreeSet<u64>);

impl Known {
    pub(super) fn has(&self, line: Option<u64>, id: FileId) -> bool {
        line.is_some_and(|line| self.0.contains(&line)) || self.0.contains(&number(id))
    }

    pub(super) fn add(&mut self, line: Option<u64>) {
        self.0.extend(line);
    }

    pub(super) fn add_unreadable(&mut self, id: FileId) {
        self.0.insert(number(id));
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

fn number(id: FileId) -> u64 {
    let mut bytes = [0; 17];
    let (dev, ino) = (id.dev.to_be_bytes(), id.ino.to_be_bytes());
    bytes.iter_mut().zip(dev.into_iter().chain(ino)).for_each(|(to, from)| *to = from);
    hash(&bytes)
}
