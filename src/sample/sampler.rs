//! The thread that looks at the machine: sockets five times a second, because bursts are short, all else once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use siphasher::sip::SipHasher13;

use super::facts::{Fact, PoolKey};
use super::homes::Home;
use super::machine::{Counted, CounterDelta, DeltaTracker, Machine};
use super::memory::{self, Memories};
use super::nginx::Configs;
use super::output::{Layout, PoolPlace, SamplerOutput};
use super::places::{self, Places};
use super::pool::{Page, Tracked};
use super::status::compat::scrape_uri;
use super::status::fastcgi::Address;
use super::status::poller::{Answers, Target};
use crate::address::Listener;
use crate::kernel::processes::{Master, Processes};
use crate::kernel::sockets::{self, SocketTable, Sockets};
use crate::kernel::{Reading, diag, namespace, overflow};
use crate::topology::fpm_conf;

/// Between two samples of the sockets.
const TICK: Duration = Duration::from_millis(200);

/// Samples between two looks at all else.
const SLOW: u32 = 5;

/// A table of sockets is read in at most one part in this many of the time: all we do together must stay below 1 % of a
/// core.
const SHARE: u32 = 200;

/// Looks at the process table between two looks for changed configuration files.
const CONFIGURATION: u32 = 5;

/// Where to look.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where procfs is mounted.
    pub procfs: PathBuf,
    /// Where the cgroup file systems are mounted.
    pub cgroup: PathBuf,
    /// Main files of PHP-FPM's configuration that are named.
    pub configs: Vec<PathBuf>,
    /// Main files of nginx's configuration that are named.
    pub nginx: Vec<PathBuf>,
}

/// Looks at the machine.
pub struct Sampler {
    settings: Settings,
    board: Arc<SamplerOutput>,
    processes: Processes,
    places: Places,
    nginx: Configs,
    masters: Reading<Vec<Master>>,
    pools: Vec<Tracked>,
    /// Which PHP-FPM each pool belongs to, and its name there.
    owners: HashMap<PoolKey, (Home, String)>,
    tables: Vec<Table>,
    memories: Memories,
    answers: Answers,
    meter: DeltaTracker,
    readable: BTreeMap<&'static str, bool>,
    ticks: u32,
}

/// The unix or the TCP listeners of one network namespace.
struct Table {
    net: PathBuf,
    tcp: bool,
    pools: Vec<usize>,
    table: SocketTable,
    sampled: Option<Instant>,
    due: Option<Instant>,
}

impl Sampler {
    /// Looks once, so that what follows has something to be compared with.
    ///
    /// `answers` are those of the status pages that the board asks for.
    pub fn new(settings: Settings, board: Arc<SamplerOutput>, answers: Answers) -> Self {
        let mut observer = Self {
            processes: Processes::new(&settings.procfs),
            places: Places::new(
                settings.configs.clone(),
                namespace::inode(&settings.procfs, None, "mnt").ok(),
            ),
            nginx: Configs::new(settings.nginx.clone()),
            masters: Ok(Vec::new()),
            pools: Vec::new(),
            owners: HashMap::new(),
            tables: Vec::new(),
            memories: Memories::new(&settings.procfs, &settings.cgroup),
            answers,
            meter: DeltaTracker::default(),
            readable: BTreeMap::new(),
            ticks: 0,
            settings,
            board,
        };
        observer.look(Instant::now());
        observer
    }

    /// Looks until `stop` is dropped or told.
    pub fn run(mut self, stop: &Receiver<()>) {
        let mut next = Instant::now() + TICK;
        loop {
            let pause = next.saturating_duration_since(Instant::now());
            match stop.recv_timeout(pause) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
            self.look(Instant::now());
            // What was missed while the machine was busy is not made up for.
            next = (next + TICK).max(Instant::now());
        }
    }

    /// One sample.
    fn look(&mut self, now: Instant) {
        let (mut gains, mut facts) = (Vec::new(), Vec::new());
        if self.ticks.is_multiple_of(SLOW) {
            self.look_at_processes(now, &mut gains, &mut facts);
            self.look_at_limits();
            self.look_at_memory(&mut gains, &mut facts);
            self.look_at_drops(&mut gains);
        }
        self.ticks = self.ticks.wrapping_add(1);
        self.look_at_sockets(now, &mut gains, &mut facts);
        let at = SystemTime::now();
        let answers = &self.answers;
        let pages = self.pools.iter_mut().filter_map(|pool| pool.status(answers, &mut gains)).collect();
        let machine = Machine {
            pools: self.pools.iter_mut().filter(|pool| pool.shown).map(|pool| pool.show(now)).collect(),
            memory: self.memories.shown(),
            pages,
            readable: self.readable.clone(),
            reload: self.places.last_reading(),
        };
        self.board.put(machine, gains, facts.into_iter().map(|fact| (at, fact)).collect());
    }

    fn look_at_processes(&mut self, now: Instant, gains: &mut Vec<CounterDelta>, facts: &mut Vec<Fact>) {
        self.masters = self.processes.scan().map(|masters| places::resolved(&self.settings.procfs, masters));
        self.readable.insert("processes", self.masters.is_ok());
        let masters = self.masters.as_deref().unwrap_or_default();
        let news = self.places.settle(masters, now);
        let due = news || (self.ticks / SLOW).is_multiple_of(CONFIGURATION);
        let looked = due && self.places.look(&self.settings.procfs, masters);
        let due = due || self.nginx.is_new(self.processes.nginx());
        let others = due && self.nginx.look(&self.settings.procfs, self.processes.nginx());
        let changed = looked || news;
        if changed || others {
            self.lay_out();
        }
        let masters = self.masters.as_deref().unwrap_or_default();
        let mut moved = false;
        for pool in &mut self.pools {
            if self.masters.is_err() {
                pool.forget_processes();
                continue;
            }
            let Some((home, name)) = self.owners.get(&pool.key) else { continue };
            let master = self.places.master_of(home, masters);
            let shown = pool.shown;
            facts.extend(pool.processes(master, name, gains));
            let group = master.and_then(memory::group_of).or(pool.group);
            moved |= group != pool.group || shown != pool.shown;
            pool.group = group;
        }
        if moved {
            self.lay_out();
        }
        // Who is down is not asked: that it is down is known already.
        let is_alive = |pool: &&Tracked| pool.master.is_some() || pool.up == Some(true);
        let alive = self.pools.iter().filter(|pool| pool.shown).filter(is_alive);
        let pages = alive.filter_map(|pool| pool.page.as_ref());
        self.board.ask_for(pages.map(|page| (page.key.clone(), page.target.clone())).collect());
        self.readable.insert("configuration", self.places.complete());
        self.readable.insert("nginx configuration", self.nginx.complete());
        self.group_by_network(changed || moved);
    }

    /// Pools from configurations; those that are known keep what is remembered of them.
    fn lay_out(&mut self) {
        let mut known: HashMap<PoolKey, Tracked> =
            self.pools.drain(..).map(|pool| (pool.key, pool)).collect();
        let mut labels = BTreeSet::new();
        let mut layout = Layout {
            pools: Vec::new(),
            complete: self.masters.is_ok() && self.places.complete(),
            kept: self.nginx.kept(),
            groups: self.nginx.groups(),
        };
        self.owners.clear();
        // Shown ones first: they have the better claim to their plain name.
        for shown in [true, false] {
            for (home, place) in self.places.by_home.iter().filter(|(_, place)| place.shown == shown) {
                let Some(config) = &place.config else { continue };
                for pool in &config.pools {
                    let listener = match Listener::from_fpm(&pool.listen) {
                        Ok(listener) => listener,
                        Err(error) => {
                            tracing::debug!("pool {} of {}: {error}", pool.name, home.path.display());
                            continue;
                        }
                    };
                    let key = key(home, &pool.name);
                    let label = label(&labels, &pool.name, &listener);
                    labels.insert(label.clone());
                    let mut tracked = known
                        .remove(&key)
                        .filter(|old| old.listener == listener && old.label == label)
                        .unwrap_or_else(|| Tracked::new(key, label, listener.clone()));
                    tracked.limit = u64::from(pool.max_children);
                    tracked.pm = pool.pm.word();
                    tracked.page = page(key, pool);
                    tracked.shown |= place.shown;
                    self.owners.insert(key, (home.clone(), pool.name.clone()));
                    layout.pools.push(PoolPlace {
                        key,
                        name: pool.name.clone(),
                        shown: tracked.shown,
                        listener,
                        log: places::log_of(config),
                        group: tracked.group,
                        allowed_clients: pool.allowed_clients.clone(),
                    });
                    self.pools.push(tracked);
                }
            }
        }
        self.board.lay_out(layout);
    }

    /// One table for each network namespace with a pool in it. `anew`: the pools may be others.
    fn group_by_network(&mut self, anew: bool) {
        let masters = self.masters.as_deref().unwrap_or_default();
        let mut groups: BTreeMap<(PathBuf, bool), Vec<usize>> = BTreeMap::new();
        for (index, pool) in self.pools.iter().enumerate() {
            let owner = self.owners.get(&pool.key);
            let master = owner.and_then(|(home, _)| self.places.master_of(home, masters));
            // What is not known is not taken for ours: its own directory of procfs shows its sockets in any case.
            let elsewhere = master.filter(|master| master.shares_network != Ok(true));
            let net = sockets::net(&self.settings.procfs, elsewhere.map(|master| master.process.pid));
            let tcp = matches!(pool.bound, Listener::Tcp { .. });
            groups.entry((net, tcp)).or_default().push(index);
        }
        let same = self.tables.len() == groups.len()
            && self.tables.iter().zip(&groups).all(|(table, ((net, tcp), pools))| {
                table.net == *net && table.tcp == *tcp && table.pools == *pools
            });
        if same && !anew {
            return;
        }
        self.tables = groups
            .into_iter()
            .map(|((net, tcp), pools)| {
                let listeners: Vec<_> = pools.iter().map(|index| self.pools[*index].bound.clone()).collect();
                Table { net, tcp, pools, table: SocketTable::new(&listeners), sampled: None, due: None }
            })
            .collect();
    }

    fn look_at_sockets(&mut self, now: Instant, gains: &mut Vec<CounterDelta>, facts: &mut Vec<Fact>) {
        let processes = self.masters.is_ok();
        for table in self.tables.iter_mut().filter(|table| table.due.is_none_or(|due| now >= due)) {
            let since = table.sampled.map_or(Duration::ZERO, |sampled| now.duration_since(sampled));
            table.sampled = Some(now);
            let begun = cpu_time();
            let readings: Vec<Reading<Sockets>> = table.table.read(&table.net);
            // The kernel walks all its buckets for /proc/net/tcp: on a big machine that takes milliseconds.
            table.due = Some(now + cpu_time().saturating_sub(begun) * SHARE);
            let readable = readings.iter().all(Result::is_ok);
            for (index, reading) in table.pools.iter().zip(readings) {
                if let Some(pool) = self.pools.get_mut(*index) {
                    let ours = pool.is_polled(&self.answers);
                    facts.extend(pool.sample(reading.ok(), ours, processes, now, since, gains));
                }
            }
            self.readable.insert(if table.tcp { "tcp sockets" } else { "unix sockets" }, readable);
        }
    }

    /// The limits of the queues in our own network namespace, and how the kernel spells their listeners.
    fn look_at_limits(&mut self) {
        let own = sockets::net(&self.settings.procfs, None);
        let ours: Vec<usize> = self
            .tables
            .iter()
            .filter(|table| table.net == own)
            .flat_map(|table| table.pools.clone())
            .collect();
        let listeners: Vec<Listener> = ours.iter().map(|index| self.pools[*index].listener.clone()).collect();
        let (mut readable, mut moved) = (true, false);
        for (index, backlog) in ours.into_iter().zip(diag::backlogs(&listeners)) {
            readable &= backlog.is_ok();
            let pool = &mut self.pools[index];
            let backlog = backlog.ok().flatten();
            pool.queue_limit = backlog.as_ref().map(|backlog| backlog.limit);
            let bound = backlog.map_or_else(|| pool.listener.clone(), |backlog| backlog.bound);
            moved |= pool.bound != bound;
            pool.bound = bound;
        }
        self.readable.insert("backlogs", readable);
        if moved {
            self.group_by_network(true);
        }
    }

    fn look_at_memory(&mut self, gains: &mut Vec<CounterDelta>, facts: &mut Vec<Fact>) {
        let masters = self.masters.as_deref().unwrap_or_default();
        let readable = self.memories.look(masters, gains, facts);
        self.readable.insert("memory", readable);
    }

    fn look_at_drops(&mut self, gains: &mut Vec<CounterDelta>) {
        let net = sockets::net(&self.settings.procfs, None);
        if let Ok(overflows) = overflow::Overflows::read(&net) {
            gains.push(self.meter.read(Counted::ListenOverflows, &[], overflows.overflows as f64));
            gains.push(self.meter.read(Counted::ListenDrops, &[], overflows.drops as f64));
        }
    }
}

/// What this thread has used. On a busy machine more time passes, which is no reason to look less often.
fn cpu_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    used.try_into().unwrap_or_default()
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

/// A label that no other pool has: its name, then where it listens, then a number.
fn label(taken: &BTreeSet<String>, pool: &str, listener: &Listener) -> String {
    let upstream = listener.upstream();
    let numbered = (2..).map(|number| format!("{pool} ({upstream}) {number}"));
    let mut labels = [pool.to_owned(), format!("{pool} ({upstream})")].into_iter().chain(numbered);
    labels.find(|label| !taken.contains(label)).unwrap_or_else(|| pool.to_owned())
}

/// A hash of what tells a pool from all others: its PHP-FPM and its name.
fn key(home: &Home, pool: &str) -> PoolKey {
    let Home { path, nth } = home;
    let path = path.display();
    let text = if *nth == 0 { format!("{path}\0{pool}") } else { format!("{path}\0{pool}\0{nth}") };
    SipHasher13::new().hash(text.as_bytes())
}
