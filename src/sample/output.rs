//! Where the observer leaves what it saw, for others to take without waiting.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::facts::Fact;
use super::machine::{CounterDelta, Machine};
use super::status::poller::Target;
use crate::topology::Topology;
use crate::topology::remembered::{Remembered, RememberedNginx};

/// Most facts and increases that wait to be taken. They are taken several times a second; a reader that is stuck for
/// hours must not make us grow.
const MOST: usize = 65_536;

/// What was seen since the last time.
#[derive(Debug, Default)]
pub struct Updates {
    /// Increases, in order.
    pub gains: Vec<CounterDelta>,
    /// Evidence, each with its moment.
    pub facts: Vec<(SystemTime, Fact)>,
    /// Pools to be known again after a restart, if they are others than before.
    pub remembered: Option<Vec<Remembered>>,
    /// The same of nginx.
    pub remembered_nginx: Option<Vec<RememberedNginx>>,
    /// The topology, if it is another one than before.
    pub topology: Option<Arc<Topology>>,
    /// When configurations were looked at the last time before that: what it names now and did not before, it names since.
    pub topology_since: Option<SystemTime>,
}

#[derive(Debug, Default)]
struct Inner {
    machine: Machine,
    /// Status pages to be asked for, by the pool's key.
    targets: Vec<(String, Target)>,
    news: Updates,
}

/// The latest sample and what came before it.
#[derive(Debug, Default)]
pub struct SamplerOutput(Mutex<Inner>);

impl SamplerOutput {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is new.
    pub fn take(&self) -> Updates {
        std::mem::take(&mut self.lock().news)
    }

    /// How things stand.
    pub fn machine(&self) -> Machine {
        self.lock().machine.clone()
    }

    /// The status pages that are to be asked for, each with its pool's key.
    pub fn targets(&self) -> Vec<(String, Target)> {
        self.lock().targets.clone()
    }

    pub(super) fn ask_for(&self, targets: Vec<(String, Target)>) {
        self.lock().targets = targets;
    }

    pub(super) fn put(&self, machine: Machine, gains: Vec<CounterDelta>, facts: Vec<(SystemTime, Fact)>) {
        let mut inner = self.lock();
        inner.machine = machine;
        if inner.news.gains.len() < MOST {
            inner.news.gains.extend(gains);
        }
        if inner.news.facts.len() < MOST {
            inner.news.facts.extend(facts);
        }
    }

    pub(super) fn remember(&self, pools: Vec<Remembered>) {
        self.lock().news.remembered = Some(pools);
    }

    pub(super) fn remember_nginx(&self, nginx: Vec<RememberedNginx>) {
        self.lock().news.remembered_nginx = Some(nginx);
    }

    pub(super) fn tell(&self, topology: Arc<Topology>, since: SystemTime) {
        let mut inner = self.lock();
        // The earliest of several that were not taken.
        inner.news.topology_since.get_or_insert(since);
        inner.news.topology = Some(topology);
    }
}
