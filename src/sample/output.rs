//! Where the observer leaves what it saw, for others to take without waiting.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::facts::{Fact, GroupKey, PoolKey};
use super::machine::{CounterDelta, Machine};
use super::remembered::Remembered;
use super::status::poller::Target;
use crate::address::Listener;

/// Most facts and increases that wait to be taken. They are taken several times a second; a reader that is stuck for
/// hours must not make us grow.
const MOST: usize = 65_536;

/// One pool of PHP-FPM's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolPlace {
    /// Which pool this is, over restarts.
    pub key: PoolKey,
    /// Short name of its master.
    pub fpm: String,
    /// As PHP-FPM's log names it.
    pub name: String,
    /// It runs or listens: only then its address is evidence that another one is wrong.
    pub runs: bool,
    /// It belongs on the page.
    pub shown: bool,
    /// Where it listens.
    pub listener: Listener,
    /// Its master's log.
    pub log: Option<PathBuf>,
    /// Its master's cgroup, while it runs.
    pub group: Option<GroupKey>,
    /// `listen.allowed_clients`; empty: everybody.
    pub allowed_clients: Vec<String>,
}

/// Who listens where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Every pool that is configured, running or not.
    pub pools: Vec<PoolPlace>,
    /// The process table and every configuration could be read: there is no other PHP-FPM here.
    pub complete: bool,
    /// Upstreams to which nginx keeps connections, and how long an idle one.
    pub kept: Vec<(Listener, Duration)>,
    /// nginx's groups by name, each with all its servers; those with a host name among them are left out.
    pub groups: Vec<(String, Vec<Listener>)>,
}

/// What was seen since the last time.
#[derive(Debug, Default)]
pub struct Updates {
    /// Increases, in order.
    pub gains: Vec<CounterDelta>,
    /// Evidence, each with its moment.
    pub facts: Vec<(SystemTime, Fact)>,
    /// Pools to be known again after a restart, if they are others than before.
    pub remembered: Option<Vec<Remembered>>,
    /// The layout, if it is another one than before.
    pub layout: Option<Layout>,
}

#[derive(Debug, Default)]
struct Inner {
    machine: Machine,
    layout: Layout,
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

    pub(super) fn lay_out(&self, layout: Layout) {
        let mut inner = self.lock();
        if inner.layout != layout {
            inner.news.layout = Some(layout.clone());
            inner.layout = layout;
        }
    }
}
