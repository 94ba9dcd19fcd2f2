//! Logs cut into files as rotation does, some compressed, given in any order, one of them twice.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use flate2::{Compression, write::GzEncoder};

use super::cases::{self, Case, clock};
use super::verdict::{explain, explain_texts};

/// Whether nginx may have reopened its logs before this line: between two entries, never within one. What a script or a
/// client has written into an entry may look like entries.
fn may_begin(line: &str, before: &str) -> bool {
    let is_entry = |line: &str| line.starts_with("20") && line.contains(" *");
    let is_whole = |line: &str| line.contains(", request: \"") && line.trim_end().ends_with('"');
    !line.starts_with("20") || before.is_empty() || is_entry(line) && is_entry(before) && is_whole(before)
}

/// A log in up to so many parts.
fn parts(text: &str, count: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut begin, mut at, mut before) = (0, 0, "");
    let size = text.len() / count;
    for line in text.split_inclusive('\n') {
        let is_line = clock(line).is_some() && line.starts_with(['2', '[', '{', ':', '1']);
        if at - begin >= size && is_line && may_begin(line, before) && parts.len() + 1 < count {
            parts.push(&text[begin..at]);
            begin = at;
        }
        before = line;
        at += line.len();
    }
    parts.push(&text[begin..]);
    parts
}

fn write(path: PathBuf, text: &str, pack: bool) -> PathBuf {
    if !pack {
        fs::write(&path, text).unwrap();
        return path;
    }
    let path = path.with_extension("gz");
    let mut packed = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap();
    path
}

/// All files of a case in `count` parts, and how many there are.
fn files(case: &Case, dir: &Path, count: usize) -> Vec<(&'static str, PathBuf)> {
    let mut files = Vec::new();
    for (kind, text) in case.logs() {
        for (number, part) in parts(text, count).into_iter().enumerate() {
            let path = write(dir.join(format!("{kind}.{count}.{number}.log")), part, number % 2 == 0);
            // Rotation lies days apart, and gzip keeps the time.
            let modified = UNIX_EPOCH + Duration::from_secs(1_795_000_000 + number as u64);
            fs::File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
            files.push((kind, path));
        }
    }
    files
}

#[test]
fn rotation_packing_and_order_change_no_verdict() {
    let (mut faults, mut cut) = (Vec::new(), 0);
    for case in cases::all() {
        let dir = tempfile::tempdir().unwrap();
        let expected = explain_texts(&case.logs());
        for count in [2, 7] {
            let mut files = files(&case, dir.path(), count);
            cut += files.len() - 3;
            let again = dir.path().join(format!("link.{count}"));
            std::os::unix::fs::symlink(&files[0].1, &again).unwrap();
            files.push((files[0].0, again));
            for turn in 0..2 {
                let third = files.len() / 3;
                files.rotate_left(turn * third);
                files.reverse();
                let got = explain(files.iter().cloned());
                if got != expected {
                    faults.push(format!("{} in {count}: {got:#?}\nnot {expected:#?}", case.name));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}:\n{}", faults.len(), faults[..faults.len().min(4)].join("\n"));
    assert!(cut > 300, "only {cut} cuts were made");
}
