//! Patterns such as `/var/log/nginx/*access.log`, and the files that they name. A name may be any bytes but `/`: who can
//! create a file beside a log chooses them.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::OpenError;
use super::files::{Files, Os};
use super::open::expect_plain;

/// A part of a path.
#[derive(Debug)]
enum Part {
    /// A name, or the root.
    Literal(OsString),
    /// A name with `*`, `?` or `[`; and whether it may begin with a dot, as editors' and rsync's temporary names do.
    Wild { matcher: Box<GlobMatcher>, dot: bool },
    /// `**`: any directories, or none.
    Deep,
}

/// A pattern, part by part.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Part>);

/// Whether the text is a pattern.
pub(crate) fn is_pattern(path: &Path) -> bool {
    path.as_os_str().as_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// The files that a pattern of ours names, sorted.
pub(crate) fn paths_of(pattern: &str) -> Vec<PathBuf> {
    let mut paths =
        Pattern::new(Path::new(pattern)).map_or_else(|_| Vec::new(), |pattern| pattern.expand().0);
    paths.sort();
    paths
}

/// Tells whether a path is one of those that a pattern names.
pub(crate) fn matcher(pattern: &Path) -> impl Fn(&Path) -> bool {
    let pattern = Pattern::new(pattern).ok();
    move |path| pattern.as_ref().is_some_and(|pattern| pattern.matches(path))
}

/// Why a path, or a pattern, can never be followed, if so.
pub(crate) fn never_a_log(path: &Path) -> Option<OpenError> {
    if path.as_os_str() == "-" {
        return None;
    }
    match Os::default().stat(path) {
        Ok(stat) => expect_plain(path, &stat).err(),
        Err(_) if is_pattern(path) => {
            let why = Pattern::new(path).err()?;
            Some(OpenError::Pattern { pattern: path.to_owned(), why })
        }
        Err(_) => None,
    }
}

/// The same of one path.
pub(crate) fn fits(pattern: &Path, path: &Path) -> bool {
    matcher(pattern)(path)
}

impl Pattern {
    /// # Errors
    /// When it can match nothing: its `[` has no end, or it is not UTF-8.
    pub(super) fn new(pattern: &Path) -> Result<Self, String> {
        let parts = pattern.components().map(|component| match component {
            Component::Normal(name) if name == "**" => Ok(Part::Deep),
            Component::Normal(name) if is_pattern(Path::new(name)) => {
                let text = name.to_str().ok_or("it is not UTF-8")?;
                if text.contains("**") {
                    return Err("** must be a whole name between two slashes".to_owned());
                }
                let glob = GlobBuilder::new(&plain_braces(text)).backslash_escape(false).build();
                let matcher = glob.map_err(|error| error.kind().to_string())?.compile_matcher();
                Ok(Part::Wild { matcher: Box::new(matcher), dot: text.starts_with('.') })
            }
            other => Ok(Part::Literal(other.as_os_str().to_owned())),
        });
        parts.collect::<Result<_, String>>().map(Self)
    }

    /// Whether `path` is one that it names.
    pub(super) fn matches(&self, path: &Path) -> bool {
        let names: Vec<&OsStr> = path.components().map(Component::as_os_str).collect();
        matches(&self.0, &names)
    }

    /// The paths that are there, in any order, and why a directory could not be listed.
    pub(super) fn expand(&self) -> (Vec<PathBuf>, Option<io::Error>) {
        let mut walk = Walk::default();
        walk.go(PathBuf::new(), &self.0);
        (walk.found, walk.failure)
    }
}

/// `{` and `}` stand for themselves.
fn plain_braces(text: &str) -> String {
    let (mut out, mut in_class) = (String::new(), false);
    for char in text.chars() {
        match char {
            '{' | '}' if !in_class => out.extend(['[', char, ']']),
            _ => out.push(char),
        }
        in_class =
            if in_class { char != ']' || out.ends_with("[]") || out.ends_with("[!]") } else { char == '[' };
    }
    out
}

impl Part {
    fn fits(&self, name: &OsStr) -> bool {
        match self {
            Self::Literal(literal) => literal == name,
            Self::Wild { matcher, dot } => (*dot || !is_hidden(name)) && matcher.is_match(Path::new(name)),
            Self::Deep => !is_hidden(name),
        }
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().first() == Some(&b'.')
}

fn matches(parts: &[Part], names: &[&OsStr]) -> bool {
    match (parts, names) {
        ([], []) => true,
        ([Part::Deep, rest @ ..], _) => {
            matches(rest, names)
                || names
                    .split_first()
                    .is_some_and(|(name, behind)| Part::Deep.fits(name) && matches(parts, behind))
        }
        ([part, rest @ ..], [name, behind @ ..]) => part.fits(name) && matches(rest, behind),
        _ => false,
    }
}

#[derive(Default)]
struct Walk {
    found: Vec<PathBuf>,
    failure: Option<io::Error>,
}

impl Walk {
    fn go(&mut self, dir: PathBuf, parts: &[Part]) {
        let Some((part, rest)) = parts.split_first() else { return };
        if let Part::Literal(name) = part {
            return self.step(dir.join(name), rest);
        }
        let here = if dir.as_os_str().is_empty() { Path::new(".") } else { &dir };
        let listing = match std::fs::read_dir(here) {
            Ok(listing) => listing,
            // Where a file or nothing is, nothing matches.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return;
            }
            Err(error) => {
                self.failure.get_or_insert(error);
                return;
            }
        };
        if matches!(part, Part::Deep) {
            self.go(dir.clone(), rest);
        }
        for entry in listing {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.failure.get_or_insert(error);
                    return;
                }
            };
            let name = entry.file_name();
            if !part.fits(&name) {
                continue;
            }
            match part {
                // Links are not followed: they may lead back.
                Part::Deep if entry.file_type().is_ok_and(|kind| kind.is_dir()) => {
                    self.go(dir.join(&name), parts);
                }
                Part::Deep => {}
                _ => self.step(dir.join(&name), rest),
            }
        }
    }

    fn step(&mut self, path: PathBuf, rest: &[Part]) {
        if !rest.is_empty() {
            self.go(path, rest);
        } else if path.symlink_metadata().is_ok() {
            self.found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn fits(pattern: &str, path: impl AsRef<OsStr>) -> bool {
        Pattern::new(Path::new(pattern)).unwrap().matches(Path::new(&path))
    }

    #[test]
    fn patterns_match_as_a_shell_does() {
        for (pattern, path) in [
            ("/log/*.log", "/log/a.log"),
            ("/log/a?c.log", "/log/abc.log"),
            ("/log/[ab].log", "/log/b.log"),
            ("/log/[!ab].log", "/log/c.log"),
            ("/log/.*", "/log/.hidden"),
            ("/log/{a}*", "/log/{a}b"),
            ("/log/[]{]*", "/log/{b"),
            ("/*/x/*.log", "/srv/x/a.log"),
            ("/log/**/a.log", "/log/a.log"),
            ("/log/**/a.log", "/log/b/c/a.log"),
            ("logs/*", "logs/a"),
            ("/log/a\\*", "/log/a\\b"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/log/*.log", "/log/.a.log"),
            ("/log/*.log", "/log/b/a.log"),
            ("/log/*", "/log"),
            ("/log/?", "/log/.x"),
            ("/log/**/a", "/log/.git/a"),
            ("/log/[ab]", "/log/c"),
            ("logs/*", "/logs/a"),
        ] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
        for broken in ["/log/[a", "/log/a**", "/log/[z-a]"] {
            assert!(Pattern::new(Path::new(broken)).is_err(), "{broken}");
        }
    }

    #[test]
    fn names_of_any_bytes_are_found_and_do_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let names: [&[u8]; 8] = [
            b"a.log",
            b"\xff.log",
            b"\xc3.log",
            b"x\xed\xa0\x80.log",
            b"\n.log",
            b"a\x1b[2J.log",
            b".h.log",
            b"b.txt",
        ];
        for name in names {
            std::fs::write(dir.path().join(OsStr::from_bytes(name)), "").unwrap();
        }
        std::fs::create_dir_all(dir.path().join(OsStr::from_bytes(b"\xfe/deep"))).unwrap();
        std::fs::write(dir.path().join(OsStr::from_bytes(b"\xfe/deep/\xfd.log")), "").unwrap();
        let found = |pattern: &str| -> BTreeSet<Vec<u8>> {
            let pattern = Pattern::new(&dir.path().join(pattern)).unwrap();
            let (paths, failure) = pattern.expand();
            assert!(failure.is_none());
            for path in &paths {
                assert!(pattern.matches(path));
            }
            let relative = paths.iter().map(|path| path.strip_prefix(dir.path()).unwrap());
            relative.map(|path| path.as_os_str().as_bytes().to_vec()).collect()
        };
        assert_eq!(found("*.log"), names[..6].iter().map(|name| name.to_vec()).collect());
        assert_eq!(found("*/*/*.log").len(), 1);
        assert_eq!(found("**/*.log").len(), 7);
        assert_eq!(found("?.log").len(), 4, "one byte that is no character is one");
    }
}
