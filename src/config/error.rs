//! Why a web configuration cannot be used.

use std::fmt;
use std::path::{Path, PathBuf};

/// What is wrong, and where. Never what stands there: it may be a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    path: PathBuf,
    /// Line and column, from 1.
    place: Option<(u64, u64)>,
    message: String,
}

impl ConfigError {
    /// What is wrong in this file, and where.
    pub fn new(path: &Path, place: Option<(u64, u64)>, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), place, message: message.into() }
    }

    /// Line and column, from 1.
    #[cfg(test)]
    pub fn place(&self) -> Option<(u64, u64)> {
        self.place
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ConfigError {}
