//! One file a path has pointed to, by its descriptor: it stays readable after rename and deletion.
//!
//! The unfinished line belongs to the generation, so the end of an old file is never glued to the beginning of
//! the new one. Every read begins a little before the position: if those bytes are not the ones already
//! read, the file was truncated and written anew, and a size that has grown past ours again cannot hide it.

use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use memchr::memrchr;

use super::buffer::Carry;
use super::files::{LogFile, Stat};
use super::identity::{self, Beginning, FileId, WINDOW, Window};
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
    file: Box<dyn LogFile>,
    pub(super) id: FileId,
    /// Offset of the next byte to read.
    pub(super) pos: u64,
    /// Size when last seen.
    pub(super) end: u64,
    mark: u64,
    pub(super) carry: Carry,
    pub(super) head: Window,
    /// Of more bytes than `head` has, to be recognised by after a restart.
    beginning: Beginning,
    /// The bytes before `pos`.
    tail: Window,
    /// `None` while it is the file at the path; else when to stop waiting for a late writer.
    until: Option<Instant>,
    /// Size at the last check: a rotated file that still grows has a writer yet.
    checked_end: u64,
    /// No more is expected: once read to its end it is dropped.
    pub(super) expired: bool,
    /// A gzip: its length is an estimate until its end is met, and it cannot change.
    sealed: bool,
    pub(super) trouble: Trouble,
}

impl Generation {
    /// Begins at the line that holds byte `offset`, or is about to begin there.
    pub(super) fn new(file: Box<dyn LogFile>, stat: &Stat, offset: u64) -> io::Result<Self> {
        let mut carry = Carry::default();
        let pos = line_start(file.as_ref(), offset.min(stat.len), &mut carry)?;
        let mut generation = Self {
            id: FileId::of(stat),
            pos,
            end: stat.len,
            mark: 0,
            carry,
            head: Window::EMPTY,
            beginning: Beginning::default(),
            tail: Window::EMPTY,
            until: None,
            checked_end: stat.len,
            expired: false,
            sealed: false,
            trouble: Trouble::default(),
            file,
        };
        generation.remember()?;
        Ok(generation)
    }

    /// The copy of a truncated file, taken up where that one was left; read once and dropped.
    pub(super) fn resume_copy(file: Box<dyn LogFile>, stat: &Stat, of: &mut Self) -> Self {
        Self {
            file,
            id: FileId::of(stat),
            pos: of.pos,
            end: stat.len,
            mark: stat.len,
            carry: std::mem::take(&mut of.carry),
            head: of.head,
            beginning: of.beginning,
            tail: of.tail,
            until: None,
            checked_end: stat.len,
            expired: true,
            sealed: false,
            trouble: Trouble::default(),
        }
    }

    /// Goes on where a saved position was; `file` is known to hold the bytes before it.
    pub(super) fn resume(file: Box<dyn LogFile>, stat: &Stat, saved: &Position) -> io::Result<Self> {
        let mut carry = Carry::default();
        if saved.mid_line {
            carry.skip_line();
        }
        let mut generation = Self {
            id: FileId::of(stat),
            pos: saved.line_start(),
            end: stat.len,
            mark: 0,
            carry,
            head: Window::EMPTY,
            beginning: Beginning::default(),
            tail: Window::EMPTY,
            until: None,
            checked_end: stat.len,
            expired: false,
            sealed: false,
            trouble: Trouble::default(),
            file,
        };
        generation.remember()?;
        Ok(generation)
    }

    /// Nobody writes here any more: it is read to its end and dropped. A gzip's length cannot be measured.
    pub(super) fn finish(mut self, gzip: bool) -> Self {
        self.expired = true;
        self.sealed = gzip;
        self
    }

    fn remember(&mut self) -> io::Result<()> {
        let len = usize::try_from(self.pos).unwrap_or(WINDOW).min(WINDOW);
        self.head = Window::read(self.file.as_ref(), 0, len)?;
        self.tail = Window::read(self.file.as_ref(), self.pos - len as u64, len)?;
        self.beginning = Beginning::read(self.file.as_ref(), self.pos)?;
        Ok(())
    }

    /// Takes the present size; `false` when the file is seen to have been truncated.
    pub(super) fn measure(&mut self) -> io::Result<bool> {
        if self.sealed {
            return Ok(true);
        }
        let size = self.file.stat()?.len;
        if size < self.end {
            return Ok(false);
        }
        // Health checks make lines of equal length and ending, so a file written anew may well have the same
        // bytes before the position. Its head has another time. Only a file that changes needs the look.
        let intact = size == self.end || self.head.is_at(self.file.as_ref(), 0)?;
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
        self.end = self.file.stat().map_or(0, |stat| stat.len);
        self.mark = self.mark.min(self.end);
        self.pos = 0;
        self.carry = Carry::default();
        self.head = Window::EMPTY;
        self.beginning = Beginning::default();
        self.tail = Window::EMPTY;
    }

    /// Whether `file` begins with what this one had up to the position, as far as remembered.
    pub(super) fn has_copy_in(&self, file: &dyn LogFile) -> bool {
        let before = self.pos - self.tail.len() as u64;
        // A file of which nothing was read would find itself in any other.
        self.tail.len() > 0
            && self.tail.is_at(file, before).unwrap_or(false)
            && self.head.is_at(file, 0).unwrap_or(false)
    }

    /// Whether `file` is a copy as far as its first bytes tell, also of what was not read yet.
    pub(super) fn begins_like(&self, file: &dyn LogFile) -> bool {
        let first = |file: &dyn LogFile| {
            let mut bytes = vec![0; COMPARED];
            let n = identity::read_at_most(file, &mut bytes, 0).unwrap_or(0);
            bytes.truncate(n);
            bytes
        };
        let (ours, theirs) = (first(self.file.as_ref()), first(file));
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
                if self.sealed {
                    self.end = self.pos;
                }
                return Ok(Step::Nothing);
            }
            if from == 0 {
                self.head = Window::first(got);
            }
            self.beginning.grow(self.pos, got.get(known..).unwrap_or_default());
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

    /// Where it stands, from memory: what the file holds at this moment may be another one's bytes already.
    pub(super) fn position(&self) -> Position {
        Position {
            dev: self.id.dev,
            ino: self.id.ino,
            offset: self.pos,
            held: self.carry.len() as u64,
            head: self.beginning.hash(),
            tail: identity::hash(self.tail.as_slice()),
            mid_line: self.carry.is_skipping(),
            end: self.end,
        }
    }
}

/// Where the line around `offset` begins. If that is farther back than a block, the line is passed over.
fn line_start(file: &dyn LogFile, offset: u64, carry: &mut Carry) -> io::Result<u64> {
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
