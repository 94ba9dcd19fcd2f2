//! `badgateway check`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::parse_bytes;

/// `check`
#[derive(Debug, Args)]
#[command(
    after_help = "Without --nginx-config and --fpm-config the nginx and PHP-FPM that run or are installed are checked, with \
    their sockets, permissions, memory and logs. With them, the files alone: no root and no running server are needed.\n\n\
    Exit code: 0 nothing, or only what --fail-on leaves out; 1 findings; 2 something could not be read."
)]
pub struct CheckArgs {
    /// Main file of nginx's configuration (nginx.conf); may be given several times
    #[arg(long, value_name = "FILE")]
    pub nginx_config: Vec<PathBuf>,

    /// Main file of PHP-FPM's configuration (php-fpm.conf); may be given several times
    #[arg(long, value_name = "FILE")]
    pub fpm_config: Vec<PathBuf>,

    /// How to print the findings
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub format: Report,

    /// The least grave finding for which the exit code is 1
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = FailOn::Warning)]
    pub fail_on: FailOn,

    /// Directory that stands for / in the files that are named and in all they include, such as an unpacked image
    #[arg(long = "path.rootfs", value_name = "DIR")]
    pub rootfs: Option<PathBuf>,

    /// Where procfs is mounted
    #[arg(long = "path.procfs", value_name = "DIR", default_value = "/proc")]
    pub procfs: PathBuf,

    /// Most bytes of one file of a configuration
    #[arg(long = "limit.config-file-bytes", value_name = "BYTES", default_value = "1MiB", value_parser = parse_bytes)]
    pub limit_config_file_bytes: u64,

    /// Most bytes of one configuration with all it includes
    #[arg(long = "limit.config-bytes", value_name = "BYTES", default_value = "8MiB", value_parser = parse_bytes)]
    pub limit_config_bytes: u64,
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
