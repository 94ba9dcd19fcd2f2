//! Memory, CPU quota and pressure, of PHP-FPM's cgroups, of our own, and of the machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::facts::Fact;
use super::machine::{Counted, CounterDelta, DeltaTracker, Memory};
use crate::kernel::cgroup::{Cgroups, Controller};
use crate::kernel::machine::{self, Pressure, Resource};
use crate::kernel::processes::Master;
use crate::topology::group_of;

/// PHP-FPM's cgroup, ours, and the whole machine.
const FPM: &str = "fpm";
const OWN: &str = "self";
const MACHINE: &str = "machine";

/// Looks at them all.
pub(super) struct Memories {
    procfs: PathBuf,
    root: PathBuf,
    meter: DeltaTracker,
    shown: BTreeMap<String, Memory>,
    said: bool,
}

impl Memories {
    pub(super) fn new(procfs: &Path, root: &Path) -> Self {
        Self {
            procfs: procfs.to_owned(),
            root: root.to_owned(),
            meter: DeltaTracker::default(),
            shown: BTreeMap::new(),
            said: false,
        }
    }

    pub(super) fn shown(&self) -> BTreeMap<String, Memory> {
        self.shown.clone()
    }

    /// True: PHP-FPM's memory, or without any PHP-FPM our own, could be read.
    pub(super) fn look(
        &mut self,
        masters: &[Master],
        gains: &mut Vec<CounterDelta>,
        facts: &mut Vec<Fact>,
    ) -> bool {
        self.shown.clear();
        let own = std::process::id();
        let mine = Cgroups::read(&self.procfs, own).ok();
        let mine = mine.map(|cgroups| self.scope(OWN, &cgroups, own, gains));
        let theirs = self.masters(masters, gains, facts);
        let everywhere = machine::oom_kills(&self.procfs).ok().map(|kills| {
            let gain = self.meter.read(Counted::OomKills, &[MACHINE], kills as f64);
            let by = gain.by;
            gains.push(gain);
            by
        });
        for resource in Resource::ALL {
            if let Ok(pressure) = Pressure::read(&self.procfs, resource) {
                self.pressure(MACHINE, resource, pressure, gains);
            }
        }
        // The closest counter is the best evidence.
        if !theirs && let Some(kills) = everywhere.filter(|kills| *kills >= 1.0) {
            facts.push(Fact::OomKills(kills as u64, None));
        }
        if (theirs || everywhere.is_some()) && !self.said {
            self.said = true;
            facts.push(Fact::SeesOomKills);
        }
        if masters.is_empty() { mine.is_some() } else { theirs }
    }

    /// Several PHP versions are several services, each with a cgroup of its own: then each is a scope of its own, by its
    /// cgroup's name. True: the memory of one of them can be read.
    fn masters(&mut self, masters: &[Master], gains: &mut Vec<CounterDelta>, facts: &mut Vec<Fact>) -> bool {
        let mut groups: BTreeMap<&str, (&Cgroups, u32)> = BTreeMap::new();
        for process in masters.iter().map(|master| &master.process) {
            if let (Ok(cgroups), Some(path)) = (&process.cgroups, process.memory_cgroup()) {
                groups.entry(path).or_insert((cgroups, process.pid));
            }
        }
        let alone = groups.len() == 1;
        let mut readable = false;
        for (path, (cgroups, pid)) in groups {
            let leaf = path.rsplit('/').next().unwrap_or_default();
            let scope = if alone { FPM.to_owned() } else { format!("{FPM}:{leaf}") };
            if let Some(kills) = self.scope(&scope, cgroups, pid, gains) {
                readable = true;
                if kills >= 1.0 {
                    facts.push(Fact::OomKills(kills as u64, Some(group_of(path))));
                }
            }
        }
        readable
    }

    /// Gives the OOM kills since the last look; `None` when they cannot be seen.
    fn scope(
        &mut self,
        scope: &str,
        cgroups: &Cgroups,
        pid: u32,
        gains: &mut Vec<CounterDelta>,
    ) -> Option<f64> {
        let locate = |controller| cgroups.locate(controller, &self.procfs, pid, &self.root).ok();
        let (memory, cpu) = (locate(Controller::Memory), locate(Controller::Cpu));
        let mut kills = None;
        if let Some(group) = &memory {
            let memory = group.memory();
            self.shown.insert(
                scope.to_owned(),
                Memory {
                    working_set: (memory.current.as_ref().ok().zip(memory.inactive_file.ok()))
                        .map(|(usage, inactive)| usage.saturating_sub(inactive)),
                    usage: memory.current.ok(),
                    limit: memory.limit.ok().flatten(),
                },
            );
            if let Ok(events) = memory.events {
                let gain = self.meter.read(Counted::OomKills, &[scope], events.oom_kill as f64);
                kills = Some(gain.by);
                gains.push(gain);
            }
            for resource in Resource::ALL {
                if let Ok(pressure) = group.pressure(resource) {
                    self.pressure(scope, resource, pressure, gains);
                }
            }
        }
        if let Some(Ok(throttling)) = cpu.map(|group| group.throttling()) {
            gains.push(self.meter.read(Counted::ThrottledSeconds, &[scope], throttling.seconds));
            gains.push(self.meter.read(Counted::ThrottledPeriods, &[scope], throttling.throttled as f64));
            gains.push(self.meter.read(Counted::CpuPeriods, &[scope], throttling.periods as f64));
        }
        kills
    }

    fn pressure(
        &mut self,
        scope: &str,
        resource: Resource,
        pressure: Pressure,
        gains: &mut Vec<CounterDelta>,
    ) {
        let Pressure { some, full } = pressure;
        gains.push(self.meter.read(Counted::PressureSeconds, &[scope, resource.word(), "some"], some));
        if let Some(full) = full {
            gains.push(self.meter.read(Counted::PressureSeconds, &[scope, resource.word(), "full"], full));
        }
    }
}
