//! What was typed: pasted lines, or files, directories and patterns.

use std::path::{Path, PathBuf};

use super::ExplainError;
use super::paste::shortened;
use crate::attribute::paste::{self, Paste};
use crate::record::LogKind;
use crate::source;

/// What stands behind `explain` without a flag.
#[derive(Debug, PartialEq, Eq)]
pub enum Given {
    /// Lines; `-` is those of standard input.
    Lines,
    /// Paths and patterns. None: nothing was given.
    Files(Vec<PathBuf>),
}

/// Tells lines from files: what exists is a file, a pattern is what matches, and what looks like the name of a file that
/// does not exist is a mistake to be told.
///
/// # Errors
/// When both are given.
pub fn tell(words: &[String]) -> Result<Given, ExplainError> {
    let (files, lines): (Vec<_>, Vec<_>) = words.iter().partition(|word| is_file(word));
    match (files.first(), lines.first()) {
        (Some(file), Some(line)) => {
            Err(ExplainError::Mixed { file: (*file).clone(), line: shortened(line.as_bytes()) })
        }
        (None, Some(_)) => Ok(Given::Lines),
        _ => Ok(Given::Files(files.into_iter().map(PathBuf::from).collect())),
    }
}

fn is_file(word: &str) -> bool {
    if word == "-" {
        return false;
    }
    let path = Path::new(word);
    path.symlink_metadata().is_ok()
        || source::is_pattern(path) && !source::paths_of(word).is_empty()
        || looks_like_a_name(word) && paste::read(word.as_bytes()) == Paste::Unknown
}

/// A line has blanks.
fn looks_like_a_name(word: &str) -> bool {
    let is_one_word = !word.contains(char::is_whitespace);
    is_one_word && (word.contains('/') || word.contains(".log") || word.ends_with(".gz"))
}

/// A file that is to be read.
#[derive(Debug)]
pub struct Input {
    /// Its path.
    pub path: PathBuf,
    /// As what it was named; `None`: its lines tell.
    pub kind: Option<LogKind>,
    /// It was named itself, not found in a directory or by a pattern.
    pub is_named: bool,
}

/// The files of what was named, and what cannot be one.
pub fn expand(named: &[PathBuf], kind: Option<LogKind>, inputs: &mut Vec<Input>, unread: &mut Vec<String>) {
    for path in named {
        let mut add = |paths: Vec<PathBuf>, is_named| {
            inputs.extend(paths.into_iter().map(|path| Input { path, kind, is_named }));
        };
        if path.is_dir() {
            match files_in(path) {
                Ok(paths) if paths.is_empty() => unread.push(format!("no file is in {}.", path.display())),
                Ok(paths) => add(paths, false),
                Err(error) => unread.push(format!("cannot list {}: {error}.", path.display())),
            }
        } else if path.symlink_metadata().is_err() && source::is_pattern(path) {
            match path.to_str().map(source::paths_of).unwrap_or_default() {
                paths if paths.is_empty() => unread.push(format!(
                    "no file matches '{}'. A directory that may not be listed holds none: ls -l {}",
                    path.display(),
                    path.parent().filter(|dir| !source::is_pattern(dir)).unwrap_or(Path::new("/")).display()
                )),
                paths => add(paths.into_iter().filter(|path| !path.is_dir()).collect(), false),
            }
        } else {
            add(vec![path.clone()], true);
        }
    }
}

/// The files of a directory that are not hidden, in the order of their names.
fn files_in(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().first() == Some(&b'.');
        if !is_hidden && entry.path().is_file() {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(of: &[&str]) -> Vec<String> {
        of.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn what_exists_is_a_file_and_anything_else_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        std::fs::write(at("my error.log"), "").unwrap();
        let (file, dir, pattern) = (at("my error.log"), at(""), at("*.log"));
        for word in [&file, &dir, &pattern, &at("missing"), &at("*.gz"), &"missing.log".to_owned()] {
            assert_eq!(tell(&words(&[word])).unwrap(), Given::Files(vec![word.into()]), "{word}");
        }
        for line in [
            "-",
            "upstream timed out",
            "[error] connect() failed (111: Connection refused)",
            "see /var/log/nginx/error.log",
            "502",
        ] {
            assert_eq!(tell(&words(&[line])).unwrap(), Given::Lines, "{line}");
        }
        assert_eq!(tell(&[]).unwrap(), Given::Files(Vec::new()));
        let mixed = tell(&words(&[&file, "upstream timed out"])).unwrap_err().to_string();
        assert!(mixed.contains("my error.log") && mixed.contains("upstream timed out"), "{mixed}");
    }
}
