//! Finds what was ours under another name, in the directory of the log: the copy that copytruncate made, and
//! files that were born and rotated away between two looks.

use std::cmp::Reverse;
use std::fs::{self, File, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::claims::{is_compressed_name, is_rotated_name};
use super::generation::Generation;
use super::identity::FileId;
use super::open;

/// Siblings looked at: more would make a directory of a thousand old logs cost a thousand opens.
const CANDIDATES: usize = 16;

/// The plain files named like rotated ones of `path`, newest first by what `time` says.
fn siblings(path: &Path, time: impl Fn(&Metadata) -> Option<SystemTime>) -> Vec<(SystemTime, PathBuf)> {
    // A symlink is rotated where it points to.
    let live = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let Some(entries) = live.parent().and_then(|dir| fs::read_dir(dir).ok()) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|sibling| is_rotated_name(&live, sibling) && !is_compressed_name(sibling))
        .filter_map(|sibling| {
            let meta = fs::symlink_metadata(&sibling).ok().filter(Metadata::is_file)?;
            Some((time(&meta)?, sibling))
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
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    (Reverse(number.unwrap_or(0)), sibling.to_path_buf())
}

/// The copy of `truncated` as it was before, unless it is one of the `open` files.
pub(super) fn copy_of(path: &Path, truncated: &Generation, open: &[Generation]) -> Option<(File, Metadata)> {
    siblings(path, |meta| meta.modified().ok())
        .into_iter()
        .filter_map(|(_, sibling)| open::plain_file(&sibling).ok())
        .find(|(file, meta)| !is_open(open, FileId::of(meta)) && truncated.has_copy_in(file))
}

/// Files of `path` that were created since `last_look` and have been renamed already, oldest first. Where the
/// filesystem keeps no time of birth there are none to be found.
pub(super) fn missed(
    path: &Path,
    last_look: SystemTime,
    live: Option<FileId>,
    open: &[Generation],
) -> Vec<(File, Metadata)> {
    let mut found: Vec<_> = siblings(path, |meta| meta.created().ok())
        .into_iter()
        .take_while(|(born, _)| *born >= last_look)
        .filter_map(|(_, sibling)| open::plain_file(&sibling).ok())
        .filter(|(_, meta)| Some(FileId::of(meta)) != live && !is_open(open, FileId::of(meta)))
        .filter(|(file, _)| !open.iter().any(|generation| generation.begins_like(file)))
        .collect();
    found.reverse();
    found
}

fn is_open(open: &[Generation], id: FileId) -> bool {
    open.iter().any(|generation| generation.id == id)
}
