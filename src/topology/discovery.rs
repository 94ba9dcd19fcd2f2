//! Finds the nginx and PHP-FPM of this machine and keeps the topology of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::build::{self, Seen, SeenFpm};
use super::fpm_configs::{FpmConfigs, LastReading};
use super::fpm_instances::InstanceId;
use super::loader::ConfigLimits;
use super::model::{FpmProcess, Network, Nginx, NotSeen, PoolKey, Topology};
use super::nginx_configs::{self, NginxConfigs};
use super::remembered::{self, Memory, Remembered, RememberedNginx};
use super::{diff, names};
use crate::config::flags::MachineArgs;
use crate::kernel::network::{self, NetworkId};
use crate::kernel::processes::{Master, NginxMaster, program};
use crate::kernel::{Reading, namespace};

/// How long the addresses of a network namespace are taken for what they were.
const ADDRESSES: Duration = Duration::from_secs(30);

/// Most changes that are told one by one: a hoster's machine has hundreds of pools.
const TOLD: usize = 10;

/// Where an administrator's units are enabled, as links in directories of other units' names (systemd.unit(5)).
const UNITS: &str = "/etc/systemd/system";

/// What to find.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Main files of PHP-FPM's configuration that were named.
    pub fpm: Vec<PathBuf>,
    /// Main files of nginx's configuration that were named.
    pub nginx: Vec<PathBuf>,
    /// While no nginx runs and none was named, those that are installed count.
    pub installed_nginx: bool,
    /// Pools that were seen running before the last restart.
    pub remembered: Vec<Remembered>,
    /// How much of a configuration is read.
    pub limits: ConfigLimits,
    /// nginx that were seen running before it.
    pub remembered_nginx: Vec<RememberedNginx>,
}

impl Wanted {
    /// What runs, and what is named.
    pub fn of(machine: &MachineArgs) -> Self {
        Self { fpm: machine.fpm_config.clone(), nginx: machine.nginx_config.clone(), ..Self::default() }
    }
}

/// What the process table and the sockets show at one moment.
pub struct Processes<'a> {
    /// The masters of PHP-FPM, or why they cannot be seen.
    pub masters: &'a Reading<Vec<Master>>,
    /// The masters of nginx.
    pub nginx: &'a [NginxMaster],
    /// Pools whose sockets listen.
    pub listening: HashSet<PoolKey>,
}

/// Finds them.
pub struct Discovery {
    procfs: PathBuf,
    fpm: FpmConfigs,
    nginx: NginxConfigs,
    remembered: Memory,
    networks: HashMap<NetworkId, (Instant, Network)>,
    /// What the topology depends on, besides configurations.
    state: State,
    topology: Arc<Topology>,
    /// Something else is wanted than when it was made.
    stale: bool,
    /// When configurations were looked at last, and the time before.
    looked: [SystemTime; 2],
}

#[derive(Debug, Default, PartialEq)]
struct State {
    running: BTreeMap<InstanceId, (FpmProcess, Option<String>)>,
    listening: HashSet<PoolKey>,
    readable: bool,
}

impl Discovery {
    /// Nothing is found yet. `procfs`: where procfs is mounted.
    pub fn new(procfs: &Path, wanted: Wanted) -> Self {
        Self {
            procfs: procfs.to_owned(),
            fpm: FpmConfigs::new(
                wanted.fpm,
                namespace::inode(procfs, None, "mnt").ok(),
                wanted.limits.clone(),
            ),
            nginx: NginxConfigs::new(wanted.nginx, wanted.installed_nginx, wanted.limits),
            remembered: Memory::new(wanted.remembered, remembered::now()),
            networks: HashMap::new(),
            state: State::default(),
            topology: Arc::default(),
            stale: false,
            looked: [SystemTime::now(); 2],
        }
    }

    /// Other configurations are named, or are read within other limits.
    pub fn want(&mut self, wanted: &Wanted) {
        self.fpm.want(&wanted.fpm, &wanted.limits);
        self.nginx.want(&wanted.nginx, wanted.installed_nginx, &wanted.limits);
        self.stale = true;
    }

    /// What was found.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// When configurations were looked at the last time before [`Discovery::topology`] was made of them.
    pub fn unchanged_at(&self) -> SystemTime {
        self.looked[0]
    }

    /// The master of an instance.
    pub fn master_of<'m>(&self, id: &InstanceId, masters: &'m [Master]) -> Option<&'m Master> {
        self.fpm.master_of(id, masters)
    }

    /// The main files of the configurations with which an nginx runs, each with the pid of a master.
    pub fn nginx_running(&self) -> impl Iterator<Item = (&Path, u32)> {
        let running = self.nginx.running.iter();
        running.filter_map(|((_, config), pids)| Some((config.as_path(), *pids.first()?)))
    }

    /// How the last reading of PHP-FPM's configurations went.
    pub fn last_reading(&self) -> Option<LastReading> {
        self.fpm.last_reading()
    }

    /// Pools that run: they are remembered. What the state directory is to keep, when that is something else than
    /// before.
    pub fn remember(&mut self, running: impl Iterator<Item = Remembered>) -> Option<Vec<Remembered>> {
        let processes = self
            .topology
            .fpm
            .iter()
            .filter_map(|fpm| Some((fpm.id.clone(), fpm.process.as_ref()?.program.clone()?)));
        let programs: HashMap<InstanceId, String> = processes.collect();
        for mut pool in running {
            pool.program = programs.get(&pool.instance()).cloned();
            self.remembered.see(pool);
        }
        self.remembered.changes(remembered::now())
    }

    /// Looks for masters that came and went, and, when that is `due`, for changed files. True: the topology is
    /// another one.
    pub fn look(&mut self, seen: Processes<'_>, due: bool, now: Instant) -> bool {
        let masters = seen.masters.as_deref().unwrap_or_default();
        let news = self.fpm.settle(masters, now);
        let due = news || due || self.stale || self.nginx.is_new(seen.nginx);
        let mut changed = news;
        if due {
            self.looked = [self.looked[1], SystemTime::now()];
            changed |= self.fpm.look(&self.procfs, masters);
            changed |= self.nginx.look(&self.procfs, seen.nginx);
            self.networks.retain(|_, (read, _)| now.duration_since(*read) < ADDRESSES);
        }
        let forgotten = self.remembered.forget(remembered::now());
        changed |= forgotten.any | std::mem::take(&mut self.stale);
        forgotten.removed.iter().for_each(|id| self.fpm.withdraw(id));
        let running = masters.iter().filter_map(|master| {
            let id = self.fpm.instances.of(master.process.pid)?.clone();
            let process = FpmProcess {
                pid: master.process.pid,
                network: read_network(&mut self.networks, &self.procfs, Some(master.process.pid), now),
                shares_root: namespace::shares_root(&self.procfs, master.process.pid) == Ok(true),
                program: program(&self.procfs, master.process.pid),
            };
            Some((id, (process, master.process.memory_cgroup().map(str::to_owned))))
        });
        let state =
            State { running: running.collect(), listening: seen.listening, readable: seen.masters.is_ok() };
        if !changed && self.state == state {
            return false;
        }
        self.state = state;
        let seen = Seen { removed: forgotten.removed, ..self.seen(now) };
        let topology = build::build(&seen, &self.topology);
        if topology == *self.topology {
            return false;
        }
        let changes = diff::changes(&self.topology, &topology);
        for change in changes.iter().take(TOLD) {
            tracing::info!("{change}");
        }
        if let Some(more @ 1..) = changes.len().checked_sub(TOLD) {
            tracing::info!("and {more} more changes of that kind");
        }
        self.topology = Arc::new(topology);
        true
    }

    fn seen(&mut self, now: Instant) -> Seen {
        let mut not_seen = Vec::new();
        if !self.state.readable {
            not_seen.push(NotSeen::Processes);
        }
        let mut fpm = Vec::new();
        for (id, of) in &self.fpm.by_id {
            if of.shown && of.file.config.as_ref().is_none_or(|config| config.is_partial()) {
                not_seen.push(NotSeen::FpmConfig(id.path.clone()));
            }
            let (process, cgroup) = self.state.running.get(id).cloned().unzip();
            let config = of.file.config.clone();
            fpm.push(SeenFpm { id: id.clone(), shown: of.shown, config, process, cgroup: cgroup.flatten() });
        }
        let mut nginx: Vec<Nginx> = Vec::new();
        for (file, configuration) in &self.nginx.by_file {
            let conf = configuration.config.clone();
            let config = conf.as_deref();
            let whole = config.is_some_and(|config| !config.is_partial());
            if !whole || configuration.complaint.is_some() {
                not_seen.push(NotSeen::NginxConfig(file.1.clone()));
            }
            let pid = self.nginx.running.get(file).and_then(|pids| pids.first());
            let network = pid.and_then(|pid| read_network(&mut self.networks, &self.procfs, Some(*pid), now));
            let taken = nginx.iter().map(|nginx| nginx.name.clone()).collect();
            nginx.push(Nginx {
                name: names::nginx_name(&taken, &file.1),
                config: file.1.clone(),
                root: file.0.clone(),
                pid: pid.copied(),
                network,
                groups: config.map(nginx_configs::groups).unwrap_or_default(),
                kept: config.map(nginx_configs::kept).unwrap_or_default(),
                fastcgi: config.map(nginx_configs::fastcgi_targets).unwrap_or_default(),
                log_files: config.map(|config| config.http.log_files()).unwrap_or_default(),
                conf,
            });
        }
        Seen {
            not_seen,
            network: read_network(&mut self.networks, &self.procfs, None, now),
            fpm,
            nginx,
            remembered: self.remembered.iter().cloned().collect(),
            enabled: enabled_units(Path::new(UNITS)),
            removed: BTreeSet::new(),
            listening: self.state.listening.clone(),
        }
    }
}

/// The network namespace of a process, or ours; its addresses are read anew now and then.
fn read_network(
    known: &mut HashMap<NetworkId, (Instant, Network)>,
    procfs: &Path,
    pid: Option<u32>,
    now: Instant,
) -> Option<Network> {
    let id = network::id(procfs, pid).ok()?;
    let read = || {
        let addresses = network::addresses(procfs, pid).ok().map(Arc::from);
        (now, Network { id, addresses })
    };
    Some(known.entry(id).or_insert_with(read).1.clone())
}

/// A title holds the path as it was given to the master, maybe relative to where that was started. One that cannot be
/// resolved is none.
pub fn with_full_paths(procfs: &Path, mut masters: Vec<Master>) -> Vec<Master> {
    for master in &mut masters {
        master.config = master.config.take().and_then(|path| {
            let cwd = procfs.join(master.process.pid.to_string()).join("cwd");
            if path.is_absolute() { Some(path) } else { Some(fs::read_link(cwd).ok()?.join(path)) }
        });
    }
    masters
}

/// Short names of the masters whose unit is started at boot. The link to a unit that was removed stays until its package is
/// purged.
fn enabled_units(dir: &Path) -> HashSet<String> {
    let directories = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let wants = directories.filter(|path| path.extension().is_some_and(|extension| extension == "wants"));
    let units = wants.flat_map(|path| fs::read_dir(path).into_iter().flatten().flatten());
    let installed = units.filter(|unit| unit.path().exists());
    installed.filter_map(|unit| names::of_unit(unit.file_name().to_str()?)).collect()
}
