//! From what the operator wrote, paths and patterns, to the files that are followed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::file_owners::{FileOwners, SavedFileOwner};
use super::files::{FileType, Files, Os};
use super::generation::Generation;
use super::identity::FileId;
use super::pattern::{Pattern, is_pattern};
use super::rotated_name::is_compressed_name;
use super::saved::{CandidateFiles, SavedLog, from_millis, to_millis};
use super::trouble::Trouble;
use super::{Follower, OpenError, ReadFrom, open};

/// Patterns are evaluated at most this often: it reads whole directories.
const REFRESH: Duration = Duration::from_secs(1);

/// Closed files remembered before those that match nothing any more are forgotten.
const CLAIMS_SPARE: usize = 64;

struct Glob {
    pattern: PathBuf,
    compiled: Pattern,
    trouble: Trouble,
}

/// What is saved of a set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSet {
    /// The logs that were followed.
    pub logs: Vec<SavedLog>,
    claims: Vec<SavedFileOwner>,
    /// When it was saved, in milliseconds of Unix time.
    saved: Option<i64>,
}

impl SavedSet {
    /// Nothing was followed; what was written since then is to be read.
    pub fn since(at: SystemTime) -> Self {
        Self { saved: Some(to_millis(at)), ..Self::default() }
    }
}

/// Follows every file that a list of paths and patterns names, each file once.
pub struct FollowSet {
    globs: Vec<Glob>,
    pub(super) followers: Vec<Follower>,
    /// Paths named outright; they are followed whether they exist or not.
    pub(super) literal: HashSet<PathBuf>,
    pub(super) claims: FileOwners,
    /// Where a log begins that [`FollowSet::set`] names, the first time and if nothing was saved.
    pub(super) from: ReadFrom,
    /// Logs that were followed and then were not, by their paths.
    pub(super) left: HashMap<PathBuf, SavedLog>,
    /// When what was gone on from was saved; `None`: nothing was, or names were set since.
    saved: Option<SystemTime>,
    named: bool,
    refreshed: Instant,
    pub(super) files: Arc<dyn Files>,
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
    pub fn new(patterns: Vec<PathBuf>, from: ReadFrom, now: Instant) -> Result<FollowSet, OpenError> {
        Self::resume(patterns, from, None, now)
    }

    /// As [`FollowSet::new`], going on where `saved` was taken. `from` is for logs that were there then and not
    /// followed; one born since is read from its first byte.
    ///
    /// # Errors
    ///
    /// As [`FollowSet::new`].
    pub fn resume(
        patterns: Vec<PathBuf>,
        from: ReadFrom,
        saved: Option<SavedSet>,
        now: Instant,
    ) -> Result<FollowSet, OpenError> {
        Self::resume_in(Arc::new(Os::default()), patterns, from, saved, now)
    }

    /// As [`FollowSet::resume`], in any file system. Patterns are looked for in the operating system's.
    ///
    /// # Errors
    ///
    /// As [`FollowSet::new`].
    pub fn resume_in(
        files: Arc<dyn Files>,
        patterns: Vec<PathBuf>,
        from: ReadFrom,
        saved: Option<SavedSet>,
        now: Instant,
    ) -> Result<FollowSet, OpenError> {
        let mut set = FollowSet {
            globs: Vec::new(),
            followers: Vec::new(),
            literal: HashSet::new(),
            claims: FileOwners::shared(),
            from,
            left: HashMap::new(),
            saved: None,
            named: true,
            refreshed: now,
            files,
        };
        let mut literal = Vec::new();
        for pattern in patterns {
            let stat = set.files.stat(&pattern);
            if let Ok(stat) = &stat {
                open::expect_plain(&pattern, stat)?;
            } else if is_pattern(&pattern) {
                match Pattern::new(&pattern) {
                    Ok(compiled) => set.globs.push(Glob { pattern, compiled, trouble: Trouble::default() }),
                    Err(why) => return Err(OpenError::Pattern { pattern, why }),
                }
                continue;
            }
            if set.literal.insert(pattern.clone()) {
                literal.push(pattern);
            }
        }
        let SavedSet { logs, claims, saved } = saved.unwrap_or_default();
        set.claims.restore(claims);
        let logs: Vec<_> = logs.into_iter().filter(|log| set.wants(&log.path)).collect();
        let mut pool = CandidateFiles::of(&set.files, &logs);
        for log in &logs {
            set.take_up(log, &mut pool, now);
        }
        set.followers.iter_mut().for_each(|follower| follower.check(now));
        let since = saved.and_then(from_millis);
        set.saved = since;
        // Paths come first: a file that is named outright keeps that name.
        let followed: HashSet<PathBuf> = set.iter().map(|follower| follower.path().to_path_buf()).collect();
        for path in literal {
            if !followed.contains(&path) {
                let from = set.begin(&path, from, since);
                set.follow(path, from, now, false);
            }
        }
        set.match_globs(from, since, now);
        Ok(set)
    }

    /// What is needed to go on after a restart.
    pub fn save(&self) -> SavedSet {
        SavedSet {
            logs: self.followers.iter().map(Follower::save).collect(),
            claims: self.claims.save(),
            saved: Some(to_millis(self.files.now())),
        }
    }

    /// Follows what the patterns match and what was followed when `saved` was taken, until names are [set](FollowSet::set).
    pub fn resume_all(
        files: Arc<dyn Files>,
        patterns: Vec<PathBuf>,
        from: ReadFrom,
        saved: Option<SavedSet>,
        now: Instant,
    ) -> Result<FollowSet, OpenError> {
        let logs = saved.iter().flat_map(|saved| &saved.logs).map(|log| log.path.clone());
        // One that is no file any more is none of ours.
        let is_file = |path: &PathBuf| match files.stat(path) {
            Ok(stat) => stat.kind == FileType::File,
            Err(_) => !is_pattern(path),
        };
        let paths = patterns.into_iter().chain(logs.filter(is_file)).collect();
        let set = Self::resume_in(files, paths, from, saved, now)?;
        Ok(Self { named: false, ..set })
    }

    /// Names what is to be followed from now on, paths and patterns. Files that were followed are followed on while they
    /// exist: their writer may not have been told yet. `since` is for files that are new here and have a history: what was
    /// written since then counts, and `begin` finds where that begins, if lines tell; else one born since counts whole.
    pub fn set(
        &mut self,
        paths: &BTreeSet<PathBuf>,
        patterns: &BTreeSet<PathBuf>,
        since: SystemTime,
        begin: &mut dyn FnMut(&dyn Files, &Path, SystemTime) -> Option<ReadFrom>,
        now: Instant,
    ) {
        let first = !std::mem::replace(&mut self.named, true);
        let since = if first { self.saved.take() } else { Some(since) };
        let gone = |path: &PathBuf| !paths.contains(path) && self.files.stat(path).is_err();
        let gone: HashSet<PathBuf> = self.literal.iter().filter(|path| gone(path)).cloned().collect();
        self.literal.retain(|path| !gone.contains(path));
        self.followers.retain(|follower| {
            !gone.contains(follower.path()) || follower.status().generations > 0 || has_to_tell(follower)
        });
        self.globs.retain(|glob| patterns.contains(&glob.pattern));
        for pattern in patterns {
            if self.globs.iter().all(|glob| glob.pattern != *pattern)
                && let Ok(compiled) = Pattern::new(pattern)
            {
                let pattern = pattern.clone();
                self.globs.push(Glob { pattern, compiled, trouble: Trouble::default() });
            }
        }
        let mut matched = HashSet::new();
        self.globs.iter_mut().for_each(|glob| glob.expand(&mut matched));
        let followed: HashSet<PathBuf> = self.iter().map(|follower| follower.path().to_owned()).collect();
        self.literal.extend(paths.iter().cloned());
        // Paths come first, and of patterns' the shorter one is the live log's.
        let mut fresh: Vec<(bool, PathBuf)> = paths.iter().map(|path| (false, path.clone())).collect();
        fresh.extend(matched.into_iter().filter(|path| !paths.contains(path)).map(|path| (true, path)));
        fresh.sort();
        for (optional, path) in fresh.into_iter().filter(|(_, path)| !followed.contains(path)) {
            let from = match since {
                None => self.from,
                // Lines tell it better than the file: it may be a copy, or have been moved here.
                Some(since) => begin(self.files.as_ref(), &path, since)
                    .unwrap_or_else(|| self.begin(&path, ReadFrom::End, Some(since))),
            };
            self.follow(path, from, now, optional);
        }
    }

    fn wants(&self, path: &Path) -> bool {
        self.literal.contains(path) || self.globs.iter().any(|glob| glob.compiled.matches(path))
    }

    fn take_up(&mut self, log: &SavedLog, pool: &mut CandidateFiles, now: Instant) {
        let optional = !self.literal.contains(&log.path);
        let (files, claims) = (self.files.clone(), self.claims.clone());
        self.followers.push(Follower::resume_from(files, log, pool, now, claims, optional));
    }

    /// A log that came while we were away is read from its first byte.
    fn begin(&self, path: &Path, from: ReadFrom, since: Option<SystemTime>) -> ReadFrom {
        let born = self.files.stat(path).ok().and_then(|stat| stat.created);
        match (born, since) {
            (Some(born), Some(since)) if born >= since => ReadFrom::Start,
            _ => from,
        }
    }

    /// Evaluates the patterns again, at most once a second. A new match is followed from its first byte.
    ///
    /// A rotated file that matches as well, by rename or by copy, is not read a second time.
    pub fn refresh(&mut self, now: Instant) {
        if self.globs.is_empty() || now.saturating_duration_since(self.refreshed) < REFRESH {
            return;
        }
        self.refreshed = now;
        self.match_globs(ReadFrom::Start, None, now);
    }

    /// Every follower, to be checked and read.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Follower> {
        self.followers.iter_mut()
    }

    /// Every follower.
    pub fn iter(&self) -> impl Iterator<Item = &Follower> {
        self.followers.iter()
    }

    /// Whether there is a path at which nothing can be read, and that is no rotation.
    pub fn is_any_hidden(&self) -> bool {
        let is_live = |follower: &Follower| follower.generations.iter().any(Generation::is_live);
        self.followers.iter().any(|follower| follower.trouble.text().is_some() && !is_live(follower))
    }

    /// Number of paths followed.
    pub fn len(&self) -> usize {
        self.followers.len()
    }

    /// Whether no path is followed.
    pub fn is_empty(&self) -> bool {
        self.followers.is_empty()
    }

    fn match_globs(&mut self, from: ReadFrom, since: Option<SystemTime>, now: Instant) {
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
            let from = self.begin(&path, from, since);
            self.follow(path, from, now, true);
        }
        if self.claims.len() > 2 * self.followers.len() + CLAIMS_SPARE {
            let present: HashSet<FileId> = matched
                .iter()
                .filter_map(|path| self.files.stat(path).ok().map(|stat| FileId::of(&stat)))
                .collect();
            self.claims.prune(|id| present.contains(id));
        }
    }

    fn follow(&mut self, path: PathBuf, from: ReadFrom, now: Instant, optional: bool) {
        if let Some(saved) = self.left.remove(&path) {
            return self.take_up_left(&saved, optional, now);
        }
        if optional {
            let plain = self.files.stat(&path).ok().filter(|stat| stat.kind == FileType::File);
            let Some(stat) = plain else { return };
            if self.claims.is_taken(&path, FileId::of(&stat)) {
                return;
            }
        }
        let follower =
            Follower::with_claims(self.files.clone(), path, from, now, self.claims.clone(), optional);
        let status = follower.status();
        // A match that is another file's copy, or may become one, is looked at again at the next refresh.
        if !optional || status.open || status.problem.is_some() {
            self.followers.push(follower);
        }
    }

    fn drop_unmatched(&mut self, matched: &HashSet<PathBuf>) {
        let literal = &self.literal;
        self.followers.retain(|follower| {
            let path = follower.path();
            literal.contains(path)
                || matched.contains(path)
                || follower.status().generations > 0
                || has_to_tell(follower)
        });
    }
}

fn has_to_tell(follower: &Follower) -> bool {
    let status = follower.status();
    status.lost_bytes > 0 || status.gaps > 0
}

impl Glob {
    fn expand(&mut self, matched: &mut HashSet<PathBuf>) {
        let (paths, failure) = self.compiled.expand();
        let mut found = false;
        for path in paths.into_iter().filter(|path| !is_compressed_name(path)) {
            found = true;
            matched.insert(path);
        }
        let pattern = self.pattern.display();
        match failure {
            Some(error) => {
                self.trouble.begin(format!("the pattern '{pattern}' cannot be evaluated: {error}."));
            }
            None if !found => self.trouble.begin(format!("no log matches the pattern '{pattern}' yet.")),
            None => self.trouble.end(&self.pattern),
        }
    }
}
