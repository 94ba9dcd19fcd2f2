//! What is in the directories of logs, as long as they do not change. Every log looks for rotated files beside it: of 9,000
//! logs in one directory each would list 9,000 names.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A change may bear the time of the timer tick before it, and so that of a listing: only one that was made so much later
/// than the last change has all names.
const SETTLED: Duration = Duration::from_millis(100);

/// Directories that are remembered.
const MOST: usize = 64;

#[derive(Debug)]
struct Listing {
    /// Device, inode and time of the last change of the directory.
    of: (u64, u64, SystemTime),
    /// In the order of their bytes.
    names: Arc<[OsString]>,
}

/// Listings of directories.
#[derive(Debug, Default)]
pub(super) struct Listings(Mutex<HashMap<PathBuf, Listing>>);

impl Listings {
    /// The paths of everything in the directory of `path` whose name begins with that of `path` and is longer.
    pub(super) fn beside(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(Vec::new()) };
        let dir = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let (names, name) = (self.names(dir)?, name.as_bytes());
        let from = names.partition_point(|other| other.as_bytes() <= name);
        let behind = names[from..].iter().take_while(|other| other.as_bytes().starts_with(name));
        Ok(behind.map(|other| parent.join(other)).collect())
    }

    fn names(&self, dir: &Path) -> io::Result<Arc<[OsString]>> {
        let meta = fs::metadata(dir)?;
        let of = (meta.dev(), meta.ino(), meta.modified()?);
        let mut listings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listing) = listings.get(dir).filter(|listing| listing.of == of) {
            return Ok(listing.names.clone());
        }
        let now = SystemTime::now();
        let mut names: Vec<OsString> = fs::read_dir(dir)?.flatten().map(|entry| entry.file_name()).collect();
        names.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        let names: Arc<[OsString]> = names.into();
        listings.remove(dir);
        if now.duration_since(of.2).is_ok_and(|since| since >= SETTLED) {
            if listings.len() >= MOST {
                listings.clear();
            }
            listings.insert(dir.to_owned(), Listing { of, names: names.clone() });
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn names(listings: &Listings, path: &Path) -> Vec<String> {
        let paths = listings.beside(path).unwrap();
        paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_directory_that_changes_is_listed_again() {
        let dir = tempfile::tempdir().unwrap();
        let (listings, log) = (Listings::default(), dir.path().join("a.log"));
        for name in ["a.log", "a.lo", "b.log", "a.log.1", "a.log-2026"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(names(&listings, &log), ["a.log-2026", "a.log.1"]);
        // At once, again and again: the times of these changes may all be the same.
        for n in 2..60 {
            fs::rename(dir.path().join(format!("a.log.{}", n - 1)), dir.path().join(format!("a.log.{n}")))
                .unwrap();
            assert_eq!(names(&listings, &log), ["a.log-2026".to_owned(), format!("a.log.{n}")]);
        }
        // When it is remembered, too.
        let deadline = Instant::now() + Duration::from_secs(10);
        while listings.0.lock().unwrap().is_empty() && Instant::now() < deadline {
            names(&listings, &log);
        }
        assert!(!listings.0.lock().unwrap().is_empty());
        fs::write(dir.path().join("a.log.9.gz"), "").unwrap();
        assert_eq!(names(&listings, &log), ["a.log-2026", "a.log.59", "a.log.9.gz"]);
        assert!(listings.beside(&dir.path().join("none/a.log")).is_err());
    }
}
