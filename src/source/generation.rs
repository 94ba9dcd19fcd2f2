//! One file a path has pointed to, by its descriptor: it stays readable after rename and deletion.
//!
//! The unfinished line belongs to the generation, so the end of an old file is never glued to the beginning of
//! the new one. Every read begins a little before the position: if those bytes are not the ones already
//! read, the file was truncated and written anew, and a size that has grown past ours again cannot hide it.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use memchr::memrchr;

use super::buffer::Carry;
use super::identity::{self, FileId, WINDOW, Window};
use super::status::Position;
use super::trouble::Trouble;
use super::{BLOCK, Buffer};

/// Bytes by which a copy is told from a file that only begins alike.
const COMPARED: usize = 4096;

/// How far to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upto {
    /// To where the file ended at the last `mark()`.
    Mark,
    /// To where it ends now.
    End,
}

/// What a read came to.
pub(super) enum Step {
    /// Whole lines, at this place of the buffer.
    Block(Range<usize>),
    /// Nothing more within the limit.
    Nothing,
    /// The bytes before the position are no longer there: start anew.
    Truncated,
}

pub(super) struct Generation {
    file: File,
    pub(super) id: FileId,
    /// Offset of the next byte to read.
    pub(super) pos: u64,
    /// Size when last seen.
    pub(super) end: u64,
    mark: u64,
    pub(super) carry: Carry,
    pub(super) head: Window,
    /// The bytes before `pos`.
    tail: Window,
    /// `None` while it is the file at the path; else when to stop waiting for a late writer.
    until: Option<Instant>,
    /// Size at the last check: a rotated file that still grows has a writer yet.
    checked_end: u64,
    /// No more is expected: once read to its end it is dropped.
    pub(super) expired: bool,
    pub(super) trouble: Trouble,
}

impl Generation {
    /// Begins at the line that holds byte `offset`, or is about to begin there.
    pub(super) fn new(file: File, meta: &Metadata, offset: u64) -> io::Result<Self> {
        let mut carry = Carry::default();
        let pos = line_start(&file, offset.min(meta.len()), &mut carry)?;
        let mut generation = Self {
            id: FileId::of(meta),
            pos,
            end: meta.len(),
            mark: 0,
            carry,
            head: Window::EMPTY,
            tail: Window::EMPTY,
            until: None,
            checked_end: meta.len(),
            expired: false,
            trouble: Trouble::default(),
            file,
        };
        generation.remember()?;
        Ok(generation)
    }

    /// The copy of a truncated file, taken up where that one was left; read once and dropped.
    pub(super) fn resume_copy(file: File, meta: &Metadata, of: &mut Self) -> Self {
        Self {
            file,
            id: FileId::of(meta),
            pos: of.pos,
            end: meta.len(),
            mark: meta.len(),
            carry: std::mem::take(&mut of.carry),
            head: of.head,
            tail: of.tail,
            until: None,
            checked_end: meta.len(),
            expired: true,
            trouble: Trouble::default(),
        }
    }

    fn remember(&mut self) -> io::Result<()> {
        let len = usize::try_from(self.pos).unwrap_or(WINDOW).min(WINDOW);
        self.head = Window::read(&self.file, 0, len)?;
        self.tail = Window::read(&self.file, self.pos - len as u64, len)?;
        Ok(())
    }

    /// Takes the present size; `false` when the file is seen to have been truncated.
    pub(super) fn measure(&mut self) -> io::Result<bool> {
        let size = self.file.metadata()?.len();
        if size < self.end {
            return Ok(false);
        }
        // Health checks make lines of equal length and ending, so a file written anew may well have the same
        // bytes before the position. Its head has another time. Only a file that changes needs the look.
        let intact = size == self.end || self.head.is_at(&self.file, 0)?;
        if intact {
            self.end = size;
        }
        Ok(intact)
    }

    /// Whether it is the file at the path.
    pub(super) fn is_live(&self) -> bool {
        self.until.is_none() && !self.expired
    }

    /// The path points to it, again or still.
    pub(super) fn revive(&mut self) {
        self.until = None;
        self.expired = false;
    }

    /// The path points elsewhere: nginx may write here until it has handled USR1.
    pub(super) fn retire_after(&mut self, grace: Duration, now: Instant) {
        self.until.get_or_insert(now + grace);
    }

    /// Ends the grace period once the file has not grown for that long.
    pub(super) fn expire(&mut self, grace: Duration, now: Instant) {
        let Some(until) = self.until else { return };
        if self.end != self.checked_end {
            self.checked_end = self.end;
            self.until = Some(now + grace);
        } else if now >= until {
            self.expired = true;
        }
    }

    pub(super) fn set_mark(&mut self) {
        self.mark = self.end;
    }

    /// Goes back to the first byte, after truncation.
    pub(super) fn restart(&mut self) {
        self.end = self.file.metadata().map_or(0, |meta| meta.len());
        self.mark = self.mark.min(self.end);
        self.pos = 0;
        self.carry = Carry::default();
        self.head = Window::EMPTY;
        self.tail = Window::EMPTY;
    }

    /// Whether `file` begins with what this one had up to the position, as far as remembered.
    pub(super) fn has_copy_in(&self, file: &File) -> bool {
        let before = self.pos - self.tail.len() as u64;
        // A file of which nothing was read would find itself in any other.
        self.tail.len() > 0
            && self.tail.is_at(file, before).unwrap_or(false)
            && self.head.is_at(file, 0).unwrap_or(false)
    }

    /// Whether `file` is a copy as far as its first bytes tell, also of what was not read yet.
    pub(super) fn begins_like(&self, file: &File) -> bool {
        let first = |file: &File| {
            let mut bytes = vec![0; COMPARED];
            let n = identity::read_at_most(file, &mut bytes, 0).unwrap_or(0);
            bytes.truncate(n);
            bytes
        };
        let (ours, theirs) = (first(&self.file), first(file));
        let (short, long) = if ours.len() < theirs.len() { (ours, theirs) } else { (theirs, ours) };
        // Many lines begin alike; a whole one has a time in it.
        long.starts_with(&short) && (short.contains(&b'\n') || short.len() == COMPARED)
    }

    /// Reads on until there are whole lines.
    pub(super) fn read(&mut self, buf: &mut Buffer, upto: Upto) -> io::Result<Step> {
        loop {
            let want = match upto {
                Upto::End => BLOCK,
                Upto::Mark => {
                    let rest = self.mark.saturating_sub(self.pos);
                    usize::try_from(rest).unwrap_or(BLOCK).min(BLOCK)
                }
            };
            if want == 0 {
                return Ok(Step::Nothing);
            }
            let known = self.tail.len();
            let gap = self.carry.len().max(known);
            let room = buf.room(gap + want).get_mut(gap - known..gap + want).unwrap_or_default();
            let from = self.pos - known as u64;
            let n = match self.file.read_at(room, from) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            let got = room.get(..n).unwrap_or_default();
            let Some(fresh) = got.strip_prefix(self.tail.as_slice()) else {
                return Ok(Step::Truncated);
            };
            let fresh = fresh.len();
            if fresh == 0 {
                return Ok(Step::Nothing);
            }
            if from == 0 {
                self.head = Window::first(got);
            }
            self.tail = Window::last(got);
            self.pos += fresh as u64;
            self.end = self.end.max(self.pos);
            if let Some(block) = self.carry.join(buf, gap, fresh) {
                return Ok(Step::Block(block));
            }
        }
    }

    /// Whether all that will ever come has been read.
    pub(super) fn is_finished(&self) -> bool {
        self.expired && self.pos >= self.end
    }

    pub(super) fn unread(&self) -> u64 {
        self.end.saturating_sub(self.pos)
    }

    /// Bytes seen and not yielded: what is lost if the file goes away now.
    pub(super) fn unyielded(&self) -> u64 {
        self.unread() + self.carry.len() as u64
    }

    pub(super) fn position(&self) -> io::Result<Position> {
        let offset = self.pos - self.carry.len() as u64;
        Position::take(&self.file, self.id, offset, self.carry.is_skipping())
    }
}

/// Where the line around `offset` begins. If that is farther back than a block, the line is passed over.
fn line_start(file: &File, offset: u64, carry: &mut Carry) -> io::Result<u64> {
    let from = offset.saturating_sub(BLOCK as u64);
    let mut bytes = vec![0; usize::try_from(offset - from).unwrap_or(BLOCK)];
    let n = identity::read_at_most(file, &mut bytes, from)?;
    match memrchr(b'\n', bytes.get(..n).unwrap_or_default()) {
        Some(newline) => Ok(from + newline as u64 + 1),
        None if from == 0 => Ok(0),
        None => {
            carry.skip_line();
            Ok(from + n as u64)
        }
    }
}
