//! Landlock for a thread that does one thing in one directory.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, AccessFs, AccessNet, BitFlags, PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
};
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

/// What a thread may do there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// Make, write, rename and remove files.
    Files,
    /// Make the directory.
    Directories,
    /// Remove files.
    Removal,
}

/// A directory as it was named, and where that was at the start.
#[derive(Debug)]
pub(super) struct Directory {
    named: PathBuf,
    resolved: PathBuf,
}

impl Directory {
    /// What does not exist yet stands where it would be made.
    pub(super) fn new(named: &Path) -> Self {
        let absolute = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
        let resolved = absolute.ancestors().find_map(|above| {
            let rest = absolute.strip_prefix(above).ok()?;
            Some(std::fs::canonicalize(above).ok()?.join(rest))
        });
        Self { named: named.to_owned(), resolved: resolved.unwrap_or(absolute) }
    }

    pub(super) fn is(&self, named: &Path) -> bool {
        self.named == named
    }

    /// Confines this thread for good.
    pub(super) fn confine(&self, grant: Grant) -> io::Result<()> {
        let (directory, rights) = match grant {
            Grant::Files => (
                open(&self.resolved)?,
                AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::RemoveFile | AccessFs::Truncate,
            ),
            Grant::Directories => (self.above()?, AccessFs::MakeDir.into()),
            Grant::Removal => (open(&self.resolved)?, AccessFs::RemoveFile.into()),
        };
        restrict(Some((directory, rights))).map(drop)
    }

    /// The nearest directory above it that is there.
    fn above(&self) -> io::Result<OwnedFd> {
        for above in self.resolved.ancestors().skip(1) {
            match open(above) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened,
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Through no symbolic link: one that was put there later could lead anywhere.
fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?)
}

/// Whether the kernel does this, tried on the calling thread.
pub(super) fn is_enforced() -> bool {
    restrict(None).is_ok_and(|status| status != RulesetStatus::NotEnforced)
}

/// From now on this thread reads what it likes, writes and removes nothing but what is granted, runs no program and binds no
/// port.
fn restrict(granted: Option<(OwnedFd, BitFlags<AccessFs>)>) -> io::Result<RulesetStatus> {
    let restricted = || {
        let mut ruleset = Ruleset::default()
            .handle_access(AccessFs::from_write(ABI::V5) | AccessFs::Execute)?
            .handle_access(AccessNet::BindTcp)?
            .create()?;
        if let Some((directory, rights)) = granted {
            ruleset = ruleset.add_rule(PathBeneath::new(directory, rights))?;
        }
        ruleset.restrict_self()
    };
    restricted().map(|status| status.ruleset).map_err(io::Error::other)
}
