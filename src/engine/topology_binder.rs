//! Carries what the observer saw to those who count and judge: increases to the ledger, evidence to the attribution,
//! and which pool each upstream is.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::address::Listener;
use crate::attribute::keepalive::Kept;
use crate::attribute::logs::log_id;
use crate::attribute::names::Interner;
use crate::attribute::root_cause::{LogId, Place, Topology};
use crate::attribute::{Attributor, Id};
use crate::ledger::Ledger;
use crate::record::stamp::Local;
use crate::sample::facts::PoolKey;
use crate::sample::output::{Layout, PoolPlace, SamplerOutput};

/// What is taken from the board.
pub struct TopologyBinder {
    board: Arc<SamplerOutput>,
    layout: Layout,
    /// How many upstreams were known when the topology was made.
    upstreams: usize,
    /// The FPM logs that are followed.
    logs: Vec<PathBuf>,
}

impl TopologyBinder {
    /// Nothing is taken yet.
    pub fn new(board: Arc<SamplerOutput>) -> Self {
        Self { board, layout: Layout::default(), upstreams: 0, logs: Vec::new() }
    }

    /// Takes what is new. `logs`: the FPM logs that are followed.
    pub fn hear(&mut self, logs: Vec<PathBuf>, attributor: &mut Attributor, ledger: &mut Ledger) {
        let news = self.board.take();
        news.gains.into_iter().for_each(|gain| ledger.gain(gain));
        for (at, fact) in news.facts {
            attributor.observe(local(at, attributor.offset()), fact);
        }
        if let Some(pools) = news.remembered {
            ledger.remember(pools);
        }
        let changed = news.layout.is_some() || logs != self.logs;
        if let Some(layout) = news.layout {
            for pool in layout.pools.iter().filter(|pool| pool.shown) {
                // Before its first worker ends.
                let fpm = attributor.names.fpms.id(pool.fpm.as_bytes());
                ledger.start_exits(fpm, attributor.names.pools.id(pool.name.as_bytes()));
            }
            self.layout = layout;
        }
        self.logs = logs;
        self.place(changed, attributor);
    }

    /// Puts the latest sample where the next snapshot finds it, each pool under the address that nginx's logs name.
    pub fn show(&mut self, attributor: &mut Attributor, ledger: &mut Ledger) {
        // The lines that were just read may have named a new one.
        self.place(false, attributor);
        let mut seen: BTreeMap<PoolKey, Id> = BTreeMap::new();
        for (id, place) in &attributor.topology.places {
            // Several spellings may lead to one pool. The one that was seen first stays its name.
            seen.entry(place.key).and_modify(|first| *first = (*first).min(*id)).or_insert(*id);
        }
        ledger.machine = self.board.machine();
        for pool in &mut ledger.machine.pools {
            if let Some(id) = seen.get(&pool.key) {
                pool.upstream = attributor.names.upstreams.text(*id).to_owned();
            }
        }
    }

    /// Says which pool each upstream is, when either may be others than before.
    fn place(&mut self, changed: bool, attributor: &mut Attributor) {
        let upstreams = attributor.names.upstreams.ids().count();
        if changed || upstreams != self.upstreams {
            self.upstreams = upstreams;
            attributor.topology = self.topology(attributor);
        }
    }

    /// The log of a pool's master, if it is among those that are followed.
    fn log_of(&self, pool: &PoolPlace) -> Option<LogId> {
        let log = pool.log.as_deref()?;
        self.logs.iter().find(|path| is_same(path, log)).map(|path| log_id(path))
    }

    /// The upstreams to which nginx keeps connections. They get their names before the first line that has them: it may
    /// be followed by the failure that it explains.
    fn kept(&self, upstreams: &mut Interner) -> Kept {
        for (server, _) in &self.layout.kept {
            upstreams.id(server.upstream().as_bytes());
        }
        let upstreams = &*upstreams;
        let servers: Vec<_> =
            self.layout.kept.iter().map(|(server, timeout)| (server.resolved(), timeout)).collect();
        let timeout = |id| {
            let upstream = Listener::from_upstream(upstreams.text(id)).ok()?.resolved();
            let (_, timeout) = servers.iter().find(|(server, _)| server.accepts(&upstream))?;
            Some((id, i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX)))
        };
        upstreams.ids().filter_map(timeout).collect()
    }

    /// The servers of each group that the log has named: only such a one is asked about.
    fn members(&self, upstreams: &mut Interner) -> HashMap<Id, Vec<Id>> {
        let ids: Vec<Id> = upstreams.ids().collect();
        let groups = ids.into_iter().filter_map(|id| {
            let name = upstreams.text(id);
            let (_, servers) = self.layout.groups.iter().find(|(group, _)| group == name)?;
            Some((id, servers.iter().map(|server| upstreams.id(server.upstream().as_bytes())).collect()))
        });
        groups.collect()
    }

    fn topology(&self, attributor: &mut Attributor) -> Topology {
        let upstreams = &attributor.names.upstreams;
        let pools: Vec<_> = self.layout.pools.iter().map(|pool| (pool.listener.resolved(), pool)).collect();
        let known: Vec<(Id, &PoolPlace, Listener)> = upstreams
            .ids()
            .filter_map(|id| {
                let upstream = Listener::from_upstream(upstreams.text(id)).ok()?.resolved();
                let (_, pool) = pools.iter().find(|(listener, _)| listener.accepts(&upstream))?;
                Some((id, *pool, upstream))
            })
            .collect();
        let mut topology = Topology {
            complete: self.layout.complete,
            any: self.layout.pools.iter().any(|pool| pool.runs),
            ..Topology::default()
        };
        topology.members = self.members(&mut attributor.names.upstreams);
        topology.kept = self.kept(&mut attributor.names.upstreams);
        for pool in &self.layout.pools {
            let log = self.log_of(pool);
            topology.groups.extend(log.zip(pool.group));
            let fpm = attributor.names.fpms.id(pool.fpm.as_bytes());
            topology.fpms.extend(log.map(|log| (log, fpm)));
        }
        for (id, place, upstream) in known {
            let place = Place {
                pool: attributor.names.pools.id(place.name.as_bytes()),
                key: place.key,
                log: self.log_of(place),
                group: place.group,
                may_refuse: matches!(upstream, Listener::Tcp { .. }) && !place.allowed_clients.is_empty(),
                refuses: refuses(place, &upstream),
            };
            topology.places.insert(id, place);
        }
        topology
    }
}

/// Whether two paths name one log.
fn is_same(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

/// Whether `listen.allowed_clients` turns nginx away. Its address is only known where it is that of the listener: on
/// loopback.
fn refuses(place: &PoolPlace, upstream: &Listener) -> bool {
    let Listener::Tcp { host: Some(host), .. } = upstream else { return false };
    let allowed = &place.allowed_clients;
    host.is_loopback()
        && !allowed.is_empty()
        && !allowed.iter().any(|client| client == "any" || client.parse() == Ok(*host))
}

/// In the local time of the logs.
fn local(at: SystemTime, offset: i32) -> Local {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(seconds).unwrap_or_default() + i64::from(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(allowed: &[&str]) -> PoolPlace {
        PoolPlace {
            key: 1,
            fpm: "8.2".into(),
            name: "www".into(),
            runs: true,
            shown: true,
            listener: Listener::from_fpm("127.0.0.1:9000").unwrap(),
            log: None,
            group: None,
            allowed_clients: allowed.iter().map(|client| (*client).to_owned()).collect(),
        }
    }

    #[test]
    fn only_a_list_without_nginx_refuses_it() {
        let upstream = Listener::from_upstream("127.0.0.1:9000").unwrap();
        assert!(refuses(&place(&["127.0.0.77"]), &upstream));
        assert!(!refuses(&place(&["10.0.0.1", "127.0.0.1"]), &upstream));
        assert!(!refuses(&place(&[]), &upstream));
        assert!(!refuses(&place(&["10.0.0.1"]), &Listener::from_upstream("10.0.0.9:9000").unwrap()));
    }
}
