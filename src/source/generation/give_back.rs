//! Lines that were read and not taken: the file stands where it would if they had not been read.

use std::ops::Range;

use super::super::Buffer;
use super::super::identity::{Beginning, Window};
use super::Generation;

/// How it stood before the last read.
#[derive(Clone, Copy)]
pub(super) struct BeforeRead {
    pub(super) pos: u64,
    pub(super) tail: Window,
    pub(super) beginning: Beginning,
    /// Where the bytes from `pos` on lie in the buffer.
    pub(super) gap: usize,
}

impl Generation {
    /// The unfinished line of a file that does not grow any more.
    pub(in crate::source) fn flush(&mut self, buf: &mut Buffer) -> Option<Range<usize>> {
        self.before = None;
        self.carry.flush(buf)
    }

    /// The lines that `buf` holds and that were not taken are read again.
    pub(in crate::source) fn give_back(&mut self, buf: &Buffer) {
        let Some(BeforeRead { pos, tail, beginning, gap }) = self.before.take() else {
            let lines = buf.lines();
            return self.carry.set(lines.strip_suffix(b"\n").unwrap_or(lines));
        };
        // Where nothing was taken, the line that was unfinished before the read still is.
        let start = buf.start();
        self.carry.set(buf.slice(start.min(gap)..gap));
        let end = start.max(gap);
        (self.pos, self.beginning) = (pos + (end - gap) as u64, beginning);
        self.beginning.grow(pos, buf.slice(gap..end));
        self.tail = Window::last(buf.slice(gap - tail.len()..end));
    }
}
