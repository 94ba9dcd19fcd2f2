//! Carries what the sampler saw to those who count and judge: increases to the ledger, evidence to the attribution,
//! and, from the topology, which pool each upstream is.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::aliases::Aliases;
use super::{changes, zone};
use crate::address::Listener;
use crate::attribute::logs::log_id;
use crate::attribute::root_cause::{LogId, Peer, Peers, PoolPeer};
use crate::attribute::{Attributor, Id, Renamed};
use crate::check::finding::Finding;
use crate::check::latest::LatestFindings;
use crate::ledger::Ledger;
use crate::record::LogKind;
use crate::record::format::Format;
use crate::sample::output::SamplerOutput;
use crate::topology::group_labels::GroupLabels;
use crate::topology::lookup::{Destination, Destinations};
use crate::topology::{Fpm, Pool, PoolKey, Topology};

/// Logs that are followed, by their paths.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FollowedLogs {
    /// nginx's access logs.
    pub access: Vec<PathBuf>,
    /// Its error logs.
    pub error: Vec<PathBuf>,
    /// PHP-FPM's logs.
    pub fpm: Vec<PathBuf>,
}

impl FollowedLogs {
    /// Those of each kind.
    pub fn kinds(&mut self) -> [(LogKind, &mut Vec<PathBuf>); 3] {
        [
            (LogKind::Access, &mut self.access),
            (LogKind::Error, &mut self.error),
            (LogKind::Fpm, &mut self.fpm),
        ]
    }
}

/// What is taken from the board.
pub struct TopologyBinder {
    board: Arc<SamplerOutput>,
    topology: Arc<Topology>,
    /// How many upstreams have their peer.
    upstreams: usize,
    /// The logs that are followed.
    logs: FollowedLogs,
    aliases: Aliases,
    /// The topology is another one than when logs were bound.
    changed: bool,
    /// It was said that no pool has a status page.
    said: bool,
    /// Checks the topology; `None`: nobody asked for that.
    check: Option<Arc<LatestFindings>>,
}

impl TopologyBinder {
    /// Nothing is taken yet.
    pub fn new(board: Arc<SamplerOutput>) -> Self {
        Self {
            board,
            topology: Arc::default(),
            upstreams: 0,
            logs: FollowedLogs::default(),
            aliases: Aliases::default(),
            changed: false,
            said: false,
            check: None,
        }
    }

    /// Each topology is checked, too.
    #[must_use]
    pub fn with_check(self, check: Arc<LatestFindings>) -> Self {
        Self { check: Some(check), ..self }
    }

    /// What `check` found last.
    pub fn findings(&self) -> Option<Arc<[Finding]>> {
        self.check.as_ref()?.get()
    }

    /// The topology of now.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Takes what is new. The topology, if it is another one, with the moment since which it says what it says.
    pub fn hear(
        &mut self,
        attributor: &mut Attributor,
        ledger: &mut Ledger,
    ) -> Option<(Arc<Topology>, SystemTime)> {
        let news = self.board.take();
        news.gains.into_iter().for_each(|gain| ledger.gain(gain));
        for (at, fact) in news.facts {
            if let Some(mark) = changes::of_fact(&self.topology, at, fact) {
                ledger.mark(mark);
            }
            attributor.observe(zone::local(at, attributor.offset()), fact);
        }
        if let Some(pools) = news.remembered {
            ledger.remember(pools);
        }
        if let Some(nginx) = news.remembered_nginx {
            ledger.remember_nginx(nginx);
        }
        let topology = news.topology?;
        for (fpm, pool) in topology.pools().filter(|(_, pool)| pool.shown) {
            // Before its first worker ends.
            let fpm = attributor.names.fpms.id(fpm.name.as_bytes());
            ledger.start_exits(fpm, attributor.names.pools.id(pool.name.as_bytes()));
        }
        self.say_without_status(&topology, ledger.compat);
        let upstreams = topology.upstream_names();
        attributor.names.upstreams.expect(upstreams.iter().map(String::as_bytes));
        let servers = topology.server_names();
        attributor.names.servers.expect(servers.iter().map(String::as_bytes));
        let marks = changes::of_topology(&self.topology, &topology, SystemTime::now());
        marks.into_iter().for_each(|mark| ledger.mark(mark));
        self.topology = Arc::clone(&topology);
        self.changed = true;
        if let Some(check) = &self.check {
            check.set(Arc::clone(&topology));
        }
        attributor.names.end_configuration();
        Some((topology, news.topology_since.unwrap_or_else(SystemTime::now)))
    }

    /// Says what each upstream and each log is. `logs`: those that are followed.
    pub fn bind_logs(&mut self, logs: FollowedLogs, attributor: &mut Attributor) {
        let changed = std::mem::take(&mut self.changed) || logs != self.logs;
        self.logs = logs;
        self.bind(changed, attributor);
    }

    /// Without any status page `--compat.phpfpm-metrics` shows nothing.
    fn say_without_status(&mut self, topology: &Topology, compat: bool) {
        let shown = topology.pools().filter(|(_, pool)| pool.shown);
        let settings: Vec<_> = shown.filter_map(|(_, pool)| pool.settings.as_ref()).collect();
        let none = !settings.is_empty() && settings.iter().all(|settings| settings.status_path.is_none());
        if compat && none && !std::mem::replace(&mut self.said, true) {
            tracing::warn!(
                "--compat.phpfpm-metrics has nothing to show: no pool has a pm.status_path. Set pm.status_path = /status \
                 in each pool and reload PHP-FPM"
            );
        }
    }

    /// Puts the latest sample where the next snapshot finds it, each pool under the address that nginx's logs name.
    pub fn show(&mut self, attributor: &mut Attributor, ledger: &mut Ledger) {
        // The lines that were just read may have named a new one.
        self.bind(false, attributor);
        let mut seen: BTreeMap<PoolKey, Id> = BTreeMap::new();
        for (id, peer) in &attributor.peers.by_upstream {
            if let Peer::Pool(pool) = peer {
                // Several spellings may lead to one pool. The one that was seen first stays its name.
                seen.entry(pool.key).and_modify(|first| *first = (*first).min(*id)).or_insert(*id);
            }
        }
        ledger.machine = self.board.machine();
        for pool in &mut ledger.machine.pools {
            if let Some(id) = seen.get(&pool.key) {
                pool.upstream = attributor.names.upstreams.text(*id).to_owned();
            }
        }
    }

    /// Says what each upstream is: all of them when the topology is another one, else those that are new.
    fn bind(&mut self, changed: bool, attributor: &mut Attributor) {
        if changed {
            self.upstreams = 0;
            let logs = self.logs.access.iter().chain(&self.logs.error).chain(&self.logs.fpm);
            self.aliases = Aliases::of(&self.topology, logs);
            attributor.peers = self.machine(attributor);
            attributor.servers_of_logs = self.servers_of_logs(attributor);
            attributor.groups_of_logs = self.groups_of_logs();
            attributor.formats_are(self.formats_of_logs());
        }
        if attributor.names.upstreams.ids().count() == self.upstreams {
            return;
        }
        let topology = Arc::clone(&self.topology);
        let destinations = Destinations::new(&topology);
        // The servers of a group get their names with it.
        while let Some(id) = attributor.names.upstreams.ids().nth(self.upstreams) {
            self.upstreams += 1;
            self.bind_one(id, &destinations, attributor);
        }
        attributor.names.end_configuration();
    }

    /// The access logs that the configuration says are of one server.
    fn servers_of_logs(&self, attributor: &mut Attributor) -> HashMap<LogId, Id> {
        let aliases = &self.aliases;
        let server = |path: &PathBuf| {
            let name = self.topology.server_of_log(|log| aliases.is_same(path, log))?;
            Some((log_id(path), attributor.names.servers.id(name.as_bytes())))
        };
        self.logs.access.iter().filter(|path| aliases.has(path)).filter_map(server).collect()
    }

    /// The formats that the configuration has for each access log. One without `$status` is none.
    fn formats_of_logs(&self) -> HashMap<LogId, Vec<Format>> {
        let aliases = &self.aliases;
        let of_log = |path: &PathBuf| {
            let formats = self.topology.formats_of_log(|log| aliases.is_same(path, log));
            let formats = formats.filter_map(|format| format.compiled().ok());
            (log_id(path), formats.collect::<Vec<_>>())
        };
        self.logs
            .access
            .iter()
            .filter(|path| aliases.has(path))
            .map(of_log)
            .filter(|(_, formats)| !formats.is_empty())
            .collect()
    }

    /// Groups whose name tells two apart only with their nginx, by the logs of each.
    fn groups_of_logs(&self) -> HashMap<LogId, Renamed> {
        let Some(labels) = GroupLabels::of(&self.topology) else { return HashMap::new() };
        let logs = self.logs.access.iter().chain(&self.logs.error);
        let aliases = &self.aliases;
        let of_log = |path: &PathBuf| {
            let groups = labels.of_log(&self.topology, |log| aliases.is_same(path, log))?;
            let groups = groups.iter().map(|(name, label)| (name.as_bytes().into(), label.as_bytes().into()));
            Some((log_id(path), Renamed::new(groups.collect())))
        };
        logs.filter_map(of_log).collect()
    }

    /// What does not depend on an upstream.
    fn machine(&self, attributor: &mut Attributor) -> Peers {
        let mut peers = Peers {
            complete: self.topology.knows_every_fpm(),
            any: self.topology.pools().any(|(_, pool)| pool.runs),
            ..Peers::default()
        };
        for fpm in &self.topology.fpm {
            if let Some(log) = self.log_of(fpm) {
                peers.groups.extend(fpm.group.map(|group| (log, group)));
                peers.fpms.insert(log, attributor.names.fpms.id(fpm.name.as_bytes()));
            }
        }
        // They get their names before the first line that has them: it may be followed by the failure that it explains.
        for (server, _) in self.topology.nginx.iter().flat_map(|nginx| &nginx.kept) {
            attributor.names.upstreams.id(server.upstream().as_bytes());
        }
        peers
    }

    fn bind_one(&self, id: Id, destinations: &Destinations<'_>, attributor: &mut Attributor) {
        let text = attributor.names.upstreams.text(id).to_owned();
        let Ok(upstream) = Listener::from_upstream(&text) else {
            let servers = self.topology.servers_of_group(&text).iter();
            let servers = servers.map(|server| attributor.names.upstreams.id(server.upstream().as_bytes()));
            let servers: Vec<Id> = servers.collect();
            if !servers.is_empty() {
                attributor.peers.members.insert(id, servers);
            }
            return;
        };
        let upstream = upstream.resolved();
        if let Some(time) = destinations.kept(&upstream) {
            attributor.peers.kept.insert(id, i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        }
        let peer = match destinations.find(&upstream) {
            Destination::Pool(fpm, pool) => Peer::Pool(self.pool_peer(fpm, pool, &upstream, attributor)),
            Destination::Nobody => Peer::Nobody,
            Destination::Elsewhere => Peer::Elsewhere,
            Destination::Unknown => return,
        };
        attributor.peers.by_upstream.insert(id, peer);
    }

    fn pool_peer(
        &self,
        fpm: &Fpm,
        pool: &Pool,
        upstream: &Listener,
        attributor: &mut Attributor,
    ) -> PoolPeer {
        let allowed = pool.settings.as_ref().map(|settings| settings.allowed_clients.as_slice());
        let allowed = allowed.unwrap_or_default();
        PoolPeer {
            pool: attributor.names.pools.id(pool.name.as_bytes()),
            fpm: attributor.names.fpms.id(fpm.name.as_bytes()),
            key: pool.key,
            log: self.log_of(fpm),
            group: fpm.group,
            may_refuse: matches!(upstream, Listener::Tcp { .. }) && !allowed.is_empty(),
            refuses: refuses(allowed, upstream),
        }
    }

    /// The log of a master, if it is among those that are followed.
    fn log_of(&self, fpm: &Fpm) -> Option<LogId> {
        let log = fpm.log.as_deref()?;
        self.logs.fpm.iter().find(|path| self.aliases.is_same(path, log)).map(|path| log_id(path))
    }
}

/// Whether `listen.allowed_clients` turns nginx away. Its address is only known where it is that of the listener: on
/// loopback.
fn refuses(allowed: &[String], upstream: &Listener) -> bool {
    let Listener::Tcp { host: Some(host), .. } = upstream else { return false };
    host.is_loopback()
        && !allowed.is_empty()
        && !allowed.iter().any(|client| client == "any" || client.parse() == Ok(*host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_list_without_nginx_refuses_it() {
        let upstream = |text| Listener::from_upstream(text).unwrap();
        let list = |clients: &[&str]| clients.iter().map(|client| (*client).to_owned()).collect::<Vec<_>>();
        assert!(refuses(&list(&["127.0.0.77"]), &upstream("127.0.0.1:9000")));
        assert!(!refuses(&list(&["10.0.0.1", "127.0.0.1"]), &upstream("127.0.0.1:9000")));
        assert!(!refuses(&[], &upstream("127.0.0.1:9000")));
        assert!(!refuses(&list(&["10.0.0.1"]), &upstream("10.0.0.9:9000")));
    }
}
