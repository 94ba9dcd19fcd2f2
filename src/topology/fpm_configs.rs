//! The configurations of PHP-FPM: those of the masters that run, those that were named, and those that distributions put in
//! known places, which tell where a PHP-FPM that does not run would listen.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use super::configuration::{Configuration, Outcome};
use super::fpm_conf::{self, FpmConfig, Surroundings};
use super::fpm_instances::{FpmInstances, InstanceId, Moves};
use super::loader::ConfigLimits;
use crate::kernel::namespace;
use crate::kernel::processes::Master;
use crate::source::paths_of;

/// Where the main file of an installed PHP-FPM is: Debian and its kin, Red Hat's, Alpine's, the official images.
const KNOWN: &[&str] = &[
    "/etc/php/*/fpm/php-fpm.conf",
    "/etc/php-fpm.conf",
    "/etc/opt/remi/php*/php-fpm.conf",
    "/etc/php*/php-fpm.conf",
    "/usr/local/etc/php-fpm.conf",
];

/// How the last reading of the configurations that count went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastReading {
    /// All of them could be read.
    pub successful: bool,
    /// When all could be read last.
    pub succeeded: Option<SystemTime>,
}

/// The configuration of one PHP-FPM.
#[derive(Default)]
pub(super) struct FpmConfiguration {
    pub(super) file: Configuration<FpmConfig>,
    /// It was named, or a master was seen running with it: its pools are shown.
    pub(super) shown: bool,
}

impl FpmConfiguration {
    /// Whether all of it could be read the last time.
    pub(super) fn is_whole(&self) -> bool {
        self.file.complaint.is_none() && self.file.config.as_ref().is_some_and(|config| !config.is_partial())
    }
}

/// All configurations.
pub(super) struct FpmConfigs {
    given: Vec<PathBuf>,
    limits: ConfigLimits,
    pub(super) instances: FpmInstances,
    pub(super) by_id: BTreeMap<InstanceId, FpmConfiguration>,
    /// When all was read without a complaint last.
    succeeded: Option<SystemTime>,
    /// How often something that counts was read, or could not be.
    readings: u64,
}

impl FpmConfigs {
    /// `own`: the inode of our mount namespace.
    pub(super) fn new(given: Vec<PathBuf>, own: Option<u64>, limits: ConfigLimits) -> Self {
        Self {
            given,
            limits,
            instances: FpmInstances::new(own),
            by_id: BTreeMap::new(),
            succeeded: None,
            readings: 0,
        }
    }

    /// Other files are named, or are read within other limits.
    pub(super) fn want(&mut self, given: &[PathBuf], limits: &ConfigLimits) {
        let dropped: Vec<_> = self.given.iter().filter(|path| !given.contains(path)).cloned().collect();
        let is_dropped = |id: &InstanceId| dropped.iter().any(|path| *id == InstanceId::first(path));
        // One with which a master runs is found again at the next look.
        self.by_id.retain(|id, _| !is_dropped(id));
        if self.limits != *limits {
            self.by_id.values_mut().for_each(|of| of.file.read_again());
        }
        (self.given, self.limits) = (given.to_vec(), limits.clone());
    }

    /// Finds out who each master is. True: one came, or one is given up.
    pub(super) fn settle(&mut self, masters: &[Master], now: Instant) -> bool {
        let Moves { came, forgotten } = self.instances.settle(masters, now);
        for id in &forgotten {
            self.by_id.remove(id);
        }
        came || !forgotten.is_empty() || masters.iter().any(|master| self.is_unread(master))
    }

    fn is_unread(&self, master: &Master) -> bool {
        self.instances.of(master.process.pid).is_some_and(|id| !self.by_id.contains_key(id))
    }

    /// Nobody runs that instance any more: unless it was named, it is only a configuration.
    pub(super) fn withdraw(&mut self, id: &InstanceId) {
        if let Some(of) = self.by_id.get_mut(id) {
            of.shown = self.given.contains(&id.path);
        }
    }

    /// The master of that instance.
    pub(super) fn master_of<'a>(&self, id: &InstanceId, masters: &'a [Master]) -> Option<&'a Master> {
        masters.iter().find(|master| self.instances.of(master.process.pid) == Some(id))
    }

    /// Reads what is new or has changed, and again what could not be read. True: something is other than before.
    pub(super) fn look(&mut self, procfs: &Path, masters: &[Master]) -> bool {
        let (mut changed, readings) = (false, self.readings);
        // What a master runs with comes first: the same path may be another file where we are.
        let mut done = BTreeSet::new();
        for master in masters {
            let Some(id) = self.instances.of(master.process.pid).cloned() else { continue };
            if done.insert(id.clone()) {
                let root = root_of(procfs, master.process.pid, &id.path);
                changed |= self.read(&id, &root, true);
            }
        }
        let given = self.given.iter().map(|path| (path.clone(), true));
        let known = KNOWN.iter().flat_map(|pattern| paths_of(pattern));
        let others: Vec<_> = given.chain(known.map(|path| (path, false))).collect();
        for (path, shown) in others {
            let id = InstanceId::first(&path);
            if done.insert(id.clone()) {
                changed |= self.read(&id, Path::new("/"), shown);
            }
        }
        // Never read, and nobody runs with it now: it is none.
        self.by_id.retain(|id, of| of.file.config.is_some() || done.contains(id));
        if self.readings != readings && self.last_reading().is_some_and(|last| last.successful) {
            self.succeeded = Some(SystemTime::now());
        }
        changed
    }

    /// How the last reading of the configurations that count went; `None` when there is none.
    pub(super) fn last_reading(&self) -> Option<LastReading> {
        let mut shown = self.by_id.values().filter(|of| of.shown).peekable();
        shown.peek()?;
        let successful = shown.all(FpmConfiguration::is_whole);
        Some(LastReading { successful, succeeded: self.succeeded })
    }

    fn read(&mut self, id: &InstanceId, root: &Path, shown: bool) -> bool {
        let of = self.by_id.entry(id.clone()).or_default();
        let newly_shown = shown && !of.shown;
        of.shown |= shown;
        let before = of.file.config.clone();
        let outcome = of.file.look(
            root,
            || fpm_conf::read_in(&id.path, &Surroundings::guess(&id.path, root), &self.limits),
            |config| &config.files,
            |text| {
                if shown {
                    tracing::warn!("the pools of {} are not known: {text}", id.path.display());
                }
            },
        );
        let counts = newly_shown || of.shown && outcome != Outcome::Same;
        self.readings += u64::from(counts);
        if shown && (newly_shown || outcome == Outcome::Changed) {
            let known = before.filter(|_| !newly_shown);
            let known: Vec<_> = known.iter().flat_map(|config| config.complaints()).collect();
            let complaints = of.file.config.iter().flat_map(|config| config.complaints());
            for complaint in complaints.filter(|complaint| !known.contains(complaint)) {
                tracing::warn!("{complaint}");
            }
        }
        newly_shown || outcome == Outcome::Changed
    }
}

/// Through which directory a process's file is read: its own root where we may look into that, else ours where both are one
/// file system. In a container of its own it sees another tree than we do, and ours must not be taken for it; reading
/// its own then says that it may not be read. Where both see the very same file it is ours, which stays when the process
/// ends.
pub(super) fn root_of(procfs: &Path, pid: u32, file: &Path) -> PathBuf {
    let theirs = procfs.join(pid.to_string()).join("root");
    let inode = |path: &Path| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    let there = file.strip_prefix("/").ok().and_then(|file| inode(&theirs.join(file)));
    let is_same = there.is_none() || there == inode(file);
    if is_same && namespace::shares_root(procfs, pid) == Ok(true) { PathBuf::from("/") } else { theirs }
}

#[cfg(test)]
mod tests;
