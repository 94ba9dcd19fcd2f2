//! One log in the order of time: its next lines are held until it is their turn.

use std::time::SystemTime;

use memchr::{memchr, memrchr};

use super::zone;
use crate::attribute::logs::{AnyLog, Log};
use crate::attribute::{Attributor, Sink};
use crate::record::stamp::Local;
use crate::source::{BLOCK, Buffer, Follower, Offline, ReadError, Stdin, Upto};

/// Bytes that a log may be taken further than its turn, so that logs do not alternate line by line; and by how much in
/// time.
const AHEAD_BYTES: usize = 16 * 1024;
const AHEAD: Local = 30;

/// Places of a block at which the time is looked at, if its lines are mixed.
const PLACES: usize = 8;

/// What many logs hold together, and the least of one. A few have whole blocks.
const HELD: usize = 4 << 20;
const LEAST: usize = 8 * 1024;

/// Buffers kept between two runs: access, error and PHP-FPM log.
const KEPT: usize = 3;

/// A log's bytes.
pub trait Blocks {
    /// Reads the next block of whole lines into the buffer; false at the (present) end.
    ///
    /// # Errors
    /// When reading fails.
    fn next(&mut self, buffer: &mut Buffer) -> Result<bool, ReadError>;

    /// What the buffer still holds of the last block comes again.
    fn give_back(&mut self, buffer: &Buffer);

    /// Whether nothing can come behind the end.
    fn ends_for_good(&self) -> bool {
        false
    }

    /// When the last line that was read was written, where that is known.
    fn written(&self) -> Option<SystemTime> {
        None
    }
}

impl Blocks for Offline {
    fn next(&mut self, buffer: &mut Buffer) -> Result<bool, ReadError> {
        Ok(self.read_block(buffer)?.is_some())
    }

    fn give_back(&mut self, buffer: &Buffer) {
        Self::give_back(self, buffer);
    }

    fn ends_for_good(&self) -> bool {
        true
    }
}

/// A followed log up to a mark or to its end.
pub struct Live<'a> {
    /// The log.
    pub follower: &'a mut Follower,
    /// How far.
    pub upto: Upto,
}

impl Blocks for Live<'_> {
    fn next(&mut self, buffer: &mut Buffer) -> Result<bool, ReadError> {
        Ok(self.follower.read_block(buffer, self.upto)?.is_some())
    }

    fn give_back(&mut self, buffer: &Buffer) {
        self.follower.give_back(buffer);
    }

    fn written(&self) -> Option<SystemTime> {
        self.follower.written()
    }
}

impl Blocks for Stdin {
    fn next(&mut self, buffer: &mut Buffer) -> Result<bool, ReadError> {
        Ok(self.read_block(buffer).is_some())
    }

    fn give_back(&mut self, buffer: &Buffer) {
        Self::give_back(self, buffer);
    }
}

impl<B: Blocks + ?Sized> Blocks for &mut B {
    fn next(&mut self, buffer: &mut Buffer) -> Result<bool, ReadError> {
        (**self).next(buffer)
    }

    fn give_back(&mut self, buffer: &Buffer) {
        (**self).give_back(buffer);
    }

    fn ends_for_good(&self) -> bool {
        (**self).ends_for_good()
    }

    fn written(&self) -> Option<SystemTime> {
        (**self).written()
    }
}

/// Buffers that no log holds.
#[derive(Debug, Default)]
pub struct Buffers {
    free: Vec<Buffer>,
    block: usize,
}

impl Buffers {
    /// So many logs may hold one each.
    pub(super) fn begin(&mut self, logs: usize) {
        let block = (HELD / logs.max(1)).clamp(LEAST, BLOCK);
        if block != self.block {
            (self.block, self.free) = (block, Vec::new());
        }
    }

    /// The memory of most of them is given back.
    pub(super) fn end(&mut self) {
        self.free.truncate(KEPT);
    }

    #[cfg(test)]
    pub(super) fn block(&self) -> usize {
        self.block
    }

    fn take(&mut self) -> Buffer {
        self.free.pop().unwrap_or_else(|| Buffer::with_block(self.block))
    }

    fn put(&mut self, buffer: Buffer) {
        self.free.push(buffer);
    }
}

/// What reads a log, and how far in time it has come.
#[derive(Debug)]
pub struct Reader {
    /// What reads the lines.
    pub log: AnyLog,
    /// The time of the last line that was taken; [`Local::MIN`] before any.
    pub(super) reached: Local,
    /// Its lines do not come in the order of their times: with `access_log buffer=` each of nginx's workers writes a
    /// buffer of its own.
    mixed: bool,
}

impl Reader {
    /// At the beginning of its log.
    pub fn new(log: AnyLog) -> Self {
        Self { log, reached: Local::MIN, mixed: false }
    }

    /// How many of the lines from `from` on, in bytes, are no later than `limit`.
    fn until(&mut self, lines: &[u8], limit: Local, offset: i32) -> usize {
        if self.mixed { self.scan(lines, limit, offset) } else { self.search(lines, limit, offset) }
    }

    /// Line by line.
    fn scan(&mut self, lines: &[u8], limit: Local, offset: i32) -> usize {
        let mut end = 0;
        while end < lines.len() {
            let next = line_end(lines, end);
            if self.log.time(&lines[end..next - 1], offset).is_some_and(|at| at > limit) {
                break;
            }
            end = next;
        }
        end
    }

    /// Of lines in the order of their times: in steps that double, then by halves.
    fn search(&mut self, lines: &[u8], limit: Local, offset: i32) -> usize {
        let mut within = |from: usize, to: usize| {
            self.log.last_time(&lines[from..to], offset).is_none_or(|at| at <= limit)
        };
        let (mut good, mut step) = (0, 512);
        let mut bad = loop {
            let end = line_end(lines, good + step);
            if !within(good, end) {
                break end;
            }
            good = end;
            if good == lines.len() {
                return good;
            }
            step *= 2;
        };
        loop {
            // The end of a line between the two; where there is none, one line is left, and it is later.
            let middle = good + (bad - good) / 2;
            let end = match line_end(lines, middle) {
                end if end < bad => end,
                _ => good + memrchr(b'\n', &lines[good..middle]).map_or(0, |at| at + 1),
            };
            if end == good {
                return good;
            }
            if within(good, end) {
                good = end;
            } else {
                bad = end;
            }
        }
    }
}

/// Where the line ends that holds the byte `at`, or the last one.
fn line_end(lines: &[u8], at: usize) -> usize {
    let from = at.min(lines.len());
    memchr(b'\n', &lines[from..]).map_or(lines.len(), |end| from + end + 1)
}

/// One log in one run: where its bytes come from and what reads them.
pub struct Stream<'a> {
    source: Box<dyn Blocks + 'a>,
    pub(super) reader: &'a mut Reader,
    lead: Option<Local>,
    held: Option<Held>,
    /// It is within a line without end, which is passed over when no other log has lines.
    passing: bool,
}

/// The next lines of a log.
struct Held {
    buffer: Buffer,
    /// The time of the first of them, and the latest.
    first: Local,
    latest: Local,
}

impl<'a> Stream<'a> {
    /// Not read yet.
    pub fn new(source: impl Blocks + 'a, reader: &'a mut Reader) -> Self {
        let lead = reader.log.lead();
        Self { source: Box::new(source), reader, lead, held: None, passing: false }
    }

    /// Whether it holds evidence for the lines of others.
    pub(super) fn is_evidence(&self) -> bool {
        self.lead.is_some()
    }

    /// When it is its turn, compared with the other logs: evidence comes before the responses that it may explain.
    /// `None`: it has ended.
    pub(super) fn turn(&self, attributor: &Attributor) -> Option<Local> {
        let held = self.held.as_ref()?;
        if self.is_eager(attributor) {
            return Some(Local::MIN);
        }
        let first = self.reader.log.waiting_since().map_or(held.first, |since| since.min(held.first));
        Some(first.saturating_sub(self.lead.unwrap_or(0)))
    }

    /// A response in an unknown zone finds its entry whatever the hours say, if one was read.
    fn is_eager(&self, attributor: &Attributor) -> bool {
        self.is_evidence() && self.reader.reached == Local::MIN && !attributor.is_zone_known()
    }

    /// Reads its next lines, if it holds none.
    pub(super) fn fill(
        &mut self,
        buffers: &mut Buffers,
        attributor: &mut Attributor,
        sink: &mut impl Sink,
    ) -> Result<(), ReadError> {
        let mut buffer = buffers.take();
        let read = self.source.next(&mut buffer);
        self.passing = matches!(read, Ok(true)) && buffer.lines().is_empty();
        if self.passing {
            buffers.put(buffer);
            return Ok(());
        }
        if let Ok(true) = read {
            self.reader.log.learn(attributor);
            if let Some(at) = self.source.written() {
                self.reader.log.written(buffer.lines(), zone::local(at, attributor.offset()));
            }
            self.hold(buffer, attributor.offset());
            return Ok(());
        }
        buffers.put(buffer);
        if let Ok(false) = read {
            self.reader.log.at_end(self.source.ends_for_good(), attributor, sink);
        }
        read.map(|_| ())
    }

    /// The time of the next line; [`Local::MAX`]: it has none.
    pub(super) fn begins(&self) -> Local {
        self.held.as_ref().map_or(Local::MAX, |held| held.first)
    }

    /// Whether more of a line without end is to be passed over.
    pub(super) fn is_passing(&self) -> bool {
        self.passing
    }

    fn hold(&mut self, buffer: Buffer, offset: i32) {
        let Reader { log, reached, mixed } = &mut *self.reader;
        let lines = buffer.lines();
        // Without any time it has come no further than before.
        let first = log.first_time(lines, offset).unwrap_or(*reached);
        let mut latest = first;
        let places = if *mixed { PLACES } else { 2 };
        for place in 1..=places {
            let end = memrchr(b'\n', &lines[..lines.len() / places * place]).map_or(0, |at| at + 1);
            let end = if place == places { lines.len() } else { end };
            let at = log.last_time(&lines[..end], offset).unwrap_or(first);
            // Stamps of several workers may differ by one.
            *mixed |= at.saturating_add(1) < latest;
            latest = latest.max(at);
        }
        *mixed |= first.saturating_add(1) < *reached;
        self.held = Some(Held { buffer, first, latest });
    }

    /// Takes lines that are no later than `strict`; and no later than `wanted`, if that is not too few. Both are turns.
    pub(super) fn take(
        &mut self,
        (strict, wanted): (Local, Local),
        buffers: &mut Buffers,
        attributor: &mut Attributor,
        sink: &mut impl Sink,
    ) -> Result<(), ReadError> {
        let offset = attributor.offset();
        let lead = self.lead.unwrap_or(0);
        let (strict, wanted) = (strict.saturating_add(lead), wanted.saturating_add(lead));
        let at_any_time = self.reader.log.waiting_since().is_some() || self.is_eager(attributor);
        let Some(mut held) = self.held.take() else { return Ok(()) };
        let length = self.portion(&held, strict, wanted, at_any_time, offset);
        let lines = &held.buffer.lines()[..length];
        let last = self.reader.log.last_time(lines, offset);
        self.reader.log.block(lines, attributor, sink);
        self.reader.reached = last.unwrap_or(self.reader.reached);
        held.buffer.take(length);
        if held.buffer.lines().is_empty() {
            buffers.put(held.buffer);
            return self.fill(buffers, attributor, sink);
        }
        let first = self.reader.log.first_time(held.buffer.lines(), offset);
        held.first = first.unwrap_or(self.reader.reached);
        self.held = Some(held);
        Ok(())
    }

    fn portion(
        &mut self,
        held: &Held,
        strict: Local,
        wanted: Local,
        at_any_time: bool,
        offset: i32,
    ) -> usize {
        let lines = held.buffer.lines();
        let sure = !self.reader.mixed || strict == Local::MAX;
        if sure && held.latest <= strict.min(wanted) {
            return lines.len();
        }
        let ahead = line_end(lines, AHEAD_BYTES - 1);
        let at = self.reader.log.last_time(&lines[..ahead], offset).unwrap_or(held.first);
        let some = if at_any_time || at > wanted && at <= wanted.saturating_add(AHEAD) {
            ahead
        } else {
            self.reader.until(lines, wanted, offset)
        };
        let some = if strict == Local::MAX || sure && held.latest <= strict {
            some
        } else {
            self.reader.until(&lines[..some], strict, offset)
        };
        // It is its turn because of the first one.
        some.max(line_end(lines, 0))
    }

    /// What it holds comes again in the next run.
    pub(super) fn give_back(&mut self, buffers: &mut Buffers) {
        if let Some(held) = self.held.take() {
            self.source.give_back(&held.buffer);
            buffers.put(held.buffer);
        }
    }
}
