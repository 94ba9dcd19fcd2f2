//! A PHP-FPM log.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use siphasher::sip::SipHasher13;

use crate::attribute::root_cause::LogId;
use crate::record::envelope::Envelope;
use crate::record::fpm;
use crate::record::stamp::Local;

use super::{Attributor, Log, STAMP_TRIES, SavedReader, Sink, Tally, lines, lines_from_end};

/// One PHP-FPM log.
#[derive(Debug)]
pub struct FpmLog {
    id: LogId,
    envelope: Option<Envelope>,
    started: bool,
    tally: Tally,
}

/// What a PHP-FPM log is called among the evidence: a hash of its path.
pub fn log_id(path: &Path) -> LogId {
    SipHasher13::new().hash(path.as_os_str().as_bytes())
}

impl FpmLog {
    /// The log at `path`.
    pub fn new(path: &Path) -> Self {
        Self { id: log_id(path), envelope: None, started: false, tally: Tally::default() }
    }

    fn line(&mut self, line: &[u8], attributor: &mut Attributor, sink: &mut impl Sink) {
        let known = self.envelope;
        for envelope in Envelope::ALL.into_iter().filter(|e| known.is_none_or(|known| known == *e)) {
            if let Some(inner) = envelope.open(line)
                && let Some(record) = fpm::line(&inner)
            {
                self.envelope = Some(envelope);
                self.started = true;
                self.tally.parsed += 1;
                return attributor.fpm(&record, self.id, sink);
            }
        }
        // What workers print may span lines.
        match self.started {
            true => self.tally.parsed += 1,
            false => {
                self.tally
                    .reject(line, || "it should begin like `[20-Nov-2026 15:08:28] NOTICE: `".to_owned());
            }
        }
    }
}

impl Log for FpmLog {
    fn block(&mut self, block: &[u8], attributor: &mut Attributor, sink: &mut impl Sink) {
        for line in lines(block) {
            self.line(line, attributor, sink);
        }
    }

    fn flush(&mut self, _: &mut Attributor, _: &mut impl Sink) {}

    fn last_time(&mut self, block: &[u8], _offset: i32) -> Option<Local> {
        lines_from_end(block).take(STAMP_TRIES).find_map(|line| {
            let envelope = self.envelope.unwrap_or(Envelope::Plain);
            envelope.open(line).and_then(|inner| fpm::line(&inner).map(|record| record.at))
        })
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn save(&self, _now: Local) -> SavedReader {
        SavedReader::of(&self.tally)
    }

    fn resume(&mut self, saved: SavedReader, _now: Local) {
        self.tally = saved.tally();
        self.started = self.tally.parsed > 0;
    }
}
