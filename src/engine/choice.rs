//! Which logs are followed: those that are named, and whether others are found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::followed_log::STDIN;
use crate::config::flags::LogArgs;
use crate::record::LogKind;
use crate::source::{fits, is_pattern};
use crate::topology::chosen_logs::Wishes;

/// Which logs.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Those that are named, with their formats.
    pub named: LogArgs,
    /// Those that configurations name are followed, too.
    pub discover: bool,
    /// But not these paths and patterns.
    pub excluded: Vec<PathBuf>,
}

impl Choice {
    /// Only what configurations name.
    pub fn found() -> Self {
        Self { discover: true, ..Self::default() }
    }

    /// What it says of logs that are found.
    pub(super) fn wishes(&self) -> Wishes {
        let named = LogKind::ALL.into_iter().flat_map(|kind| self.named.of(kind)).cloned();
        Wishes { named: named.collect(), excluded: self.excluded.clone() }
    }

    /// Whether a log that is found is not to be followed.
    pub(super) fn excludes(&self, path: &Path) -> bool {
        self.excluded.iter().any(|pattern| fits(pattern, path))
    }
}

/// Names of logs of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) paths: BTreeSet<PathBuf>,
    pub(super) patterns: BTreeSet<PathBuf>,
}

impl Names {
    /// Those that are named. A file of the very name of a pattern is that file.
    pub(super) fn of(named: &LogArgs, kind: LogKind) -> Self {
        let files = named.of(kind).iter().filter(|path| path.as_os_str() != STDIN).cloned();
        let (patterns, paths) =
            files.partition(|path: &PathBuf| is_pattern(path) && path.symlink_metadata().is_err());
        Self { paths, patterns }
    }

    /// With others.
    pub(super) fn and(mut self, more: Self) -> Self {
        self.paths.extend(more.paths);
        self.patterns.extend(more.patterns);
        self
    }

    /// Whether a path is among them.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.paths.contains(path) || self.patterns.iter().any(|pattern| fits(pattern, path))
    }
}
