//! What can be wrong with PHP-FPM's configuration, each as a full sentence with file, line and what to do.

use std::io;
use std::path::PathBuf;

/// Why the configuration could not be read as PHP-FPM reads it.
#[derive(thiserror::Error, Debug)]
pub enum ConfigError {
    /// A file, or a directory that an include searches, cannot be read.
    #[error("cannot read {}{included}: {source}. {}", path.display(), advice(source))]
    Unreadable {
        /// The file, as PHP-FPM would name it.
        path: PathBuf,
        /// Empty, or where it is included.
        included: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A line that PHP-FPM refuses.
    #[error("{} line {line}: {problem} Correct it and run php-fpm -t: until then PHP-FPM will neither start nor reload.", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
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
    #[error("{} includes more than {limit}. Look for a pattern that matches more than it should.", path.display())]
    TooMuch {
        /// The main file.
        path: PathBuf,
        /// The bound, in words.
        limit: &'static str,
    },
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => "Check the path against the one in the title of PHP-FPM's master process.",
        io::ErrorKind::PermissionDenied => {
            "Let badgateway's user read it: it holds no secret but what env[] and php_value[] put there."
        }
        _ => "PHP-FPM reads a plain file there; see what it is now.",
    }
}
