//! What is saved of the logs that are followed, and how the files are found again after a restart, under
//! whatever names rotation has given them meanwhile.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::files::{FileType, Files, LogFile, Stat};
use super::identity::FileId;
use super::known::KnownFiles;
use super::rotated::Search;
use super::status::Position;
use super::{OpenError, gzip, open, rotated};

/// One log, as it stood when it was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedLog {
    /// Its path.
    #[serde(with = "crate::bytes::path")]
    pub path: PathBuf,
    places: Vec<LinkTarget>,
    /// Its files, oldest first.
    pub files: Vec<Position>,
    /// A file that could not be opened then and the offset from which it is wanted.
    pub(super) existing: Option<(FileId, u64)>,
    /// Rotated files that are not to be read. `None`: the directory could not be listed.
    pub(super) known: Option<KnownFiles>,
}

/// Where a symlink at the path led to: its files are found again beside that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LinkTarget(#[serde(with = "crate::bytes::path")] PathBuf);

impl SavedLog {
    pub(super) fn new(
        path: &Path,
        places: &[PathBuf],
        files: Vec<Position>,
        existing: Option<(FileId, u64)>,
        known: Option<KnownFiles>,
    ) -> Self {
        let places = places.iter().cloned().map(LinkTarget).collect();
        Self { path: path.to_path_buf(), places, files, existing, known }
    }

    pub(super) fn places(&self) -> impl Iterator<Item = PathBuf> {
        self.places.iter().map(|place| place.0.clone())
    }
}

/// Milliseconds of Unix time, negative before 1970.
pub(super) fn to_millis(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    }
}

/// The time of [`to_millis`]; `None` when the clock cannot show it.
pub(super) fn from_millis(millis: i64) -> Option<SystemTime> {
    let distance = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

/// A file in which a position was recognised.
pub(super) struct FoundFile {
    pub(super) path: PathBuf,
    pub(super) file: Box<dyn LogFile>,
    pub(super) stat: Stat,
    pub(super) gzip: bool,
}

struct Candidate {
    path: PathBuf,
    stat: Stat,
    found: bool,
}

/// Every file that may be one that was read before.
pub(super) struct CandidateFiles {
    files: Arc<dyn Files>,
    candidates: Vec<Candidate>,
}

impl CandidateFiles {
    /// The files at the paths of `logs` and those named like rotated ones of them.
    pub(super) fn of<'p>(files: &Arc<dyn Files>, logs: impl IntoIterator<Item = &'p SavedLog>) -> Self {
        let mut pool = Self { files: files.clone(), candidates: Vec::new() };
        let mut seen = HashSet::new();
        for log in logs {
            let now = files.resolve(&log.path).ok();
            let places: HashSet<_> = now.into_iter().chain(log.places()).collect();
            let siblings = places.iter().flat_map(|place| rotated::siblings(files.as_ref(), place));
            let siblings: Vec<_> = siblings.flatten().map(|(_, path)| path).collect();
            // The path itself first: there its file is still written to.
            for path in std::iter::once(log.path.clone()).chain(places).chain(siblings) {
                if seen.insert(path.clone())
                    && let Ok(stat) = files.stat(&path)
                    && stat.kind == FileType::File
                {
                    pool.candidates.push(Candidate { path, stat, found: false });
                }
            }
        }
        pool
    }

    /// The file that holds what was before `position`: itself under any name, a copy, or a gzip of it. Each
    /// file is found once.
    ///
    /// What cannot be read may be the file; if the search is `overdue`, only the file's own number counts.
    pub(super) fn find(&mut self, position: &Position, overdue: bool) -> Search<FoundFile> {
        let is_same = |candidate: &Candidate| FileId::of(&candidate.stat) == position.id();
        let is_gzip = |candidate: &Candidate| gzip::is_named_so(&candidate.path);
        // Cheapest and surest first.
        let wanted: [&dyn Fn(&Candidate) -> bool; 3] = [
            &is_same,
            &|candidate| !is_same(candidate) && !is_gzip(candidate) && candidate.stat.len >= position.offset,
            &|candidate| !is_same(candidate) && is_gzip(candidate),
        ];
        let mut result = Search::Absent;
        for (index, wanted) in wanted.into_iter().enumerate() {
            let candidates = self.candidates.iter_mut();
            for candidate in candidates.filter(|candidate| !candidate.found && wanted(candidate)) {
                match recognise(self.files.as_ref(), &candidate.path, position) {
                    Search::Found((file, stat)) => {
                        candidate.found = true;
                        let gzip = gzip::is_named_so(&candidate.path);
                        return Search::Found(FoundFile { path: candidate.path.clone(), file, stat, gzip });
                    }
                    Search::Unreadable if index == 0 || !overdue => result = Search::Unreadable,
                    Search::Unreadable | Search::Absent => {}
                }
            }
        }
        result
    }

    /// The files may be found again.
    pub(super) fn give_back(&mut self, paths: &HashSet<PathBuf>) {
        for candidate in &mut self.candidates {
            candidate.found &= !paths.contains(&candidate.path);
        }
    }
}

fn recognise(files: &dyn Files, path: &Path, position: &Position) -> Search<(Box<dyn LogFile>, Stat)> {
    let (file, stat) = match open::rotated_file(files, path) {
        Ok(opened) => opened,
        Err(OpenError::Denied { .. } | OpenError::Io { .. }) => return Search::Unreadable,
        Err(_) => return Search::Absent,
    };
    match position.is_in(file.as_ref()) {
        Ok(true) => Search::Found((file, stat)),
        Ok(false) => Search::Absent,
        Err(_) => Search::Unreadable,
    }
}
