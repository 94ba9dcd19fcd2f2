//! Memory, OOM kills and CPU throttling of a cgroup, version 1 or 2.

use std::path::{Path, PathBuf};

use super::cgroup::{Group, Version};
use super::machine::{Pressure, Resource};
use super::reading::{self, Reading, Unreadable};

/// Version 1 says "no limit" by the most pages a counter can hold (`PAGE_COUNTER_MAX`), in bytes.
const NO_LIMIT: u64 = 1 << 62;

/// The memory of a cgroup with all that is below it; each value may be missing alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// Bytes in use, page cache included.
    pub current: Reading<u64>,
    /// Of these, page cache that was not used lately: the kernel takes it back first.
    pub inactive_file: Reading<u64>,
    /// Most bytes; `None` is no limit of its own, which says nothing of the cgroups above.
    pub limit: Reading<Option<u64>>,
    /// What happened at the limit.
    pub events: Reading<Events>,
}

/// Counters since the cgroup exists: a restarted service or container begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// Processes killed by the OOM killer (version 1: Linux 4.13).
    pub oom_kill: u64,
    /// How often the limit was met and nothing could be reclaimed; version 1 does not count it.
    pub oom: Option<u64>,
    /// How often the limit was about to be passed; version 1 does not count it (its `memory.failcnt` stayed 0
    /// through a kill).
    pub max: Option<u64>,
}

/// The CPU quota, since the cgroup exists (kernel/sched/core.c, `cpu_cfs_stat_show`, `cpu_extra_stat_show`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttling {
    /// Periods in which something ran.
    pub periods: u64,
    /// Those in which the quota was used up.
    pub throttled: u64,
    /// Time spent waiting for the next period, added up over CPUs.
    pub seconds: f64,
}

impl Group {
    fn path(&self, v1: &str, v2: &str) -> PathBuf {
        self.dir.join(match self.version {
            Version::V1 => v1,
            Version::V2 => v2,
        })
    }

    /// Of the memory controller's directory.
    pub fn memory(&self) -> Memory {
        Memory {
            current: reading::number(&self.path("memory.usage_in_bytes", "memory.current")),
            inactive_file: inactive_file(&self.path("memory.stat", "memory.stat"), self.version),
            limit: limit(&self.path("memory.limit_in_bytes", "memory.max")),
            events: events(&self.path("memory.oom_control", "memory.events")),
        }
    }

    /// Of the CPU controller's directory. Version 2 shows the quota only where the controller is enabled.
    pub fn throttling(&self) -> Reading<Throttling> {
        let path = self.dir.join("cpu.stat");
        let text = reading::read(&path)?;
        throttling(&text, self.version).ok_or_else(|| Unreadable::switched_off(&path))
    }

    /// Time lost in this cgroup; version 1 has no such files.
    pub fn pressure(&self, resource: Resource) -> Reading<Pressure> {
        Pressure::at(&self.dir.join(format!("{}.pressure", resource.word())))
    }
}

fn limit(path: &Path) -> Reading<Option<u64>> {
    let text = reading::read(path)?;
    match text.trim_ascii() {
        b"max" => Ok(None),
        digits => match reading::decimal(digits) {
            Some(limit) => Ok(Some(limit).filter(|limit| *limit < NO_LIMIT)),
            None => Err(Unreadable::malformed(path)),
        },
    }
}

/// Version 1 counts the cgroups below under names of their own (mm/memcontrol-v1.c, `memcg1_stat_format`).
fn inactive_file(path: &Path, version: Version) -> Reading<u64> {
    let key = match version {
        Version::V1 => "total_inactive_file",
        Version::V2 => "inactive_file",
    };
    reading::keyed(&reading::read(path)?, key).ok_or_else(|| Unreadable::malformed(path))
}

/// `memory.events` and `memory.oom_control` share the name of the row that matters (mm/memcontrol.c,
/// `__memory_events_show`; mm/memcontrol-v1.c, `mem_cgroup_oom_control_read`).
fn events(path: &Path) -> Reading<Events> {
    let text = reading::read(path)?;
    let oom_kill = reading::keyed(&text, "oom_kill").ok_or_else(|| Unreadable::malformed(path))?;
    Ok(Events { oom_kill, oom: reading::keyed(&text, "oom"), max: reading::keyed(&text, "max") })
}

fn throttling(text: &[u8], version: Version) -> Option<Throttling> {
    let seconds = match version {
        Version::V1 => reading::keyed(text, "throttled_time")? as f64 / 1e9,
        Version::V2 => reading::keyed(text, "throttled_usec")? as f64 / 1e6,
    };
    let row = |key| reading::keyed(text, key);
    Some(Throttling { periods: row("nr_periods")?, throttled: row("nr_throttled")?, seconds })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

    fn group(version: Version, dir: &str) -> Group {
        Group { version, dir: Path::new(FIXTURES).join(dir) }
    }

    #[test]
    fn version_2() {
        let group = group(Version::V2, "cgroup/system.slice/php8.2-fpm.service");
        let memory = group.memory();
        assert_eq!((memory.current, memory.limit), (Ok(264_110_080), Ok(Some(268_435_456))));
        assert_eq!(memory.inactive_file, Ok(201_326_592));
        assert_eq!(memory.events, Ok(Events { oom_kill: 2, oom: Some(2), max: Some(35) }));
        let cpu = group.throttling().unwrap();
        assert_eq!((cpu.periods, cpu.throttled, cpu.seconds), (1200, 300, 41.5));
        assert_eq!(group.pressure(Resource::Memory), Ok(Pressure { some: 3.25, full: Some(1.5) }));
    }

    #[test]
    fn version_1() {
        let memory = group(Version::V1, "v1/cgroup/memory/system.slice/php8.2-fpm.service").memory();
        assert_eq!((memory.current, memory.limit), (Ok(66_895_872), Ok(Some(67_108_864))));
        assert_eq!(memory.inactive_file, Ok(16_777_216));
        assert_eq!(memory.events, Ok(Events { oom_kill: 1, oom: None, max: None }));
        let cpu = group(Version::V1, "v1/cgroup/cpu,cpuacct/system.slice/php8.2-fpm.service").throttling();
        assert_eq!(cpu, Ok(Throttling { periods: 80, throttled: 12, seconds: 1.25 }));
    }

    #[test]
    fn no_limit_is_none_and_unreadable_is_neither() {
        let root = group(Version::V1, "v1/cgroup/memory").memory();
        assert_eq!(root.limit, Ok(None));
        assert!(root.current.unwrap_err().is_absent());
        let pod = group(Version::V2, "pod/proc/7/root/sys/fs/cgroup");
        assert_eq!(pod.memory().limit, Ok(None));
        assert_eq!(pod.throttling().unwrap_err().kind(), std::io::ErrorKind::Unsupported);
        assert!(pod.pressure(Resource::Memory).unwrap_err().is_absent());
    }

    #[test]
    fn damaged_text_does_not_panic() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let text = b"nr_periods 1200\nnr_throttled 300\nthrottled_usec 41500000\noom_kill 5\n";
        let mut written = 0;
        fuzz::target("cgroup_files", vec![text.to_vec()], &["oom_kill ", "max", "\n"], |text| {
            throttling(text, Version::V2);
            // Through a file only now and then: the parser is the same.
            written += 1;
            if written % 100 == 0 {
                std::fs::write(&path, text).unwrap();
                let _ = (events(&path), limit(&path), inactive_file(&path, Version::V2));
            }
        });
    }
}
