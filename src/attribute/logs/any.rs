//! A log of any kind: each kind is a line of this list.

use std::path::Path;
use std::time::Instant;

use crate::record::LogKind;
use crate::record::format::Format;
use crate::record::stamp::Local;

use super::{AccessLog, Attributor, ErrorLog, FpmLog, Log, SavedReader, Sink, Tally};

/// What the readers of logs are told.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The access logs' format, if it is given.
    pub format: Option<Format>,
    /// The present, in Unix seconds.
    pub today: Local,
    /// An entry of an error log may be read later than the line that it explains.
    pub unordered: bool,
}

/// What reads a log of any kind.
#[derive(Debug)]
pub enum AnyLog {
    /// nginx's access log.
    Access(AccessLog),
    /// nginx's error log.
    Error(ErrorLog),
    /// PHP-FPM's log.
    Fpm(FpmLog),
}

impl AnyLog {
    /// What it is.
    pub fn kind(&self) -> LogKind {
        match self {
            Self::Access(_) => LogKind::Access,
            Self::Error(_) => LogKind::Error,
            Self::Fpm(_) => LogKind::Fpm,
        }
    }

    /// For the log of this kind at `path`.
    pub fn new(kind: LogKind, path: &Path, settings: &Settings) -> Self {
        match kind {
            LogKind::Access => {
                Self::Access(AccessLog::new(settings.format.clone(), settings.unordered).at(path))
            }
            LogKind::Error => Self::Error(ErrorLog::default().at(path)),
            LogKind::Fpm => Self::Fpm(FpmLog::new(path, settings.today)),
        }
    }
}

/// The same of whichever kind it is.
macro_rules! of {
    ($any:expr, $log:ident => $value:expr) => {
        match $any {
            AnyLog::Access($log) => $value,
            AnyLog::Error($log) => $value,
            AnyLog::Fpm($log) => $value,
        }
    };
}

impl Log for AnyLog {
    fn block(&mut self, block: &[u8], attributor: &mut Attributor, sink: &mut impl Sink) {
        of!(self, log => log.block(block, attributor, sink));
    }

    fn flush(&mut self, attributor: &mut Attributor, sink: &mut impl Sink) {
        of!(self, log => log.flush(attributor, sink));
    }

    fn at_end(&mut self, for_good: bool, attributor: &mut Attributor, sink: &mut impl Sink) {
        of!(self, log => log.at_end(for_good, attributor, sink));
    }

    fn idle(&mut self, now: Instant, attributor: &mut Attributor, sink: &mut impl Sink) {
        of!(self, log => log.idle(now, attributor, sink));
    }

    fn learn(&mut self, attributor: &Attributor) {
        of!(self, log => log.learn(attributor));
    }

    fn written(&mut self, block: &[u8], at: Local) {
        of!(self, log => log.written(block, at));
    }

    fn time(&mut self, line: &[u8], offset: i32) -> Option<Local> {
        of!(self, log => log.time(line, offset))
    }

    fn waiting_since(&self) -> Option<Local> {
        of!(self, log => log.waiting_since())
    }

    fn lead(&self) -> Option<Local> {
        of!(self, log => log.lead())
    }

    fn tally(&self) -> &Tally {
        of!(self, log => log.tally())
    }

    fn save(&self, now: Local) -> SavedReader {
        of!(self, log => log.save(now))
    }

    fn resume(&mut self, saved: SavedReader, now: Local) {
        of!(self, log => log.resume(saved, now));
    }
}
