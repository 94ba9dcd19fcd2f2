//! What is wrong in a file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// Line and column, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Place {
    /// Something is wrong here.
    pub fn problem(self, message: impl Into<String>) -> Problem {
        Problem { place: Some(self), message: message.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Something that is wrong, or at least not as it may have been meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, if it is anywhere.
    pub place: Option<Place>,
    /// A sentence.
    pub message: String,
}

impl Problem {
    /// Of the file as a whole.
    pub fn of_file(message: impl Into<String>) -> Self {
        Self { place: None, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Why a file cannot be used: a line for each problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// In the order in which they stand there.
    pub problems: Vec<Problem>,
}

impl FileError {
    /// With all that is wrong in it.
    pub fn new(path: &Path, problems: Vec<Problem>) -> Self {
        Self { path: path.to_owned(), problems }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            let end = if at > 0 { "\n" } else { "" };
            write!(f, "{end}{}: {problem}", self.path.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for FileError {}
