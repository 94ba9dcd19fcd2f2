//! What the logs of this machine cannot tell, each with what to do.

use std::fmt;
use std::path::PathBuf;

use crate::topology::config_error::Place;
use crate::topology::nginx_conf::Severity;

/// Most vhosts that are named in one sentence.
const NAMED: usize = 3;

/// Why requests are not counted, or causes are not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// No nginx was found.
    NoNginx,
    /// No configuration of nginx can be read; these logs are where they usually are.
    Usual(Vec<PathBuf>),
    /// `access_log off`, of a whole server or of a place whose requests go to an upstream.
    NoAccessLog,
    /// Lines go elsewhere than into a file of this machine.
    NotAFile(Elsewhere),
    /// Its lines have no `$status`, or cannot be told apart.
    Format(String),
    /// Its name has variables, and other logs fit it.
    Variable(String),
    /// Only requests for which `if=` holds are written.
    Conditional(PathBuf),
    /// Each request is written to more than one log that has to be read, or twice to one.
    Twice(PathBuf),
    /// Errors are not grave enough to be written.
    Level(PathBuf, Severity),
    /// There is no error log in a file.
    NoErrorLog(Elsewhere),
    /// PHP-FPM's log goes to syslog.
    FpmSyslog,
    /// It goes to PHP-FPM's standard output or error.
    FpmStream,
}

/// Where lines go that are in no file of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Elsewhere {
    /// `syslog:`
    Syslog,
    /// The standard output or error of the master.
    Stream,
    /// `memory:`
    Memory,
    /// Compressed as it is written.
    Gzip(PathBuf),
    /// A path below an unknown prefix.
    Relative(String),
    /// A file in another file system than ours: a container's.
    Container(PathBuf),
}

/// A note, and whose requests it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// What it is.
    pub note: Note,
    /// Where it stands, each with the name of its server; the first few.
    pub places: Vec<(String, Place)>,
    /// So many there are.
    pub count: usize,
}

impl Noted {
    pub(super) fn new(note: Note) -> Self {
        Self { note, places: Vec::new(), count: 0 }
    }

    pub(super) fn add(&mut self, server: &str, place: Option<&Place>) {
        self.count += 1;
        if let Some(place) = place.filter(|_| self.places.len() < NAMED) {
            self.places.push((server.to_owned(), place.clone()));
        }
    }
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syslog => write!(f, "goes to syslog"),
            Self::Stream => write!(f, "goes to nginx's standard output or error"),
            Self::Memory => write!(f, "stays in nginx's memory"),
            Self::Gzip(path) => write!(f, "{} is compressed while it is written", path.display()),
            Self::Relative(path) => write!(f, "{path:?} is relative to a directory that is not known"),
            Self::Container(path) => {
                write!(f, "{} is in the file system of a container, and not in ours", path.display())
            }
        }
    }
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.note {
            Note::NoNginx => write!(
                f,
                "no nginx is running or installed where it is looked for, so there is no log to follow: name its main file \
                 with --nginx-config, or the logs with --access-log and --error-log"
            )?,
            Note::Usual(logs) => write!(
                f,
                "no nginx or no configuration of it can be seen from here, so what is usual is followed: {}. If these are not \
                 all, name them with --access-log and --error-log",
                logs.iter().map(|log| log.display().to_string()).collect::<Vec<_>>().join(", ")
            )?,
            Note::NoAccessLog => write!(
                f,
                "access_log is off, so failed responses cannot be counted there: write access_log /var/log/nginx/access.log; \
                 instead and reload nginx"
            )?,
            Note::NotAFile(elsewhere) => write!(
                f,
                "an access log {elsewhere}, so its responses are not counted: add an access_log that is a file, or name the \
                 file in which its lines arrive with --access-log"
            )?,
            Note::Format(why) => write!(f, "an access log is not read: {why}")?,
            Note::Variable(name) => write!(
                f,
                "the access log {name:?} is not read, since other logs have names that fit it: name its files with --access-log"
            )?,
            Note::Conditional(path) => write!(
                f,
                "{} has only the requests for which its if= holds: no others are counted",
                path.display()
            )?,
            Note::Twice(path) => write!(
                f,
                "each request is written twice to logs that are read, {} among them, and counted twice: remove one of the \
                 access_log lines and reload nginx",
                path.display()
            )?,
            Note::Level(path, level) => write!(
                f,
                "{} has only entries from level {level} on, and what goes wrong with upstreams is of level error: write \
                 error_log {} error; and reload nginx, or causes stay unknown",
                path.display(),
                path.display()
            )?,
            Note::NoErrorLog(elsewhere) => write!(
                f,
                "an error log {elsewhere}, so causes stay unknown: add an error_log that is a file, or name the file in which \
                 its lines arrive with --error-log"
            )?,
            Note::FpmSyslog => write!(
                f,
                "PHP-FPM logs to syslog, so some root causes stay unknown: set error_log to a file, or name the file in which \
                 its lines arrive with --fpm-log"
            )?,
            Note::FpmStream => write!(
                f,
                "PHP-FPM logs to its standard output or error, so some root causes stay unknown: set error_log to a file, or \
                 name the file in which its lines arrive with --fpm-log"
            )?,
        }
        for (at, (server, place)) in self.places.iter().enumerate() {
            let server = if server.is_empty() { "a server without name" } else { server };
            write!(f, "{}{server} ({place})", if at == 0 { ": " } else { ", " })?;
        }
        match self.count - self.places.len().min(self.count) {
            0 => Ok(()),
            _ if self.places.is_empty() => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
