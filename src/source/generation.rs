//! One file a path has pointed to, by its descriptor: it stays readable after rename and deletion.
//!
//! The unfinished line belongs to the generation, so the end of an old file is never glued to the beginning of
//! the new one. Every read begins a little before the position: if those bytes are not the ones already
//! read, the file was truncated and written anew, and a size that has grown past ours again cannot hide it.

mod give_back;
mod line_start;

use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use give_back::BeforeRead;
use line_start::line_start;

use super::Buffer;
use super::buffer::Carry;
use super::files::{LogFile, Stat};
use super::identity::{self, Beginning, FileId, HeadMark, WINDOW, Window};
use super::known::FileHead;
use super::status::Position;
use super::trouble::Trouble;

/// A copy of a file that was emptied.
pub(super) struct FileCopy {
    pub(super) file: Box<dyn LogFile>,
    pub(super) stat: Stat,
    pub(super) gzip: bool,
}

/// How far to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upto {
    /// To where the file ended at the last `mark()`.
    Mark,
    /// To where it ends now.
    End,
}

/// Bytes of a line without end that are passed over at a time.
const PASSED_OVER: u64 = 1 << 20;

/// A hole in a file that is worth a jump.
const HOLE: u64 = 64 << 10;

/// What a read came to.
pub(super) enum Step {
    /// Whole lines, at this place of the buffer; none while a line without end is passed over.
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
    is_head_new: bool,
    /// Of more bytes than `head` has, to be recognised by after a restart.
    beginning: Beginning,
    /// The bytes before `pos`.
    tail: Window,
    /// `None`: the last lines were the unfinished one of a file that does not grow any more.
    before: Option<BeforeRead>,
    /// `None` while it is the file at the path; else when to stop waiting for a late writer.
    until: Option<Instant>,
    /// Size at the last check: a rotated file that still grows has a writer yet.
    checked_end: u64,
    /// No more is expected: once read to its end it is dropped.
    pub(super) expired: bool,
    /// A gzip: its length is an estimate until its end is met, and it cannot change.
    pub(super) sealed: bool,
    /// The end of a gzip was met.
    ended: bool,
    /// It was empty and was written to: others may have to be read before it.
    began: bool,
    pub(super) trouble: Trouble,
    /// Since when reading fails.
    pub(super) failing_since: Option<Instant>,
    /// Since when it is known to have been truncated, and whether there is a copy is not.
    pub(super) truncated_since: Option<Instant>,
    /// Last write when its size was taken.
    pub(super) modified: Option<SystemTime>,
}

impl Generation {
    /// Begins at the line that holds byte `offset`, or is about to begin there.
    pub(super) fn new(file: Box<dyn LogFile>, stat: &Stat, offset: u64) -> io::Result<Self> {
        let mut carry = Carry::default();
        let pos = line_start(file.as_ref(), offset.min(stat.len), &mut carry)?;
        Self::at(file, stat, pos, carry).remember()
    }

    /// The copy of a truncated file, taken up where that one was left; read once and dropped.
    pub(super) fn resume_copy(copy: FileCopy, of: &mut Self) -> Self {
        let FileCopy { file, stat, gzip } = copy;
        let mut generation = Self::at(file, &stat, of.pos, std::mem::take(&mut of.carry));
        generation.mark = stat.len;
        (generation.head, generation.beginning, generation.tail) = (of.head, of.beginning, of.tail);
        generation.finish(gzip);
        generation
    }

    /// Goes on where a saved position was; `file` is known to hold the bytes before it.
    pub(super) fn resume(file: Box<dyn LogFile>, stat: &Stat, saved: &Position) -> io::Result<Self> {
        let mut carry = Carry::default();
        if saved.mid_line {
            carry.skip_line();
        }
        Self::at(file, stat, saved.line_start(), carry).remember()
    }

    fn at(file: Box<dyn LogFile>, stat: &Stat, pos: u64, carry: Carry) -> Self {
        Self {
            file,
            id: FileId::of(stat),
            pos,
            end: stat.len,
            mark: 0,
            carry,
            head: Window::EMPTY,
            is_head_new: true,
            beginning: Beginning::default(),
            tail: Window::EMPTY,
            before: None,
            until: None,
            checked_end: stat.len,
            expired: false,
            sealed: false,
            ended: false,
            began: false,
            trouble: Trouble::default(),
            failing_since: None,
            truncated_since: None,
            modified: stat.modified,
        }
    }

    /// Nobody writes here any more: it is read to its end and dropped. A gzip's length cannot be measured.
    pub(super) fn finish(&mut self, gzip: bool) {
        self.expired = true;
        self.sealed = gzip;
    }

    fn remember(mut self) -> io::Result<Self> {
        let len = usize::try_from(self.pos).unwrap_or(WINDOW).min(WINDOW);
        // Of a file of which nothing is read yet, so much as to notice that others are there instead.
        self.head = Window::read(self.file.as_ref(), 0, if len == 0 { WINDOW } else { len })?;
        self.tail = Window::read(self.file.as_ref(), self.pos - len as u64, len)?;
        self.beginning = Beginning::read(self.file.as_ref(), self.pos)?;
        Ok(self)
    }

    /// Takes the present size; `false` when the file is seen to have been truncated.
    pub(super) fn measure(&mut self) -> io::Result<bool> {
        if self.sealed {
            return Ok(true);
        }
        let stat = self.file.stat()?;
        if stat.len < self.end || self.truncated_since.is_some() {
            return Ok(false);
        }
        // Health checks make lines of equal length and ending, so a file written anew may well have the same
        // bytes before the position. Its head has another time. Only a file that changes needs the look.
        if stat.len != self.end || stat.modified != self.modified {
            if !self.head.is_at(self.file.as_ref(), 0)? {
                return Ok(false);
            }
            if self.pos == 0 {
                let head = Window::read(self.file.as_ref(), 0, WINDOW)?;
                // It was empty when last seen: since then it may have been written, copied and emptied.
                self.began |= self.head.len() == 0;
                self.set_head(head);
            }
        }
        (self.end, self.modified) = (stat.len, stat.modified);
        Ok(true)
    }

    fn set_head(&mut self, head: Window) {
        self.is_head_new |= self.head.as_slice() != head.as_slice();
        self.head = head;
    }

    /// Its first bytes, if they are others than when that was last asked.
    pub(super) fn new_head(&mut self) -> Option<Window> {
        std::mem::take(&mut self.is_head_new).then_some(self.head)
    }

    /// Whether it was empty when that was last asked, and was written to since.
    pub(super) fn has_begun(&mut self) -> bool {
        // A failure shows when it is read.
        if self.pos == 0 && self.head.len() == 0 {
            let _ = self.measure();
        }
        std::mem::take(&mut self.began)
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
        // All of a gzip is there.
        self.mark = if self.sealed { u64::MAX } else { self.end };
    }

    /// Goes back to the first byte, after truncation.
    pub(super) fn restart(&mut self) {
        // It may be emptied again before it is read. What cannot be read was not seen.
        let head = Window::read(self.file.as_ref(), 0, WINDOW).ok();
        self.end = head.map_or(0, |_| self.file.stat().map_or(0, |stat| stat.len));
        self.mark = self.mark.min(self.end);
        self.pos = 0;
        self.carry = Carry::default();
        self.set_head(head.unwrap_or(Window::EMPTY));
        self.beginning = Beginning::default();
        self.tail = Window::EMPTY;
        self.truncated_since = None;
        self.modified = None;
    }

    /// Whether `file` begins with what this one had up to the position, as far as remembered.
    pub(super) fn has_copy_in(&self, file: &dyn LogFile) -> io::Result<bool> {
        let before = self.pos - self.tail.len() as u64;
        // A file of which nothing was seen would find itself in any other.
        Ok(self.head.len() > 0 && self.head.is_at(file, 0)? && self.tail.is_at(file, before)?)
    }

    /// What it is known by; `None`: nothing is in it.
    pub(super) fn mark(&self) -> io::Result<Option<HeadMark>> {
        match self.beginning.mark() {
            None => FileHead::of(self.file.as_ref()).map(|head| head.mark),
            known => Ok(known),
        }
    }

    /// What it is known by once it is closed.
    pub(super) fn last_mark(&self) -> Option<HeadMark> {
        self.beginning.last_mark()
    }

    /// It could be read.
    pub(super) fn recover(&mut self, path: &Path) {
        self.failing_since = None;
        self.trouble.end(path);
    }

    /// Whether it could not be read for so long, and cannot now.
    pub(super) fn fails_for(&self, grace: Duration, now: Instant) -> bool {
        self.failing_since.is_some_and(|since| now.saturating_duration_since(since) >= grace)
            && self.file.read_at(&mut [0], self.pos).is_err()
    }

    pub(super) fn file(&self) -> &dyn LogFile {
        self.file.as_ref()
    }

    /// Reads on until there are whole lines. Of a line without end, which is passed over, it gives an empty block now and
    /// then: other logs, scrapes and a stop must not wait for it.
    pub(super) fn read(&mut self, buf: &mut Buffer, upto: Upto) -> io::Result<Step> {
        let begun = self.pos;
        loop {
            if self.carry.is_skipping() && self.pos - begun >= PASSED_OVER {
                return Ok(Step::Block(0..0));
            }
            if self.carry.is_skipping() {
                self.jump(upto);
            }
            let most = buf.block();
            let want = match upto {
                Upto::End => most,
                Upto::Mark => {
                    let rest = self.mark.saturating_sub(self.pos);
                    usize::try_from(rest).unwrap_or(most).min(most)
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
            let seen = self.head.as_slice();
            if self.pos == 0 && !got.starts_with(seen.get(..want).unwrap_or(seen)) {
                return Ok(Step::Truncated);
            }
            if fresh == 0 {
                if self.sealed {
                    (self.end, self.ended) = (self.pos, true);
                }
                return Ok(Step::Nothing);
            }
            let (pos, tail, beginning) = (self.pos, self.tail, self.beginning);
            self.before = Some(BeforeRead { pos, tail, beginning, gap });
            if from == 0 {
                self.set_head(Window::first(got));
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
        self.expired && self.pos >= self.end && self.ended == self.sealed
    }

    pub(super) fn unread(&self) -> u64 {
        self.end.saturating_sub(self.pos)
    }

    /// Bytes seen and not yielded: what is lost if the file goes away now.
    pub(super) fn unyielded(&self) -> u64 {
        self.unread() + self.carry.len() as u64
    }

    /// Where it stands, from memory: what the file holds at this moment may be another one's bytes already.
    pub(super) fn position(&self, now: Instant) -> Position {
        let grace = self.until.map(|until| until.saturating_duration_since(now).as_secs());
        let (dev, ino, end) = (self.id.dev, self.id.ino, self.end);
        if self.pos == 0 {
            let seen = self.head.len() as u64;
            let hash = identity::hash(self.head.as_slice());
            let end = end.max(seen);
            return Position {
                dev,
                ino,
                offset: seen,
                held: seen,
                head: hash,
                tail: hash,
                mid_line: false,
                end,
                grace,
            };
        }
        Position {
            dev,
            ino,
            offset: self.pos,
            held: self.carry.len() as u64,
            head: self.beginning.hash(),
            tail: identity::hash(self.tail.as_slice()),
            mid_line: self.carry.is_skipping(),
            end,
            grace,
        }
    }
}
