//! What an observer tells: how things stand, and what has increased.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::status::full::Holder;
use super::status::poller::Latest;
use crate::topology::{LastReading, PoolKey};

/// One pool as it stands. What is not known is `None`, never 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pool {
    /// Itself, as the layout knows it.
    pub key: PoolKey,
    /// Short name of its master: the label `fpm`.
    pub fpm: String,
    /// Its own name: the label `pool`.
    pub name: String,
    /// The address under which nginx's logs name it, or, before they did, as nginx would have to write it.
    pub upstream: String,
    /// How it gets its workers: `static`, `dynamic` or `ondemand`.
    pub pm: &'static str,
    /// Whether its master lives and its socket listens.
    pub up: Option<bool>,
    /// Connections that workers hold.
    pub busy: Option<u64>,
    /// Workers without one.
    pub idle: Option<u64>,
    /// `pm.max_children`.
    pub limit: Option<u64>,
    /// Connections that wait in the accept queue.
    pub queue: Option<u64>,
    /// How many may.
    pub queue_limit: Option<u64>,
    /// The highest values of the last minute.
    pub peak: Peak,
    /// Start of the master in Unix seconds.
    pub start_time: Option<f64>,
    /// Resident memory of all workers, in bytes.
    pub resident: Option<u64>,
    /// The last poll of its status page.
    pub status: Option<Status>,
    /// What its workers do, as its status page told; `None`: it did not, lately.
    pub held: Option<Held>,
}

/// What holds workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The longest requests of all that run.
    pub by: Arc<[Holder]>,
    /// So many seconds ago that was told.
    pub age: u64,
}

/// Highest values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "as in Pool")]
pub struct Peak {
    pub busy: Option<u64>,
    pub queue: Option<u64>,
    pub ratio: Option<f64>,
}

/// A poll of a status page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status {
    /// It answered.
    pub up: bool,
    /// How long that, or the vain wait, took in seconds.
    pub seconds: f64,
}

impl Pool {
    /// (busy + queued) / limit.
    pub fn ratio(&self) -> Option<f64> {
        ratio(self.busy?, self.queue?, self.limit?)
    }
}

/// (busy + queued) / limit; `None` without a limit.
pub fn ratio(busy: u64, queued: u64, limit: u64) -> Option<f64> {
    (limit > 0).then(|| (busy + queued) as f64 / limit as f64)
}

/// Memory of a cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes charged.
    pub usage: Option<u64>,
    /// Of these, without page cache that was not used lately.
    pub working_set: Option<u64>,
    /// Bytes at most.
    pub limit: Option<u64>,
}

/// One server of an upstream group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupServer {
    /// Short name of the nginx.
    pub nginx: String,
    /// The group's name.
    pub group: String,
    /// The server's address, as logs name it.
    pub upstream: String,
}

/// How things stand.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// Every pool that is known.
    pub pools: Vec<Pool>,
    /// Every nginx that is known, by its short name, and whether its master lives.
    pub nginx: Vec<(String, bool)>,
    /// Servers of nginx's upstream groups.
    pub groups: Arc<[GroupServer]>,
    /// Memory by scope.
    pub memory: BTreeMap<String, Memory>,
    /// Every status page as it answered last, with the address that was asked.
    pub pages: Vec<(String, Arc<Latest>)>,
    /// What was looked at, and whether it could be read.
    pub collectors: BTreeMap<&'static str, bool>,
    /// The last reading of the configuration; `None` when there is none.
    pub reload: Option<LastReading>,
}

/// What increases. The label values are those of its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each has its family in the ledger, with its meaning")]
pub enum Counted {
    DownSeconds,
    NginxDownSeconds,
    SaturatedSeconds,
    AcceptedConnections,
    SlowRequests,
    MaxChildrenReached,
    Reloads,
    CpuSeconds,
    RunQueueSeconds,
    OomKills,
    ThrottledSeconds,
    ThrottledPeriods,
    CpuPeriods,
    PressureSeconds,
    ListenOverflows,
    ListenDrops,
}

/// An increase. One by 0 makes the series known.
#[derive(Clone, Debug, PartialEq)]
pub struct CounterDelta {
    /// Of what.
    pub what: Counted,
    /// Its label values.
    pub labels: Vec<String>,
    /// By how much; never negative.
    pub by: f64,
}

/// Turns a number that only its source counts into increases: a source that begins anew is no decrease.
#[derive(Debug, Default)]
pub struct DeltaTracker {
    last: BTreeMap<(Counted, Vec<String>), f64>,
}

impl DeltaTracker {
    /// The source stands at `now`. The first reading is where counting begins.
    pub fn read(&mut self, what: Counted, labels: &[&str], now: f64) -> CounterDelta {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let last = self.last.insert((what, labels.clone()), now);
        let by = match last {
            Some(last) if now >= last => now - last,
            // It began anew since.
            Some(_) => now,
            None => 0.0,
        };
        CounterDelta { what, labels, by: by.max(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_gives_increases_over_restarts_of_its_source() {
        let mut meter = DeltaTracker::default();
        let gains: Vec<_> =
            [7.0, 9.0, 9.0, 2.0, 3.0].map(|now| meter.read(Counted::SlowRequests, &["www"], now).by).into();
        assert_eq!(gains, [0.0, 2.0, 0.0, 2.0, 1.0]);
        assert_eq!(meter.read(Counted::SlowRequests, &["other"], 5.0).by, 0.0);
    }

    #[test]
    fn no_limit_is_no_ratio() {
        assert_eq!(ratio(3, 1, 4), Some(1.0));
        assert_eq!(ratio(3, 1, 0), None);
        assert_eq!(Pool { busy: Some(1), limit: Some(1), ..Pool::default() }.ratio(), None);
    }
}
