//! `badgateway explain`: a post-mortem of log files, and what a pasted line means.

mod advice;
mod json;
mod lines;
mod paste;
mod progress;
mod report;
mod table;
mod text;

use std::collections::HashSet;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::attribute::logs::{AnyLog, Log, Settings};
use crate::attribute::{Attributor, Options};
use crate::config::flags::{ExplainArgs, LogArgs, Output};
use crate::engine::merge::Streams;
use crate::engine::stream::{Blocks, Buffers, Reader, Stream};
use crate::engine::zone;
use crate::label::repaired;
use crate::record::LogKind;
use crate::source::{self, Buffer, Offline, OpenError, ReadError};
use crate::topology::remembered;
use progress::Progress;
use report::{LogState, Report};

/// Logs may lie hours apart in order (a buffered access log), so an entry waits long here: it costs
/// nothing but memory that is bounded anyway.
const WINDOW: i64 = 3600;

/// Why `explain` gave up.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    #[error(
        "no log is given: name at least one with --access-log, --error-log or --fpm-log; or paste a line: badgateway explain 'LINE'"
    )]
    NoLog,
    #[error("no line was pasted")]
    NoLine,
    #[error("{0} is a file: name it with --access-log, --error-log or --fpm-log")]
    IsFile(String),
    #[error("cannot read standard input: {0}")]
    Stdin(#[source] std::io::Error),
    #[error("--lines reads error logs: name one with --error-log")]
    NoErrorLog,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot write the result: {0}")]
    Write(#[source] std::io::Error),
}

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

/// Runs it.
///
/// # Errors
/// When a log cannot be opened or read, or nothing can be written.
pub fn run(args: &ExplainArgs) -> Result<(), ExplainError> {
    let logs = &args.logs;
    if !args.pasted.is_empty() {
        return print(&paste::run(&args.pasted, args.lines, args.format)?);
    }
    if args.lines {
        if logs.error.is_empty() {
            return Err(ExplainError::NoErrorLog);
        }
        return written(lines::run(open(&logs.error)?));
    }
    if logs.is_empty() {
        return Err(ExplainError::NoLog);
    }
    let (report, attributor) = explain(logs)?;
    let out = match args.format {
        Output::Json => json::render(&report, &attributor),
        Output::Text => text::render(&report, &attributor),
    };
    print(&out)
}

fn print(out: &str) -> Result<(), ExplainError> {
    written(std::io::stdout().lock().write_all(out.as_bytes()).map_err(ExplainError::Write))
}

/// A reader that went away (`| head`) is no failure.
fn written(result: Result<(), ExplainError>) -> Result<(), ExplainError> {
    match result {
        Err(ExplainError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// A file that is named twice, or by a link as well, is read once. Those that were written last come last: of two parts of
/// a log that meet in one second, nginx wrote to the older one first.
fn open(paths: &[PathBuf]) -> Result<Vec<Offline>, OpenError> {
    let mut seen = HashSet::new();
    let mut paths: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
    // Standard input and what cannot be looked at stay behind the others.
    paths.sort_by_key(|path| {
        let modified = std::fs::metadata(path).and_then(|meta| meta.modified());
        (modified.is_err(), modified.ok())
    });
    let mut is_new = |path: &Path| match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => seen.insert((meta.dev(), meta.ino())),
        // What cannot be looked at cannot be opened either, and that says why.
        _ => true,
    };
    paths.into_iter().filter(|path| is_new(path)).map(Offline::open).collect()
}

fn explain(logs: &LogArgs) -> Result<(Report, Attributor), ExplainError> {
    let mut opened = Vec::new();
    for kind in LogKind::ALL {
        opened.extend(open(logs.of(kind))?.into_iter().map(|offline| (kind, offline)));
    }
    let progress = Progress::new(opened.iter().map(|(_, offline)| offline.total()).sum());
    let mut attributor = Attributor::new(Options {
        live: false,
        window: WINDOW,
        access_log: !logs.access.is_empty(),
        error_log: !logs.error.is_empty(),
        fpm: !logs.fpm.is_empty(),
        timings: false,
        offset: zone::here(),
    });
    let mut report = Report::default();
    let settings = Settings {
        format: logs.format.clone(),
        unordered: false,
        today: i64::try_from(remembered::now()).unwrap_or_default(),
    };
    let log = |(kind, offline): (LogKind, Offline)| {
        let mut log = AnyLog::new(kind, offline.path(), &settings);
        if kind == LogKind::Fpm
            && let Some((end, at)) = source::end_of(offline.path())
        {
            log.written(&end, zone::local(at, zone::here()));
        }
        let reader = Reader::new(log);
        (kind, Source { offline, progress: progress.clone(), shown: 0 }, reader)
    };
    let mut logs: Vec<_> = opened.into_iter().map(log).collect();
    let mut streams: Streams<'_> =
        logs.iter_mut().map(|(_, source, reader)| Stream::new(source, reader)).collect();
    let errors = streams.pump(&mut Buffers::default(), &mut attributor, &mut report, &mut || true);
    streams.flush(&mut attributor, &mut report);
    attributor.finish(&mut report);
    drop(streams);
    progress.finish();
    if let Some(error) = errors.into_iter().next() {
        return Err(error.into());
    }
    report.logs.extend(logs.iter().map(|(kind, Source { offline, .. }, reader)| {
        let path = repaired(offline.path().as_os_str().as_bytes());
        LogState::new(*kind, &path, reader.log.tally(), offline.skipped().oversized_lines)
    }));
    Ok((report, attributor))
}
