//! What PHP-FPM's workers use of the memory there is.

use std::fs;
use std::path::Path;

use crate::check::machine::{Machine, WorkerMemory};
use crate::check::site::Site;
use crate::config::flags::MachineArgs;
use crate::kernel::cgroup::Cgroups;
use crate::kernel::processes::Master;

/// Measures the workers of each master.
pub(super) fn measure(args: &MachineArgs, site: &Site, masters: &[Master], machine: &mut Machine) {
    let procfs = args.procfs.as_path();
    let Some(total) = keyed(&procfs.join("meminfo"), "MemTotal:") else { return };
    for fpm in &site.fpm {
        let Some(master) = masters.iter().find(|master| Some(master.process.pid) == fpm.pid) else {
            continue;
        };
        let count = master.workers.len() as u64;
        if count == 0 {
            continue;
        }
        let shares: Option<Vec<u64>> = master
            .workers
            .iter()
            .map(|worker| keyed(&procfs.join(format!("{}/smaps_rollup", worker.process.pid)), "Pss:"))
            .collect();
        let (sum, proportional) = match shares {
            Some(shares) => (shares.iter().sum::<u64>(), true),
            None => (master.workers.iter().map(|worker| worker.process.resident_bytes).sum(), false),
        };
        let limit = limit(args, master.process.pid).filter(|limit| *limit < total);
        machine.memory.insert(
            fpm.path.clone(),
            WorkerMemory {
                workers: count,
                mean: sum / count,
                proportional,
                available: limit.unwrap_or(total),
                limited: limit.is_some(),
            },
        );
    }
}

/// The value of a row such as `Pss:   1234 kB`, in bytes.
fn keyed(path: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let row = text.lines().find_map(|line| line.strip_prefix(key))?;
    row.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The least limit of a process' cgroup and those above it.
fn limit(args: &MachineArgs, pid: u32) -> Option<u64> {
    let cgroups = Cgroups::read(&args.procfs, pid).ok()?;
    let (dir, path, file) = match (&cgroups.memory, &cgroups.unified) {
        (Some(path), _) => (args.cgroup.join("memory"), path, "memory.limit_in_bytes"),
        (None, Some(path)) => (args.cgroup.clone(), path, "memory.max"),
        (None, None) => return None,
    };
    let leaf = dir.join(path.trim_start_matches('/'));
    let above = leaf.ancestors().take_while(|at| at.starts_with(&dir));
    above.filter_map(|at| fs::read_to_string(at.join(file)).ok()?.trim().parse().ok()).min()
}
