//! What was found: masters with their workers.

use super::super::cgroup::Cgroups;
use super::super::namespace;
use super::super::reading::Reading;
use super::Title;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A process, as anyone may see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// In the pid namespace of the procfs that was read.
    pub pid: u32,
    /// Its parent.
    pub ppid: u32,
    /// `R` runs or wants to, `S` waits (idle workers do, but so do those that wait for a database), `D` waits
    /// for a disk, `T` is stopped, `Z` has ended.
    pub state: char,
    /// Start in Unix time: it stays the same while the process lives, and a master keeps it over a reload.
    pub started: f64,
    /// User and system time.
    pub cpu_seconds: f64,
    /// Memory in RAM, shared pages (such as OPcache's) counted in each worker.
    pub resident_bytes: u64,
    /// Seconds it could have run but had no CPU.
    pub run_queue_wait: Reading<f64>,
    /// Where it was when it was first seen.
    pub cgroups: Reading<Cgroups>,
}

impl Process {
    /// The path of the cgroup that limits its memory.
    pub fn memory_cgroup(&self) -> Option<&str> {
        let cgroups = self.cgroups.as_ref().ok()?;
        cgroups.memory.as_ref().or(cgroups.unified.as_ref()).map(String::as_str)
    }
}

/// A master of nginx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NginxMaster {
    /// In the pid namespace of the procfs that was read.
    pub pid: u32,
    /// Its command line, the words joined by spaces.
    pub argv: String,
}

/// A worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Its pool, a name that is unique within one master.
    pub pool: String,
    /// The process.
    pub process: Process,
}

/// A master with its workers, by pid.
#[derive(Clone, Debug, PartialEq)]
pub struct Master {
    /// The process.
    pub process: Process,
    /// Its main configuration file, in its own mount namespace and perhaps relative to where it was started;
    /// `None` when the title had no room for it.
    pub config: Option<PathBuf>,
    /// Whether it is in our network namespace.
    pub shares_network: Reading<bool>,
    /// The inode of its mount namespace.
    pub mounts: Reading<u64>,
    /// Its workers; an `ondemand` pool may have none.
    pub workers: Vec<Worker>,
}

/// The namespaces of a master, as far as they matter.
#[derive(Clone, Debug)]
pub(super) struct Namespaces {
    shares_network: Reading<bool>,
    mounts: Reading<u64>,
}

impl Namespaces {
    pub(super) fn read(procfs: &Path, pid: u32) -> Self {
        Self {
            shares_network: namespace::shares_network(procfs, pid),
            mounts: namespace::inode(procfs, Some(pid), "mnt"),
        }
    }

    pub(super) fn are_known(&self) -> bool {
        self.shares_network.is_ok() && self.mounts.is_ok()
    }
}

/// Puts workers below their masters. A worker without master, and a master below a master (a worker that has
/// no title yet), are left out.
pub(super) fn group(
    processes: Vec<(Process, Title)>,
    mut namespaces: impl FnMut(u32) -> Namespaces,
) -> Vec<Master> {
    let mut masters = BTreeMap::new();
    let mut workers = Vec::new();
    for (process, title) in processes {
        match title {
            Title::Pool(pool) => workers.push(Worker { pool, process }),
            Title::Nginx(_) => {}
            Title::Master(config) => {
                masters.insert(process.pid, (process, config));
            }
        }
    }
    let unborn: Vec<u32> = masters
        .values()
        .filter(|(process, _)| masters.contains_key(&process.ppid))
        .map(|m| m.0.pid)
        .collect();
    for pid in unborn {
        masters.remove(&pid);
    }
    workers.sort_by_key(|worker| worker.process.pid);
    let mut found: Vec<Master> = masters
        .into_values()
        .map(|(process, config)| {
            let Namespaces { shares_network, mounts } = namespaces(process.pid);
            Master { process, config, shares_network, mounts, workers: Vec::new() }
        })
        .collect();
    for worker in workers {
        if let Ok(at) = found.binary_search_by_key(&worker.process.ppid, |master| master.process.pid) {
            found[at].workers.push(worker);
        }
    }
    found
}
