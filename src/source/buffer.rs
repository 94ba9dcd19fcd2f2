//! Turns reads of any size into blocks of whole lines within fixed memory.
//!
//! What a file must remember between two reads is only its unfinished last line, the [`Carry`]; a [`Buffer`] is needed
//! from a read until its lines are taken. The carry is put in front of the next bytes, so that a block is always
//! one contiguous slice and the splitter needs no special case for lines that cross two reads.

use std::ops::Range;

use memchr::{memchr, memrchr};

use super::{BLOCK, MAX_LINE};

/// A read buffer and the lines in it.
///
/// It is allocated at the first read and never exceeds one block and [`MAX_LINE`] bytes by more than a page.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    /// Bytes asked of one read.
    block: usize,
    /// Where the lines lie that were read and not taken.
    lines: Range<usize>,
}

impl Default for Buffer {
    fn default() -> Self {
        Self::with_block(BLOCK)
    }
}

impl Buffer {
    /// An empty buffer; memory is taken at the first read.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that asks for so many bytes at a time: where many files each hold a buffer, smaller ones.
    pub fn with_block(block: usize) -> Self {
        Self { bytes: Vec::new(), block, lines: 0..0 }
    }

    /// Bytes asked of one read.
    pub fn block(&self) -> usize {
        self.block
    }

    /// The lines of the last block that were not taken.
    pub fn lines(&self) -> &[u8] {
        self.slice(self.lines.clone())
    }

    /// The first `len` bytes of [`Buffer::lines`], which are whole lines, are done with.
    pub fn take(&mut self, len: usize) {
        self.lines.start = (self.lines.start + len).min(self.lines.end);
    }

    /// Lines that were read elsewhere.
    pub fn put(&mut self, lines: Vec<u8>) -> &[u8] {
        self.lines = 0..lines.len();
        self.bytes = lines;
        &self.bytes
    }

    /// Says where the lines lie that were read.
    pub(super) fn hold(&mut self, lines: Range<usize>) -> &[u8] {
        self.lines = lines;
        self.lines()
    }

    /// Where the lines that were not taken begin.
    pub(super) fn start(&self) -> usize {
        self.lines.start
    }

    /// At least `len` bytes to read into. What was in the buffer is lost.
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        // A block and a carry of ordinary size are kept between reads; more is given back after use.
        let wanted = len.max(self.block + self.block / 2);
        self.lines = 0..0;
        if self.bytes.len() != wanted {
            // Freed first: growing in place would hold the old and the new allocation together.
            self.bytes = Vec::new();
            self.bytes = vec![0; wanted];
        }
        &mut self.bytes
    }

    /// The bytes in `range`; empty when it lies outside.
    pub(super) fn slice(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }
}

/// What was passed over because its line was longer than [`MAX_LINE`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// Lines, each counted once, when it is known to be too long.
    pub oversized_lines: u64,
    /// Bytes of those lines, newlines included.
    pub bytes: u64,
}

impl std::ops::AddAssign for Skipped {
    fn add_assign(&mut self, other: Self) {
        self.oversized_lines += other.oversized_lines;
        self.bytes += other.bytes;
    }
}

/// The unfinished last line of one file.
#[derive(Debug, Default)]
pub(super) struct Carry {
    /// Allocated only while it holds something: thousands of idle files cost nothing.
    partial: Vec<u8>,
    /// The line under way is not wanted; everything up to its newline is passed over.
    skipping: bool,
    skipped: Skipped,
}

impl Carry {
    /// Bytes of the unfinished line that are held.
    pub(super) fn len(&self) -> usize {
        self.partial.len()
    }

    /// Whether the bytes under way are being passed over.
    pub(super) fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Holds `partial` as the beginning of an unfinished line.
    pub(super) fn set(&mut self, partial: &[u8]) {
        self.partial = partial.to_vec();
        self.skipping = false;
    }

    /// Passes over everything up to the next newline, without counting it as a line too long.
    pub(super) fn skip_line(&mut self) {
        self.skipping = true;
    }

    /// So many more bytes of the line that is passed over.
    pub(super) fn pass(&mut self, bytes: u64) {
        self.skipped.bytes += bytes;
    }

    pub(super) fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// Takes `fresh` bytes that were read to `gap`, and tells where in `buf` the block of whole lines lies.
    ///
    /// `gap` must be at least [`Carry::len`]: the held bytes go right in front of it.
    pub(super) fn join(&mut self, buf: &mut Buffer, gap: usize, fresh: usize) -> Option<Range<usize>> {
        let end = gap + fresh;
        let mut start = gap;
        if self.skipping || !self.partial.is_empty() {
            let data = buf.slice(gap..end);
            let Some(newline) = memchr(b'\n', data) else {
                self.hold(data);
                return None;
            };
            start = self.finish_line(buf, gap, newline);
        }
        let data = buf.slice(start..end);
        let Some(newline) = memrchr(b'\n', data) else {
            self.hold(data);
            return None;
        };
        let stop = start + newline + 1;
        self.hold(buf.slice(stop..end));
        Some(start..stop)
    }

    /// The unfinished line as if it had ended here, for a file that will not grow any more.
    pub(super) fn flush(&mut self, buf: &mut Buffer) -> Option<Range<usize>> {
        self.skipping = false;
        if self.partial.is_empty() {
            return None;
        }
        let mut line = std::mem::take(&mut self.partial);
        line.push(b'\n');
        let len = line.len();
        buf.room(len).get_mut(..len)?.copy_from_slice(&line);
        Some(0..len)
    }

    /// The newline at `gap + newline` ends the line under way. Returns where the block begins.
    fn finish_line(&mut self, buf: &mut Buffer, gap: usize, newline: usize) -> usize {
        let partial = std::mem::take(&mut self.partial);
        let behind = newline + 1;
        if self.skipping {
            self.skipping = false;
            self.skipped.bytes += behind as u64;
            return gap + behind;
        }
        if partial.len() + newline > MAX_LINE {
            self.skipped.oversized_lines += 1;
            self.skipped.bytes += (partial.len() + behind) as u64;
            return gap + behind;
        }
        let start = gap.saturating_sub(partial.len());
        if let Some(front) = buf.bytes.get_mut(start..start + partial.len()) {
            front.copy_from_slice(&partial);
        }
        start
    }

    /// Keeps bytes without a newline for the next read, or gives the line up.
    fn hold(&mut self, data: &[u8]) {
        if self.skipping {
            self.skipped.bytes += data.len() as u64;
        } else if self.partial.len() + data.len() > MAX_LINE {
            self.skipping = true;
            self.skipped.oversized_lines += 1;
            self.skipped.bytes += (self.partial.len() + data.len()) as u64;
            self.partial = Vec::new();
        } else {
            self.partial.extend_from_slice(data);
        }
    }
}
