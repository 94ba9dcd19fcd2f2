//! The thread that looks at the machine: sockets five times a second, because bursts are short, all else once.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use super::collectors::Collectors;
use super::facts::Fact;
use super::machine::{Counted, CounterDelta, DeltaTracker, GroupServer, Machine};
use super::memory::Memories;
use super::nginx;
use super::output::SamplerOutput;
use super::pool::Tracked;
use super::status::poller::Answers;
use super::tables::{Groups, Look, Table};
use crate::address::Listener;
use crate::config::flags::MachineArgs;
use crate::kernel::processes::{Master, Processes, Trust};
use crate::kernel::{Reading, Unreadable, diag, overflow, sockets};
use crate::topology::NotSeen;
use crate::topology::discovery::{self, Discovery, Wanted};
use crate::topology::remembered;

/// Between two samples of the sockets.
const TICK: Duration = Duration::from_millis(200);

/// Samples between two looks at all else.
const SLOW: u32 = 5;

/// Looks at the process table between two looks for changed configuration files.
const CONFIGURATION: u32 = 5;

/// Where to look.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where procfs is mounted.
    pub procfs: PathBuf,
    /// Where the cgroup file systems are mounted.
    pub cgroup: PathBuf,
    /// What is to be found.
    pub wanted: Wanted,
    /// Users whose masters are believed besides root's and our own.
    pub trusted: Vec<u32>,
}

impl Settings {
    /// To find what is `wanted` on this machine.
    pub fn new(machine: &MachineArgs, wanted: Wanted) -> Self {
        Self {
            procfs: machine.procfs.clone(),
            cgroup: machine.cgroup.clone(),
            wanted,
            trusted: machine.trust_uid.clone(),
        }
    }

    /// Of whom masters are believed.
    fn trust(&self) -> Trust {
        Trust { uids: self.trusted.clone(), configs: [&self.wanted.fpm[..], &self.wanted.nginx].concat() }
    }
}

/// What a running sampler is told.
pub enum Order {
    /// To look for what these say from now on.
    Look(Box<Settings>),
    /// To end.
    Stop,
}

/// Looks at the machine.
pub struct Sampler {
    settings: Settings,
    pub(super) board: Arc<SamplerOutput>,
    processes: Processes,
    pub(super) discovery: Discovery,
    pub(super) masters: Reading<Vec<Master>>,
    pub(super) pools: Vec<Tracked>,
    tables: Vec<Table>,
    memories: Memories,
    nginx: nginx::Instances,
    groups: Arc<[GroupServer]>,
    answers: Answers,
    meter: DeltaTracker,
    collectors: Collectors,
    ticks: u32,
    retell: bool,
}

impl Sampler {
    /// Looks once, so that what follows has something to be compared with.
    ///
    /// `answers` are those of the status pages that the board asks for.
    pub fn new(settings: Settings, board: Arc<SamplerOutput>, answers: Answers) -> Self {
        let mut observer = Self {
            processes: Processes::new(&settings.procfs, settings.trust()),
            discovery: Discovery::new(&settings.procfs, settings.wanted.clone()),
            masters: Ok(Vec::new()),
            pools: Vec::new(),
            tables: Vec::new(),
            memories: Memories::new(&settings.procfs, &settings.cgroup),
            groups: Arc::default(),
            nginx: nginx::Instances::new(settings.wanted.remembered_nginx.clone(), remembered::now()),
            answers,
            meter: DeltaTracker::default(),
            collectors: Collectors::default(),
            ticks: 0,
            retell: false,
            settings,
            board,
        };
        observer.look(Instant::now());
        observer
    }

    /// Looks until it is told to stop, or nobody is left who could tell it.
    pub fn run(mut self, orders: &Receiver<Order>) {
        let mut next = Instant::now() + self.pace();
        loop {
            let pause = next.saturating_duration_since(Instant::now());
            match orders.recv_timeout(pause) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Look(settings)) => self.take(*settings),
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            self.look(Instant::now());
            // What was missed while the machine was busy is not made up for.
            next = (next + self.pace()).max(Instant::now());
        }
    }

    /// Looks for other configurations and believes other users from now on, on the same machine.
    fn take(&mut self, settings: Settings) {
        self.processes.trust(settings.trust());
        self.discovery.want(&settings.wanted);
        let Settings { procfs, cgroup, .. } = &self.settings;
        self.settings = Settings { procfs: procfs.clone(), cgroup: cgroup.clone(), ..settings };
        // All of it, at once; and what is found is told again, since who follows it may wait for that.
        self.ticks = 0;
        self.retell = true;
    }

    /// How long to wait for the next sample. While no pool listens or is wanted there are no bursts: then everything is
    /// looked at together, once a second.
    fn pace(&mut self) -> Duration {
        if self.pools.iter().any(|pool| pool.shown || pool.up == Some(true)) {
            return TICK;
        }
        self.ticks = self.ticks.next_multiple_of(SLOW);
        TICK * SLOW
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
            nginx: self.nginx.shown(),
            groups: self.groups.clone(),
            memory: self.memories.shown(),
            pages,
            collectors: self.collectors.shown(),
            reload: self.discovery.last_reading(),
        };
        self.board.put(machine, gains, facts.into_iter().map(|fact| (at, fact)).collect());
    }

    fn look_at_processes(&mut self, now: Instant, gains: &mut Vec<CounterDelta>, facts: &mut Vec<Fact>) {
        let procfs = &self.settings.procfs;
        self.masters = self.processes.scan().map(|masters| discovery::with_full_paths(procfs, masters));
        self.collectors.note("processes", self.masters.as_ref().map(drop));
        let due = (self.ticks / SLOW).is_multiple_of(CONFIGURATION);
        let mut changed = self.discover(due, now);
        let masters = self.masters.as_deref().unwrap_or_default();
        for pool in &mut self.pools {
            if self.masters.is_err() {
                pool.forget_processes();
            } else {
                let master = self.discovery.master_of(&pool.owner, masters);
                facts.extend(pool.processes(master, gains));
            }
        }
        let nginx = self.masters.is_ok().then(|| self.discovery.nginx_running());
        self.nginx.look(&self.settings.procfs, nginx, now, remembered::now(), gains);
        if let Some(nginx) = self.nginx.changes(remembered::now()) {
            self.board.remember_nginx(nginx);
        }
        // What has just come or gone decides which addresses are evidence.
        changed |= self.discover(false, now);
        let running = self.pools.iter().filter(|pool| pool.shown && pool.runs());
        if let Some(pools) = self.discovery.remember(running.map(Tracked::to_remember)) {
            self.board.remember(pools);
        }
        // Who is down is not asked: that it is down is known already.
        let alive = self.pools.iter().filter(|pool| pool.shown && pool.runs());
        let pages = alive.filter_map(|pool| pool.page.as_ref());
        self.board.ask_for(pages.map(|page| (page.key.clone(), page.target.clone())).collect());
        self.groups = self.nginx.groups(self.discovery.topology());
        self.note_configurations();
        self.group_by_network(changed);
    }

    /// True: the topology is another one than before.
    fn discover(&mut self, due: bool, now: Instant) -> bool {
        let listening = self.pools.iter().filter(|pool| pool.up == Some(true)).map(|pool| pool.key).collect();
        let seen = discovery::Processes { masters: &self.masters, nginx: self.processes.nginx(), listening };
        let changed = self.discovery.look(seen, due, now);
        if changed {
            self.take_pools();
        }
        if std::mem::take(&mut self.retell) || changed {
            self.board.tell(self.discovery.topology().clone(), self.discovery.unchanged_at());
        }
        changed
    }

    /// Without the process table only the configurations that were named are known.
    fn note_configurations(&mut self) {
        const UNSEEN: &str = "no master process can be seen that would tell where its configuration is";
        let not_seen = &self.discovery.topology().not_seen;
        let seen = |given: &[PathBuf]| self.masters.is_ok() || !given.is_empty();
        let read = |unread: bool, given: &[PathBuf], flag: &str| {
            if !seen(given) {
                Err(format!("{UNSEEN}; name it with {flag}"))
            } else if unread {
                Err("a file of it cannot be read, as said above".to_owned())
            } else {
                Ok(())
            }
        };
        let unread_fpm = not_seen.iter().any(|what| matches!(what, NotSeen::FpmConfig(_)));
        let unread_nginx = not_seen.iter().any(|what| matches!(what, NotSeen::NginxConfig(_)));
        let fpm = read(unread_fpm, &self.settings.wanted.fpm, "--fpm-config");
        let nginx = read(unread_nginx, &self.settings.wanted.nginx, "--nginx-config");
        self.collectors.note("fpm_configuration", fpm);
        self.collectors.note("nginx_configuration", nginx);
    }

    /// One table for each network namespace with a pool in it. `anew`: the pools may be others.
    fn group_by_network(&mut self, anew: bool) {
        let masters = self.masters.as_deref().unwrap_or_default();
        let mut groups = Groups::new();
        for (index, pool) in self.pools.iter().enumerate() {
            let master = self.discovery.master_of(&pool.owner, masters);
            // What is not known is not taken for ours: its own directory of procfs shows its sockets in any case.
            let elsewhere = master.filter(|master| master.shares_network != Ok(true));
            let net = sockets::net(&self.settings.procfs, elsewhere.map(|master| master.process.pid));
            let tcp = matches!(pool.bound, Listener::Tcp { .. });
            groups.entry((net, tcp)).or_default().push(index);
        }
        let same = self.tables.len() == groups.len()
            && self
                .tables
                .iter()
                .zip(&groups)
                .all(|(table, ((net, tcp), pools))| table.is_of(net, *tcp, pools));
        if same && !anew {
            return;
        }
        self.tables = groups
            .into_iter()
            .map(|((net, tcp), pools)| {
                let listeners: Vec<_> = pools.iter().map(|index| self.pools[*index].bound.clone()).collect();
                Table::new(net, tcp, pools, &listeners)
            })
            .collect();
        if !self.tables.iter().any(Table::is_asked) {
            self.collectors.forget("sock_diag");
        }
    }

    fn look_at_sockets(&mut self, now: Instant, gains: &mut Vec<CounterDelta>, facts: &mut Vec<Fact>) {
        let processes = self.masters.is_ok();
        let read = self.tables.iter().filter(|table| table.is_read()).count();
        for table in &mut self.tables {
            let Some(Look { sockets, since, diag }) = table.look(now, read) else { continue };
            let failed = sockets.iter().find_map(|reading| reading.as_ref().err().cloned());
            for (index, reading) in table.pools.iter().zip(sockets) {
                if let Some(pool) = self.pools.get_mut(*index) {
                    let ours = pool.is_polled(&self.answers);
                    facts.extend(pool.sample(reading.ok(), ours, processes, now, since, gains));
                }
            }
            let name = if table.tcp { "tcp_sockets" } else { "unix_sockets" };
            self.collectors.note(name, failed.map_or(Ok(()), Err));
            if let Some(diag) = diag {
                self.collectors.note("sock_diag", diag.map_err(seldom));
            }
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

/// What it means that sock_diag refuses.
fn seldom(refused: Unreadable) -> String {
    format!("{refused} TCP pools are looked at in /proc/net/tcp instead, and less often")
}
