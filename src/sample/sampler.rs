//! The thread that looks at the machine: sockets five times a second, because bursts are short, all else once.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use super::collectors::Collectors;
use super::facts::{Fact, PoolKey};
use super::homes::Home;
use super::machine::{Counted, CounterDelta, DeltaTracker, Machine};
use super::memory::{self, Memories};
use super::nginx::Configs;
use super::output::SamplerOutput;
use super::places::{self, Places};
use super::pool::Tracked;
use super::remembered::{self, Memory, Remembered};
use super::status::poller::Answers;
use crate::address::Listener;
use crate::kernel::processes::{Master, Processes};
use crate::kernel::sockets::{self, SocketTable, Sockets};
use crate::kernel::{Reading, diag, namespace, overflow};

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
    /// Pools that were seen running before the last restart.
    pub remembered: Vec<Remembered>,
}

/// Looks at the machine.
pub struct Sampler {
    settings: Settings,
    pub(super) board: Arc<SamplerOutput>,
    processes: Processes,
    pub(super) places: Places,
    pub(super) nginx: Configs,
    pub(super) masters: Reading<Vec<Master>>,
    pub(super) pools: Vec<Tracked>,
    /// Which PHP-FPM each pool belongs to, and its name there.
    pub(super) owners: HashMap<PoolKey, (Home, String)>,
    tables: Vec<Table>,
    memories: Memories,
    answers: Answers,
    meter: DeltaTracker,
    collectors: Collectors,
    /// Short names of the masters.
    pub(super) names: BTreeMap<Home, String>,
    pub(super) remembered: Memory,
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
            collectors: Collectors::default(),
            names: BTreeMap::new(),
            remembered: Memory::new(settings.remembered.clone(), remembered::now()),
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
            collectors: self.collectors.shown(),
            reload: self.places.last_reading(),
        };
        self.board.put(machine, gains, facts.into_iter().map(|fact| (at, fact)).collect());
    }

    fn look_at_processes(&mut self, now: Instant, gains: &mut Vec<CounterDelta>, facts: &mut Vec<Fact>) {
        self.masters = self.processes.scan().map(|masters| places::resolved(&self.settings.procfs, masters));
        self.collectors.note("processes", self.masters.as_ref().map(drop));
        let masters = self.masters.as_deref().unwrap_or_default();
        let news = self.places.settle(masters, now);
        let due = news || (self.ticks / SLOW).is_multiple_of(CONFIGURATION);
        let looked = due && self.places.look(&self.settings.procfs, masters);
        let due = due || self.nginx.is_new(self.processes.nginx());
        let others = due && self.nginx.look(&self.settings.procfs, self.processes.nginx());
        let changed = looked || news;
        if changed || others || self.remembered.forget(remembered::now()) {
            self.lay_out();
        }
        let masters = self.masters.as_deref().unwrap_or_default();
        let mut moved = false;
        for pool in &mut self.pools {
            let Some((home, name)) = self.owners.get(&pool.key) else { continue };
            let shown = pool.shown;
            if self.masters.is_err() {
                pool.forget_processes();
            } else {
                let master = self.places.master_of(home, masters);
                facts.extend(pool.processes(master, name, gains));
                let group = master.and_then(memory::group_of).or(pool.group);
                moved |= group != pool.group;
                pool.group = group;
            }
            let runs = pool.master.is_some() || pool.up == Some(true);
            moved |= runs != pool.runs || shown != pool.shown;
            pool.runs = runs;
            if runs && pool.shown {
                self.remembered.see(home, pool.to_remember(home));
            }
        }
        if moved {
            self.lay_out();
        }
        if let Some(pools) = self.remembered.changes(remembered::now()) {
            self.board.remember(pools);
        }
        // Who is down is not asked: that it is down is known already.
        let is_alive = |pool: &&Tracked| pool.master.is_some() || pool.up == Some(true);
        let alive = self.pools.iter().filter(|pool| pool.shown).filter(is_alive);
        let pages = alive.filter_map(|pool| pool.page.as_ref());
        self.board.ask_for(pages.map(|page| (page.key.clone(), page.target.clone())).collect());
        self.note_configurations();
        self.group_by_network(changed || moved);
    }

    /// Without the process table only the configurations that were named are known.
    fn note_configurations(&mut self) {
        const UNSEEN: &str = "no master process can be seen that would tell where its configuration is";
        let seen = |given: &[PathBuf]| self.masters.is_ok() || !given.is_empty();
        let read = |complete: bool, given: &[PathBuf], flag: &str| {
            if !seen(given) {
                Err(format!("{UNSEEN}; name it with {flag}"))
            } else if !complete {
                Err("a file of it cannot be read, as said above".to_owned())
            } else {
                Ok(())
            }
        };
        let fpm = read(self.places.complete(), &self.settings.configs, "--fpm-config");
        let nginx = read(self.nginx.complete(), &self.settings.nginx, "--nginx-config");
        self.collectors.note("fpm_configuration", fpm);
        self.collectors.note("nginx_configuration", nginx);
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
            let failed = readings.iter().find_map(|reading| reading.as_ref().err().cloned());
            for (index, reading) in table.pools.iter().zip(readings) {
                if let Some(pool) = self.pools.get_mut(*index) {
                    let ours = pool.is_polled(&self.answers);
                    facts.extend(pool.sample(reading.ok(), ours, processes, now, since, gains));
                }
            }
            let name = if table.tcp { "tcp_sockets" } else { "unix_sockets" };
            self.collectors.note(name, failed.map_or(Ok(()), Err));
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
        let (mut failed, mut moved) = (None, false);
        if listeners.is_empty() {
            self.collectors.forget("backlogs");
            return;
        }
        for (index, backlog) in ours.into_iter().zip(diag::backlogs(&listeners)) {
            failed = failed.or_else(|| backlog.as_ref().err().cloned());
            let pool = &mut self.pools[index];
            let backlog = backlog.ok().flatten();
            pool.queue_limit = backlog.as_ref().map(|backlog| backlog.limit);
            let bound = backlog.map_or_else(|| pool.listener.clone(), |backlog| backlog.bound);
            moved |= pool.bound != bound;
            pool.bound = bound;
        }
        self.collectors.note("backlogs", failed.map_or(Ok(()), Err));
        if moved {
            self.group_by_network(true);
        }
    }

    fn look_at_memory(&mut self, gains: &mut Vec<CounterDelta>, facts: &mut Vec<Fact>) {
        let masters = self.masters.as_deref().unwrap_or_default();
        let readable = self.memories.look(masters, gains, facts);
        let reason = || {
            format!("the memory of PHP-FPM's cgroup cannot be found below {}", self.settings.cgroup.display())
        };
        self.collectors.note("memory", if readable { Ok(()) } else { Err(reason()) });
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
