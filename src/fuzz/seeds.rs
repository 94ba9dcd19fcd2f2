//! Seeds out of the files that the tests have.

use std::fs;
use std::path::{Path, PathBuf};

/// So many lines of all files of a kind, evenly out of all of them.
const MOST: usize = 400;
const LONGEST: usize = 4 << 10;

pub(super) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn files(dir: &Path, name: &dyn Fn(&str) -> bool, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, name, out);
        } else if path.file_name().and_then(|name| name.to_str()).is_some_and(name) {
            out.push(path);
        }
    }
}

fn some(all: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let step = all.len().div_ceil(MOST).max(1);
    all.into_iter().step_by(step).map(|mut seed| (seed.truncate(LONGEST), seed).1).collect()
}

/// Lines of the corpus' files whose names begin so.
pub(super) fn lines(name: &str) -> Vec<Vec<u8>> {
    some(all_lines(name).filter(|line| !line.is_empty()).collect())
}

/// As [`lines`], three that follow each other at a time.
pub(super) fn runs(name: &str) -> Vec<Vec<u8>> {
    let lines: Vec<_> = all_lines(name).collect();
    some(lines.chunks(3).map(|run| run.join(&b'\n')).collect())
}

fn all_lines(name: &str) -> impl Iterator<Item = Vec<u8>> {
    let mut found = Vec::new();
    files(&tests().join("corpus"), &|other| other.starts_with(name) && other.ends_with(".log"), &mut found);
    found.into_iter().flat_map(|file| {
        let text = fs::read(file).unwrap();
        text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()
    })
}

/// A member of each line of a file of JSON objects.
pub(super) fn members(file: &str, member: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(tests().join(file)).unwrap();
    let of = |line: &str| -> Option<Vec<u8>> {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        Some(value.get(member)?.as_str()?.as_bytes().to_vec())
    };
    text.lines().filter_map(of).collect()
}

/// Whole files below `tests/fixtures`.
pub(crate) fn fixtures(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| fs::read(tests().join("fixtures").join(name)).unwrap()).collect()
}

/// Inputs that broke the target before.
pub(super) fn kept(target: &str) -> Vec<Vec<u8>> {
    let dir = tests().join("fuzz").join(target);
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}
