//! What can be wrong with a configuration, each as a full sentence with file, line and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, as its program would name it.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} line {}", self.file.display(), self.line)
    }
}

/// What could not be read. What it holds is not known; all else is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is included.
    pub place: Place,
    /// What is wrong, what to do, and what is not known because of it: sentences.
    pub text: String,
}

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// nginx, or one of its kin.
    Nginx,
    /// PHP-FPM.
    Fpm,
}

impl Program {
    const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Fpm => "PHP-FPM",
        }
    }

    const fn test(self) -> &'static str {
        match self {
            Self::Nginx => "nginx -t",
            Self::Fpm => "php-fpm -t",
        }
    }

    /// `included`: whether the file is an include rather than the main file.
    fn advice(self, source: &io::Error, included: bool) -> &'static str {
        match (self, source.kind()) {
            (Self::Nginx, io::ErrorKind::NotFound) if included => {
                "Create it or remove the include: until then nginx will neither start nor reload, and what it held is not known."
            }
            (Self::Nginx, io::ErrorKind::NotFound) => {
                "Name the file with --nginx-config if nginx was built to look elsewhere."
            }
            (Self::Nginx, io::ErrorKind::PermissionDenied) => {
                "Let badgateway's user read it; keys and passwords have files of their own."
            }
            (Self::Fpm, io::ErrorKind::NotFound) if included => {
                "Create it or correct the include: until then PHP-FPM will neither start nor reload."
            }
            (Self::Fpm, io::ErrorKind::NotFound) => {
                "Check the path against the one in the title of PHP-FPM's master process."
            }
            (Self::Fpm, io::ErrorKind::PermissionDenied) => {
                "Let badgateway's user read it: it holds no secret but what env[] and php_value[] put there."
            }
            (_, io::ErrorKind::FileTooLarge) => {
                "Look for what made it so long, or raise --limit.config-file-bytes."
            }
            (Self::Nginx, _) => "nginx reads a plain file there; see what it is now.",
            (Self::Fpm, _) => "PHP-FPM reads a plain file there; see what it is now.",
        }
    }
}

/// Why a configuration could not be read as its program reads it.
#[derive(thiserror::Error, Debug)]
pub enum ConfigError {
    /// A file, or a directory that an include searches, cannot be read.
    #[error("cannot read {}{}: {source}. {}", path.display(), from(included.as_ref()),
        program.advice(source, included.is_some()))]
    Unreadable {
        /// Whose it is.
        program: Program,
        /// The file, as its program would name it.
        path: PathBuf,
        /// Where it is included; `None`: it is the main file.
        included: Option<Place>,
        /// What the kernel said.
        source: io::Error,
    },
    /// A line that the program refuses.
    #[error("{place}: {problem} Correct it and run {}: until then {} will neither start nor reload.",
        program.test(), program.name())]
    Line {
        /// Whose it is.
        program: Program,
        /// The line.
        place: Place,
        /// What is wrong, as a sentence.
        problem: String,
    },
    /// No section but `[global]`.
    #[error("{} and what it includes define no pool. PHP-FPM needs at least one: add a section such as [www], or correct the include.", path.display())]
    NoPool {
        /// The main file.
        path: PathBuf,
    },
    /// Includes without end.
    #[error("{} includes more than {limit}. Look for a pattern that matches more than it should, or raise --limit.config-bytes if that is what was reached.", path.display())]
    TooMuch {
        /// The main file.
        path: PathBuf,
        /// The bound, in words.
        limit: String,
    },
}

impl ConfigError {
    /// Whether only the file itself, or what is beyond a bound, is not known because of it. Where the program would refuse
    /// a line, it cannot be told what belongs to what.
    pub(super) fn hides_only_a_part(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::TooMuch { .. })
    }
}

fn from(included: Option<&Place>) -> String {
    included.map_or_else(String::new, |place| format!(", included by {place}"))
}
