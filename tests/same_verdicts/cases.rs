//! The corpus, as three logs in memory.

use std::fs;
use std::path::{Path, PathBuf};

/// The logs of one recorded failure.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) access: String,
    pub(crate) error: String,
    pub(crate) fpm: String,
}

impl Case {
    /// The logs with their kinds, as the flags name them.
    pub(crate) fn logs(&self) -> [(&'static str, &str); 3] {
        [("access", &self.access), ("error", &self.error), ("fpm", &self.fpm)]
    }
}

/// All cases in both formats.
pub(crate) fn all() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let dirs = |dir: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    };
    let mut paths: Vec<_> = dirs(&root).iter().flat_map(|version| dirs(version)).collect();
    paths.sort();
    let formats = ["access.log", "access.combined.log"];
    let cases: Vec<_> =
        paths.iter().flat_map(|path| formats.iter().filter_map(|access| read(path, access))).collect();
    assert!(cases.len() > 200, "the corpus is not complete: {} logs", cases.len());
    cases
}

fn read(path: &Path, access: &str) -> Option<Case> {
    // Bytes that are not UTF-8 are kept in some cases: these are not cut here.
    let of = |file: &str| String::from_utf8(fs::read(path.join(file)).ok()?).ok();
    let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().join(access).display().to_string();
    Some(Case { name, access: of(access)?, error: of("error.default.log")?, fpm: of("fpm.log")? })
}

/// The second of a day that a line names; `None`: it names none.
pub(crate) fn clock(line: &str) -> Option<u32> {
    if let Some((_, rest)) = line.split_once("\"msec\":\"") {
        return Some((rest[..10].parse::<u32>().ok()?) % 86_400);
    }
    let at = line.as_bytes().windows(8).position(|w| w[2] == b':' && w[5] == b':')?;
    let two = |at: usize| line.get(at..at + 2)?.parse::<u32>().ok();
    Some(two(at)? * 3600 + two(at + 3)? * 60 + two(at + 6)?)
}
