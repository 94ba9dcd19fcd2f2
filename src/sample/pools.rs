//! The pools that are watched: those of the topology.

use std::collections::HashMap;

use super::pool::{Page, Tracked};
use super::sampler::Sampler;
use super::status::compat::scrape_uri;
use super::status::poller::Target;
use crate::address::Listener;
use crate::topology::{Fpm, Pool, PoolKey};

impl Sampler {
    /// Takes the pools of the topology; those that are known keep what is remembered of them.
    pub(super) fn take_pools(&mut self) {
        let mut known: HashMap<PoolKey, Tracked> =
            self.pools.drain(..).map(|pool| (pool.key, pool)).collect();
        let topology = self.discovery.topology().clone();
        for (fpm, pool) in topology.pools() {
            let same = |old: &Tracked| old.listener == pool.listener && old.fpm == fpm.name;
            let old = known.remove(&pool.key).filter(same);
            let mut tracked = old.unwrap_or_else(|| Tracked::new(fpm, pool));
            tracked.shown |= pool.shown;
            if let Some(settings) = &pool.settings {
                tracked.limit = u64::from(settings.max_children);
                tracked.pm = settings.pm.word();
            }
            tracked.page = page(pool);
            self.pools.push(tracked);
        }
    }
}

impl Tracked {
    /// A pool of the topology, of which nothing was seen yet.
    fn new(fpm: &Fpm, pool: &Pool) -> Self {
        Self::unseen(pool.key, fpm.id.clone(), fpm.name.clone(), pool.name.clone(), pool.listener.clone())
    }
}

/// Where a pool's status page is; `None`: it has none.
fn page(pool: &Pool) -> Option<Page> {
    let settings = pool.settings.as_ref()?;
    let path = settings.status_path.clone()?;
    let listen = settings.status_listen.as_ref().unwrap_or(&settings.listen);
    // A host name is not looked up.
    let address = Listener::from_fpm(listen).ok()?;
    let uri = scrape_uri(&address, &path);
    let apart = settings.status_listen.is_some();
    Some(Page { key: format!("{:016x}", pool.key), target: Target { address, path }, uri, apart })
}
