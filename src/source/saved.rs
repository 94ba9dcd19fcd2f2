//! What is saved of the logs that are followed, and how the files are found again after a restart, under
//! whatever names rotation has given them meanwhile.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::files::{Files, LogFile, Stat};
use super::identity::FileId;
use super::status::Position;
use super::{gzip, open, rescue};

/// One log, as it stood when it was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedLog {
    /// Its path.
    #[serde(with = "super::bytes::path")]
    pub path: PathBuf,
    /// Where a symlink at the path led to: its files are found again beside that.
    #[serde(with = "super::bytes::path")]
    pub(super) resolved: PathBuf,
    /// Its files, oldest first.
    pub files: Vec<Position>,
    /// Whether the last of them was the file at the path.
    pub live: bool,
    /// A file that could not be opened then and the offset from which it is wanted.
    pub(super) existing: Option<(FileId, u64)>,
    /// When the path was last looked at, in milliseconds of Unix time.
    pub(super) last_look: Option<i64>,
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
pub(super) struct Found {
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
pub(super) struct Pool {
    files: Arc<dyn Files>,
    candidates: Vec<Candidate>,
}

impl Pool {
    /// The files at `paths` and those named like rotated ones of them.
    pub(super) fn of<'p>(files: &Arc<dyn Files>, logs: impl IntoIterator<Item = &'p SavedLog>) -> Self {
        let paths = logs.into_iter().flat_map(|log| [log.path.as_path(), log.resolved.as_path()]);
        let mut pool = Self { files: files.clone(), candidates: Vec::new() };
        let mut seen = std::collections::HashSet::new();
        for path in paths {
            let siblings = rescue::siblings(files.as_ref(), path, |stat| stat.modified);
            let names = std::iter::once(path.to_path_buf()).chain(siblings.into_iter().map(|(_, path)| path));
            for path in names {
                if seen.insert(path.clone())
                    && let Ok(stat) = files.stat(&path)
                {
                    pool.candidates.push(Candidate { path, stat, found: false });
                }
            }
        }
        pool
    }

    /// The file that holds what was before `position`: itself under any name, a copy, or a gzip of it. Each
    /// file is found once.
    pub(super) fn find(&mut self, position: &Position) -> Option<Found> {
        let is_same = |candidate: &Candidate| FileId::of(&candidate.stat) == position.id();
        let is_gzip = |candidate: &Candidate| gzip::is_named_so(&candidate.path);
        // Cheapest and surest first.
        let wanted: [&dyn Fn(&Candidate) -> bool; 3] = [
            &is_same,
            &|candidate| !is_same(candidate) && !is_gzip(candidate) && candidate.stat.len >= position.offset,
            &|candidate| !is_same(candidate) && is_gzip(candidate),
        ];
        for wanted in wanted {
            for candidate in
                self.candidates.iter_mut().filter(|candidate| !candidate.found && wanted(candidate))
            {
                let Ok((file, stat)) = open::rotated_file(self.files.as_ref(), &candidate.path) else {
                    continue;
                };
                // Nothing was read of it: only its number can tell.
                let unread = position.offset == 0 && FileId::of(&stat) == position.id();
                if unread || position.is_in(file.as_ref()) {
                    candidate.found = true;
                    let gzip = gzip::is_named_so(&candidate.path);
                    return Some(Found { path: candidate.path.clone(), file, stat, gzip });
                }
            }
        }
        None
    }
}
