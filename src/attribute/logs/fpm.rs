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
    /// Seconds by which its zone is behind nginx's.
    zone: Local,
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
            zone: 0,
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
            // PHP-FPM's log says nothing of its zone: a container's runtime tells it, or the time at which a file was written.
            let taken = envelope.taken(line);
            let at = taken.map_or(read.at + self.zone, |taken| in_zone(read.at, taken.at(offset), MOMENT));
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

/// How much later than its stamp a container's runtime takes a line, in seconds.
const MOMENT: Local = 60;

/// And how much later it is in the file.
const INSTANT: Local = 2;

/// A stamp of another zone than nginx's, moved into it. `taken`: when the line was taken, at most `moment` later. Zones
/// differ by quarters of an hour, and by 26 hours at most; any other distance is no zone's.
fn in_zone(at: Local, taken: Local, moment: Local) -> Local {
    const QUARTER: Local = 900;
    const MOST: Local = 26 * 3600;
    let zone = (taken - at + QUARTER / 2).div_euclid(QUARTER) * QUARTER;
    if zone.abs() <= MOST && (taken - at - zone).abs() <= moment { at + zone } else { at }
}

impl Log for FpmLog {
    fn block(&mut self, block: &[u8], attributor: &mut Attributor, sink: &mut impl Sink) {
        for line in lines(block) {
            self.line(line, attributor, sink);
        }
    }

    fn flush(&mut self, _: &mut Attributor, _: &mut impl Sink) {}

    fn written(&mut self, block: &[u8], at: Local) {
        let Some(last) = super::lines_from_end(block).next() else { return };
        // What a worker prints has no stamp, and is later than the line before it.
        let stamp = self.envelope.open(last).find_map(|(_, inner)| Some(fpm::line(&inner)?.at));
        if let Some(stamp) = stamp.filter(|stamp| in_zone(*stamp, at, INSTANT).abs_diff(at) <= INSTANT as u64)
        {
            self.zone = in_zone(stamp, at, INSTANT) - stamp;
        }
    }

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

    #[test]
    fn another_zone_is_nginx_s_where_the_file_was_written_as_its_last_line_says() {
        let mut log = FpmLog::new(Path::new("x"), 0);
        let noon = stamp::error_log(b"2026/11/20 12:00:00").unwrap();
        let own = "[20-Nov-2026 12:00:00] NOTICE: ready to handle connections\n";
        let mut zone = |text: &str, written: Local| {
            log.written(text.as_bytes(), written);
            log.time(own.trim_end().as_bytes(), 0).unwrap() - noon
        };
        assert_eq!(zone(own, noon + 1), 0);
        assert_eq!(zone(own, noon + 7201), 7200);
        assert_eq!(zone(own, noon + 7300), 7200, "no zone's distance: the one that is known stays");
        assert_eq!(zone(own, noon + 90 * 3600), 7200, "so far from each other no two zones are");
        assert_eq!(zone(&format!("{own}what a worker prints\n"), noon), 7200, "it may come at any time");
        assert_eq!(
            zone(&format!("what a worker prints\n{own}"), noon - 20_699),
            -20_700,
            "five hours and three quarters"
        );
        assert_eq!(zone(own, noon), 0, "the zone was set right");
        assert_eq!(zone("", noon + 3600), 0);
    }
}
