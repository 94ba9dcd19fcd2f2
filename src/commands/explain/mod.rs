//! `badgateway explain`: a post-mortem of log files, and what a pasted line means.

mod advice;
mod configured;
mod given;
mod json;
mod lines;
mod open;
mod paste;
mod period;
mod post_mortem;
mod progress;
mod report;
mod table;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::flags::{ExplainArgs, Output};
use crate::label::repaired;
use crate::record::LogKind;
use crate::source::{OpenError, ReadError};
use crate::topology::config_error::ConfigError;
use configured::Configured;
use given::Given;
use open::Logs;
use period::Period;
pub use post_mortem::{of_files, of_memory};

/// Why `explain` gave up, or answered only in part.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    #[error(
        "no log is given, and no nginx was found whose configuration names some: badgateway explain /var/log/nginx, or name logs with \
         --access-log, --error-log and --fpm-log; or paste a line: badgateway explain 'LINE'"
    )]
    NoLog,
    #[error("no line was pasted")]
    NoLine,
    #[error(
        "{file} is a file, and '{line}' is none: give files or pasted lines, not both. If it is meant to be a file, it does not exist"
    )]
    Mixed { file: String, line: String },
    #[error("'{0}' is no file, so it is taken for a pasted line: give lines or logs, not both")]
    LineAndLogs(String),
    #[error("cannot read standard input: {0}")]
    Stdin(#[source] std::io::Error),
    #[error("--lines reads error logs, and none is among these: name one with --error-log")]
    NoErrorLog,
    #[error("--since is not before --until")]
    NoTime,
    #[error("nothing could be read")]
    NothingRead,
    #[error("nothing to explain: {} without a line. Logs that were rotated have names such as access.log.1", files(.0))]
    Empty(Vec<PathBuf>),
    #[error("no line of these logs could be understood")]
    NotUnderstood,
    #[error("{0} of what was named could not be read: the answer is without it")]
    Partly(usize),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot write the result: {0}")]
    Write(#[source] std::io::Error),
}

fn files(paths: &[PathBuf]) -> String {
    let names = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    if paths.len() == 1 { format!("{names} is") } else { format!("{names} are") }
}

/// Runs it.
///
/// # Errors
/// When nothing could be read or written; and, after the answer, when a log could not be read that was to be.
pub fn run(args: &ExplainArgs) -> Result<(), ExplainError> {
    let named = match given::tell(&args.given)? {
        Given::Lines if args.logs.is_empty() => {
            return print(&paste::run(&args.given, args.lines, args.format)?);
        }
        Given::Lines => {
            let line = args
                .given
                .iter()
                .find(|word| given::tell(&[(*word).clone()]).is_ok_and(|given| given == Given::Lines));
            return Err(ExplainError::LineAndLogs(line.cloned().unwrap_or_default()));
        }
        Given::Files(files) => files,
    };
    let (mut inputs, mut unread) = (Vec::new(), Vec::new());
    given::expand(&named, None, &mut inputs, &mut unread);
    for kind in LogKind::ALL {
        given::expand(args.logs.of(kind), Some(kind), &mut inputs, &mut unread);
    }
    let mut configured = Configured::of_files(&args.machine)?;
    let is_named = !inputs.is_empty() || !unread.is_empty();
    if !is_named {
        if args.lines && args.machine.nginx_config.is_empty() {
            return Err(ExplainError::NoErrorLog);
        }
        if args.machine.nginx_config.is_empty() {
            configured = Configured::here(&args.machine);
        }
        inputs = configured.logs(args.since.is_some());
        if inputs.is_empty() {
            return Err(ExplainError::NoLog);
        }
        let files = configured.files();
        note(&format!(
            "reading {}, as {} says",
            some(inputs.iter().map(|input| &*input.path)),
            some(files.into_iter())
        ));
    }
    let period = Period::new(args.since, args.until);
    let formats = |path: &Path| {
        args.logs.format.clone().map_or_else(|| configured.formats(path), |format| vec![format])
    };
    allow_many_files();
    let mut logs = Logs::open(inputs, period.earliest(), formats);
    unread.append(&mut logs.unread);
    unread.iter().chain(&logs.notes).for_each(|text| note(text));
    let within = period.within(logs.zone)?;
    if logs.opened.is_empty() {
        return Err(if unread.is_empty() {
            ExplainError::Empty(logs.empty)
        } else {
            ExplainError::NothingRead
        });
    }
    if args.lines {
        let errors = logs.opened.into_iter().filter(|log| log.kind == LogKind::Error);
        let errors: Vec<_> = errors.map(|log| log.offline).collect();
        if errors.is_empty() {
            return Err(ExplainError::NoErrorLog);
        }
        written(lines::run(errors, within.as_ref()))?;
        return partly(unread.len());
    }
    let empty = std::mem::take(&mut logs.empty);
    let (report, attributor, errors) =
        post_mortem::run(logs.opened, args.logs.format.clone(), within, &configured, logs.zone);
    errors.iter().for_each(|error| note(&error.to_string()));
    if report.logs.iter().all(|log| log.parsed + log.unparsed == 0) && errors.is_empty() {
        return Err(ExplainError::Empty(empty));
    }
    print(&match args.format {
        Output::Json => json::render(&report, &attributor),
        Output::Text => text::render(&report, &attributor),
    })?;
    if report.is_without_lines() {
        return Err(ExplainError::NotUnderstood);
    }
    partly(unread.len() + errors.len())
}

/// The first names of a list.
fn some<'p>(paths: impl Iterator<Item = &'p Path>) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<_> = paths.map(|path| path.display().to_string()).collect();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let names = names.join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}

/// All logs are open at once, and there may be more than a shell allows at first.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    // Where that is refused, the file that is one too many says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn partly(unread: usize) -> Result<(), ExplainError> {
    if unread == 0 { Ok(()) } else { Err(ExplainError::Partly(unread)) }
}

/// Beside the answer.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "badgateway: {}", repaired(text.as_bytes()));
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
