//! An access log: finds its transport and format, and takes the short way for lines that are no failure.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Instant;

use crate::attribute::root_cause::LogId;
use crate::bytes::Text;
use crate::record::access::{Access, Written};
use crate::record::envelope::{Envelope, LogEnvelope};
use crate::record::error;
use crate::record::format::Format;
use crate::record::parts::Parts;
use crate::record::stamp::Local;

use super::fpm::log_id;
use super::saved::SavedReader;
use super::{Attributor, Id, Log, Sink, Tally, lines};

/// Formats that one log may mix (its `log_format` was changed, or JSON objects of several shapes).
const MOST_FORMATS: usize = 8;

/// How long a failed line waits for its entry where the transport may reorder, in seconds.
const HOLD: Local = 2;

/// Most lines that wait so, and the longest of them in bytes: memory stays bounded.
const MOST_HELD: usize = 4096;
const LONGEST_HELD: usize = 4096;

/// One access log.
#[derive(Debug)]
pub struct AccessLog {
    /// Which log it is, if its server may be asked for.
    id: Option<LogId>,
    formats: Vec<Format>,
    /// The format was given, so no other one is guessed.
    given: bool,
    /// The number of what was learned of the configuration last; 0: nothing was.
    learned: u64,
    current: usize,
    envelope: LogEnvelope,
    parts: Parts,
    /// The error log comes another way than this one, so its entries may come later.
    unordered: bool,
    held: VecDeque<(Local, Box<[u8]>)>,
    tally: Tally,
}

impl AccessLog {
    /// With a given format, or finding it out. `unordered`: an entry of the error log may be read later than
    /// the line it explains.
    pub fn new(format: Option<Format>, unordered: bool) -> Self {
        Self {
            id: None,
            given: format.is_some(),
            learned: 0,
            formats: format.into_iter().collect(),
            current: 0,
            envelope: LogEnvelope::default(),
            parts: Parts::default(),
            unordered,
            held: VecDeque::new(),
            tally: Tally::default(),
        }
    }

    /// The same, for the log at `path`: the configuration may say whose it is.
    pub fn at(mut self, path: &Path) -> Self {
        self.id = Some(log_id(path));
        self
    }

    /// From now on its format is this one, or is found out. Those of before stay behind it, as lines of theirs may be unread.
    pub fn give(&mut self, format: Option<&Format>) {
        if self.given == format.is_some() && (format.is_none() || self.formats.first() == format) {
            return;
        }
        self.given = format.is_some();
        let mut known = std::mem::take(&mut self.formats);
        known.retain(|known| Some(known) != format);
        self.formats = format.cloned().into_iter().chain(known).take(MOST_FORMATS).collect();
        (self.current, self.learned) = (0, 0);
    }

    /// One that may have these formats besides those that are found out.
    pub(super) fn knowing(formats: &[Format]) -> Self {
        Self { formats: formats.iter().take(MOST_FORMATS).cloned().collect(), ..Self::new(None, false) }
    }

    /// Whether a line is one of an access log: whether a transport stands around it, and its time and zone if it names them.
    pub(super) fn try_line(&mut self, line: &[u8]) -> Option<(bool, Option<(Local, i32)>)> {
        self.envelope.open(line).find_map(|(envelope, inner)| {
            let (_, access) = self.fit(&inner).ok()?;
            let zone = match access.written() {
                Some(Written::Zoned(zoned)) => Some((zoned.local, zoned.offset)),
                _ => None,
            };
            Some((envelope.reorders(), zone))
        })
    }

    #[inline]
    fn line(&mut self, line: &[u8], attributor: &mut Attributor, sink: &mut impl Sink) {
        if self.envelope.get() == Some(Envelope::Plain)
            && !self.unordered
            && let Some(format) = self.formats.get(self.current)
        {
            if attributor.wants_every_line() {
                if let Some(followed) = format.followed(line)
                    && attributor.is_plain(followed.status, || followed.connection)
                    && !attributor.keeps(followed.times.address)
                {
                    self.tally.parsed += 1;
                    return attributor.followed(&followed, sink);
                }
            } else if let Some(status) = format.quick(line)
                && attributor.is_plain(status, || format.quick_connection(line))
            {
                self.tally.parsed += 1;
                return sink.response(Id::NONE, status);
            }
            if let Ok(access) = format.access(line) {
                self.tally.parsed += 1;
                return attributor.access(&access, sink);
            }
        }
        self.search(line, attributor, sink);
    }

    /// Any envelope that is possible, any format that fits.
    #[cold]
    fn search(&mut self, line: &[u8], attributor: &mut Attributor, sink: &mut impl Sink) {
        let mut why = None;
        let known = self.envelope;
        let Some(whole) = self.parts.whole(known.get(), line) else { return };
        for (envelope, inner) in known.open(&whole) {
            match self.fit(&inner) {
                Ok((current, access)) => {
                    self.envelope.found(envelope);
                    self.current = current;
                    self.tally.parsed += 1;
                    return self.take(&inner, &access, envelope, attributor, sink);
                }
                Err(mismatch) => why = why.or(Some((envelope, mismatch))),
            }
        }
        self.tally.reject(line, || match why {
            Some((Envelope::Plain, mismatch)) => mismatch,
            Some((envelope, mismatch)) => format!("inside its {envelope:?} envelope, {mismatch}"),
            None => format!("it does not come in the {:?} envelope of the lines before it", known.get()),
        });
    }

    /// A format that fits the line, and the line read by it.
    fn fit<'l>(&mut self, line: &'l [u8]) -> Result<(usize, Access<'l>), String> {
        let describe = |mismatch: crate::record::format::Mismatch| {
            format!("at column {} it should have {}", mismatch.column, mismatch.wanted)
        };
        let mut closest = None;
        for (i, format) in self.formats.iter().enumerate() {
            match format.access(line) {
                Ok(access) => return Ok((i, access)),
                Err(mismatch) => closest = closest.or(Some(mismatch)),
            }
        }
        if self.given || self.formats.len() >= MOST_FORMATS {
            return Err(closest.map_or_else(String::new, describe));
        }
        if error::head(line).is_some() {
            // A container's log has those, too; none of the formats need to be tried.
            return Err("it is an entry of an error log".to_owned());
        }
        let format = Format::detect(line).map_err(|mismatch| match closest {
            // The configuration's own formats are known better than those that tools have by default.
            Some(closest) => format!("it fits no format of this log: {}", describe(closest)),
            None => format!("it fits no format known by name; the nearest breaks: {}", describe(mismatch)),
        })?;
        let access = format.access(line).map_err(describe)?;
        self.formats.push(format);
        Ok((self.formats.len() - 1, access))
    }

    /// When a line was written, if it can be read. What may be a part of a line teaches no format.
    fn stamp_of(&self, line: &[u8]) -> Option<Option<Written>> {
        let known = self.formats.iter().find_map(|format| format.access(line).ok());
        if let Some(access) = known {
            return Some(access.written());
        }
        if self.given || self.formats.len() >= MOST_FORMATS || error::head(line).is_some() {
            return None;
        }
        Some(Format::detect(line).ok()?.access(line).ok()?.written())
    }

    fn take(
        &mut self,
        line: &[u8],
        access: &Access<'_>,
        envelope: Envelope,
        attributor: &mut Attributor,
        sink: &mut impl Sink,
    ) {
        if !envelope.reorders() && !self.unordered {
            return attributor.access(access, sink);
        }
        if line.len() > LONGEST_HELD {
            return attributor.access(access, sink);
        }
        if !attributor.access_or_wait(access, sink) {
            self.held.push_back((attributor.now() + HOLD, line.into()));
        }
    }

    /// Judges lines that have waited long enough for their entry.
    pub fn release(&mut self, all: bool, attributor: &mut Attributor, sink: &mut impl Sink) {
        attributor.reads(self.id);
        while let Some((until, _)) = self.held.front()
            && (all || *until <= attributor.now() || self.held.len() > MOST_HELD)
            && let Some((_, line)) = self.held.pop_front()
        {
            // A line that waited over a restart comes before any format was found.
            if let Ok((_, access)) = self.fit(&line) {
                attributor.access(&access, sink);
            }
        }
    }
}

impl Log for AccessLog {
    fn learn(&mut self, attributor: &Attributor) {
        let (formats, number) = attributor.formats_of(self.id);
        if self.given || number == self.learned {
            return;
        }
        self.learned = number;
        // What was read so far stays behind them: workers that end after a reload still write it.
        let mut known = std::mem::take(&mut self.formats);
        known.retain(|format| !formats.contains(format));
        self.formats = formats.iter().cloned().chain(known).take(MOST_FORMATS).collect();
        self.current = 0;
    }

    fn block(&mut self, block: &[u8], attributor: &mut Attributor, sink: &mut impl Sink) {
        attributor.reads(self.id);
        for line in lines(block) {
            self.line(line, attributor, sink);
        }
        self.release(false, attributor, sink);
    }

    fn flush(&mut self, attributor: &mut Attributor, sink: &mut impl Sink) {
        attributor.reads(self.id);
        self.release(true, attributor, sink);
    }

    fn idle(&mut self, _now: Instant, attributor: &mut Attributor, sink: &mut impl Sink) {
        attributor.reads(self.id);
        self.release(false, attributor, sink);
    }

    fn time(&mut self, line: &[u8], offset: i32) -> Option<Local> {
        self.envelope.open(line).find_map(|(_, inner)| {
            let written = self.stamp_of(&inner)?;
            Some(written.map_or(Local::MAX, |written| written.local(offset)))
        })
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn save(&self, now: Local) -> SavedReader {
        let held = self.held.iter().map(|(until, line)| (until.saturating_sub(now), Text::from(&**line)));
        SavedReader { held: held.collect(), parts: self.parts.clone(), ..SavedReader::of(&self.tally) }
    }

    fn resume(&mut self, saved: SavedReader, now: Local) {
        self.tally = saved.tally();
        self.parts = saved.parts;
        let held = saved.held.into_iter();
        self.held = held.map(|(rest, line)| (now.saturating_add(rest), Vec::from(line).into())).collect();
    }
}
