//! An error log: finds its transport, joins lines to entries.

use crate::attribute::message::Meaning;
use crate::bytes::Text;
use crate::record::entries::{Entries, Entry, Part};
use crate::record::envelope::Envelope;
use crate::record::error;
use crate::record::stamp::{self, Local};

use super::saved::SavedReader;
use super::{Attributor, Log, STAMP_TRIES, Sink, Tally, lines, lines_from_end};

/// One error log.
#[derive(Debug, Default)]
pub struct ErrorLog {
    entries: Entries,
    envelope: Option<Envelope>,
    number: u64,
    tally: Tally,
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
            let number = self.number;
            let mut take = |entry: Entry<'_>| {
                let meaning = attributor.entry(&entry, sink);
                show(&entry, meaning);
            };
            let part = match self.envelope {
                Some(Envelope::Plain) => self.entries.line(number, line, &mut take),
                Some(envelope) => match envelope.open(line) {
                    Some(inner) => self.entries.line(number, &inner, &mut take),
                    None => Part::Unknown,
                },
                None => self.find_envelope(number, line, &mut take),
            };
            match part {
                Part::Entry | Part::Continuation => self.tally.parsed += 1,
                Part::Unknown => self
                    .tally
                    .reject(line, || "it should begin like `2026/11/20 15:08:28 [error] 12#12: `".to_owned()),
            }
        }
    }

    fn find_envelope(&mut self, number: u64, line: &[u8], take: &mut dyn FnMut(Entry<'_>)) -> Part {
        for envelope in Envelope::ALL {
            if let Some(inner) = envelope.open(line)
                && error::head(&inner).is_some()
            {
                self.envelope = Some(envelope);
                return self.entries.line(number, &inner, take);
            }
        }
        Part::Unknown
    }

    /// Gives an entry that is still open, with its meaning.
    pub fn close(
        &mut self,
        attributor: &mut Attributor,
        sink: &mut impl Sink,
        show: &mut dyn FnMut(&Entry<'_>, Meaning),
    ) {
        self.entries.flush(&mut |entry| {
            let meaning = attributor.entry(&entry, sink);
            show(&entry, meaning);
        });
    }
}

impl Log for ErrorLog {
    fn block(&mut self, block: &[u8], attributor: &mut Attributor, sink: &mut impl Sink) {
        self.each(block, attributor, sink, &mut |_, _| {});
    }

    fn flush(&mut self, attributor: &mut Attributor, sink: &mut impl Sink) {
        self.close(attributor, sink, &mut |_, _| {});
    }

    fn last_time(&mut self, block: &[u8], _offset: i32) -> Option<Local> {
        lines_from_end(block).take(STAMP_TRIES).find_map(|line| {
            let envelope = self.envelope.unwrap_or(Envelope::Plain);
            envelope.open(line).and_then(|inner| stamp::error_log(&inner))
        })
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn save(&self, _now: Local) -> SavedReader {
        let unfinished = self.envelope.zip(self.entries.unfinished());
        let open = unfinished.map(|(envelope, (number, bytes))| (envelope, number, Text::from(bytes)));
        SavedReader { open, ..SavedReader::of(&self.tally) }
    }

    fn resume(&mut self, saved: SavedReader, _now: Local) {
        self.tally = saved.tally();
        if let Some((envelope, number, bytes)) = saved.open {
            self.envelope = Some(envelope);
            self.entries = Entries::resume(number, bytes.into());
        }
    }
}
