//! Which PHP-FPM pools there are: those of the masters that run, of the configurations that were named, and of those
//! that distributions put in known places, which tell where a PHP-FPM that does not run would listen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use crate::topology::fpm_conf::{self, ErrorLog, FpmConfig};

use super::homes::{Home, Homes, Moves};
use super::machine::Reload;
use crate::kernel::namespace;
use crate::kernel::processes::Master;

/// Where the main file of an installed PHP-FPM is: Debian and its kin, Red Hat's, Alpine's, the official images.
const KNOWN: &[&str] = &[
    "/etc/php/*/fpm/php-fpm.conf",
    "/etc/php-fpm.conf",
    "/etc/opt/remi/php*/php-fpm.conf",
    "/etc/php*/php-fpm.conf",
    "/usr/local/etc/php-fpm.conf",
];

/// One configuration.
pub(super) struct Place {
    /// What was read of it; `None`: it cannot be read.
    pub(super) config: Option<FpmConfig>,
    /// It was named, or a master was seen running with it: its pools are shown.
    pub(super) shown: bool,
    /// Through which it was read.
    root: PathBuf,
    /// Its files with their times of change when they were read.
    stamps: Vec<(PathBuf, Option<SystemTime>)>,
    /// Why the last reading failed, if it did.
    complaint: Option<String>,
}

/// All configurations.
pub(super) struct Places {
    given: Vec<PathBuf>,
    homes: Homes,
    pub(super) by_home: BTreeMap<Home, Place>,
    /// When all was read without a complaint last.
    succeeded: Option<SystemTime>,
    /// How often something that counts was read, or could not be.
    readings: u64,
}

impl Places {
    /// `own`: the inode of our mount namespace.
    pub(super) fn new(given: Vec<PathBuf>, own: Option<u64>) -> Self {
        Self { given, homes: Homes::new(own), by_home: BTreeMap::new(), succeeded: None, readings: 0 }
    }

    /// Finds out who each master is. True: one came, or one is given up.
    pub(super) fn settle(&mut self, masters: &[Master], now: Instant) -> bool {
        let Moves { came, forgotten } = self.homes.settle(masters, now);
        for home in &forgotten {
            self.by_home.remove(home);
        }
        came || !forgotten.is_empty() || masters.iter().any(|master| self.is_unread(master))
    }

    fn is_unread(&self, master: &Master) -> bool {
        self.homes.of(master.process.pid).is_some_and(|home| !self.by_home.contains_key(home))
    }

    /// The master that lives there.
    pub(super) fn master_of<'a>(&self, home: &Home, masters: &'a [Master]) -> Option<&'a Master> {
        masters.iter().find(|master| self.homes.of(master.process.pid) == Some(home))
    }

    /// Reads what is new or has changed, and again what could not be read. True: something is other than before.
    pub(super) fn look(&mut self, procfs: &Path, masters: &[Master]) -> bool {
        let (mut changed, readings) = (false, self.readings);
        // What a master runs with comes first: the same path may be another file where we are.
        let mut done = BTreeSet::new();
        for master in masters {
            let Some(home) = self.homes.of(master.process.pid).cloned() else { continue };
            if done.insert(home.clone()) {
                let root = root_of(procfs, master.process.pid, &home.path);
                changed |= self.read(&home, &root, true);
            }
        }
        let given = self.given.iter().map(|path| (path.clone(), true));
        let known = KNOWN.iter().filter_map(|pattern| glob::glob(pattern).ok()).flatten().flatten();
        let others: Vec<_> = given.chain(known.map(|path| (path, false))).collect();
        for (path, shown) in others {
            let home = Home::first(&path);
            if done.insert(home.clone()) {
                changed |= self.read(&home, Path::new("/"), shown);
            }
        }
        // Never read, and nobody runs with it now: it is none.
        self.by_home.retain(|home, place| place.config.is_some() || done.contains(home));
        if self.readings != readings && self.last_reading().is_some_and(|last| last.successful) {
            self.succeeded = Some(SystemTime::now());
        }
        changed
    }

    /// How the last reading of the configurations that count went; `None` when there is none.
    pub(super) fn last_reading(&self) -> Option<Reload> {
        let mut shown = self.by_home.values().filter(|place| place.shown).peekable();
        shown.peek()?;
        let successful = shown.all(|place| place.complaint.is_none());
        Some(Reload { successful, succeeded: self.succeeded })
    }

    /// Whether every configuration that counts could be read.
    pub(super) fn complete(&self) -> bool {
        self.by_home.values().all(|place| place.config.is_some() || !place.shown)
    }

    fn read(&mut self, home: &Home, root: &Path, shown: bool) -> bool {
        if let Some(place) = self.by_home.get_mut(home) {
            let newly_shown = shown && !place.shown;
            place.shown |= shown;
            let stale =
                place.root != root || place.stamps.iter().any(|(file, stamp)| *stamp != modified(file));
            if !stale && place.complaint.is_none() {
                // As good as read now: it has not changed since.
                self.readings += u64::from(newly_shown);
                return newly_shown;
            }
        }
        self.readings += u64::from(shown);
        let before = self.by_home.get(home).and_then(|place| place.complaint.clone());
        let read = fpm_conf::read(&home.path, root);
        let (config, complaint) = match read {
            Ok(config) => (Some(config), None),
            Err(error) => (None, Some(error.to_string())),
        };
        if let Some(text) = complaint.as_ref().filter(|text| shown && before.as_ref() != Some(text)) {
            tracing::warn!("the pools of {} are not known: {text}", home.path.display());
        }
        let files = config.iter().flat_map(|config| config.files.iter().cloned());
        let stamps = files.map(|file| (file.clone(), modified(&file))).collect();
        let old = self.by_home.get(home);
        let shown = shown || old.is_some_and(|old| old.shown);
        // PHP-FPM runs on with what it read before, and a file that is being written may be unreadable for a moment.
        let config = config.or_else(|| old.and_then(|old| old.config.clone()));
        let changed = old.is_none_or(|old| old.config != config);
        self.by_home.insert(home.clone(), Place { config, shown, root: root.to_owned(), stamps, complaint });
        changed
    }
}

/// Through which directory a process's file is read: its own root where we may look into that, else ours where both are one
/// file system. In a container of its own it sees another tree than we do, and ours must not be taken for it; reading
/// its own then says that it may not be read.
pub(super) fn root_of(procfs: &Path, pid: u32, file: &Path) -> PathBuf {
    let theirs = procfs.join(pid.to_string()).join("root");
    let is_there = file.strip_prefix("/").is_ok_and(|file| theirs.join(file).exists());
    if !is_there && namespace::shares_root(procfs, pid) == Ok(true) { PathBuf::from("/") } else { theirs }
}

/// A title holds the path as it was given to the master, maybe relative to where that was started. One that cannot be
/// resolved is none.
pub(super) fn resolved(procfs: &Path, mut masters: Vec<Master>) -> Vec<Master> {
    for master in &mut masters {
        master.config = master.config.take().and_then(|path| {
            let cwd = procfs.join(master.process.pid.to_string()).join("cwd");
            if path.is_absolute() { Some(path) } else { Some(fs::read_link(cwd).ok()?.join(path)) }
        });
    }
    masters
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// The file a master logs to.
pub(super) fn log_of(config: &FpmConfig) -> Option<PathBuf> {
    match &config.error_log {
        ErrorLog::File(path) => Some(path.clone()),
        ErrorLog::Syslog => None,
    }
}

#[cfg(test)]
mod tests;
