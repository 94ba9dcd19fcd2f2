//! The names that the configurations have for the logs that are followed: a log may have several paths that lead to it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::topology::Topology;

/// For each path that is followed, every path of the configurations that names the same file.
#[derive(Debug, Default)]
pub(super) struct Aliases(HashMap<PathBuf, HashSet<PathBuf>>);

impl Aliases {
    /// Each path is resolved once: there may be thousands of either.
    pub(super) fn of<'p>(topology: &Topology, followed: impl Iterator<Item = &'p PathBuf>) -> Self {
        let mut named: HashMap<PathBuf, HashSet<PathBuf>> = HashMap::new();
        // Most levels inherit their logs.
        let paths: HashSet<&Path> = topology.log_paths().collect();
        for path in paths {
            named.entry(resolved(path)).or_default().insert(path.to_owned());
        }
        if named.is_empty() {
            return Self::default();
        }
        let names = followed.filter_map(|path| Some((path.clone(), named.get(&resolved(path))?.clone())));
        Self(names.collect())
    }

    /// Whether a path of a configuration names the file that is followed under `followed`.
    pub(super) fn is_same(&self, followed: &Path, named: &Path) -> bool {
        self.0.get(followed).is_some_and(|names| names.contains(named))
    }

    /// Whether any configuration names it.
    pub(super) fn has(&self, followed: &Path) -> bool {
        self.0.contains_key(followed)
    }
}

/// Without links; as it is where that cannot be told.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Fpm, InstanceId};

    #[test]
    fn a_link_and_its_file_are_one_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("log"), "").unwrap();
        std::os::unix::fs::symlink(path("log"), path("link")).unwrap();
        let fpm = |log: PathBuf| Fpm {
            id: InstanceId::first(Path::new("/x")),
            name: String::new(),
            process: None,
            group: None,
            log: Some(log),
            conf: None,
            pools: Vec::new(),
        };
        let topology = Topology { fpm: vec![fpm(path("link")), fpm(path("gone"))], ..Topology::default() };
        let aliases = Aliases::of(&topology, [path("log"), path("gone"), path("other")].iter());
        assert!(
            aliases.is_same(&path("log"), &path("link")) && aliases.is_same(&path("gone"), &path("gone"))
        );
        assert!(!aliases.is_same(&path("log"), &path("gone")) && !aliases.has(&path("other")));
    }
}
