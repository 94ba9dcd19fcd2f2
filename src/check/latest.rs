//! The findings beside a running exporter: looked for on a thread of their own, so that nobody waits for a slow look.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::finding::Finding;
use super::{findings, look, read};
use crate::config::flags::MachineArgs;
use crate::kernel::processes::{Processes, Trust};
use crate::topology::{Topology, discovery};

/// Between two questions whether the topology is another one.
const TICK: Duration = Duration::from_secs(1);

/// How long a topology must be the same before it is checked: a service that starts is not there at once.
const SETTLED: Duration = Duration::from_secs(2);

/// Between two looks at one topology: sockets, permissions and disks change without it.
const AGAIN: Duration = Duration::from_secs(60);

/// A look may take one part in so many of the time.
const SHARE: u32 = 100;

#[derive(Debug, Default)]
struct Inner {
    topology: Option<Arc<Topology>>,
    machine: Option<MachineArgs>,
    findings: Option<Arc<[Finding]>>,
}

/// What was found last.
#[derive(Debug, Default)]
pub struct LatestFindings(Mutex<Inner>);

impl LatestFindings {
    /// What is to be checked from now on.
    pub fn set(&self, topology: Arc<Topology>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).topology = Some(topology);
    }

    /// Where to look from now on.
    pub fn look_in(&self, machine: MachineArgs) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).machine = Some(machine);
    }

    /// What was found, the gravest first. `None`: nothing was looked at yet, or there is no configuration to look at.
    pub fn get(&self) -> Option<Arc<[Finding]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).findings.clone()
    }

    fn topology(&self) -> Option<Arc<Topology>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).topology.clone()
    }

    /// Looks until `stop` is dropped or told.
    pub fn run(&self, stop: &Receiver<()>) {
        let mut pace = Pace::default();
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(TICK) {
            let Some(topology) = self.topology() else { continue };
            let now = Instant::now();
            if !pace.is_due(&topology, now) {
                continue;
            }
            self.look_at(&topology);
            pace.looked(now, now.elapsed());
        }
    }

    /// Looks now.
    pub fn look(&self) {
        if let Some(topology) = self.topology() {
            self.look_at(&topology);
        }
    }

    fn look_at(&self, topology: &Topology) {
        let Some(machine) = self.0.lock().unwrap_or_else(PoisonError::into_inner).machine.clone() else {
            return;
        };
        let configs = [&machine.fpm_config[..], &machine.nginx_config].concat();
        let trust = Trust { uids: machine.trust_uid.clone(), configs };
        let mut processes = Processes::new(&machine.procfs, trust).silent();
        let masters = processes.scan().map(|masters| discovery::with_full_paths(&machine.procfs, masters));
        let site = read::discovered(topology);
        let is_empty = site.nginx.is_empty() && site.fpm.is_empty();
        let found = (!is_empty).then(|| {
            let machine = look::record(&machine, &site, topology, &masters);
            findings(&site, Some(&machine)).into()
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).findings = found;
    }
}

/// When to look.
#[derive(Debug, Default)]
struct Pace {
    /// The topology and since when it is this one.
    topology: Option<(Arc<Topology>, Instant)>,
    /// When it was looked at, and the earliest next time.
    looked: Option<(Instant, Instant)>,
}

impl Pace {
    fn is_due(&mut self, topology: &Arc<Topology>, now: Instant) -> bool {
        let since = match &self.topology {
            Some((known, since)) if Arc::ptr_eq(known, topology) => *since,
            _ => {
                self.topology = Some((Arc::clone(topology), now));
                now
            }
        };
        let Some((looked, earliest)) = self.looked else { return now >= since + SETTLED };
        let is_other = looked < since + SETTLED;
        now >= earliest && (is_other && now >= since + SETTLED || now >= looked + AGAIN)
    }

    fn looked(&mut self, at: Instant, took: Duration) {
        self.looked = Some((at, at + took.saturating_mul(SHARE)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_when_a_topology_has_settled_then_once_a_minute_and_never_all_the_time() {
        let mut pace = Pace::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let (one, other) = (Arc::new(Topology::default()), Arc::new(Topology::default()));
        assert!(!pace.is_due(&one, at(0)) && !pace.is_due(&one, at(1)));
        assert!(pace.is_due(&one, at(2)));
        pace.looked(at(2), Duration::from_millis(10));
        assert!(!pace.is_due(&one, at(4)) && !pace.is_due(&one, at(61)));
        assert!(pace.is_due(&one, at(62)));
        pace.looked(at(62), Duration::from_millis(10));
        assert!(!pace.is_due(&other, at(70)) && !pace.is_due(&other, at(71)));
        assert!(pace.is_due(&other, at(72)), "another topology does not wait for the minute");
        pace.looked(at(72), Duration::from_secs(3));
        assert!(!pace.is_due(&one, at(80)) && !pace.is_due(&one, at(200)), "a look of 3 s is for 300 s");
        assert!(pace.is_due(&one, at(372)));
    }
}
