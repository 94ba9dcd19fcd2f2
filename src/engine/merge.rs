//! Several logs in the order of time, a block at a time.
//!
//! An access line can only be judged when its error entries have been read, and a log that is read far
//! ahead of the others would fill the join with entries that wait. So before a block of an access log is
//! taken, the error and PHP-FPM logs are read up to the time of its last line, and a little further. Of live
//! access logs only what was there before the others were read is taken, so that nginx's entries for it are in.

use crate::attribute::logs::{AccessLog, ErrorLog, FpmLog, Log};
use crate::attribute::{Attributor, Sink, root_cause};
use crate::record::stamp::Local;
use crate::source::{Buffer, Follower, Offline, ReadError, Stdin, Upto};

/// A log's bytes.
pub trait Blocks {
    /// The next block of whole lines; `None` at the (present) end.
    ///
    /// # Errors
    /// When reading fails.
    fn next<'b>(&'b mut self, buffer: &'b mut Buffer) -> Result<Option<&'b [u8]>, ReadError>;

    /// Whether nothing can come behind the end.
    fn ends_for_good(&self) -> bool {
        false
    }
}

impl Blocks for Offline {
    fn next<'b>(&'b mut self, buffer: &'b mut Buffer) -> Result<Option<&'b [u8]>, ReadError> {
        self.read_block(buffer)
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
    fn next<'b>(&'b mut self, buffer: &'b mut Buffer) -> Result<Option<&'b [u8]>, ReadError> {
        self.follower.read_block(buffer, self.upto)
    }
}

impl Blocks for Stdin {
    fn next<'b>(&'b mut self, _: &'b mut Buffer) -> Result<Option<&'b [u8]>, ReadError> {
        Ok(self.read_block())
    }
}

/// What reads a log, and how far in time it has come: of several logs the one that is most behind is read next,
/// so that none of a thousand busy ones waits for ever.
#[derive(Debug)]
pub struct Reader<L> {
    /// What reads the lines.
    pub log: L,
    reached: Local,
    /// Its lines do not come in the order of their times.
    mixed: bool,
}

impl<L: Log> Reader<L> {
    /// The latest time in a block whose last line has the time `last`.
    ///
    /// With `access_log buffer=` each of nginx's workers writes a buffer of its own, so the last line need not be the
    /// latest. A log that was seen to be so is looked at in several places of each block.
    fn latest(&mut self, block: &[u8], last: Option<Local>, offset: i32) -> Option<Local> {
        let places = if self.mixed { PLACES } else { 2 };
        let before = (1..places).filter_map(|place| {
            let end = memchr::memrchr(b'\n', &block[..block.len() / places * place])?;
            self.log.last_time(&block[..=end], offset)
        });
        let before = before.max();
        self.mixed |= before > last || last.is_some_and(|last| last < self.reached);
        before.max(last)
    }
}

impl<L> Reader<L> {
    /// At the beginning of its log.
    pub fn new(log: L) -> Self {
        Self { log, reached: Local::MIN, mixed: false }
    }

    /// Its first line has this time: of several logs, as of one that was rotated, the oldest is read first, in whatever
    /// order they were named.
    pub fn begins_at(&mut self, first: Local) {
        self.reached = first;
    }
}

/// One log in one run: where its bytes come from and what reads them.
pub struct Stream<'a, L> {
    source: &'a mut dyn Blocks,
    reader: &'a mut Reader<L>,
    ended: bool,
}

impl<'a, L: Log> Stream<'a, L> {
    /// Not read yet.
    pub fn new(source: &'a mut dyn Blocks, reader: &'a mut Reader<L>) -> Self {
        Self { source, reader, ended: false }
    }

    fn log(&mut self) -> &mut L {
        &mut self.reader.log
    }

    /// Reads and takes one block.
    fn step(
        &mut self,
        buffer: &mut Buffer,
        attributor: &mut Attributor,
        sink: &mut impl Sink,
    ) -> Result<(), ReadError> {
        match self.source.next(buffer) {
            Ok(Some(block)) => {
                // Without any time in it, it is read on: the time that is wanted may come in the next block.
                let at = self.reader.log.last_time(block, attributor.offset());
                self.reader.log.block(block, attributor, sink);
                self.reader.reached = at.unwrap_or(self.reader.reached);
                Ok(())
            }
            Ok(None) => {
                self.ended = true;
                self.reader.log.at_end(self.source.ends_for_good(), attributor, sink);
                Ok(())
            }
            Err(error) => {
                self.ended = true;
                Err(error)
            }
        }
    }
}

/// The logs of one run.
#[derive(Default)]
pub struct Streams<'a> {
    /// Access logs.
    pub access: Vec<Stream<'a, AccessLog>>,
    /// Error logs.
    pub error: Vec<Stream<'a, ErrorLog>>,
    /// PHP-FPM logs.
    pub fpm: Vec<Stream<'a, FpmLog>>,
}

/// Two buffers: one block of an access log waits while the others catch up.
pub struct Buffers {
    access: Buffer,
    other: Buffer,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { access: Buffer::new(), other: Buffer::new() }
    }
}

impl Streams<'_> {
    /// Reads everything there is. `go_on` is asked after each block; when it says no, the rest stays
    /// unread. Gives the errors met; a log that fails is left where it is.
    pub fn pump(
        &mut self,
        buffers: &mut Buffers,
        attributor: &mut Attributor,
        sink: &mut impl Sink,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Vec<ReadError> {
        let mut errors = Vec::new();
        while let Some(stream) = self.access.iter_mut().filter(|s| !s.ended).min_by_key(|s| s.reader.reached)
        {
            let block = match stream.source.next(&mut buffers.access) {
                Ok(Some(block)) => block,
                Ok(None) => {
                    stream.ended = true;
                    continue;
                }
                Err(error) => {
                    errors.push(error);
                    stream.ended = true;
                    continue;
                }
            };
            let last = stream.reader.log.last_time(block, attributor.offset());
            // Evidence is a little later than the response it explains.
            let latest = stream.reader.latest(block, last, attributor.offset());
            let until = latest.map_or(Local::MAX, |at| at.saturating_add(root_cause::GRACE));
            catch_up(&mut self.error, until, &mut buffers.other, attributor, sink, &mut errors);
            catch_up(&mut self.fpm, until, &mut buffers.other, attributor, sink, &mut errors);
            stream.reader.log.block(block, attributor, sink);
            // Without any time it has come as far as the clock: else it would be read before all others for ever.
            stream.reader.reached = last.unwrap_or(attributor.now().max(stream.reader.reached));
            if let Some(at) = last {
                attributor.reached(at, sink);
            }
            if !go_on() {
                return errors;
            }
        }
        loop {
            let error = next_of(&mut self.error);
            let done = match (error, next_of(&mut self.fpm)) {
                (Some(stream), _) => stream.step(&mut buffers.other, attributor, sink),
                (None, Some(stream)) => stream.step(&mut buffers.other, attributor, sink),
                (None, None) => return errors,
            };
            errors.extend(done.err());
            if !go_on() {
                return errors;
            }
        }
    }

    /// The logs are at their end for good: what is still open in them is given.
    pub fn flush(&mut self, attributor: &mut Attributor, sink: &mut impl Sink) {
        self.error.iter_mut().for_each(|stream| stream.log().flush(attributor, sink));
        self.access.iter_mut().for_each(|stream| stream.log().flush(attributor, sink));
    }
}

/// Places of a block at which the time is looked at, if its lines are mixed.
const PLACES: usize = 8;

fn next_of<'s, 'a, L: Log>(streams: &'s mut [Stream<'a, L>]) -> Option<&'s mut Stream<'a, L>> {
    streams.iter_mut().filter(|stream| !stream.ended).min_by_key(|stream| stream.reader.reached)
}

fn catch_up<L: Log>(
    streams: &mut [Stream<'_, L>],
    until: Local,
    buffer: &mut Buffer,
    attributor: &mut Attributor,
    sink: &mut impl Sink,
    errors: &mut Vec<ReadError>,
) {
    while let Some(stream) = next_of(streams).filter(|stream| stream.reader.reached <= until) {
        errors.extend(stream.step(buffer, attributor, sink).err());
    }
}
