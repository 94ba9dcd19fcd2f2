//! glob(3) as PHP-FPM calls it: `GLOB_ERR | GLOB_MARK`, sorted by bytes, a leading dot only matched by a dot.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::Rooted;

/// More than this is no configuration, but a trap or a mistake such as `/*/*/*`.
const ENTRIES: usize = 20_000;

/// What a pattern found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Names in that namespace, sorted; directories are left out.
    pub(crate) files: Vec<PathBuf>,
    /// The directories that were searched, as paths of ours: a new file in one may match.
    pub(crate) searched: Vec<PathBuf>,
}

impl Rooted {
    /// The files that an absolute pattern matches. A directory that cannot be read is an error, as with `GLOB_ERR`.
    pub(crate) fn glob(&self, pattern: &[u8]) -> io::Result<Found> {
        let mut found = Found::default();
        let mut paths = vec![PathBuf::from("/")];
        let (mut wild, mut entries) = (false, 0);
        for part in pattern.split(|&byte| byte == b'/').filter(|part| !part.is_empty()) {
            if !part.iter().any(|byte| b"*?[".contains(byte)) {
                let name = unescape(part);
                paths.iter_mut().for_each(|path| path.push(OsStr::from_bytes(&name)));
                continue;
            }
            let mut next = Vec::new();
            for dir in &paths {
                let real = self.resolve(dir)?;
                let listing = match std::fs::read_dir(&real) {
                    Ok(listing) => listing,
                    // glob(3) passes over a file where a directory was wanted, and over what only a wildcard promised.
                    Err(error) if error.kind() == io::ErrorKind::NotADirectory => continue,
                    Err(error) if wild && error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                };
                found.searched.push(real);
                for entry in listing {
                    let name = entry?.file_name().into_vec();
                    entries += 1;
                    if entries > ENTRIES {
                        return Err(io::Error::other(format!("it searches more than {ENTRIES} names")));
                    }
                    if matches(part, &name) {
                        next.push(dir.join(OsStr::from_bytes(&name)));
                    }
                }
            }
            wild = true;
            paths = next;
        }
        found.files = paths.into_iter().filter(|path| self.is_file(path)).collect();
        found.files.sort_unstable_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
        Ok(found)
    }

    fn is_file(&self, path: &Path) -> bool {
        // A dangling link exists for glob(3); opening it will then fail as it does for PHP-FPM.
        if let Some(meta) = self.resolve(path).ok().and_then(|real| real.metadata().ok()) {
            return !meta.is_dir();
        }
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return false };
        self.resolve(dir).is_ok_and(|dir| dir.join(name).symlink_metadata().is_ok())
    }
}

fn unescape(part: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(part.len());
    let mut bytes = part.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => out.extend(bytes.next()),
            _ => out.push(byte),
        }
    }
    out
}

/// fnmatch(3) for one part of a path.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut p, mut n) = (0, 0);
    // Where to go on when a match fails: behind the last `*`, one byte further in the name.
    let mut back: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            back = Some((p, n));
            continue;
        }
        match (p < pattern.len(), name.get(n)) {
            (false, None) => return true,
            (true, Some(&byte)) => {
                if let Some(length) = one(&pattern[p..], byte) {
                    p += length;
                    n += 1;
                    continue;
                }
            }
            (true, None) => return false,
            (false, Some(_)) => {}
        }
        match back {
            Some((star, from)) if from < name.len() => {
                (p, n) = (star, from + 1);
                back = Some((star, from + 1));
            }
            _ => return false,
        }
    }
}

/// How long the first element of `pattern` is, if it matches `byte`.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', literal, ..] => (*literal == byte).then_some(2),
        [b'[', rest @ ..] => match class(rest, byte) {
            Some((length, hit)) => hit.then_some(length + 1),
            None => (byte == b'[').then_some(1),
        },
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// The length of a bracket expression up to its `]`, and whether `byte` is in it. None: it has no end.
fn class(rest: &[u8], byte: u8) -> Option<(usize, bool)> {
    let not = usize::from(matches!(rest.first(), Some(b'!' | b'^')));
    let (mut at, mut hit) = (not, false);
    loop {
        let mut low = *rest.get(at)?;
        if low == b']' && at > not {
            return Some((at + 1, hit != (not == 1)));
        }
        if low == b'\\' {
            at += 1;
            low = *rest.get(at)?;
        }
        let high = match rest.get(at + 1..at + 3) {
            Some(&[b'-', high]) if high != b']' => {
                at += 2;
                high
            }
            _ => low,
        };
        hit |= (low..=high).contains(&byte);
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_fnmatch_does() {
        let yes = [
            "*.conf www.conf",
            "* x",
            "a*b*c aXbYbc",
            "?.c a.c",
            "[a-c]x bx",
            "[!a]x bx",
            "[]]x ]x",
            ".* .x",
        ];
        let no = [
            "*.conf .www.conf",
            "*.conf www.conf~",
            "? ab",
            "[!a]x ax",
            "[a-c]x dx",
            "a* ",
            "\\*x ax",
            "[x x",
        ];
        for (cases, want) in [(yes, true), (no, false)] {
            for case in cases {
                let (pattern, name) = case.split_once(' ').unwrap();
                assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), want, "{case}");
            }
        }
        assert!(matches(b"[x", b"[x") && matches(b"a\\*", b"a*"));
    }
}
