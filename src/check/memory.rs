//! `pm.max_children` of all pools, by what a worker was measured to use, against the memory there is.

use super::finding::{Finding, Severity};
use super::machine::Machine;
use super::permission::set;
use super::site::{FpmSite, PoolSite, Site};
use crate::topology::fpm_conf::Pm;
use crate::vocabulary::Cause;

/// The part of the memory that workers may fill; the rest is for the kernel, nginx, and pages that are read.
const PERCENT: u64 = 80;
/// So many pools are told their number; of a hoster's hundreds none is.
const POOLS: usize = 8;

pub(super) fn check(site: &Site, machine: &Machine, out: &mut Vec<Finding>) {
    for fpm in &site.fpm {
        out.extend(of(fpm, machine));
    }
}

fn of(fpm: &FpmSite, machine: &Machine) -> Option<Finding> {
    let memory = machine.memory.get(&fpm.path).filter(|memory| memory.mean > 0)?;
    let children: u64 = fpm.config.pools.iter().map(|pool| u64::from(pool.max_children)).sum();
    let most = match u64::from(fpm.config.process_max) {
        0 => children,
        most => children.min(most),
    };
    if most.saturating_mul(memory.mean) <= memory.available {
        return None;
    }
    let fit = (memory.available / 100 * PERCENT / memory.mean).max(1);
    let first = fpm.config.pools.first()?;
    let measure = if memory.proportional {
        "proportional set size"
    } else {
        "resident set size, in which each worker counts what all share: as root, check measures what is its own"
    };
    let whose = if memory.limited { "the limit of its cgroup" } else { "the machine's memory" };
    let finding = Finding::new(
        Severity::Warning,
        "memory",
        first.place_of("pm.max_children").or(Some(&first.place)).cloned(),
        format!("{most} workers need {}, and there are {}", mib(most.saturating_mul(memory.mean)), mib(memory.available)),
        format!(
            "When all of them run, the kernel kills workers in the middle of requests. A worker uses {} (the mean of {}, {measure}); \
             {fit} fit into {PERCENT} % of {whose}.",
            mib(memory.mean),
            memory.workers
        ),
    )
    .cause(Cause::ConnectionReset);
    if fpm.config.pools.len() > POOLS {
        return Some(finding.step(super::finding::Step::Decide(format!(
            "Set process.max = {fit} in [global], which holds for all pools together."
        ))));
    }
    Some(fpm.config.pools.iter().fold(finding, |finding, pool| {
        let pool = PoolSite { fpm, pool };
        let share = (fit.saturating_mul(u64::from(pool.pool.max_children)) / children).max(1);
        lower(finding, &pool, share)
    }))
}

/// The settings of a dynamic pool have to go together, or PHP-FPM does not start.
fn lower(finding: Finding, pool: &PoolSite<'_>, most: u64) -> Finding {
    let mut finding = finding.step(set(pool, "pm.max_children", format!("pm.max_children = {most}")));
    if pool.pool.pm == Pm::Dynamic && u64::from(pool.pool.max_spare_servers) > most {
        for (name, value) in
            [("pm.max_spare_servers", most), ("pm.min_spare_servers", 1), ("pm.start_servers", 1)]
        {
            finding = finding.step(set(pool, name, format!("{name} = {value}")));
        }
    }
    finding
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
