//! `badgateway explain`: a post-mortem of log files.

mod json;
mod lines;
mod progress;
mod report;
mod text;

use std::io::Write;
use std::path::Path;

use crate::attribute::logs::{AccessLog, ErrorLog, FpmLog};
use crate::attribute::{Attributor, Options};
use crate::config::flags::{ExplainArgs, LogArgs, Output};
use crate::engine::merge::{Blocks, Buffers, Reader, Stream, Streams};
use crate::engine::zone;
use crate::source::{Buffer, Offline, OpenError, ReadError};
use progress::Progress;
use report::{LogState, Report};

/// Logs may lie hours apart in order (a buffered access log), so an entry waits long here: it costs
/// nothing but memory that is bounded anyway.
const WINDOW: i64 = 3600;

/// Why `explain` gave up.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    #[error("no log is given: name at least one with --access-log, --error-log or --fpm-log")]
    NoLog,
    #[error("--lines reads error logs: name one with --error-log")]
    NoErrorLog,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot write the result: {0}")]
    Write(#[source] std::io::Error),
}

/// An open log whose bytes show in the progress bar.
struct Source {
    offline: Offline,
    progress: Progress,
    shown: u64,
}

impl Blocks for Source {
    fn next<'b>(&'b mut self, buffer: &'b mut Buffer) -> Result<Option<&'b [u8]>, ReadError> {
        let position = self.offline.position();
        self.progress.add(position - self.shown);
        self.shown = position;
        self.offline.read_block(buffer)
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
    if args.lines {
        if logs.error.is_empty() {
            return Err(ExplainError::NoErrorLog);
        }
        return written(lines::run(open(&logs.error)?));
    }
    if logs.access.is_empty() && logs.error.is_empty() && logs.fpm.is_empty() {
        return Err(ExplainError::NoLog);
    }
    let (report, attributor) = explain(logs)?;
    let out = match args.format {
        Output::Json => json::render(&report, &attributor),
        Output::Text => text::render(&report, &attributor),
    };
    written(std::io::stdout().lock().write_all(out.as_bytes()).map_err(ExplainError::Write))
}

/// A reader that went away (`| head`) is no failure.
fn written(result: Result<(), ExplainError>) -> Result<(), ExplainError> {
    match result {
        Err(ExplainError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn open(paths: &[String]) -> Result<Vec<Offline>, OpenError> {
    paths.iter().map(|path| Offline::open(Path::new(path))).collect()
}

fn explain(logs: &LogArgs) -> Result<(Report, Attributor), ExplainError> {
    let (access, error, fpm) = (open(&logs.access)?, open(&logs.error)?, open(&logs.fpm)?);
    let totals = [&access, &error, &fpm].into_iter().flatten().map(Offline::total);
    let progress = Progress::new(totals.sum());
    let sources = |logs: Vec<Offline>| -> Vec<Source> {
        logs.into_iter().map(|offline| Source { offline, progress: progress.clone(), shown: 0 }).collect()
    };
    let (mut access, mut error, mut fpm) = (sources(access), sources(error), sources(fpm));
    let mut attributor = Attributor::new(Options {
        live: false,
        window: WINDOW,
        access_log: !access.is_empty(),
        error_log: !error.is_empty(),
        fpm: !fpm.is_empty(),
        timings: false,
        offset: zone::here(),
    });
    let mut report = Report::default();
    let mut readers = (
        readers(&access, || AccessLog::new(logs.format.clone(), false)),
        readers(&error, ErrorLog::default),
        fpm.iter().map(|source| Reader::new(FpmLog::new(source.offline.path()))).collect::<Vec<_>>(),
    );
    let offset = attributor.offset();
    begin(&logs.access, &mut readers.0, offset);
    begin(&logs.error, &mut readers.1, offset);
    begin(&logs.fpm, &mut readers.2, offset);
    let mut streams = Streams {
        access: streams(&mut access, &mut readers.0),
        error: streams(&mut error, &mut readers.1),
        fpm: streams(&mut fpm, &mut readers.2),
    };
    let errors = streams.pump(&mut Buffers::default(), &mut attributor, &mut report, &mut || true);
    streams.flush(&mut attributor, &mut report);
    attributor.finish(&mut report);
    drop(streams);
    progress.finish();
    if let Some(error) = errors.into_iter().next() {
        return Err(error.into());
    }
    report.logs.extend(states(LogState::access, &logs.access, &access, &readers.0));
    report.logs.extend(states(LogState::error, &logs.error, &error, &readers.1));
    report.logs.extend(states(LogState::fpm, &logs.fpm, &fpm, &readers.2));
    Ok((report, attributor))
}

/// Tells each reader when its log begins. Only a plain file can be looked at twice.
fn begin<L: crate::attribute::logs::Log>(paths: &[String], readers: &mut [Reader<L>], offset: i32) {
    if paths.len() < 2 {
        return;
    }
    let mut buffer = Buffer::new();
    for (path, reader) in paths.iter().zip(readers) {
        let path = Path::new(path);
        if !std::fs::metadata(path).is_ok_and(|meta| meta.is_file()) {
            continue;
        }
        // What cannot be read is said when it is read for good.
        let Ok(mut offline) = Offline::open(path) else { continue };
        let Ok(Some(block)) = offline.read_block(&mut buffer) else { continue };
        let first = memchr::memchr(b'\n', block).map_or(block, |end| &block[..=end]);
        if let Some(first) = reader.log.last_time(first, offset) {
            reader.begins_at(first);
        }
    }
}

fn readers<L>(sources: &[Source], new: impl Fn() -> L) -> Vec<Reader<L>> {
    sources.iter().map(|_| Reader::new(new())).collect()
}

fn streams<'a, L: crate::attribute::logs::Log>(
    sources: &'a mut [Source],
    readers: &'a mut [Reader<L>],
) -> Vec<Stream<'a, L>> {
    sources.iter_mut().zip(readers).map(|(source, reader)| Stream::new(source, reader)).collect()
}

fn states<L: crate::attribute::logs::Log>(
    state: fn(&str, &crate::attribute::logs::Tally, u64) -> LogState,
    paths: &[String],
    sources: &[Source],
    readers: &[Reader<L>],
) -> Vec<LogState> {
    let skipped = sources.iter().map(|source| source.offline.skipped().oversized_lines);
    paths
        .iter()
        .zip(readers)
        .zip(skipped)
        .map(|((path, reader), skipped)| state(path, reader.log.tally(), skipped))
        .collect()
}
