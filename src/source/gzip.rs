//! A rotated log that was compressed meanwhile, read at offsets as if it were not.
//!
//! It is read forwards almost only: a reader that comes back by a few bytes, to compare them, is served from
//! what was decompressed last; one that goes back farther starts the decoder again.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use flate2::read::MultiGzDecoder;

use super::BLOCK;
use super::files::{LogFile, Sequential, Stat};

/// Bytes kept behind the position: a reader looks back a little, and may give back the lines of a block.
const KEPT: usize = 2 * BLOCK;

/// Bytes decompressed at a time while passing over what was read before.
const STEP: usize = 64 * 1024;

/// Whether the name says that it is a gzip.
pub(super) fn is_named_so(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == OsStr::new("gz"))
}

/// The decompressed view of a gzip.
pub(super) struct GzipFile {
    /// As it was when opened; it is not written to any more.
    stat: Stat,
    state: Mutex<State>,
}

struct State {
    file: Shared,
    decoder: MultiGzDecoder<Sequential>,
    /// Decompressed bytes that were given out or passed over.
    pos: u64,
    /// The bytes before `pos`.
    kept: Vec<u8>,
    ended: bool,
}

/// The decoder may be started again on the same descriptor.
type Shared = std::sync::Arc<Box<dyn LogFile>>;

impl LogFile for Shared {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        self.as_ref().read_at(room, offset)
    }

    fn stat(&self) -> io::Result<Stat> {
        self.as_ref().stat()
    }
}

impl fmt::Debug for GzipFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GzipFile").field("stat", &self.stat).finish_non_exhaustive()
    }
}

impl GzipFile {
    pub(super) fn new(file: Box<dyn LogFile>, stat: Stat) -> Self {
        let file = Shared::new(file);
        Self { stat, state: Mutex::new(State::new(file)) }
    }
}

impl State {
    fn new(file: Shared) -> Self {
        let decoder = MultiGzDecoder::new(Sequential::new(Box::new(file.clone())));
        Self { file, decoder, pos: 0, kept: Vec::new(), ended: false }
    }

    fn read_at(&mut self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        let oldest = self.pos - self.kept.len() as u64;
        if offset < oldest {
            *self = Self::new(self.file.clone());
        }
        let mut step = Vec::new();
        while offset > self.pos {
            step.resize(STEP, 0);
            let want = usize::try_from(offset - self.pos).unwrap_or(STEP).min(STEP);
            if self.read(&mut step[..want])? == 0 {
                return Ok(0);
            }
        }
        // From what is kept first, then on from the decoder.
        let back = (self.pos - offset) as usize;
        let known = &self.kept[self.kept.len() - back..];
        let n = known.len().min(room.len());
        room[..n].copy_from_slice(&known[..n]);
        Ok(if n < room.len() { n + self.read(&mut room[n..])? } else { n })
    }

    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let n = self.decoder.read(room)?;
        self.ended |= n == 0 && !room.is_empty();
        self.pos += n as u64;
        self.kept.extend_from_slice(&room[n.saturating_sub(KEPT)..n]);
        let surplus = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..surplus);
        Ok(n)
    }

    /// The length, once known; until then at least what is left in compressed form.
    fn len(&self, compressed: u64) -> u64 {
        if self.ended {
            self.pos
        } else {
            self.pos + compressed.saturating_sub(self.decoder.get_ref().offset()).max(1)
        }
    }
}

impl LogFile for GzipFile {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).read_at(room, offset)
    }

    fn stat(&self) -> io::Result<Stat> {
        let len = self.state.lock().unwrap_or_else(PoisonError::into_inner).len(self.stat.len);
        Ok(Stat { len, ..self.stat })
    }
}
