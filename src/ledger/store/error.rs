//! What can go wrong with the state, each as a full sentence: the path, what was tried, what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::disk::Disk;

/// Bytes of the largest payload. A bound on what a start allocates, far above any real state.
pub(super) const MAX_PAYLOAD: usize = 256 * 1024 * 1024;

/// Why the state could not be opened or kept.
#[derive(thiserror::Error, Debug)]
pub enum StoreError {
    /// Another process keeps its state there; the only one that ends a start.
    #[error("{} is in use by {}. Stop that one, or give this one a --state.dir of its own.", dir.display(), holder(pid))]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// Who holds it, as far as the lock file tells.
        pid: Option<u32>,
    },
    /// The kernel refused.
    #[error("cannot {attempt} {}: {source}.{}", path.display(), advice(source))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was attempted, as a verb.
        attempt: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A payload that the next start would refuse to load.
    #[error("cannot write a state of {length} bytes to {}: {} are the most.", dir.display(), MAX_PAYLOAD)]
    TooLarge {
        /// The directory.
        dir: PathBuf,
        /// Bytes of the payload.
        length: usize,
    },
    /// The thread that syncs could not be started, or ended.
    #[error("cannot sync the state in {}: {source}. It survives kill -9 all the same, but no power loss.", dir.display())]
    Thread {
        /// The directory.
        dir: PathBuf,
        /// What happened to the thread.
        source: io::Error,
    },
}

impl StoreError {
    /// Tells what was attempted on which file (the directory for an empty name); costs nothing until it fails.
    pub(super) fn io(disk: &dyn Disk, name: &str, attempt: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: disk.path(name), attempt, source }
    }
}

fn holder(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "another process".into(), |pid| format!("process {pid}"))
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => " Free some space; it is retried.",
        io::ErrorKind::PermissionDenied => {
            " --state.dir must belong to the user that badgateway runs as; it is retried."
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            " Point --state.dir to a place that can be written; it is retried."
        }
        _ => " It is retried.",
    }
}

/// Why a file of the state was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The kernel would not read it, or it does not begin as a state does (it may be all NUL).
    Unreadable,
    /// It ends too early, or is empty.
    Truncated,
    /// Its checksum does not fit its contents.
    Checksum,
    /// A newer badgateway wrote it.
    Version,
    /// A write that kill -9 cut short. Nobody was ever shown what it was to hold and nothing is missing, so
    /// this is worth no warning.
    Unfinished,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "it cannot be read as a state",
            Self::Truncated => "it is cut short",
            Self::Checksum => "its checksum is wrong",
            Self::Version => "a newer badgateway wrote it",
            Self::Unfinished => "its writing was interrupted before it counted",
        })
    }
}

impl Reason {
    /// Those that are worth being counted.
    pub const COUNTED: [Self; 4] = [Self::Unreadable, Self::Truncated, Self::Checksum, Self::Version];

    /// The word, as in labels.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Truncated => "truncated",
            Self::Checksum => "checksum",
            Self::Version => "version",
            Self::Unfinished => "unfinished",
        }
    }
}
