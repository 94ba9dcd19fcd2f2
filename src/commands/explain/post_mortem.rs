//! Reads open logs in the order of time and counts what failed.

use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::configured::Configured;
use super::given::Input;
use super::json;
use super::open::{Logs, Opened};
use super::progress::Progress;
use super::report::{LogState, Report};
use crate::attribute::logs::{AnyLog, Log, Settings};
use crate::attribute::{Attributor, Options};
use crate::engine::merge::Streams;
use crate::engine::stream::{Blocks, Buffers, Reader, Stream};
use crate::engine::zone;
use crate::label::repaired;
use crate::record::LogKind;
use crate::record::format::Format;
use crate::record::stamp::Local;
use crate::source::{self, Buffer, Offline, ReadError};
use crate::topology::remembered;

/// Logs may lie hours apart in order (a buffered access log), so an entry waits long here: it costs
/// nothing but memory that is bounded anyway.
const WINDOW: i64 = 3600;

/// An open log, what reads it, and whose bytes show in the progress bar.
struct Source {
    offline: Offline,
    progress: Progress,
    shown: u64,
}

impl Blocks for Source {
    fn next(&mut self, buffer: &mut Buffer) -> Result<bool, ReadError> {
        let position = self.offline.position();
        self.progress.add(position - self.shown);
        self.shown = position;
        Blocks::next(&mut self.offline, buffer)
    }

    fn give_back(&mut self, buffer: &Buffer) {
        self.offline.give_back(buffer);
    }

    fn ends_for_good(&self) -> bool {
        true
    }
}

/// The report, and errors met while reading.
pub fn run(
    opened: Vec<Opened>,
    format: Option<Format>,
    within: Option<Range<Local>>,
    configured: &Configured,
    zone: Option<(Local, i32)>,
) -> (Report, Attributor, Vec<ReadError>) {
    let progress = Progress::new(opened.iter().map(|log| log.offline.total()).sum());
    let is_there = |kind| opened.iter().any(|log| log.kind == kind);
    let mut attributor = Attributor::new(Options {
        live: false,
        window: WINDOW,
        access_log: is_there(LogKind::Access),
        error_log: is_there(LogKind::Error),
        fpm: is_there(LogKind::Fpm),
        timings: false,
        offset: zone.map_or_else(zone::here, |(_, offset)| offset),
    });
    attributor.within.clone_from(&within);
    let access = opened.iter().filter(|log| log.kind == LogKind::Access);
    configured.bind(access.map(|log| log.offline.path()), &mut attributor);
    let mut report = Report { within, ..Report::default() };
    let today = i64::try_from(remembered::now()).unwrap_or_default();
    let settings = Settings { format, unordered: false, today };
    let log = |Opened { kind, offline, by_lines }: Opened| {
        let mut log = AnyLog::new(kind, offline.path(), &settings);
        if kind == LogKind::Fpm
            && let Some((end, at)) = source::end_of(offline.path())
        {
            log.written(&end, zone::local(at, zone::here()));
        }
        let reader = Reader::new(log);
        ((kind, by_lines), Source { offline, progress: progress.clone(), shown: 0 }, reader)
    };
    let mut logs: Vec<_> = opened.into_iter().map(log).collect();
    let mut streams: Streams<'_> =
        logs.iter_mut().map(|(_, source, reader)| Stream::new(source, reader)).collect();
    let errors = streams.pump(&mut Buffers::default(), &mut attributor, &mut report, &mut || true);
    streams.flush(&mut attributor, &mut report);
    attributor.finish(&mut report);
    drop(streams);
    progress.finish();
    report.logs.extend(logs.iter().map(|((kind, by_lines), Source { offline, .. }, reader)| {
        let path = repaired(offline.path().as_os_str().as_bytes());
        LogState {
            by_lines: *by_lines,
            ..LogState::new(*kind, &path, reader.log.tally(), offline.skipped().oversized_lines)
        }
    }));
    report.merge_kinds();
    (report, attributor, errors)
}

/// What `explain --format json` says of logs that are in memory, where the machine's zone is UTC: for tests of thousands of
/// logs, which a process each would take minutes for.
#[doc(hidden)]
pub fn of_memory(logs: &[(LogKind, &[u8])]) -> String {
    let opened = logs.iter().enumerate().filter_map(|(number, (kind, bytes))| {
        // No file has this name, so that none tells when its last line was written.
        let path = format!("/dev/null/{number}");
        let offline = Offline::from_reader(Path::new(&path), std::io::Cursor::new(bytes.to_vec())).ok()?;
        Some(Opened { kind: *kind, offline, by_lines: false })
    });
    told(opened.collect())
}

/// The same of files.
#[doc(hidden)]
pub fn of_files(logs: &[(LogKind, PathBuf)]) -> String {
    let input =
        |(kind, path): &(LogKind, PathBuf)| Input { path: path.clone(), kind: Some(*kind), is_named: true };
    told(Logs::open(logs.iter().map(input).collect(), None, |_| Vec::new()).opened)
}

fn told(opened: Vec<Opened>) -> String {
    let (report, attributor, errors) = run(opened, None, None, &Configured::default(), Some((0, 0)));
    if errors.is_empty() { json::render(&report, &attributor) } else { format!("{errors:?}") }
}
