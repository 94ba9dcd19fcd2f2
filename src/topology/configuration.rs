//! A configuration that is read again when one of its files has changed.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// What was read of one main file, and when that is out of date.
#[derive(Debug)]
pub(super) struct Configuration<C> {
    /// What was read last; `None`: it could never be read. When a file breaks it stays: the program, too, runs on with
    /// what it has until it reads a good one.
    pub(super) config: Option<Arc<C>>,
    /// Why the last reading failed, if it did.
    pub(super) complaint: Option<String>,
    /// The directory that stands for `/`.
    root: PathBuf,
    /// Its files with their times of change when they were read.
    stamps: Vec<(PathBuf, Option<SystemTime>)>,
    read: bool,
}

/// What a reading brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing has changed since the last one.
    Same,
    /// It was read and says the same as before.
    Again,
    /// It says something else than before, or was read for the first time.
    Changed,
}

impl<C> Default for Configuration<C> {
    fn default() -> Self {
        Self { config: None, complaint: None, root: PathBuf::new(), stamps: Vec::new(), read: false }
    }
}

impl<C: PartialEq> Configuration<C> {
    /// The next look reads it, whether a file has changed or not.
    pub(super) fn read_again(&mut self) {
        self.read = false;
    }

    /// Reads it, if a file has changed, or if it could not be read. `files` are those that were read. A complaint that
    /// is new goes to `complain`.
    pub(super) fn look<E: Display>(
        &mut self,
        root: &Path,
        read: impl FnOnce() -> Result<C, E>,
        files: impl FnOnce(&C) -> &[PathBuf],
        complain: impl FnOnce(&str),
    ) -> Outcome {
        let is_fresh = || self.stamps.iter().all(|(file, stamp)| *stamp == modified(file));
        if self.read && self.complaint.is_none() && self.root == root && is_fresh() {
            return Outcome::Same;
        }
        let first = !std::mem::replace(&mut self.read, true);
        root.clone_into(&mut self.root);
        match read() {
            Ok(config) => {
                self.complaint = None;
                self.stamps = files(&config).iter().map(|file| (file.clone(), modified(file))).collect();
                if self.config.as_deref() != Some(&config) {
                    self.config = Some(Arc::new(config));
                    return Outcome::Changed;
                }
            }
            Err(error) => {
                let text = error.to_string();
                if self.complaint.as_ref() != Some(&text) {
                    complain(&text);
                }
                self.complaint = Some(text);
            }
        }
        if first { Outcome::Changed } else { Outcome::Again }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_stays_when_a_file_breaks_and_each_complaint_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.conf");
        let mut configuration: Configuration<(String, Vec<PathBuf>)> = Configuration::default();
        let mut complaints = Vec::new();
        let mut look = |text: Result<&str, &str>| {
            if let Ok(text) = text {
                fs::write(&file, text).unwrap();
            } else {
                let _ = fs::remove_file(&file);
            }
            let outcome = configuration.look(
                Path::new("/"),
                || text.map(|text| (text.to_owned(), vec![file.clone()])).map_err(str::to_owned),
                |(_, files)| files,
                |complaint| complaints.push(complaint.to_owned()),
            );
            (outcome, configuration.config.as_ref().map(|config| config.0.clone()))
        };
        let known = |text: &str| Some(text.to_owned());
        assert_eq!(look(Err("gone")), (Outcome::Changed, None), "there is something to be said");
        assert_eq!(look(Err("gone")), (Outcome::Again, None));
        assert_eq!(look(Ok("a")), (Outcome::Changed, known("a")));
        assert_eq!(look(Err("broken")), (Outcome::Again, known("a")));
        assert_eq!(look(Err("broken in another way")), (Outcome::Again, known("a")));
        assert_eq!(look(Ok("a")), (Outcome::Again, known("a")));
        assert_eq!(look(Ok("b")).1, known("b"));
        assert_eq!(complaints, ["gone", "broken", "broken in another way"]);
    }
}
