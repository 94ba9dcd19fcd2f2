//! From what the operator wrote, paths and patterns, to the files that are followed.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use glob::{MatchOptions, Pattern};

use super::claims::{Claims, is_compressed_name};
use super::identity::FileId;
use super::trouble::Trouble;
use super::{Follower, OpenError, ReadFrom, Skipped, open};

/// Patterns are evaluated at most this often: it reads whole directories.
const REFRESH: Duration = Duration::from_secs(1);

/// Closed files remembered before those that match nothing any more are forgotten.
const CLAIMS_SPARE: usize = 64;

/// Editors and rsync write to hidden names first; those are no logs.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

struct Glob {
    pattern: String,
    trouble: Trouble,
}

/// Sums over all files of a set, also of those no longer followed: they never fall.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Bytes known to have been written that can never be read.
    pub lost_bytes: u64,
    /// Lines passed over for their length.
    pub skipped: Skipped,
}

impl Totals {
    fn add(&mut self, follower: &Follower) {
        let status = follower.status();
        self.lost_bytes += status.lost_bytes;
        self.skipped += status.skipped;
    }
}

/// Follows every file that a list of paths and patterns names, each file once.
pub struct FollowSet {
    globs: Vec<Glob>,
    followers: Vec<Follower>,
    /// Paths named outright; they are followed whether they exist or not.
    literal: HashSet<PathBuf>,
    claims: Claims,
    refreshed: Instant,
    /// Of followers that are gone.
    gone: Totals,
}

impl FollowSet {
    /// Follows what the patterns match now, beginning where `from` says.
    ///
    /// A pattern with `*`, `?` or `[` is a glob unless a file of that very name exists. A path that is missing
    /// or unreadable is only logged.
    ///
    /// # Errors
    ///
    /// For an invalid glob, and for a path that is a directory, a FIFO or another special file.
    pub fn new(patterns: Vec<String>, from: ReadFrom, now: Instant) -> Result<FollowSet, OpenError> {
        let mut set = FollowSet {
            globs: Vec::new(),
            followers: Vec::new(),
            literal: HashSet::new(),
            claims: Claims::shared(),
            refreshed: now,
            gone: Totals::default(),
        };
        for pattern in patterns {
            let path = Path::new(&pattern);
            let meta = fs::metadata(path);
            if let Ok(meta) = &meta {
                open::expect_plain(path, meta)?;
            } else if pattern.contains(['*', '?', '[']) {
                if let Err(source) = Pattern::new(&pattern) {
                    return Err(OpenError::Pattern { pattern, source });
                }
                set.globs.push(Glob { pattern, trouble: Trouble::default() });
                continue;
            }
            if set.literal.insert(path.to_path_buf()) {
                set.follow(path.to_path_buf(), from, now, false);
            }
        }
        // Paths come first: a file that is named outright keeps that name.
        set.match_globs(from, now);
        Ok(set)
    }

    /// Evaluates the patterns again, at most once a second. A new match is followed from its first byte.
    ///
    /// A rotated file that matches as well, by rename or by copy, is not read a second time.
    pub fn refresh(&mut self, now: Instant) {
        if self.globs.is_empty() || now.saturating_duration_since(self.refreshed) < REFRESH {
            return;
        }
        self.refreshed = now;
        self.match_globs(ReadFrom::Start, now);
    }

    /// Every follower, to be checked and read.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Follower> {
        self.followers.iter_mut()
    }

    /// Every follower.
    pub fn iter(&self) -> impl Iterator<Item = &Follower> {
        self.followers.iter()
    }

    /// Number of paths followed.
    pub fn len(&self) -> usize {
        self.followers.len()
    }

    /// Whether no path is followed.
    pub fn is_empty(&self) -> bool {
        self.followers.is_empty()
    }

    /// Sums that do not fall when a file is no longer followed.
    pub fn totals(&self) -> Totals {
        let mut totals = self.gone;
        self.followers.iter().for_each(|follower| totals.add(follower));
        totals
    }

    fn match_globs(&mut self, from: ReadFrom, now: Instant) {
        let mut matched = HashSet::new();
        for glob in &mut self.globs {
            glob.expand(&mut matched);
        }
        self.drop_unmatched(&matched);
        let followed: HashSet<&Path> = self.followers.iter().map(Follower::path).collect();
        let mut fresh: Vec<PathBuf> =
            matched.iter().filter(|path| !followed.contains(path.as_path())).cloned().collect();
        // access.log before access.log.1: of two names the shorter one is the live log's.
        fresh.sort();
        for path in fresh {
            self.follow(path, from, now, true);
        }
        if self.claims.len() > 2 * self.followers.len() + CLAIMS_SPARE {
            let present: HashSet<FileId> = matched
                .iter()
                .filter_map(|path| fs::metadata(path).ok().map(|meta| FileId::of(&meta)))
                .collect();
            self.claims.prune(|id| present.contains(id));
        }
    }

    fn follow(&mut self, path: PathBuf, from: ReadFrom, now: Instant, optional: bool) {
        if optional {
            let plain = fs::metadata(&path).ok().filter(|meta| meta.is_file());
            let Some(meta) = plain else { return };
            if self.claims.is_taken(&path, FileId::of(&meta)) {
                return;
            }
        }
        let follower = Follower::with_claims(path, from, now, self.claims.clone(), optional);
        let status = follower.status();
        // A match that is another file's copy, or may become one, is looked at again at the next refresh.
        if !optional || status.open || status.problem.is_some() {
            self.followers.push(follower);
        }
    }

    fn drop_unmatched(&mut self, matched: &HashSet<PathBuf>) {
        let (literal, gone) = (&self.literal, &mut self.gone);
        self.followers.retain(|follower| {
            let keep = literal.contains(follower.path())
                || matched.contains(follower.path())
                || follower.status().generations > 0;
            if !keep {
                gone.add(follower);
            }
            keep
        });
    }
}

impl Glob {
    fn expand(&mut self, matched: &mut HashSet<PathBuf>) {
        let Ok(paths) = glob::glob_with(&self.pattern, OPTIONS) else { return };
        let mut found = false;
        let mut failure = None;
        for path in paths {
            match path {
                Ok(path) if !is_compressed_name(&path) => {
                    found = true;
                    matched.insert(path);
                }
                Ok(_) => {}
                Err(error) => failure = Some(error.to_string()),
            }
        }
        let pattern = &self.pattern;
        match failure {
            Some(error) => {
                self.trouble.begin(format!("the pattern '{pattern}' cannot be evaluated: {error}."));
            }
            None if !found => self.trouble.begin(format!("no log matches the pattern '{pattern}' yet.")),
            None => self.trouble.end(Path::new(pattern)),
        }
    }
}
