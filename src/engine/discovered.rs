//! The logs that were found: what is followed when none is named on the command line.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::choice::Names;
use crate::record::LogKind;
use crate::topology::chosen_logs::{self, FoundLogs, LogName, Machine, Wishes};
use crate::topology::{Nginx, Topology};

/// Most logs and notes that are told one by one: a hoster's machine has thousands.
const TOLD: usize = 12;

/// What was found the last time.
#[derive(Default)]
pub(super) struct Discovered {
    logs: FoundLogs,
    told: HashSet<String>,
}

/// Our own file system.
pub struct Ours;

impl Machine for Ours {
    fn is_ours(&self, nginx: &Nginx, path: &Path) -> bool {
        if nginx.root == Path::new("/") {
            return true;
        }
        let inode = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
        let theirs = path.strip_prefix("/").ok().and_then(|path| inode(&nginx.root.join(path)));
        theirs.is_some() && theirs == inode(path)
    }

    fn has_file(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|meta| meta.is_file())
    }

    fn is_stream(&self, path: &Path) -> bool {
        let mut path = path.to_owned();
        // As many links as the kernel follows (MAXSYMLINKS, include/linux/namei.h).
        for _ in 0..40 {
            if STREAMS.iter().any(|stream| path.starts_with(stream)) {
                return true;
            }
            let Ok(target) = fs::read_link(&path) else { return false };
            path = path.parent().unwrap_or(Path::new("/")).join(target);
        }
        false
    }
}

/// What these are depends on the process that opens them.
const STREAMS: [&str; 5] = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc/self", "/proc/thread-self"];

impl Discovered {
    /// Chooses the logs anew. `followed`: those that are followed.
    pub(super) fn look(
        &mut self,
        topology: &Topology,
        followed: impl Iterator<Item = PathBuf>,
        wishes: &Wishes,
    ) {
        let mut known: HashSet<LogName> = followed.map(LogName::File).collect();
        known.extend(self.logs.access.iter().chain(&self.logs.error).cloned());
        let before = std::mem::take(&mut self.logs);
        self.logs = chosen_logs::as_wished(topology, &known, wishes, &Ours);
        self.tell(&before);
    }

    /// The logs of a kind.
    pub(super) fn of(&self, kind: LogKind) -> &BTreeSet<LogName> {
        match kind {
            LogKind::Access => &self.logs.access,
            LogKind::Error => &self.logs.error,
            LogKind::Fpm => &self.logs.fpm,
        }
    }

    /// The files and patterns of a kind.
    pub(super) fn names(&self, kind: LogKind) -> Names {
        let (files, patterns): (Vec<_>, Vec<_>) =
            self.of(kind).iter().partition(|name| matches!(name, LogName::File(_)));
        let paths = |names: Vec<&LogName>| names.into_iter().map(|name| name.path().to_owned()).collect();
        Names { paths: paths(files), patterns: paths(patterns) }
    }

    /// Access logs of whose failures a missing error entry means nothing.
    pub(super) fn without_errors(&self) -> impl Iterator<Item = &Path> {
        self.logs.without_errors.iter().map(PathBuf::as_path)
    }

    /// Says what is new, each once.
    fn tell(&mut self, before: &FoundLogs) {
        let words = |kind| match kind {
            LogKind::Access => "the access log",
            LogKind::Error => "the error log",
            LogKind::Fpm => "PHP-FPM's log",
        };
        let mut lines = Vec::new();
        let kinds = [
            (LogKind::Access, &before.access, &self.logs.access),
            (LogKind::Error, &before.error, &self.logs.error),
            (LogKind::Fpm, &before.fpm, &self.logs.fpm),
        ];
        for (kind, before, now) in kinds {
            let new = now.iter().filter(|name| !before.contains(name));
            lines.extend(new.map(|name| format!("following {} {}", words(kind), name.path().display())));
        }
        for line in lines.iter().take(TOLD) {
            tracing::info!("{line}");
        }
        if let Some(more @ 1..) = lines.len().checked_sub(TOLD) {
            tracing::info!("and {more} more logs");
        }
        let notes: Vec<String> = self.logs.notes.iter().map(ToString::to_string).collect();
        for note in notes.iter().filter(|note| !self.told.contains(*note)).take(TOLD) {
            tracing::warn!("{note}");
        }
        // What is mended and comes again is told again.
        self.told = notes.into_iter().collect();
    }
}
