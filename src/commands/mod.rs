//! The commands: each puts the modules together and talks to a person.

mod check;
mod check_config;
mod diagnose;
mod explain;
mod runbook;
mod serve;

#[doc(hidden)]
pub use explain::{of_files as explain_files, of_memory as explain_memory};

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::config::flags::{Cli, Command};
use crate::label::repaired;

/// Runs the command line and gives the exit code: 0 done, 1 it failed, 2 it was asked wrongly.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Diagnose(args)) => {
            return diagnose::run(&args).unwrap_or_else(|error| fail(&error.to_string(), 2));
        }
        Some(Command::Check(args)) => return check::run(&args),
        Some(Command::CheckConfig(args)) => return check_config::run(&args),
        Some(Command::Explain(args)) => explain::run(&args).map_err(|error| error.to_string()),
        Some(Command::Runbook(args)) => runbook::run(&args).map_err(|error| error.to_string()),
        Some(Command::Serve(args)) => {
            serve::run(args.config_file.as_deref()).map_err(|error| error.to_string())
        }
        None => serve::run(cli.serve.config_file.as_deref()).map_err(|error| error.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

fn fail(error: &str, code: u8) -> ExitCode {
    // A reader that went away is no reason to abort, as `eprintln!` would.
    let _ = writeln!(std::io::stderr(), "badgateway: {}", repaired(error.as_bytes()));
    ExitCode::from(code)
}
