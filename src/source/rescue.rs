//! Finds what was ours under another name, in the directory of the log: the copy that copytruncate made, and
//! files that were born and rotated away between two looks.

use std::cmp::Reverse;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::claims::{is_compressed_name, is_rotated_name};
use super::files::{Files, Kind, LogFile, Stat};
use super::generation::Generation;
use super::identity::FileId;
use super::{gzip, open};

/// Siblings looked at: more would make a directory of a thousand old logs cost a thousand opens.
const CANDIDATES: usize = 64;

/// The plain files named like rotated ones of `path`, gzips too, newest first by what `time` says.
pub(super) fn siblings(
    files: &dyn Files,
    path: &Path,
    time: impl Fn(&Stat) -> Option<SystemTime>,
) -> Vec<(SystemTime, PathBuf)> {
    // A symlink is rotated where it points to.
    let live = files.resolve(path).unwrap_or_else(|_| path.to_path_buf());
    let Some(names) = live.parent().and_then(|dir| files.list(dir).ok()) else { return Vec::new() };
    let mut found: Vec<_> = names
        .into_iter()
        .filter(|sibling| is_rotated_name(&live, sibling))
        .filter(|sibling| !is_compressed_name(sibling) || gzip::is_named_so(sibling))
        .filter_map(|sibling| {
            let stat = files.lstat(&sibling).ok().filter(|stat| stat.kind == Kind::File)?;
            Some((time(&stat)?, sibling))
        })
        .collect();
    found.sort_by_cached_key(|(time, sibling)| Reverse((*time, age_by_name(&live, sibling))));
    found.truncate(CANDIDATES);
    found
}

/// Orders names of files that are equally old by the clock, which has ticks of some ms: access.log.2 was there
/// before access.log.1, but access.log-20261121 before access.log-20261122.
fn age_by_name(live: &Path, sibling: &Path) -> (Reverse<u64>, PathBuf) {
    let suffix = sibling.as_os_str().as_bytes().get(live.as_os_str().len()..);
    let number = suffix
        .and_then(|suffix| suffix.strip_prefix(b"."))
        .map(|suffix| suffix.strip_suffix(b".gz").unwrap_or(suffix))
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    (Reverse(number.unwrap_or(0)), sibling.to_path_buf())
}

/// The copy of `truncated` as it was before, unless it is one of the `open` files.
pub(super) fn copy_of(
    files: &dyn Files,
    path: &Path,
    truncated: &Generation,
    open: &[Generation],
) -> Option<(Box<dyn LogFile>, Stat)> {
    siblings(files, path, |stat| stat.modified)
        .into_iter()
        .filter(|(_, sibling)| !gzip::is_named_so(sibling))
        .filter_map(|(_, sibling)| open::plain_file(files, &sibling).ok())
        .find(|(file, stat)| !is_open(open, FileId::of(stat)) && truncated.has_copy_in(file.as_ref()))
}

/// A file that was rotated away before it was ever seen.
pub(super) struct Missed {
    pub(super) file: Box<dyn LogFile>,
    pub(super) stat: Stat,
    pub(super) gzip: bool,
}

/// Files of `path` that came into being since `last_look` and have been rotated already, oldest first.
pub(super) fn missed(
    files: &dyn Files,
    path: &Path,
    last_look: SystemTime,
    live: Option<FileId>,
    open: &[Generation],
) -> Vec<Missed> {
    let known = |missed: &Missed| {
        let id = FileId::of(&missed.stat);
        Some(id) == live
            || is_open(open, id)
            || open.iter().any(|generation| generation.begins_like(missed.file.as_ref()))
    };
    // A gzip has the time of its last write from the file it was made of, but was itself born later. Where the
    // file system keeps no births, the last write has to do for all.
    let order = |stat: &Stat| stat.modified;
    let mut found: Vec<_> = siblings(files, path, order)
        .into_iter()
        .take_while(|(written, _)| *written >= last_look)
        .filter_map(|(_, sibling)| {
            let gzip = gzip::is_named_so(&sibling);
            let (file, stat) = open::rotated_file(files, &sibling).ok()?;
            let fresh = gzip || stat.created.is_none_or(|born| born >= last_look);
            // What cannot be read, a broken gzip for example, is none of ours.
            (fresh && file.read_at(&mut [0], 0).is_ok()).then_some(Missed { file, stat, gzip })
        })
        .filter(|missed| !known(missed))
        .collect();
    found.reverse();
    found
}

fn is_open(open: &[Generation], id: FileId) -> bool {
    open.iter().any(|generation| generation.id == id)
}
