//! The topology from what was seen: a pure function.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use siphasher::sip::SipHasher13;

use super::fpm_conf::{ErrorLog, FpmConfig};
use super::fpm_instances::InstanceId;
use super::model::{Fpm, FpmProcess, GroupKey, Network, Nginx, NotSeen, Pool, PoolKey, Topology};
use super::names;
use super::remembered::Remembered;
use crate::address::Listener;

/// Everything that was seen of the machine.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What could not be seen.
    pub not_seen: Vec<NotSeen>,
    /// Our own network namespace.
    pub network: Option<Network>,
    /// Every PHP-FPM.
    pub fpm: Vec<SeenFpm>,
    /// Every nginx.
    pub nginx: Vec<Nginx>,
    /// Pools that ran within the last week.
    pub remembered: Vec<Remembered>,
    /// Short names of the masters whose systemd unit is started at boot.
    pub enabled: HashSet<String>,
    /// Those that ran, and whose program was removed since the topology before.
    pub removed: BTreeSet<InstanceId>,
    /// Pools whose sockets listen.
    pub listening: HashSet<PoolKey>,
}

/// One PHP-FPM.
#[derive(Clone, Debug)]
pub struct SeenFpm {
    /// Which one, over restarts.
    pub id: InstanceId,
    /// It was named, or a master was seen running with it.
    pub shown: bool,
    /// What could be read of its configuration.
    pub config: Option<Arc<FpmConfig>>,
    /// Its master.
    pub process: Option<FpmProcess>,
    /// The path of its master's cgroup.
    pub cgroup: Option<String>,
}

/// Puts together what was seen. Names, and what is shown, stay as they were `before`.
pub fn build(seen: &Seen, before: &Topology) -> Topology {
    let mut remembered: BTreeMap<InstanceId, Vec<&Remembered>> = BTreeMap::new();
    for pool in &seen.remembered {
        remembered.entry(pool.instance()).or_default().push(pool);
    }
    let known: BTreeMap<PoolKey, &Pool> = before.pools().map(|(_, pool)| (pool.key, pool)).collect();
    let targets = Targets::of(&seen.nginx);
    let mut names = Names::new(before, &remembered);
    let mut fpm: Vec<Fpm> = Vec::new();
    // Shown ones first: they have the better claim to their plain name.
    let (shown, installed): (Vec<_>, Vec<_>) = seen.fpm.iter().partition(|fpm| fpm.shown);
    for of in shown.into_iter().chain(installed) {
        let name = names.of(&of.id, of.cgroup.as_deref());
        let before = before.fpm.iter().find(|before| before.id == of.id);
        let was_running = remembered.remove(&of.id).unwrap_or_default();
        let mut instance = Fpm {
            id: of.id.clone(),
            process: of.process.clone(),
            group: of.cgroup.as_deref().map(group_of).or(before.and_then(|before| before.group)),
            log: of.config.as_deref().and_then(log_of),
            conf: of.config.clone(),
            pools: Vec::new(),
            name,
        };
        match &of.config {
            // A configuration that was read tells which pools there are.
            Some(config) => {
                for settings in &config.pools {
                    let listener = match Listener::from_fpm(&settings.listen) {
                        Ok(listener) => listener,
                        Err(error) => {
                            tracing::debug!("pool {} of {}: {error}", settings.name, of.id.path.display());
                            continue;
                        }
                    };
                    let mut pool = pool_of(&of.id, &settings.name, listener);
                    pool.settings = Some(settings.clone());
                    // A pool that is only configured, such as a distribution's unused www, is none.
                    pool.shown = of.shown
                        || was_running.iter().any(|before| before.pool == pool.name)
                        || seen.enabled.contains(&instance.name)
                        || targets.lead_to(&pool.resolved)
                        || !seen.removed.contains(&of.id)
                            && known
                                .get(&pool.key)
                                .is_some_and(|old| old.shown && old.listener == pool.listener);
                    instance.pools.push(pool);
                }
            }
            None => {
                instance.pools.extend(was_running.iter().filter_map(|pool| remembered_pool(&of.id, pool)));
            }
        }
        fpm.push(instance);
    }
    for (id, pools) in remembered {
        let pools: Vec<Pool> = pools.iter().filter_map(|pool| remembered_pool(&id, pool)).collect();
        let name = names.of(&id, None);
        fpm.push(Fpm { id, name, process: None, group: None, log: None, conf: None, pools });
    }
    for fpm in &mut fpm {
        for pool in &mut fpm.pools {
            pool.runs = fpm.process.is_some() || seen.listening.contains(&pool.key);
        }
    }
    Topology {
        nginx: seen.nginx.clone(),
        fpm,
        not_seen: seen.not_seen.clone(),
        network: seen.network.clone(),
    }
}

/// Where FastCGI requests go, with links followed.
struct Targets {
    exact: HashSet<Listener>,
    ports: HashSet<u16>,
}

impl Targets {
    fn of(nginx: &[Nginx]) -> Self {
        let exact: HashSet<_> =
            nginx.iter().flat_map(|nginx| &nginx.fastcgi).map(Listener::resolved).collect();
        let port =
            |target: &Listener| if let Listener::Tcp { port, .. } = target { Some(*port) } else { None };
        Self { ports: exact.iter().filter_map(port).collect(), exact }
    }

    fn lead_to(&self, pool: &Listener) -> bool {
        match pool {
            Listener::Tcp { host: None, port } => self.ports.contains(port),
            pool => self.exact.contains(pool),
        }
    }
}

/// The short names of all masters.
struct Names {
    known: BTreeMap<InstanceId, String>,
    taken: HashSet<String>,
}

impl Names {
    fn new(before: &Topology, remembered: &BTreeMap<InstanceId, Vec<&Remembered>>) -> Self {
        let mut known: BTreeMap<InstanceId, String> = remembered
            .iter()
            .filter_map(|(id, pools)| Some((id.clone(), pools.first()?.fpm.clone())))
            .collect();
        known.extend(before.fpm.iter().map(|fpm| (fpm.id.clone(), fpm.name.clone())));
        Self { taken: known.values().cloned().collect(), known }
    }

    /// What it was called before, or the first name that is free.
    fn of(&mut self, id: &InstanceId, cgroup: Option<&str>) -> String {
        if let Some(name) = self.known.get(id) {
            return name.clone();
        }
        let name = names::unused(&self.taken, &names::short(&id.path), cgroup);
        self.taken.insert(name.clone());
        name
    }
}

fn pool_of(id: &InstanceId, name: &str, listener: Listener) -> Pool {
    Pool {
        key: key_of(id, name),
        name: name.to_owned(),
        resolved: listener.resolved(),
        listener,
        runs: false,
        shown: false,
        settings: None,
    }
}

fn remembered_pool(id: &InstanceId, pool: &Remembered) -> Option<Pool> {
    let listener = Listener::from_fpm(&pool.listen).ok()?;
    Some(Pool { shown: true, ..pool_of(id, &pool.pool, listener) })
}

/// The file a master logs to.
fn log_of(config: &FpmConfig) -> Option<PathBuf> {
    match &config.error_log {
        ErrorLog::File(path) => Some(path.clone()),
        ErrorLog::Syslog => None,
    }
}

/// A cgroup, by its path.
pub fn group_of(path: &str) -> GroupKey {
    SipHasher13::new().hash(path.as_bytes())
}

/// A hash of what tells a pool from all others: its PHP-FPM and its name.
fn key_of(id: &InstanceId, pool: &str) -> PoolKey {
    let InstanceId { path, nth } = id;
    let path = path.display();
    let text = if *nth == 0 { format!("{path}\0{pool}") } else { format!("{path}\0{pool}\0{nth}") };
    SipHasher13::new().hash(text.as_bytes())
}

#[cfg(test)]
mod tests;
