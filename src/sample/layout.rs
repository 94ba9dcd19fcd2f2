//! Which pools are watched, under which names: those of the configurations and those that are remembered.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use siphasher::sip::SipHasher13;

use super::facts::PoolKey;
use super::homes::Home;
use super::output::{Layout, PoolPlace};
use super::pool::{Page, Tracked};
use super::sampler::Sampler;
use super::status::compat::scrape_uri;
use super::status::fastcgi::Address;
use super::status::poller::Target;
use super::{memory, names, places};
use crate::address::Listener;
use crate::topology::fpm_conf;

impl Sampler {
    /// The short name of the master that lives there: what it was called before, or the first that is free.
    fn name(&mut self, home: &Home) -> String {
        if let Some(name) = self.names.get(home) {
            return name.clone();
        }
        let taken: HashSet<String> = self
            .names
            .values()
            .cloned()
            .chain(self.remembered.iter().map(|(_, pool)| pool.fpm.clone()))
            .collect();
        let master = self.places.master_of(home, self.masters.as_deref().unwrap_or_default());
        let name = match self.remembered.name(home) {
            Some(name) => name.to_owned(),
            None => names::unused(&taken, &names::short(&home.path), master.and_then(memory::cgroup_of)),
        };
        self.names.insert(home.clone(), name.clone());
        name
    }

    /// Pools from configurations, and those that are remembered; those that are known keep what is remembered of them.
    pub(super) fn lay_out(&mut self) {
        let mut known: HashMap<PoolKey, Tracked> =
            self.pools.drain(..).map(|pool| (pool.key, pool)).collect();
        let mut layout = Layout {
            pools: Vec::new(),
            complete: self.masters.is_ok() && self.places.complete(),
            kept: self.nginx.kept(),
            groups: self.nginx.groups(),
        };
        let targets: Vec<_> = self.nginx.fastcgi_targets().iter().map(Listener::resolved).collect();
        let enabled = enabled_units(Path::new(UNITS));
        self.owners.clear();
        // Shown ones first: they have the better claim to their plain name.
        for shown in [true, false] {
            let homes: Vec<Home> = self
                .places
                .by_home
                .iter()
                .filter(|(_, place)| place.shown == shown)
                .map(|(home, _)| home.clone())
                .collect();
            for home in homes {
                let fpm = self.name(&home);
                let Some(config) = self.places.by_home.get(&home).and_then(|place| place.config.as_ref())
                else {
                    continue;
                };
                for pool in &config.pools {
                    let listener = match Listener::from_fpm(&pool.listen) {
                        Ok(listener) => listener,
                        Err(error) => {
                            tracing::debug!("pool {} of {}: {error}", pool.name, home.path.display());
                            continue;
                        }
                    };
                    let key = key(&home, &pool.name);
                    let mut tracked = known
                        .remove(&key)
                        .filter(|old| old.listener == listener && old.fpm == fpm)
                        .unwrap_or_else(|| {
                            Tracked::new(key, fpm.clone(), pool.name.clone(), listener.clone())
                        });
                    tracked.limit = u64::from(pool.max_children);
                    tracked.pm = pool.pm.word();
                    tracked.page = page(key, pool);
                    // A pool that is only configured, such as a distribution's unused www, is none.
                    let resolved = listener.resolved();
                    tracked.shown |= shown
                        || self.remembered.knows(&home, &pool.name)
                        || enabled.contains(&fpm)
                        || targets.iter().any(|target| resolved.accepts(target));
                    self.owners.insert(key, (home.clone(), pool.name.clone()));
                    let log = places::log_of(config);
                    layout.pools.push(place_of(&tracked, log, pool.allowed_clients.clone()));
                    self.pools.push(tracked);
                }
            }
        }
        let gone: Vec<_> = self.remembered.iter().map(|(home, pool)| (home.clone(), pool.clone())).collect();
        for (home, pool) in gone {
            let key = key(&home, &pool.pool);
            // A configuration that was read tells which pools there are.
            let is_read = self.places.by_home.get(&home).is_some_and(|place| place.config.is_some());
            let Ok(listener) = Listener::from_fpm(&pool.listen) else { continue };
            if is_read || self.owners.contains_key(&key) {
                continue;
            }
            let mut tracked = known
                .remove(&key)
                .unwrap_or_else(|| Tracked::new(key, pool.fpm.clone(), pool.pool.clone(), listener));
            tracked.shown = true;
            self.owners.insert(key, (home, pool.pool));
            layout.pools.push(place_of(&tracked, None, Vec::new()));
            self.pools.push(tracked);
        }
        self.board.lay_out(layout);
    }
}

/// Where a pool's status page is; `None`: it has none.
fn page(key: PoolKey, pool: &fpm_conf::Pool) -> Option<Page> {
    let path = pool.status_path.clone()?;
    let listen = pool.status_listen.as_ref().unwrap_or(&pool.listen);
    let Ok(address) = listen.parse::<Address>();
    let uri = scrape_uri(&address, &path);
    let apart = pool.status_listen.is_some();
    Some(Page { key: format!("{key:016x}"), target: Target { address, path }, uri, apart })
}

/// Where an administrator's units are enabled, as links in directories of other units' names (systemd.unit(5)).
const UNITS: &str = "/etc/systemd/system";

/// Short names of the masters whose unit is started at boot.
fn enabled_units(dir: &Path) -> HashSet<String> {
    let directories = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let wants = directories.filter(|path| path.extension().is_some_and(|extension| extension == "wants"));
    let units = wants.flat_map(|path| fs::read_dir(path).into_iter().flatten().flatten());
    units.filter_map(|unit| names::of_unit(unit.file_name().to_str()?)).collect()
}

fn place_of(pool: &Tracked, log: Option<PathBuf>, allowed_clients: Vec<String>) -> PoolPlace {
    PoolPlace {
        key: pool.key,
        fpm: pool.fpm.clone(),
        name: pool.name.clone(),
        runs: pool.runs,
        shown: pool.shown,
        listener: pool.listener.clone(),
        log,
        group: pool.group,
        allowed_clients,
    }
}

/// A hash of what tells a pool from all others: its PHP-FPM and its name.
fn key(home: &Home, pool: &str) -> PoolKey {
    let Home { path, nth } = home;
    let path = path.display();
    let text = if *nth == 0 { format!("{path}\0{pool}") } else { format!("{path}\0{pool}\0{nth}") };
    SipHasher13::new().hash(text.as_bytes())
}
