//! `badgateway check`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ConfigLimitArgs, MachineArgs};

/// `check`
#[derive(Debug, Args)]
#[command(
    after_help = "Without --nginx-config and --fpm-config the nginx and PHP-FPM that run or are installed are checked, with \
    their sockets, permissions, memory and logs. With them, the files alone: no root and no running server are needed.\n\n\
    Exit code: 0 nothing, or only what --fail-on leaves out; 1 findings; 2 something could not be read."
)]
pub struct CheckArgs {
    /// How to print the findings
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub format: Report,

    /// The least grave finding for which the exit code is 1
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = FailOn::Warning)]
    pub fail_on: FailOn,

    /// Directory that stands for / in the files that are named and in all they include, such as an unpacked image
    #[arg(long = "path.rootfs", value_name = "DIR")]
    pub rootfs: Option<PathBuf>,

    /// Where nginx and PHP-FPM are looked for.
    #[command(flatten)]
    pub machine: MachineArgs,

    /// How much of their configuration is read.
    #[command(flatten)]
    pub config_limits: ConfigLimitArgs,
}

/// `check --format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Report {
    /// For people
    Text,
    /// One object for programs
    Json,
    /// Annotations for GitHub's workflows
    Github,
}

/// `check --fail-on`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "they are the severities")]
pub enum FailOn {
    Error,
    Warning,
    Info,
}
