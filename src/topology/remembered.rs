//! Pools that were seen running: that one of them is down must be said also after a restart of Badgateway or of the machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::fpm_instances::InstanceId;

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
        let (fpm, listen) = (pool.fpm.clone(), pool.listen.clone());
        let before = self.pools.insert((pool.instance(), pool.pool.clone()), pool);
        self.changed |= before.is_none_or(|before| (before.fpm, before.listen) != (fpm, listen));
    }

    /// Drops what is too old, and the oldest of too many. True: something was dropped.
    pub(super) fn forget(&mut self, now: u64) -> bool {
        let before = self.pools.len();
        self.pools.retain(|_, pool| kept_for_a_week(pool.seen, now));
        while self.pools.len() > MOST {
            let oldest = self.pools.iter().min_by_key(|(_, pool)| pool.seen).map(|(key, _)| key.clone());
            oldest.map(|key| self.pools.remove(&key));
        }
        self.changed |= self.pools.len() != before;
        self.pools.len() != before
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
        }
    }

    #[test]
    fn a_pool_is_remembered_for_a_week() {
        let week = KEPT + 1000;
        let memory = Memory::new(vec![pool("old", 999), pool("new", 1000), pool("future", week * 2)], week);
        assert_eq!(memory.iter().map(|pool| pool.pool.as_str()).collect::<Vec<_>>(), ["future", "new"]);
    }
}
