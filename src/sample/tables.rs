//! When which sockets are looked at, and where: by sock_diag or in files of procfs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::address::Listener;
use crate::kernel::sockets::{SocketTable, Sockets};
use crate::kernel::{Reading, namespace};

/// Files are read in at most one part in this many of the time, those of all network namespaces together.
const SHARE_OF_FILES: u32 = 100;

/// Connections are asked for in at most one part in this many of the time: twice a second among 20,000 sockets.
const SHARE: u32 = 75;

/// Between two looks at connections while nobody waits in a queue.
const CALM: Duration = Duration::from_millis(400);

/// For so long sock_diag is not asked again when it has refused.
const REFUSED: Duration = Duration::from_secs(60);

/// The unix or the TCP listeners of one network namespace.
pub(super) struct Table {
    pub(super) net: PathBuf,
    pub(super) tcp: bool,
    /// Which pools these are.
    pub(super) pools: Vec<usize>,
    table: SocketTable,
    /// How sock_diag is asked, for all or for queues alone: only for ports, and in our own network namespace.
    ask: Option<Ask>,
    refused: Option<Instant>,
    /// When the connections were looked at last.
    looked: Option<Instant>,
    /// What that took, and the one before.
    cost: [Duration; 2],
    due: Option<Instant>,
}

type Ask = fn(&mut SocketTable, All) -> Reading<Vec<Sockets>>;

/// Whether connections are looked at, or queues alone.
struct All(bool);

/// What a look has shown.
pub(super) struct Look {
    /// Of each pool.
    pub(super) sockets: Vec<Reading<Sockets>>,
    /// For how long the connections were not looked at; `None`: they were not now either, only queues, and what `sockets`
    /// says of busy workers is what was known before.
    pub(super) since: Option<Duration>,
    /// Why sock_diag was not asked, which is the better source here; `None`: it was not to be asked.
    pub(super) diag: Option<Reading<()>>,
}

/// Pools by their network namespace, by the directory of procfs that shows it, unix sockets and ports apart.
pub(super) type Groups = BTreeMap<(PathBuf, bool), Vec<usize>>;

impl Table {
    /// Of the listeners of `pools`.
    pub(super) fn new(net: PathBuf, tcp: bool, pools: Vec<usize>, listeners: &[Listener]) -> Self {
        Self {
            ask: (tcp && namespace::is_our_network(&net)).then_some(ask),
            net,
            tcp,
            pools,
            table: SocketTable::new(listeners),
            refused: None,
            looked: None,
            cost: [Duration::ZERO; 2],
            due: None,
        }
    }

    /// Whether it is the table of these.
    pub(super) fn is_of(&self, net: &Path, tcp: bool, pools: &[usize]) -> bool {
        self.net == net && self.tcp == tcp && self.pools == pools
    }

    /// Whether sock_diag is to be asked.
    pub(super) fn is_asked(&self) -> bool {
        self.ask.is_some()
    }

    /// Whether files are read: sock_diag is not to be asked, or refuses.
    pub(super) fn is_read(&self) -> bool {
        self.ask.is_none() || self.refused.is_some()
    }

    /// Looks at what is due, if anything is. `read`: so many tables are read from files.
    pub(super) fn look(&mut self, now: Instant, read: usize) -> Option<Look> {
        let refused = self.refused.is_some_and(|refused| now.duration_since(refused) < REFUSED);
        let Some(ask) = self.ask.filter(|_| !refused) else { return self.read(now, read, None) };
        match self.asked(ask, now) {
            Ok(look) => {
                self.refused = None;
                Some(look)
            }
            Err(refused) => {
                (self.refused, self.due) = (Some(now), None);
                self.read(now, read, Some(Err(refused)))
            }
        }
    }

    /// Asks for the queues, and for the connections when that is due.
    fn asked(&mut self, ask: Ask, now: Instant) -> Reading<Look> {
        let queues = ask(&mut self.table, All(false))?;
        let calm = queues.iter().all(|sockets| sockets.queued == 0);
        let (sockets, since) = if self.is_due(now, calm) {
            let begun = cpu_time();
            let sockets = ask(&mut self.table, All(true))?;
            (sockets, Some(self.paid(now, cpu_time().saturating_sub(begun), SHARE)))
        } else {
            (queues, None)
        };
        Ok(Look { sockets: sockets.into_iter().map(Ok).collect(), since, diag: Some(Ok(())) })
    }

    /// Connections are looked at with every queue in which somebody waits, as far as their share allows.
    fn is_due(&self, now: Instant, calm: bool) -> bool {
        let rested = self.looked.is_none_or(|looked| now.duration_since(looked) >= CALM);
        self.due.is_none_or(|due| now >= due) && (rested || !calm)
    }

    fn read(&mut self, now: Instant, tables: usize, diag: Option<Reading<()>>) -> Option<Look> {
        if self.due.is_some_and(|due| now < due) {
            return None;
        }
        let begun = cpu_time();
        let sockets = self.table.read(&self.net);
        let share = SHARE_OF_FILES * tables.clamp(1, 1000) as u32;
        let since = self.paid(now, cpu_time().saturating_sub(begun), share);
        Some(Look { sockets, since: Some(since), diag })
    }

    /// The connections were looked at. Gives the time since they were before, and says when they are due again: by the
    /// lesser of two costs, since what a neighbour's noise adds to one is no reason to look away.
    fn paid(&mut self, now: Instant, cost: Duration, share: u32) -> Duration {
        self.cost = [self.cost[1], cost];
        let lesser = if self.looked.is_some() { self.cost[0].min(cost) } else { cost };
        self.due = Some(now + lesser * share);
        let since = self.looked.map_or(Duration::ZERO, |looked| now.duration_since(looked));
        self.looked = Some(now);
        since
    }
}

fn ask(table: &mut SocketTable, All(all): All) -> Reading<Vec<Sockets>> {
    if all { table.ask() } else { table.ask_queues() }
}

/// What this thread has used. On a busy machine more time passes, which is no reason to look less often.
fn cpu_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    used.try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests;
