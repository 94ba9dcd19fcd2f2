//! A PHP-FPM log.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use siphasher::sip::SipHasher13;

use crate::attribute::root_cause::{self, LogId};
use crate::record::envelope::LogEnvelope;
use crate::record::fpm;
use crate::record::stamp::Local;

use super::{Attributor, Log, SavedReader, Sink, Tally, lines};

/// One PHP-FPM log.
#[derive(Debug)]
pub struct FpmLog {
    id: LogId,
    envelope: LogEnvelope,
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
        Self { id: log_id(path), envelope: LogEnvelope::default(), started: false, tally: Tally::default() }
    }

    fn line(&mut self, line: &[u8], attributor: &mut Attributor, sink: &mut impl Sink) {
        for (envelope, inner) in self.envelope.open(line) {
            if let Some(record) = fpm::line(&inner) {
                self.envelope.found(envelope);
                self.started = true;
                self.tally.parsed += 1;
                return attributor.fpm(&record, self.id, sink);
            }
        }
        // What workers print may span lines.
        if self.started {
            self.tally.parsed += 1;
        } else {
            self.tally.reject(line, || "it should begin like `[20-Nov-2026 15:08:28] NOTICE: `".to_owned());
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

    fn time(&mut self, line: &[u8], _offset: i32) -> Option<Local> {
        self.envelope.open(line).find_map(|(_, inner)| fpm::line(&inner).map(|record| record.at))
    }

    /// Evidence is a little later than the response that it explains.
    fn lead(&self) -> Option<Local> {
        Some(root_cause::GRACE)
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
