//! Finds what was ours under another name, in the directory of the log: the copy that copytruncate made, and
//! files that were born and rotated away between two looks.

use std::cmp::Reverse;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::files::{FileType, Files, LogFile, Stat};
use super::generation::{FileCopy, Generation};
use super::identity::{FileId, HeadMark};
use super::known::{FileHead, KnownFiles, is_broken};
use super::rotated_name::is_compressed_name;
use super::{OpenError, gzip, open};

/// Siblings looked at: more would make a directory of a thousand old logs cost a thousand opens.
const CANDIDATES: usize = 64;

/// Digits that a date has and a number has not.
const DATE: usize = 4;

/// What a search came to.
pub(super) enum Search<T> {
    Found(T),
    Absent,
    /// It may be a file that cannot be read at present.
    Unreadable,
}

/// The plain files named like rotated ones of `live`, gzips too, newest first; those behind [`CANDIDATES`] are
/// not in order.
pub(super) fn siblings(files: &dyn Files, live: &Path) -> Option<Vec<(FileId, PathBuf)>> {
    let mut found: Vec<_> = files
        .beside(live)
        .ok()?
        .into_iter()
        .filter(|sibling| !is_compressed_name(sibling) || gzip::is_named_so(sibling))
        .filter_map(|sibling| {
            let stat = files.lstat(&sibling).ok().filter(|stat| stat.kind == FileType::File)?;
            Some((stat, sibling))
        })
        .collect();
    found.sort_by_cached_key(|(stat, sibling)| Reverse((stat.modified, sibling.clone())));
    // A clock that was set back makes times lie, but names hold: access.log.2 was there before access.log.1, and
    // access.log-20261121 before access.log-20261122.
    let newest = found.len().min(CANDIDATES);
    if let Some(newest) = found.get_mut(..newest) {
        newest.sort_by_cached_key(|(_, sibling)| {
            let digits = digits(live, sibling);
            let date = digits.clone().filter(|digits| digits.len() >= DATE);
            let number =
                digits.filter(|digits| digits.len() < DATE).and_then(|digits| digits.parse::<u32>().ok());
            (number.is_none(), number, Reverse(date))
        });
    }
    Some(found.into_iter().map(|(stat, sibling)| (FileId::of(&stat), sibling)).collect())
}

/// 2 of access.log.2 and access.log.2.gz.
fn digits(live: &Path, sibling: &Path) -> Option<String> {
    let suffix = sibling.as_os_str().as_bytes().get(live.as_os_str().len()..)?;
    let suffix = suffix.strip_suffix(b".gz").unwrap_or(suffix);
    let digits = suffix.strip_prefix(b".").or_else(|| suffix.strip_prefix(b"-"))?;
    digits.iter().all(u8::is_ascii_digit).then(|| String::from_utf8_lossy(digits).into_owned())
}

/// The copy of `truncated` as it was before, unless it is one of the `open` files.
pub(super) fn copy_of(
    files: &dyn Files,
    places: &[PathBuf],
    truncated: &Generation,
    open: &[Generation],
) -> Search<FileCopy> {
    let mut result = Search::Absent;
    let siblings = places.iter().rev().filter_map(|place| siblings(files, place));
    for (id, sibling) in siblings.flat_map(|siblings| siblings.into_iter().take(CANDIDATES)) {
        if is_open(open, id) {
            continue;
        }
        let Ok((file, stat)) = open::rotated_file(files, &sibling) else { continue };
        match truncated.has_copy_in(file.as_ref()) {
            Ok(true) => return Search::Found(FileCopy { file, stat, gzip: gzip::is_named_so(&sibling) }),
            Ok(false) => {}
            Err(error) if is_broken(&error) => {}
            Err(_) => result = Search::Unreadable,
        }
    }
    result
}

/// A file that was rotated away before it was ever seen.
pub(super) struct Missed {
    pub(super) file: Box<dyn LogFile>,
    pub(super) stat: Stat,
    pub(super) gzip: bool,
    /// The open file that stands before it: it is older.
    pub(super) after: Option<FileId>,
    mark: Option<HeadMark>,
}

/// What stands beside a log.
#[derive(Default)]
pub(super) struct Survey {
    /// Neither open nor known, oldest first.
    pub(super) missed: Vec<Missed>,
    /// Cannot be read at present: they may be known or not.
    pub(super) unreadable: Vec<FileId>,
    last_open: Option<FileId>,
    /// Gzips of nothing.
    pub(super) empty: usize,
    /// What was known before and is still there.
    pub(super) known: KnownFiles,
}

impl Survey {
    /// Looks at the rotated files of all `places`, and at the places themselves, where a
    /// symlink led before it led to `current`. `None`: a directory cannot be listed.
    pub(super) fn of(
        files: &dyn Files,
        places: &[PathBuf],
        current: &Path,
        open: &[Generation],
        known: &KnownFiles,
    ) -> Option<Self> {
        let mut survey = Self::default();
        for place in places {
            let siblings = siblings(files, place)?;
            for (id, _) in siblings.iter().skip(CANDIDATES) {
                survey.known.add_unreadable(*id);
            }
            for (id, sibling) in siblings.into_iter().take(CANDIDATES).rev() {
                survey.examine(files, id, &sibling, open, known);
            }
            if place != current
                && let Ok(stat) = files.lstat(place)
                && stat.kind == FileType::File
            {
                survey.examine(files, FileId::of(&stat), place, open, known);
            }
        }
        Some(survey)
    }

    fn examine(
        &mut self,
        files: &dyn Files,
        id: FileId,
        path: &Path,
        open: &[Generation],
        known: &KnownFiles,
    ) {
        if is_open(open, id) {
            self.last_open = Some(id);
            return;
        }
        let after = self.last_open;
        let (file, stat) = match open::rotated_file(files, path) {
            Ok(opened) => opened,
            Err(OpenError::Denied { .. } | OpenError::Io { .. }) => return self.cannot_read(id, known),
            Err(_) => return,
        };
        let read = FileHead::of(file.as_ref())
            .and_then(|head| is_one_of(open, &head).map(|is_open| (head, is_open)));
        let (head, is_open) = match read {
            Ok(read) => read,
            // None of ours: we wait for a gzip no longer than for the file that it is made of.
            Err(error) if is_broken(&error) => return self.known.add_unreadable(id),
            Err(_) => return self.cannot_read(id, known),
        };
        let gzip = gzip::is_named_so(path);
        let mark = head.mark;
        if known.has(&head, id) {
            self.known.add(mark);
        } else if gzip && mark.is_none() {
            self.empty += 1;
        } else if !is_open {
            // A gzip stands beside the file that it is made of until it is complete.
            let twin = self.missed.iter().position(|missed| mark.is_some() && missed.mark == mark);
            match twin {
                Some(twin) if self.missed[twin].gzip => {
                    self.missed[twin] = Missed { file, stat, gzip, after, mark };
                }
                Some(_) => {}
                None => self.missed.push(Missed { file, stat, gzip, after, mark }),
            }
        }
    }

    fn cannot_read(&mut self, id: FileId, known: &KnownFiles) {
        if known.has_unreadable(id) {
            self.known.add_unreadable(id);
        } else {
            self.unreadable.push(id);
        }
    }

    /// Takes everything for known.
    pub(super) fn into_known(mut self) -> KnownFiles {
        for missed in &self.missed {
            self.known.add(missed.mark);
        }
        for id in &self.unreadable {
            self.known.add_unreadable(*id);
        }
        self.known
    }
}

/// Whether one of the `open` files begins like that one: it is a copy.
fn is_one_of(open: &[Generation], head: &FileHead) -> io::Result<bool> {
    for generation in open {
        if generation.mark()?.is_some_and(|mark| head.matches(&mark)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_open(open: &[Generation], id: FileId) -> bool {
    open.iter().any(|generation| generation.id == id)
}
