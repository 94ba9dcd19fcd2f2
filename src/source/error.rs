//! What can go wrong with a file, each as a full sentence that names the path, what was tried and what to do.
//!
//! The reader of these is tired and has a broken site; "os error 13" is not an answer.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Why a log could not be opened.
#[derive(thiserror::Error, Debug)]
pub enum OpenError {
    /// Nothing has that name.
    #[error("{} does not exist. Check the path against nginx's access_log and error_log directives (nginx -T).", path.display())]
    Missing {
        /// What was to be opened.
        path: PathBuf,
    },
    /// The file, or a directory above it, may not be read by this user.
    #[error("cannot open {} for reading: permission denied. {}", path.display(), advice(path))]
    Denied {
        /// What was to be opened.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A directory where a file was expected.
    #[error("{} is a directory, not a log file. Name the file in it, or use a pattern such as '{}'.", path.display(), path.join("*.log").display())]
    Directory {
        /// What was to be opened.
        path: PathBuf,
    },
    /// A named pipe.
    #[error("{} is a FIFO: reading it would steal lines from the program that reads it now. Pipe them into `-` (stdin) instead.", path.display())]
    Fifo {
        /// What was to be opened.
        path: PathBuf,
    },
    /// A device or socket.
    #[error("{} is a {kind}, which holds no log that can be read again. Let nginx log to a plain file and name that.", path.display())]
    Special {
        /// What was to be opened.
        path: PathBuf,
        /// What it is, in words.
        kind: &'static str,
    },
    /// Any other failure.
    #[error("cannot {attempt} {}: {source}.", path.display())]
    Io {
        /// What was to be opened.
        path: PathBuf,
        /// What was attempted, as a verb.
        attempt: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A pattern that no path can match.
    #[error(
        "the pattern '{}' is not valid: {why}. Put [ ] around a character to take it literally.", pattern.display()
    )]
    Pattern {
        /// The pattern as given.
        pattern: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl OpenError {
    /// Gives an I/O error its path, and its own variant where there is an advice to give.
    pub(super) fn from_io(path: &Path, attempt: &'static str, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing { path },
            io::ErrorKind::PermissionDenied => Self::Denied { path, source },
            _ => Self::Io { path, attempt, source },
        }
    }
}

/// How a user gets to read a file. PHP-FPM makes its log with mode 0600 (`fpm_stdio_open_error_log` in fpm_stdio.c).
fn advice(path: &Path) -> String {
    let mode = std::fs::metadata(path).map(|meta| meta.mode()).ok();
    if mode.is_some_and(|mode| mode & 0o040 == 0) {
        let path = path.display();
        return format!(
            "Only its owner may read it: chgrp adm {path} && chmod 640 {path}, write create 640 root adm into its \
             logrotate file, and run badgateway as a member of adm (usermod -aG adm USER)."
        );
    }
    "nginx's logs usually belong to group adm: run badgateway as a member of it (usermod -aG adm USER, or \
     SupplementaryGroups=adm in the systemd unit), and see that each directory above may be entered."
        .to_owned()
}

/// Why an open log could not be read on.
#[derive(thiserror::Error, Debug)]
pub enum ReadError {
    /// The kernel refused.
    #[error("cannot read {} at byte {offset}: {source}.", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Bytes before the place that failed.
        offset: u64,
        /// What the kernel said.
        source: io::Error,
    },
    /// The compressed data is broken or cut short.
    #[error("cannot decompress {} after compressed byte {offset}: {source}. Everything before it was read; test the file with gzip -t.", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// Compressed bytes consumed.
        offset: u64,
        /// What the decoder said.
        source: io::Error,
    },
}
