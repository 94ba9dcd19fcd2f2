//! Which PHP-FPM pools there are: those of the masters that run, of the configurations that were named, and of those
//! that distributions put in known places, which tell where a PHP-FPM that does not run would listen.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::discover::fpm::{self, ErrorLog, FpmConfig};

use super::kernel::processes::Master;
use super::machine::Reload;

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
    /// Its files with their times of change when they were read.
    stamps: Vec<(PathBuf, Option<SystemTime>)>,
    /// Why the last reading failed, if it did.
    complaint: Option<String>,
}

/// All configurations, by the path of their main file.
pub(super) struct Places {
    given: Vec<PathBuf>,
    pub(super) by_path: BTreeMap<PathBuf, Place>,
    /// When all was read without a complaint last.
    succeeded: Option<SystemTime>,
    /// How often something that counts was read, or could not be.
    readings: u64,
}

impl Places {
    pub(super) fn new(given: Vec<PathBuf>) -> Self {
        Self { given, by_path: BTreeMap::new(), succeeded: None, readings: 0 }
    }

    /// Reads what is new or has changed, and again what could not be read. True: something is other than before.
    pub(super) fn look(&mut self, procfs: &Path, masters: &[Master]) -> bool {
        let (mut changed, readings) = (false, self.readings);
        for path in self.given.clone() {
            changed |= self.read(&path, Path::new("/"), true);
        }
        for master in masters {
            let Some(path) = &master.config else { continue };
            // In a container of its own it sees another tree than we do. Where we may not look into that, ours has to do.
            let root = procfs.join(master.process.pid.to_string()).join("root");
            let theirs = path.strip_prefix("/").is_ok_and(|path| root.join(path).exists());
            changed |= self.read(path, if theirs { &root } else { Path::new("/") }, true);
        }
        for path in KNOWN.iter().filter_map(|pattern| glob::glob(pattern).ok()).flatten().flatten() {
            changed |= self.read(&path, Path::new("/"), false);
        }
        if self.readings != readings && self.last_reading().is_some_and(|last| last.successful) {
            self.succeeded = Some(SystemTime::now());
        }
        changed
    }

    /// How the last reading of the configurations that count went; `None` when there is none.
    pub(super) fn last_reading(&self) -> Option<Reload> {
        let mut shown = self.by_path.values().filter(|place| place.shown).peekable();
        shown.peek()?;
        let successful = shown.all(|place| place.complaint.is_none());
        Some(Reload { successful, succeeded: self.succeeded })
    }

    /// Whether every configuration that counts could be read.
    pub(super) fn complete(&self) -> bool {
        self.by_path.values().all(|place| place.config.is_some() || !place.shown)
    }

    fn read(&mut self, path: &Path, root: &Path, shown: bool) -> bool {
        if let Some(place) = self.by_path.get_mut(path) {
            let newly_shown = shown && !place.shown;
            place.shown |= shown;
            let stale = place.stamps.iter().any(|(file, stamp)| *stamp != modified(file));
            if !stale && place.complaint.is_none() {
                // As good as read now: it has not changed since.
                self.readings += u64::from(newly_shown);
                return newly_shown;
            }
        }
        self.readings += u64::from(shown);
        let before = self.by_path.get(path).and_then(|place| place.complaint.clone());
        let read = fpm::read(path, root);
        let (config, complaint) = match read {
            Ok(config) => (Some(config), None),
            Err(error) => (None, Some(error.to_string())),
        };
        if let Some(text) = complaint.as_ref().filter(|text| shown && before.as_ref() != Some(text)) {
            tracing::warn!("the pools of {} are not known: {text}", path.display());
        }
        let files = config.iter().flat_map(|config| config.files.iter().cloned());
        let stamps = files.map(|file| (file.clone(), modified(&file))).collect();
        let old = self.by_path.get(path);
        let shown = shown || old.is_some_and(|old| old.shown);
        // PHP-FPM runs on with what it read before, and a file that is being written may be unreadable for a moment.
        let config = config.or_else(|| old.and_then(|old| old.config.clone()));
        let changed = old.is_none_or(|old| old.config != config);
        self.by_path.insert(path.to_owned(), Place { config, shown, stamps, complaint });
        changed
    }
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
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_leaves_what_was_known_and_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("php-fpm.conf");
        let pool = "[www]\nuser = nobody\nlisten = /x.sock\npm = static\npm.max_children = 2\n";
        fs::write(&path, pool).unwrap();
        let mut places = Places::new(vec![path.clone()]);
        let pools = |places: &Places| {
            let place = places.by_path.get(&path).unwrap();
            place.config.as_ref().map_or(0, |config| config.pools.len())
        };
        assert_eq!(places.last_reading(), None, "nothing was read yet");
        assert!(places.look(Path::new("/nowhere"), &[]));
        let first = places.last_reading().unwrap();
        assert!(first.successful && first.succeeded.is_some());

        fs::write(&path, format!("{pool}pm = sometimes\n")).unwrap();
        assert!(!places.look(Path::new("/nowhere"), &[]), "the same pools as before");
        let broken = Reload { successful: false, ..first };
        assert_eq!((places.last_reading(), pools(&places)), (Some(broken), 1));

        fs::write(&path, format!("{pool}{}", pool.replace("www", "api"))).unwrap();
        assert!(places.look(Path::new("/nowhere"), &[]));
        let repaired = places.last_reading().unwrap();
        assert!(repaired.successful && repaired.succeeded > first.succeeded);
        assert_eq!(pools(&places), 2);
    }
}
