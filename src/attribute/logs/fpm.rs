//! A PHP-FPM log.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use siphasher::sip::SipHasher13;

use crate::attribute::root_cause::{self, LogId};
use crate::record::envelope::{Envelope, LogEnvelope};
use crate::record::fpm;
use crate::record::parts::Parts;
use crate::record::stamp::{self, Local};

use super::{Attributor, Log, SavedReader, Sink, Tally, lines};

/// One PHP-FPM log.
#[derive(Debug)]
pub struct FpmLog {
    id: LogId,
    envelope: LogEnvelope,
    parts: Parts,
    started: bool,
    /// No line is later than this, by a day or so: syslog's stamps have no year.
    latest: Local,
    tally: Tally,
}

/// What a PHP-FPM log is called among the evidence: a hash of its path.
pub fn log_id(path: &Path) -> LogId {
    SipHasher13::new().hash(path.as_os_str().as_bytes())
}

impl FpmLog {
    /// The log at `path`; `today`: the present, in Unix seconds.
    pub fn new(path: &Path, today: Local) -> Self {
        Self {
            id: log_id(path),
            envelope: LogEnvelope::default(),
            parts: Parts::default(),
            started: false,
            latest: today,
            tally: Tally::default(),
        }
    }

    /// A line inside of its envelope, with the stamp of that if it has none itself.
    fn read<'i>(
        &self,
        envelope: Envelope,
        line: &[u8],
        inner: &'i [u8],
        offset: i32,
    ) -> Option<fpm::Line<'i>> {
        if let Some(read) = fpm::line(inner) {
            // Only a container's runtime tells in which zone it was: PHP-FPM's log says nothing of it.
            let at = envelope.taken(line).map_or(read.at, |taken| in_zone(read.at, taken.at(offset)));
            return Some(fpm::Line { at, ..read });
        }
        if !matches!(envelope, Envelope::Syslog | Envelope::Syslog5424) {
            return fpm::old(inner, self.latest);
        }
        fpm::without_stamp(inner, stamp::syslog(line, self.latest, offset)?)
    }

    fn line(&mut self, line: &[u8], attributor: &mut Attributor, sink: &mut impl Sink) {
        self.latest = self.latest.max(attributor.now());
        let Some(whole) = self.parts.whole(self.envelope.get(), line) else { return };
        for (envelope, inner) in self.envelope.open(&whole) {
            if let Some(record) = self.read(envelope, line, &inner, attributor.offset()) {
                self.envelope.found(envelope);
                self.started = true;
                self.tally.parsed += 1;
                return attributor.fpm(&record, self.id, sink);
            }
        }
        // What workers print may span lines, and a container has its access log among them.
        if self.started || self.envelope.open(&whole).any(|(_, inner)| fpm::is_access(&inner)) {
            self.tally.parsed += 1;
        } else {
            self.tally.reject(line, || "it should begin like `[20-Nov-2026 15:08:28] NOTICE: `".to_owned());
        }
    }
}

/// A stamp of another zone than nginx's, moved into it. `taken`: when the transport took the line, a moment later. Zones
/// differ by quarters of an hour; any other distance is no zone's.
fn in_zone(at: Local, taken: Local) -> Local {
    const QUARTER: Local = 900;
    const MOMENT: Local = 60;
    let zone = (taken - at + QUARTER / 2).div_euclid(QUARTER) * QUARTER;
    if (taken - at - zone).abs() <= MOMENT { at + zone } else { at }
}

impl Log for FpmLog {
    fn block(&mut self, block: &[u8], attributor: &mut Attributor, sink: &mut impl Sink) {
        for line in lines(block) {
            self.line(line, attributor, sink);
        }
    }

    fn flush(&mut self, _: &mut Attributor, _: &mut impl Sink) {}

    fn time(&mut self, line: &[u8], offset: i32) -> Option<Local> {
        let mut inner = self.envelope.open(line);
        inner.find_map(|(envelope, inner)| Some(self.read(envelope, line, &inner, offset)?.at))
    }

    /// Evidence is a little later than the response that it explains.
    fn lead(&self) -> Option<Local> {
        Some(root_cause::GRACE)
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn save(&self, _now: Local) -> SavedReader {
        SavedReader { parts: self.parts.clone(), ..SavedReader::of(&self.tally) }
    }

    fn resume(&mut self, saved: SavedReader, _now: Local) {
        self.tally = saved.tally();
        self.started = self.tally.parsed > 0;
        self.parts = saved.parts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_zone_is_nginx_s_where_the_transport_tells() {
        let mut log = FpmLog::new(Path::new("x"), 0);
        let noon = stamp::error_log(b"2026/11/20 12:00:00").unwrap();
        let own = "[20-Nov-2026 12:00:00] NOTICE: ready to handle connections";
        let mut time = |line: &str| log.time(line.as_bytes(), 3600);
        assert_eq!(time(own), Some(noon), "nothing tells of a zone");
        assert_eq!(time(&format!("2026-11-20T12:00:01.9Z stderr F {own}")), Some(noon + 3600));
        assert_eq!(time(&format!("php-1  | 2026-11-20T11:00:01Z {own}")), Some(noon));
        assert_eq!(time(&format!("2026-11-20T17:30:01+05:30 {own}")), Some(noon + 3600));
        let docker =
            format!("{{\"log\":\"{own}\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-20T12:00:00.1Z\"}}");
        assert_eq!(time(&docker), Some(noon + 3600));
        assert_eq!(time(&format!("2026-11-20T12:08:00Z {own}")), Some(noon), "late, and in no other zone");
    }
}
