//! The configuration file (`--config.file`): its keys are flags of `serve`, so that both mean the same.

pub mod keys;
mod logs;
mod page;
#[cfg(test)]
mod tests;
mod value;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Command};

use super::flags::ServeArgs;
use super::problem::{FileError, Place, Problem};
use super::yaml::{self, Node, Value};
use super::{flags, read};
use crate::record::format::Format;
use crate::runbooks::nearest;
use keys::{KEYS, Key};

pub use page::markdown;

/// Most problems that are told of one file.
const TOLD: usize = 50;

/// What a file says.
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// The values of each key that it has, as they would be typed behind the flag.
    pub values: Vec<(&'static Key, Vec<Typed>)>,
    /// Formats of single access logs, or of all that a pattern names.
    pub formats: Vec<(PathBuf, Format)>,
}

/// A value as it would be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// The text.
    pub text: OsString,
    /// Where it stands.
    pub place: Place,
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// With all that is wrong in it.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let bytes = read::beginning(path).map_err(|error| {
            FileError::new(path, vec![Problem::of_file(format!("cannot be read: {error}"))])
        })?;
        let dir = path.parent().unwrap_or(Path::new(""));
        match Self::parse(&bytes, dir) {
            (file, problems) if problems.is_empty() => Ok(file),
            (_, problems) => Err(FileError::new(path, problems)),
        }
    }

    /// What the text of a file in that directory says, and what is wrong in it.
    pub fn parse(bytes: &[u8], dir: &Path) -> (Self, Vec<Problem>) {
        let mut walk = Walk { dir, command: command(), file: Self::default(), problems: Vec::new() };
        match read::text(bytes).and_then(yaml::parse) {
            Err(problem) => walk.problems.push(problem),
            Ok(None) => {}
            Ok(Some(Node { value: Value::Map(entries), .. })) => walk.mapping("", entries),
            Ok(Some(node)) => walk.problems.push(
                node.place
                    .problem("here must be a key and its value, such as `read_from: end`: this is neither"),
            ),
        }
        let Walk { file, mut problems, .. } = walk;
        problems.sort_by_key(|problem| problem.place);
        if let Some(more @ 1..) = problems.len().checked_sub(TOLD) {
            problems.truncate(TOLD);
            problems.push(Problem::of_file(format!("and {more} more problems")));
        }
        (file, problems)
    }

    /// The values of a key.
    pub fn of(&self, path: &str) -> &[Typed] {
        let found = self.values.iter().find(|(key, _)| key.path == path);
        found.map(|(_, values)| values.as_slice()).unwrap_or_default()
    }
}

/// Goes through a file, and notes what it says and what is wrong.
struct Walk<'a> {
    dir: &'a Path,
    command: Command,
    file: ConfigFile,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    /// The keys below a key. `prefix`: its path and a dot.
    fn mapping(&mut self, prefix: &str, entries: Vec<(yaml::Key, Node)>) {
        let mut seen = HashMap::new();
        for (name, node) in entries {
            if let Some(first) = seen.insert(name.text.clone(), name.place) {
                let message = format!("the key `{}` stands here again: it is at {first} already", name.text);
                self.problems.push(name.place.problem(message));
                continue;
            }
            let path = format!("{prefix}{}", name.text);
            let below = format!("{path}.");
            if let Some(key) = KEYS.iter().find(|key| key.path == path) {
                self.value(key, node);
            } else if KEYS.iter().any(|key| key.path.starts_with(&below)) {
                match node.value {
                    Value::Map(entries) => self.mapping(&below, entries),
                    Value::Null => {}
                    _ => self.problems.push(node.place.problem(format!(
                        "`{path}` has keys of its own: write each below it, indented, as in `  {}`",
                        example(&below)
                    ))),
                }
            } else {
                self.problems.push(name.place.problem(unknown(prefix, &name.text)));
            }
        }
    }
}

/// The first key below a key, with a value.
fn example(below: &str) -> String {
    let first = KEYS.iter().find_map(|key| Some((key.path.strip_prefix(below)?, key.example)));
    first.map(|(name, value)| format!("{name}: {value}")).unwrap_or_default()
}

/// What is said of a key that there is not. A flag's name, and a key in another place, are meant as well.
fn unknown(prefix: &str, typed: &str) -> String {
    let here = names_below(prefix);
    if let Some(meant) = nearest(typed, here.iter().copied()) {
        return format!("unknown key `{typed}`; did you mean `{meant}`?");
    }
    let plain = typed.trim_start_matches('-').replace('-', "_");
    let same = |key: &&Key| {
        let last = key.path.rsplit('.').next().unwrap_or_default();
        last == plain || key.path == plain || key.flag.replace('-', "_") == plain
    };
    if let Some(key) = KEYS.iter().find(same) {
        return format!("unknown key `{typed}` here; did you mean {}?", written(key));
    }
    let place =
        if prefix.is_empty() { String::new() } else { format!(" below `{}`", prefix.trim_end_matches('.')) };
    format!("unknown key `{typed}`; the keys{place} are {}", here.join(", "))
}

/// Where a key is written.
fn written(key: &Key) -> String {
    match key.path.rsplit_once('.') {
        Some((above, name)) => format!("`{name}` below `{above}`"),
        None => format!("`{}` at the top", key.path),
    }
}

/// The names of keys directly below another one.
fn names_below(prefix: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for key in KEYS {
        let name = key.path.strip_prefix(prefix).and_then(|rest| rest.split('.').next());
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}

/// The flags of `serve` alone.
fn command() -> Command {
    ServeArgs::augment_args(Command::new("badgateway"))
}

/// The argument of a key's flag.
pub fn argument<'c>(command: &'c Command, key: &Key) -> Option<&'c clap::Arg> {
    command.get_arguments().find(|arg| arg.get_long() == Some(key.flag))
}

/// The format of a log.
fn format(text: &str, place: Place, shift: Option<usize>) -> Result<Format, Problem> {
    flags::parse_format(text).map_err(|error| {
        // In the file where it is in the string, if it stands there as it is.
        let inside = error.column().zip(shift).map(|(column, shift)| place.column + shift + column - 1);
        let place = Place { column: inside.unwrap_or(place.column), ..place };
        place.problem(format!("this log format cannot be used: {error}"))
    })
}
