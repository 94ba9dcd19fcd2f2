//! Memory, CPU quota and pressure, of PHP-FPM's cgroups, of our own, and of the machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::facts::Fact;
use super::kernel::cgroup::{Cgroups, Controller};
use super::kernel::machine::{self, Pressure, Resource};
use super::kernel::processes::Master;
use super::machine::{Counted, Gain, Memory, Meter};

/// PHP-FPM's cgroup, ours, and the whole machine.
const FPM: &str = "fpm";
const OWN: &str = "self";
const MACHINE: &str = "machine";

/// Looks at them all.
pub(super) struct Memories {
    procfs: PathBuf,
    root: PathBuf,
    meter: Meter,
    shown: BTreeMap<&'static str, Memory>,
    said: bool,
}

impl Memories {
    pub(super) fn new(procfs: &Path, root: &Path) -> Self {
        Self {
            procfs: procfs.to_owned(),
            root: root.to_owned(),
            meter: Meter::default(),
            shown: BTreeMap::new(),
            said: false,
        }
    }

    pub(super) fn shown(&self) -> BTreeMap<&'static str, Memory> {
        self.shown.clone()
    }

    /// True: PHP-FPM's memory, or without any PHP-FPM our own, could be read.
    pub(super) fn look(&mut self, masters: &[Master], gains: &mut Vec<Gain>, facts: &mut Vec<Fact>) -> bool {
        self.shown.clear();
        let own = std::process::id();
        let mine = Cgroups::read(&self.procfs, own).ok();
        let mine = mine.map(|cgroups| self.scope(OWN, &cgroups, own, gains));
        // Several masters in several cgroups are rare; their sums would hide which one is at its limit, so the first
        // one that can be read stands for them.
        let theirs = masters.iter().find_map(|master| {
            let cgroups = master.process.cgroups.as_ref().ok()?.clone();
            let kills = self.scope(FPM, &cgroups, master.process.pid, gains);
            self.shown.contains_key(FPM).then_some(kills)
        });
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
        let kills = theirs.flatten().or(everywhere);
        if kills.is_some() && !self.said {
            self.said = true;
            facts.push(Fact::SeesOomKills);
        }
        if let Some(kills) = kills.filter(|kills| *kills >= 1.0) {
            facts.push(Fact::OomKills(kills as u64));
        }
        if masters.is_empty() { mine.is_some() } else { theirs.is_some() }
    }

    /// Gives the OOM kills since the last look; `None` when they cannot be seen.
    fn scope(
        &mut self,
        scope: &'static str,
        cgroups: &Cgroups,
        pid: u32,
        gains: &mut Vec<Gain>,
    ) -> Option<f64> {
        let locate = |controller| cgroups.locate(controller, &self.procfs, pid, &self.root).ok();
        let (memory, cpu) = (locate(Controller::Memory), locate(Controller::Cpu));
        let mut kills = None;
        if let Some(group) = &memory {
            let memory = group.memory();
            self.shown
                .insert(scope, Memory { usage: memory.current.ok(), limit: memory.limit.ok().flatten() });
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
        }
        kills
    }

    fn pressure(&mut self, scope: &str, resource: Resource, pressure: Pressure, gains: &mut Vec<Gain>) {
        let Pressure { some, full } = pressure;
        gains.push(self.meter.read(Counted::PressureSeconds, &[scope, resource.word(), "some"], some));
        if let Some(full) = full {
            gains.push(self.meter.read(Counted::PressureSeconds, &[scope, resource.word(), "full"], full));
        }
    }
}
