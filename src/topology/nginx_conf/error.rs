//! What can be wrong with nginx's configuration, each as a full sentence with file, line and what to do.

use std::io;
use std::path::PathBuf;

/// Why the configuration could not be read as nginx reads it.
#[derive(thiserror::Error, Debug)]
pub enum ConfigError {
    /// A file, or a directory that an include searches, cannot be read.
    #[error("cannot read {}{included}: {source}. {}", path.display(), advice(source, included.is_empty()))]
    Unreadable {
        /// The file, as nginx would name it.
        path: PathBuf,
        /// Empty, or where it is included.
        included: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A line that nginx refuses.
    #[error("{} line {line}: {problem} Correct it and run nginx -t: until then nginx will neither start nor reload.", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, as a sentence.
        problem: String,
    },
    /// Includes without end.
    #[error("{} includes more than {limit}. Look for a pattern that matches more than it should.", path.display())]
    TooMuch {
        /// The main file.
        path: PathBuf,
        /// The bound, in words.
        limit: &'static str,
    },
}

fn advice(source: &io::Error, main: bool) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound if !main => {
            "Create it or remove the include: until then nginx will neither start nor reload, and what it held is not known."
        }
        io::ErrorKind::NotFound => "Name the file with --nginx-config if nginx was built to look elsewhere.",
        io::ErrorKind::PermissionDenied => {
            "Let badgateway's user read it; keys and passwords have files of their own."
        }
        _ => "nginx reads a plain file there; see what it is now.",
    }
}
