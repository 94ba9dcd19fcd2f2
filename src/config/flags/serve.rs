//! `badgateway serve`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::values::{
    parse_address, parse_bytes, parse_count, parse_interval, parse_mode, parse_path, parse_seconds,
    parse_timeout,
};
use super::{ConfigLimitArgs, LogArgs, MachineArgs};
use crate::config::logging;

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

    /// File of configuration (YAML): its keys are these flags, and each access log may have a format of its own
    /// (docs/configuration.md). What is typed wins. SIGHUP reads it again; `badgateway check-config` validates it
    #[arg(long = "config.file", value_name = "FILE")]
    pub config_file: Option<PathBuf>,

    /// Which logs are found.
    #[command(flatten)]
    pub discover: DiscoverArgs,

    /// Where a log begins for which no position was saved: one that is there at the start, or that is named later
    #[arg(long, value_enum, default_value_t)]
    pub read_from: Begin,

    /// Seconds that an error-log entry waits for its access line before it counts as unmatched. Give more
    /// if requests take longer, or `access_log … flush=` is longer
    #[arg(long, value_name = "SECONDS", default_value = "90", value_parser = parse_seconds)]
    pub join_window: i64,

    /// Address to serve on: HOST:PORT (port 0 takes any free one) or unix:/PATH; may be given several times
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":10502", value_parser = parse_address)]
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

    /// Answer POST and PUT on /-/reload, which read the file of configuration again. Whoever reaches the port can then ask
    /// for that
    #[arg(long = "web.enable-lifecycle")]
    pub enable_lifecycle: bool,

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

    /// Most series on the page of metrics. Names that come when there is no room for more are counted as `other`; totals
    /// stay exact
    #[arg(long = "limit.series", value_name = "COUNT", default_value = "200000", value_parser = parse_count)]
    pub limit_series: u64,

    /// Most bytes of the page of metrics before compression, such as 33554432, 512KiB or 32MiB
    #[arg(long = "limit.bytes", value_name = "BYTES", default_value = "32MiB", value_parser = parse_bytes)]
    pub limit_bytes: u64,

    /// How PHP-FPM's status pages are asked.
    #[command(flatten)]
    pub status: StatusArgs,

    /// How much of nginx's and PHP-FPM's configuration is read.
    #[command(flatten)]
    pub config_limits: ConfigLimitArgs,

    /// Where they are looked for.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// Logs that are found: those that nginx's and PHP-FPM's configuration name.
#[derive(Args, Clone, Debug, Default)]
pub struct DiscoverArgs {
    /// Whether logs that nginx's and PHP-FPM's configuration name are followed, also beside those that are named. Without
    /// it they are while none is named
    #[arg(long = "discover.logs", value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub logs: Option<bool>,

    /// A log, or a pattern of logs, that is not followed although a configuration names it; may be given several times
    #[arg(long = "discover.exclude-log", value_name = "FILE")]
    pub exclude: Vec<PathBuf>,
}

/// PHP-FPM's status pages.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct StatusArgs {
    /// Whether pools with a pm.status_path are asked for it
    #[arg(long = "status.enabled", value_name = "true|false", action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_value_t = true, default_missing_value = "true")]
    pub enabled: bool,

    /// Time between two questions to a pool, from 1s to 1h
    #[arg(long = "status.interval", value_name = "DURATION", default_value = "5s", value_parser = parse_interval)]
    pub interval: Duration,

    /// How long its answer is waited for, and no longer than the interval
    #[arg(long = "status.timeout", value_name = "DURATION", default_value = "1s", value_parser = parse_timeout)]
    pub timeout: Duration,
}
