//! `badgateway runbook`: what to do for an alert, a cause or a root cause.

use std::io::Write;

use crate::config::flags::RunbookArgs;
use crate::runbooks;

/// Why no runbook was shown.
#[derive(Debug, thiserror::Error)]
pub enum RunbookError {
    #[error("there is no runbook {0:?}{hint}; `badgateway runbook` lists them all", hint = meant(.0))]
    Unknown(String),
    #[error("cannot write the result: {0}")]
    Write(#[source] std::io::Error),
}

/// Runs it.
///
/// # Errors
/// When the name is none, or nothing can be written.
pub fn run(args: &RunbookArgs) -> Result<(), RunbookError> {
    let out = match &args.name {
        None => list(),
        Some(name) => {
            runbooks::find(name).ok_or_else(|| RunbookError::Unknown(name.to_owned()))?.text.to_owned()
        }
    };
    match std::io::stdout().lock().write_all(out.as_bytes()) {
        // A reader that went away (`| head`) is no failure.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(RunbookError::Write(error)),
        _ => Ok(()),
    }
}

fn list() -> String {
    let width = runbooks::ALL.iter().map(|runbook| runbook.name.len()).max().unwrap_or(0);
    let lines =
        runbooks::ALL.iter().map(|runbook| format!("{:<width$}  {}\n", runbook.name, runbook.summary()));
    lines.collect()
}

fn meant(name: &str) -> String {
    runbooks::nearest(name, runbooks::names())
        .map(|near| format!(" (did you mean {near}?)"))
        .unwrap_or_default()
}
