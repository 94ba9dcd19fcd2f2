//! An error log: finds its transport, joins lines to entries.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::attribute::closed;
use crate::attribute::entry::Place;
use crate::attribute::message::Meaning;
use crate::attribute::root_cause::LogId;
use crate::bytes::Text;
use crate::record::entries::{Entries, Entry, Part, Unfinished};
use crate::record::envelope::{Envelope, LogEnvelope};
use crate::record::error::{self, Level};
use crate::record::stamp::{self, Local};

use super::fpm::log_id;
use super::saved::SavedReader;
use super::{Attributor, Log, Sink, Tally, lines};

/// After this time nothing can follow that nginx wrote together with a line that was read.
const QUIET: Duration = Duration::from_millis(250);

/// How many seconds behind an access line its entry may stand. It is written before, but by several processes.
const ENTRY: Local = 1;

/// One error log.
#[derive(Debug)]
pub struct ErrorLog {
    /// Which log it is, if its nginx may be asked for.
    id: Option<LogId>,
    entries: Entries,
    envelope: LogEnvelope,
    /// Each line of the transport was one entry so far.
    apart: bool,
    /// Whose line began the open entry, where the transport mixes several streams.
    stream: Option<Box<[u8]>>,
    number: u64,
    tally: Tally,
    given: Given,
    /// The open entry that was seen at the end of the log, and when it was first seen there.
    since: Option<(u64, Instant)>,
}

impl Default for ErrorLog {
    fn default() -> Self {
        Self {
            id: None,
            entries: Entries::new(closed::is_closed),
            envelope: LogEnvelope::default(),
            apart: true,
            stream: None,
            number: 0,
            tally: Tally::default(),
            given: Given::default(),
            since: None,
        }
    }
}

impl ErrorLog {
    /// The same, for the log at `path`: the configuration may say whose it is.
    pub fn at(mut self, path: &Path) -> Self {
        self.id = Some(log_id(path));
        self
    }

    /// A transport stands around its lines.
    pub(super) fn is_wrapped(&self) -> bool {
        self.envelope.get().is_some_and(Envelope::reorders)
    }
}

/// Entries of an open window that were given, because the end of a followed log was reached and access lines may
/// need them: the number of their line and their place. Without a place they were given for good.
#[derive(Debug, Default)]
struct Given(Vec<(u64, Option<Place>)>);

impl Given {
    /// Gives an entry for good, unless an access line has it already.
    fn settle(&mut self, entry: &Entry<'_>, attributor: &mut Attributor, sink: &mut impl Sink) -> Meaning {
        let at = self.0.iter().position(|(line, _)| *line == entry.line);
        match at.map(|at| self.0.swap_remove(at).1) {
            Some(Some(place)) if !attributor.withdraw(place) => Meaning::Nothing,
            Some(None) => Meaning::Nothing,
            _ => attributor.entry(entry, sink),
        }
    }

    /// Takes back what turned out to be no entry, or another one.
    fn withdraw(&mut self, attributor: &mut Attributor) {
        for (_, place) in &mut self.0 {
            if let Some(place) = *place {
                attributor.withdraw(place);
            }
        }
        self.0.clear();
    }
}

impl ErrorLog {
    /// Takes a block and shows each entry with its meaning.
    pub fn each(
        &mut self,
        block: &[u8],
        attributor: &mut Attributor,
        sink: &mut impl Sink,
        show: &mut dyn FnMut(&Entry<'_>, Meaning),
    ) {
        for line in lines(block) {
            self.number += 1;
            let open = self.entries.open();
            let given = &mut self.given;
            let mut take = |entry: Entry<'_>| {
                let meaning = match given.0.is_empty() {
                    true => attributor.entry(&entry, sink),
                    false => given.settle(&entry, attributor, sink),
                };
                show(&entry, meaning);
            };
            let (number, apart) = (self.number, &mut self.apart);
            let part = match self.envelope.get() {
                Some(Envelope::Plain) => self.entries.line(number, line, &mut take),
                Some(envelope) => match envelope.open(line) {
                    Some(inner) if *apart && envelope.keeps_apart(line, &inner) => {
                        self.entries.whole(number, &inner, &mut take)
                    }
                    // An entry of one stream does not go on in a line of another, as an access log's on stdout.
                    Some(inner)
                        if open.is_some()
                            && error::head(&inner).is_none()
                            && is_foreign(envelope, line, self.stream.as_deref()) =>
                    {
                        Part::Unknown
                    }
                    Some(inner) => self.entries.line(number, &inner, &mut take),
                    None => {
                        *apart = false;
                        Part::Unknown
                    }
                },
                None => find_envelope(&mut self.envelope, &mut self.entries, number, line, &mut take),
            };
            if let Some(envelope) = self.envelope.get().filter(|envelope| envelope.reorders())
                && self.entries.open().is_some_and(|began| Some(began) != open)
            {
                self.stream = envelope.stream(line).map(|stream| stream.as_ref().into());
            }
            if !self.given.0.is_empty() && (part == Part::Continuation || self.entries.open() != open) {
                self.given.withdraw(attributor);
            }
            match part {
                Part::Entry | Part::Continuation => self.tally.parsed += 1,
                // What the binary says at its start stands on standard error, and so in a container's log. An `[emerg]` of
                // these is mostly in the error log, too.
                Part::Unknown => match at_start(self.envelope, line) {
                    Some((level, message)) => {
                        self.tally.parsed += 1;
                        if level == Level::Emerg {
                            sink.not_started(None, &message);
                        }
                    }
                    None => self.tally.reject(line, || {
                        "it should begin like `2026/11/20 15:08:28 [error] 12#12: `".to_owned()
                    }),
                },
            }
        }
    }

    /// Gives an entry that is still open, with its meaning.
    pub fn close(
        &mut self,
        attributor: &mut Attributor,
        sink: &mut impl Sink,
        show: &mut dyn FnMut(&Entry<'_>, Meaning),
    ) {
        let given = &mut self.given;
        self.entries.flush(&mut |entry| {
            let meaning = given.settle(&entry, attributor, sink);
            show(&entry, meaning);
        });
        self.given.withdraw(attributor);
        self.since = None;
    }
}

/// The level and message of a line like `nginx: [emerg] host not found in upstream "b" in /etc/nginx/nginx.conf:9`.
fn at_start(envelope: LogEnvelope, line: &[u8]) -> Option<(Level, Vec<u8>)> {
    envelope.open(line).find_map(|(_, inner)| {
        let rest = inner.strip_prefix(b"nginx: [")?;
        let end = memchr::memchr(b']', rest)?;
        Some((Level::of(&rest[..end])?, rest[end + 1..].trim_ascii().to_vec()))
    })
}

/// Whether a line comes from another stream than the open entry does, as far as the transport tells.
fn is_foreign(envelope: Envelope, line: &[u8], of_entry: Option<&[u8]>) -> bool {
    of_entry.is_some_and(|of_entry| envelope.stream(line).is_some_and(|stream| *stream != *of_entry))
}

fn find_envelope(
    known: &mut LogEnvelope,
    entries: &mut Entries,
    number: u64,
    line: &[u8],
    take: &mut dyn FnMut(Entry<'_>),
) -> Part {
    let readable = |inner: &[u8]| error::head(inner).is_some();
    let Some((envelope, inner)) = known.open(line).find(|(_, inner)| readable(inner)) else {
        return Part::Unknown;
    };
    known.found(envelope);
    if envelope.keeps_apart(line, &inner) {
        entries.whole(number, &inner, take)
    } else {
        entries.line(number, &inner, take)
    }
}

impl Log for ErrorLog {
    fn block(&mut self, block: &[u8], attributor: &mut Attributor, sink: &mut impl Sink) {
        attributor.reads(self.id);
        self.each(block, attributor, sink, &mut |_, _| {});
    }

    fn flush(&mut self, attributor: &mut Attributor, sink: &mut impl Sink) {
        attributor.reads(self.id);
        self.close(attributor, sink, &mut |_, _| {});
    }

    fn at_end(&mut self, for_good: bool, attributor: &mut Attributor, sink: &mut impl Sink) {
        attributor.reads(self.id);
        if for_good {
            return self.flush(attributor, sink);
        }
        let given = &mut self.given.0;
        self.entries.peek(&mut |entry| {
            if !given.iter().any(|(line, _)| *line == entry.line)
                && let Some(place) = attributor.provisional(&entry, sink)
            {
                given.push((entry.line, Some(place)));
            }
        });
    }

    fn idle(&mut self, now: Instant, attributor: &mut Attributor, sink: &mut impl Sink) {
        match (self.entries.open(), self.since) {
            (None, _) => self.since = None,
            (Some(open), Some((of, since))) if of == open => {
                if now.duration_since(since) >= QUIET {
                    self.close(attributor, sink, &mut |_, _| {});
                }
            }
            (Some(open), _) => self.since = Some((open, now)),
        }
    }

    fn time(&mut self, line: &[u8], _offset: i32) -> Option<Local> {
        self.envelope.open(line).find_map(|(_, inner)| stamp::error_log(&inner))
    }

    fn waiting_since(&self) -> Option<Local> {
        self.entries.unfinished().and_then(|unfinished| stamp::error_log(unfinished.bytes))
    }

    fn lead(&self) -> Option<Local> {
        Some(ENTRY)
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn save(&self, _now: Local) -> SavedReader {
        let mut saved =
            SavedReader { openresty: self.entries.is_openresty(), ..SavedReader::of(&self.tally) };
        if let Some((envelope, unfinished)) = self.envelope.get().zip(self.entries.unfinished()) {
            let Unfinished { number, bytes, shadowed, doubt, outer } = unfinished;
            saved.open = Some((envelope, number, Text::from(bytes)));
            (saved.shadowed, saved.doubt, saved.outer) = (shadowed, doubt, outer.to_vec());
            saved.given = self.given.0.iter().map(|(line, _)| *line).collect();
        }
        saved
    }

    fn resume(&mut self, saved: SavedReader, _now: Local) {
        self.tally = saved.tally();
        let bytes = saved.open.map(|(envelope, number, bytes)| {
            self.envelope.found(envelope);
            (number, Vec::from(bytes))
        });
        let (number, bytes) = bytes.unwrap_or_default();
        let SavedReader { shadowed, doubt, outer, given, .. } = saved;
        let unfinished = Unfinished { number, bytes: &bytes, shadowed, doubt, outer: &outer };
        self.number = self.entries.resume(unfinished, saved.openresty);
        self.given = Given(given.into_iter().map(|line| (line, None)).collect());
    }
}
