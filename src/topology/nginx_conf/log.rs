//! `access_log` and `error_log` as nginx reads them (`ngx_http_log_set_log` in
//! src/http/modules/ngx_http_log_module.c, `ngx_log_set_log` in src/core/ngx_log.c).

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command::{Command, STDERR};
use super::tree::Directive;
use crate::record::format::{self, Format, FormatError};
use crate::topology::config_error::Place;
use crate::topology::units::{nginx_size, nginx_time};

/// nginx's buffer where `gzip` names none.
const GZIP_BUFFER: u64 = 64 << 10;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogTarget {
    /// A file.
    File(PathBuf),
    /// A file below nginx's prefix, which is not known.
    Relative(String),
    /// A file whose name has variables in it, as written.
    Variable(String),
    /// `syslog:` with its parameters, which are these.
    Syslog(String),
    /// The standard output of nginx's master.
    Stdout,
    /// The standard error of nginx's master.
    Stderr,
    /// `memory:`, of that size; for debugging.
    Memory(String),
}

impl LogTarget {
    fn of(path: &str, command: &Command) -> Self {
        match path {
            "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Self::Stdout,
            "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => Self::Stderr,
            path => match path.strip_prefix("syslog:") {
                Some(parameters) => Self::Syslog(parameters.to_owned()),
                None => command.full(path).map_or_else(|| Self::Relative(path.to_owned()), Self::File),
            },
        }
    }

    /// Its path, if it is a file of a known name.
    pub fn file(&self) -> Option<&Path> {
        if let Self::File(path) = self { Some(path) } else { None }
    }

    /// Whether lines that go here may stand in the file of that name.
    pub(super) fn may_be(&self, path: &str) -> bool {
        match self {
            Self::File(file) => file.as_os_str() == path,
            Self::Relative(name) => path.ends_with(name.as_str()),
            Self::Variable(name) => {
                let begin = name.split('$').next().unwrap_or_default();
                let last = name.rsplit('$').next().unwrap_or_default();
                let end = last.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_{}".contains(c));
                let begins = begin.starts_with('/') && path.starts_with(begin) || !begin.starts_with('/');
                begins && path.ends_with(end)
            }
            _ => false,
        }
    }
}

/// One `access_log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where it stands; `None`: there is none for it, and nginx writes the log that it was built with.
    pub place: Option<Place>,
    /// Where its lines go.
    pub target: LogTarget,
    /// The name of its `log_format`.
    pub format: String,
    /// Lines wait until so many bytes are together.
    pub buffer: Option<u64>,
    /// They wait no longer than this; `None`: as long as it takes.
    pub flush: Option<Duration>,
    /// It is written compressed.
    pub gzip: bool,
    /// `if=`: lines are written when this is neither empty nor 0.
    pub condition: Option<String>,
}

impl AccessLog {
    /// `is_format`: whether a `log_format` has that name.
    pub(super) fn of(directive: Directive<'_>, command: &Command, is_format: impl Fn(&str) -> bool) -> Self {
        let path = directive.arg();
        let target = if path.contains('$') && !path.starts_with("syslog:") {
            LogTarget::Variable(path.to_owned())
        } else {
            LogTarget::of(path, command)
        };
        let mut log = Self::to(target);
        log.place = Some(directive.place());
        for (at, arg) in directive.args().enumerate().skip(1) {
            let (name, value) = arg.split_once('=').unwrap_or((arg, ""));
            match name {
                // The second argument is the format, whatever it looks like.
                _ if at == 1 && (!arg.contains('=') || is_format(arg)) => arg.clone_into(&mut log.format),
                "buffer" => log.buffer = nginx_size(value),
                "flush" => log.flush = nginx_time(value),
                "gzip" => log.gzip = true,
                "if" => log.condition = Some(value.to_owned()),
                _ => {}
            }
        }
        if log.gzip && log.buffer.is_none() {
            log.buffer = Some(GZIP_BUFFER);
        }
        log
    }

    /// The one that there is without any `access_log`.
    pub(super) fn built_in(command: &Command) -> Self {
        Self::to(LogTarget::File(command.access_log.clone()))
    }

    fn to(target: LogTarget) -> Self {
        Self {
            place: None,
            target,
            format: "combined".to_owned(),
            buffer: None,
            flush: None,
            gzip: false,
            condition: None,
        }
    }
}

/// How grave an entry of the error log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "they are nginx's words")]
pub enum Severity {
    Debug,
    Info,
    Notice,
    Warn,
    Error,
    Crit,
    Alert,
    Emerg,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_ascii_lowercase())
    }
}

impl Severity {
    /// As `error_log` spells it; all kinds of `debug_…` are `debug`.
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "info" => Self::Info,
            "notice" => Self::Notice,
            "warn" => Self::Warn,
            "error" => Self::Error,
            "crit" => Self::Crit,
            "alert" => Self::Alert,
            "emerg" => Self::Emerg,
            word if word.starts_with("debug") => Self::Debug,
            _ => return None,
        })
    }
}

/// One `error_log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorLog {
    /// Where it stands; `None`: there is none for it, and nginx writes the log that it was built with. Debian 12 and Arch
    /// build it with stderr.
    pub place: Option<Place>,
    /// Where its entries go. A log called `off` is a file of that name.
    pub target: LogTarget,
    /// Entries that are less grave are not written.
    pub level: Severity,
}

impl ErrorLog {
    pub(super) fn of(directive: Directive<'_>, command: &Command) -> Self {
        let target = match directive.arg() {
            STDERR => LogTarget::Stderr,
            path => match path.strip_prefix("memory:") {
                Some(size) => LogTarget::Memory(size.to_owned()),
                None => LogTarget::of(path, command),
            },
        };
        let level = directive.args().skip(1).filter_map(Severity::of).min().unwrap_or(Severity::Error);
        Self { place: Some(directive.place()), target, level }
    }

    /// The one that there is without any `error_log`.
    pub(super) fn built_in(command: &Command) -> Self {
        let target = if command.error_log.as_os_str() == STDERR {
            LogTarget::Stderr
        } else {
            LogTarget::File(command.error_log.clone())
        };
        Self { place: None, target, level: Severity::Error }
    }
}

/// One `log_format`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFormat {
    /// Where it stands.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// How variables are escaped.
    pub escape: Escape,
    /// Its strings, put together.
    pub text: String,
}

/// How a `log_format` escapes variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// `\xXX`; what is not set is `-`.
    Default,
    /// As JSON wants it; what is not set is empty.
    Json,
    /// Not at all: what clients send may forge lines.
    None,
}

impl LogFormat {
    /// To read lines with.
    ///
    /// # Errors
    /// When they cannot be told apart, or have no `$status`.
    pub fn compiled(&self) -> Result<Format, FormatError> {
        let escape = match self.escape {
            Escape::Default => format::Escape::Default,
            Escape::Json => format::Escape::Json,
            Escape::None => format::Escape::None,
        };
        Format::of_strings(&self.text, escape)
    }

    pub(super) fn of(directive: Directive<'_>) -> Self {
        let escape = directive.args().nth(1).and_then(|arg| arg.strip_prefix("escape="));
        Self {
            place: directive.place(),
            name: directive.arg().to_owned(),
            escape: match escape {
                Some("json") => Escape::Json,
                Some("none") => Escape::None,
                _ => Escape::Default,
            },
            text: directive.args().skip(if escape.is_some() { 2 } else { 1 }).collect(),
        }
    }
}
