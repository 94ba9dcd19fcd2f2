//! What can be typed. Flags follow the names of Prometheus' own exporters.

mod check;
mod diagnose;
mod machine;
mod serve;
mod values;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use check::{CheckArgs, FailOn, Report};
pub use diagnose::DiagnoseArgs;
pub use machine::{ConfigLimitArgs, MachineArgs};
pub use serve::{Begin, ServeArgs, StatusArgs};

use super::moment::{self, Moment};
use crate::record::{LogKind, format};
use crate::source::fits;

/// Tells why nginx answers 502 Bad Gateway, while it happens.
#[derive(Debug, Parser)]
#[command(
    name = "badgateway",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Without a command, `serve` is run. Start here:\n  \
        badgateway explain --access-log /var/log/nginx/access.log --error-log /var/log/nginx/error.log"
)]
pub struct Cli {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// `serve`'s flags, when no command is given.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one, for as long as it is read")]
pub enum Command {
    /// Follow the logs and serve Prometheus metrics (the default)
    Serve(ServeArgs),
    /// Read log files once and say what failed, why, and what to do first
    Explain(ExplainArgs),
    /// Say what in nginx's and PHP-FPM's configuration will answer 502, before it does
    Check(CheckArgs),
    /// Validate a file of configuration (--config.file), and say where it is wrong
    CheckConfig(CheckConfigArgs),
    /// Say what is wrong now, since when, whom it hits, and what to do
    Diagnose(DiagnoseArgs),
    /// Say what to do for an alert, a cause or a root cause
    Runbook(RunbookArgs),
}

/// Which logs.
#[derive(Debug, Args, Clone, Default)]
pub struct LogArgs {
    /// Access logs of nginx: files or patterns
    #[arg(long = "access-log", value_name = "FILE", num_args = 1..)]
    pub access: Vec<PathBuf>,

    /// Error logs of nginx
    #[arg(long = "error-log", value_name = "FILE", num_args = 1..)]
    pub error: Vec<PathBuf>,

    /// Logs of PHP-FPM (its `error_log`), which tell what killed a worker
    #[arg(long = "fpm-log", value_name = "FILE", num_args = 1..)]
    pub fpm: Vec<PathBuf>,

    /// The access logs' log_format: a name or the format string. Without it the format is recognised
    /// from the lines (docs/formats.md lists those with a name; JSON whose keys are nginx's variables, LTSV)
    #[arg(id = "access-format", long = "log-format", value_name = "NAME|STRING", value_parser = parse_format)]
    pub format: Option<format::Format>,

    /// Those of single logs, or of all that a pattern names: only a file of configuration has them.
    #[arg(skip)]
    pub formats: Vec<(PathBuf, format::Format)>,
}

impl LogArgs {
    /// The format of an access log, if it was named.
    pub fn format_of(&self, path: &Path) -> Option<&format::Format> {
        let mut own = self.formats.iter();
        let own = own.clone().find(|(of, _)| of == path).or_else(|| own.find(|(of, _)| fits(of, path)));
        own.map(|(_, format)| format).or(self.format.as_ref())
    }

    /// The logs of a kind, as they were named.
    pub fn of(&self, kind: LogKind) -> &[PathBuf] {
        match kind {
            LogKind::Access => &self.access,
            LogKind::Error => &self.error,
            LogKind::Fpm => &self.fpm,
        }
    }

    /// Whether no log is named.
    pub fn is_empty(&self) -> bool {
        LogKind::ALL.into_iter().all(|kind| self.of(kind).is_empty())
    }
}

pub(super) fn parse_format(text: &str) -> Result<format::Format, format::FormatError> {
    format::Format::new(text)
}

/// `explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Logs: files, directories or patterns, of which each file is read as what its lines are. Or pasted lines, as they stand in
    /// a log, a chat or a ticket, which may lack their date, their level or their end; `-` reads them from standard input.
    /// What exists is a file. Without any, the logs that nginx's configuration names
    #[arg(value_name = "FILE|LINE")]
    pub given: Vec<String>,

    /// Logs whose kind is said: files, directories or patterns; `.gz` is read too, and `-` is standard input.
    #[command(flatten)]
    pub logs: LogArgs,

    /// Only what happened from then on: 2026-11-27T02:00:00+01:00, '2026-11-27 02:00', 2026-11-27, 02:00, yesterday or
    /// '2h ago'. Without a zone it is a time as the logs have it, in their own zone
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    pub since: Option<Moment>,

    /// Only what happened before; as `--since`
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    pub until: Option<Moment>,

    /// Configurations that tell log formats, servers, and the logs to read where none is named.
    #[command(flatten)]
    pub machine: MachineArgs,

    /// How to print the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub format: Output,

    /// Print one JSON line for each entry of the error logs (or for each pasted line) instead: its line number, cause,
    /// errno, upstream and level
    #[arg(long, conflicts_with = "format")]
    pub lines: bool,
}

/// `check-config`
#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 it can be used, 1 something in it is wrong, 2 it cannot be read.")]
pub struct CheckConfigArgs {
    /// The file, as --config.file has it
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `runbook`
#[derive(Debug, Args)]
pub struct RunbookArgs {
    /// An alert (PhpFpmDown), a cause (socket_missing) or a root cause (worker_crashed). Without it: the list
    pub name: Option<String>,
}

/// `--format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table for people
    Text,
    /// One object for programs
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
