//! What can be typed. Flags follow the names of Prometheus' own exporters.

mod check;
mod diagnose;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use check::{CheckArgs, FailOn, Report};
pub use diagnose::DiagnoseArgs;

use super::logging;
use super::moment::{self, Moment};
use crate::record::{LogKind, format};

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
}

impl LogArgs {
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

fn parse_format(text: &str) -> Result<format::Format, format::FormatError> {
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

    /// Main file of nginx's configuration: log formats, servers, and the logs to read where none is named. May be given several
    /// times. Without any log, those of the nginx that runs here are found by themselves
    #[arg(long, value_name = "FILE")]
    pub nginx_config: Vec<PathBuf>,

    /// Where procfs is mounted
    #[arg(long = "path.procfs", value_name = "DIR", default_value = "/proc", hide = true)]
    pub procfs: PathBuf,

    /// How to print the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub format: Output,

    /// Print one JSON line for each entry of the error logs (or for each pasted line) instead: its line number, cause,
    /// errno, upstream and level
    #[arg(long, conflicts_with = "format")]
    pub lines: bool,
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

/// Where a log begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Begin {
    /// With what is in the file already
    Start,
    /// With the next line written to it
    #[default]
    End,
}

/// `serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The logs; each may be a glob such as '/var/log/nginx/*access.log', and `-` is standard input.
    #[command(flatten)]
    pub logs: LogArgs,

    /// Where a log begins when Badgateway starts
    #[arg(long, value_enum, default_value_t)]
    pub read_from: Begin,

    /// Seconds that an error-log entry waits for its access line before it counts as unmatched. Give more
    /// if requests take longer, or `access_log … flush=` is longer
    #[arg(long, value_name = "SECONDS", default_value = "90", value_parser = parse_seconds)]
    pub join_window: i64,

    /// Address to serve on: HOST:PORT (port 0 takes any free one) or unix:/PATH; may be given several times
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":10502")]
    pub listen: Vec<String>,

    /// Mode of the files of unix sockets that are served on, in octal; who may write to one may connect
    #[arg(long = "web.socket-mode", value_name = "MODE", default_value = "660", value_parser = parse_mode)]
    pub socket_mode: u32,

    /// Serve on the sockets that systemd hands over (LISTEN_FDS) instead of on addresses
    #[arg(long = "web.systemd-socket")]
    pub systemd_socket: bool,

    /// File with TLS, users and headers of the web server, in the format of Prometheus' exporter-toolkit. It is read again
    /// when it changes
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub web_config: Option<PathBuf>,

    /// Path of the metrics
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = parse_path)]
    pub telemetry_path: String,

    /// Least severe message of Badgateway's own log
    #[arg(long = "log.level", value_enum, default_value_t)]
    pub log_level: logging::Level,

    /// Format of Badgateway's own log
    #[arg(id = "own-log-format", long = "log.format", value_enum, default_value_t)]
    pub log_format: logging::Format,

    /// Directory that keeps counters and read positions over a restart. Without one, a restart counts from 0
    /// and reads on from the end of the logs
    #[arg(long = "state.dir", value_name = "DIR", env = "STATE_DIRECTORY")]
    pub state_dir: Option<PathBuf>,

    /// Also publish the phpfpm_* metrics of other PHP-FPM exporters, for dashboards and autoscalers built on them
    #[arg(long = "compat.phpfpm-metrics")]
    pub compat_phpfpm: bool,

    /// Main file of PHP-FPM's configuration (php-fpm.conf). Those of running masters are found by themselves
    #[arg(long, value_name = "FILE")]
    pub fpm_config: Vec<PathBuf>,

    /// Main file of nginx's configuration (nginx.conf), which tells to which upstreams connections are kept. Those of
    /// running masters are found by themselves
    #[arg(long, value_name = "FILE")]
    pub nginx_config: Vec<PathBuf>,

    /// Most series on the page of metrics. Names that come when there is no room for more are counted as `other`; totals
    /// stay exact
    #[arg(long = "limit.series", value_name = "COUNT", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    pub limit_series: u64,

    /// Most bytes of the page of metrics before compression, such as 33554432, 512KiB or 32MiB
    #[arg(long = "limit.bytes", value_name = "BYTES", default_value = "32MiB", value_parser = parse_bytes)]
    pub limit_bytes: u64,

    /// Most bytes of one file of nginx's or PHP-FPM's configuration. What is longer is not read, and the own log says so
    #[arg(long = "limit.config-file-bytes", value_name = "BYTES", default_value = "1MiB", value_parser = parse_bytes)]
    pub limit_config_file_bytes: u64,

    /// Most bytes of one nginx's or PHP-FPM's configuration with all it includes. What is beyond is not read
    #[arg(long = "limit.config-bytes", value_name = "BYTES", default_value = "8MiB", value_parser = parse_bytes)]
    pub limit_config_bytes: u64,

    /// A user, as a number, whose nginx and PHP-FPM masters are believed, such as that of an unprivileged nginx in a pod;
    /// may be given several times. Root's and our own are believed
    #[arg(long = "discover.trust-uid", value_name = "UID")]
    pub trust_uid: Vec<u32>,

    /// Where procfs is mounted
    #[arg(long = "path.procfs", value_name = "DIR", default_value = "/proc")]
    pub procfs: PathBuf,

    /// Where the cgroup file systems are mounted
    #[arg(long = "path.cgroup", value_name = "DIR", default_value = "/sys/fs/cgroup")]
    pub cgroup: PathBuf,
}

/// `660` or `0660`.
fn parse_mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "write an octal mode up to 777, such as 660".to_owned())
}

/// A path of the metrics that no other page has.
fn parse_path(text: &str) -> Result<String, String> {
    let path = format!("/{}", text.trim_matches('/'));
    let is_taken = ["/", "/-", "/runbooks", "/diagnosis"].contains(&path.as_str())
        || ["/-/", "/runbooks/"].iter().any(|taken| path.starts_with(taken));
    if is_taken {
        return Err(
            "/, /-/…, /runbooks and /diagnosis are pages of Badgateway: choose another path, such as /metrics".to_owned()
        );
    }
    if path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte)) {
        Ok(path)
    } else {
        Err("write a path of letters, digits and -_.~/, such as /metrics".to_owned())
    }
}

/// `1048576`, `1024KiB` or `1MiB`.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)];
    let found = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let bytes =
        found.and_then(|(number, factor): (&str, u64)| number.parse::<u64>().ok()?.checked_mul(factor));
    bytes
        .filter(|bytes| *bytes >= 1 << 18)
        .ok_or_else(|| "give at least 256KiB: a number, or one with KiB, MiB or GiB".to_owned())
}

/// `90`, `90s` or `2m`.
fn parse_seconds(text: &str) -> Result<i64, String> {
    let (number, unit) = match text.trim_end_matches(|c: char| c.is_ascii_alphabetic()) {
        number if number.len() == text.len() => (number, 1),
        number => match &text[number.len()..] {
            "s" => (number, 1),
            "m" => (number, 60),
            "h" => (number, 3600),
            unit => return Err(format!("{unit:?} is no unit: write seconds (90), 90s, 2m or 1h")),
        },
    };
    match number.parse::<i64>() {
        Ok(n) if (1..=86_400).contains(&(n * unit)) => Ok(n * unit),
        _ => Err("give a whole number of seconds from 1 to 86400".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_metrics_have_a_path_of_their_own() {
        assert_eq!(parse_path("metrics"), Ok("/metrics".to_owned()));
        assert_eq!(parse_path("/a/b/"), Ok("/a/b".to_owned()));
        for path in ["/", "", "/-/ready", "/runbooks", "/runbooks/x", "/{x}", "/a b"] {
            assert!(parse_path(path).is_err(), "{path}");
        }
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!((parse_mode("660"), parse_mode("0600")), (Ok(0o660), Ok(0o600)));
        for text in ["", "8", "-1", "1777", "rw"] {
            assert!(parse_mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_have_units() {
        for (text, bytes) in
            [("33554432", 32 << 20), ("32MiB", 32 << 20), ("512KiB", 512 << 10), ("1GiB", 1 << 30)]
        {
            assert_eq!(parse_bytes(text), Ok(bytes));
        }
        for text in ["", "MiB", "1", "-5MiB", "1.5MiB", "32MB", "99999999999999GiB"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_have_units() {
        assert_eq!(parse_seconds("90"), Ok(90));
        assert_eq!(parse_seconds("2m"), Ok(120));
        assert!(parse_seconds("2x").is_err());
        assert!(parse_seconds("0").is_err());
        assert!(parse_seconds("999999999999h").is_err());
    }
}
