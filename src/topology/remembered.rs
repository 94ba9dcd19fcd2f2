//! Pools that were seen running: that one of them is down must be said also after a restart of Badgateway or of the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::fpm_instances::InstanceId;
use crate::kernel::processes::is_removed;

/// How long a pool that runs no more is remembered, in seconds: over a long weekend and a holiday.
const KEPT: u64 = 7 * 24 * 3600;

/// Most pools that are remembered; those seen last stay.
const MOST: usize = 4096;

/// One pool, as the state directory keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Main file of its master's configuration.
    #[serde(with = "crate::bytes::path")]
    pub config: PathBuf,
    /// Among masters with a configuration of that path.
    pub nth: u32,
    /// Short name of the master.
    pub fpm: String,
    /// Name of the pool.
    pub pool: String,
    /// `listen`, as PHP-FPM's configuration spells it.
    pub listen: String,
    /// When it was last seen running, in Unix seconds.
    pub seen: u64,
    /// Its master's program, where that is a file of our file system that may be seen and whose path is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
}

/// An nginx, as the state directory keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedNginx {
    /// Main file of its configuration.
    #[serde(with = "crate::bytes::path")]
    pub config: PathBuf,
    /// Its short name: the label `nginx`.
    pub name: String,
    /// When its master was last seen, in Unix seconds.
    pub seen: u64,
    /// Its program, where that is a file of our file system that may be seen and whose path is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
}

/// Whether what was last seen then is still remembered. A clock that was set back makes nothing old.
pub fn kept_for_a_week(seen: u64, now: u64) -> bool {
    now.saturating_sub(seen) <= KEPT
}

impl Remembered {
    /// Its PHP-FPM.
    pub fn instance(&self) -> InstanceId {
        InstanceId { path: self.config.clone(), nth: self.nth }
    }
}

/// Every pool that was seen within the last week.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pools: BTreeMap<(InstanceId, String), Remembered>,
    /// Other pools, or other addresses, than were given to be saved last.
    changed: bool,
    /// When they were given to be saved, in Unix seconds.
    saved: u64,
}

/// How often the time at which pools were seen is saved, in seconds.
const SAVED_EVERY: u64 = 3600;

/// How long one must not have been seen before its program is looked for, in seconds.
const ENDED: u64 = 5;

/// What was dropped.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    /// Something was.
    pub any: bool,
    /// Masters whose program was removed.
    pub removed: BTreeSet<InstanceId>,
}

/// The wall clock in Unix seconds.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Memory {
    /// From the state directory.
    pub(super) fn new(pools: Vec<Remembered>, now: u64) -> Self {
        let pools = pools.into_iter().map(|pool| ((pool.instance(), pool.pool.clone()), pool));
        let mut memory = Self { pools: pools.collect(), changed: false, saved: now };
        memory.forget(now);
        memory
    }

    /// A pool runs.
    pub(crate) fn see(&mut self, pool: Remembered) {
        let now = (pool.fpm.clone(), pool.listen.clone(), pool.program.clone());
        let before = self.pools.insert((pool.instance(), pool.pool.clone()), pool);
        self.changed |= before.is_none_or(|before| (before.fpm, before.listen, before.program) != now);
    }

    /// Drops what is too old, what was removed, and the oldest of too many.
    pub(super) fn forget(&mut self, now: u64) -> Forgotten {
        let before = self.pools.len();
        let ended = self.pools.values().filter(|pool| now.saturating_sub(pool.seen) > ENDED);
        let programs: BTreeSet<&str> = ended.filter_map(|pool| pool.program.as_deref()).collect();
        let gone: BTreeSet<String> =
            programs.into_iter().filter(|program| is_removed(program)).map(str::to_owned).collect();
        let mut removed = BTreeSet::new();
        self.pools.retain(|(id, _), pool| {
            let is_gone = now.saturating_sub(pool.seen) > ENDED
                && pool.program.as_ref().is_some_and(|program| gone.contains(program));
            if is_gone {
                removed.insert(id.clone());
            }
            !is_gone && kept_for_a_week(pool.seen, now)
        });
        while self.pools.len() > MOST {
            let oldest = self.pools.iter().min_by_key(|(_, pool)| pool.seen).map(|(key, _)| key.clone());
            oldest.map(|key| self.pools.remove(&key));
        }
        let any = self.pools.len() != before;
        self.changed |= any;
        Forgotten { any, removed }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Remembered> {
        self.pools.values()
    }

    /// What the state directory is to keep, when that is something else than before.
    pub(super) fn changes(&mut self, now: u64) -> Option<Vec<Remembered>> {
        let due = self.changed || now.saturating_sub(self.saved) >= SAVED_EVERY;
        due.then(|| {
            (self.changed, self.saved) = (false, now);
            self.pools.values().cloned().collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(name: &str, seen: u64) -> Remembered {
        Remembered {
            config: "/etc/a.conf".into(),
            nth: 0,
            fpm: "a".into(),
            pool: name.into(),
            listen: "9000".into(),
            seen,
            program: None,
        }
    }

    #[test]
    fn a_pool_whose_program_was_removed_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("php-fpm8.1");
        std::fs::write(&file, "").unwrap();
        let program = || Some(file.to_str().unwrap().to_owned());
        let mut memory = Memory::new(vec![Remembered { program: program(), ..pool("www", 1000) }], 1000);
        assert!(!memory.forget(1100).any, "it is down");
        std::fs::remove_file(&file).unwrap();
        memory.see(Remembered { program: program(), ..pool("www", 1200) });
        assert!(!memory.forget(1201).any, "it still runs");
        let Forgotten { any, removed } = memory.forget(1206);
        assert_eq!((any, removed), (true, [pool("www", 0).instance()].into()));
        assert_eq!(memory.iter().count(), 0);
    }

    #[test]
    fn a_pool_is_remembered_for_a_week() {
        let week = KEPT + 1000;
        let memory = Memory::new(vec![pool("old", 999), pool("new", 1000), pool("future", week * 2)], week);
        assert_eq!(memory.iter().map(|pool| pool.pool.as_str()).collect::<Vec<_>>(), ["future", "new"]);
    }
}
