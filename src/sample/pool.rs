//! One pool over time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::facts::Fact;
use super::machine::{Counted, CounterDelta, DeltaTracker, Held, Peak, Pool, Status, ratio};
use super::peaks::Peaks;
use super::status::full::Holder;
use super::status::poller::{Answers, Latest, Target};
use crate::address::Listener;
use crate::kernel::processes::{Master, Worker};
use crate::kernel::sockets::Sockets;
use crate::label::label;
use crate::topology::remembered::{self, Remembered};
use crate::topology::{InstanceId, PoolKey};

/// A master forks its workers within so many seconds, also a crowd of them on a busy machine; the kernel tells hundredths.
const IN_ONE_GO: f64 = 0.1;

/// What workers did is worth telling for so long: a pool that is full is not asked.
const TOLD: Duration = Duration::from_secs(30);

/// A master process: its pid may be given to another one later.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MasterSeen {
    pub(super) pid: u32,
    pub(super) started: f64,
}

/// Where a pool's status page is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Page {
    /// By which the answers know it.
    pub(super) key: String,
    pub(super) target: Target,
    /// As other exporters spell the address.
    pub(super) uri: String,
    /// It has a listener of its own (pm.status_listen).
    pub(super) apart: bool,
}

/// What is remembered of a pool between two samples.
pub(super) struct Tracked {
    pub(super) key: PoolKey,
    /// Its PHP-FPM.
    pub(super) owner: InstanceId,
    /// Short name of its master.
    pub(super) fpm: String,
    /// Its own name, unique within its master.
    pub(super) name: String,
    pub(super) listener: Listener,
    /// The same as the kernel spells it.
    pub(super) bound: Listener,
    pub(super) limit: u64,
    /// How it gets its workers.
    pub(super) pm: &'static str,
    /// It belongs on the page: named, seen running now or in the last week, or wanted by nginx or systemd.
    pub(super) shown: bool,
    pub(super) master: Option<MasterSeen>,
    last_master: Option<MasterSeen>,
    pub(super) up: Option<bool>,
    /// When `up` was last read.
    sampled: Option<Instant>,
    full: Option<bool>,
    sockets: Option<Sockets>,
    pub(super) queue_limit: Option<u64>,
    workers: Option<u64>,
    resident: Option<u64>,
    status: Option<Status>,
    /// What its workers did when that was told last.
    holders: Option<(Instant, Arc<[Holder]>)>,
    /// Where its status page is asked for.
    pub(super) page: Option<Page>,
    busy_peak: Peaks,
    queue_peak: Peaks,
    ratio_peak: Peaks,
    /// By pid and start: CPU time and time in the run queue when last seen.
    worked: HashMap<u32, (f64, f64, f64)>,
    meter: DeltaTracker,
    /// Polls that were counted among the accepted connections.
    polls: u64,
}

impl Tracked {
    pub(super) fn unseen(
        key: PoolKey,
        owner: InstanceId,
        fpm: String,
        name: String,
        listener: Listener,
    ) -> Self {
        Self {
            key,
            owner,
            fpm,
            name: label(name.as_bytes()).into_owned(),
            bound: listener.clone(),
            listener,
            limit: 0,
            pm: "",
            shown: false,
            master: None,
            last_master: None,
            up: None,
            sampled: None,
            full: None,
            sockets: None,
            queue_limit: None,
            workers: None,
            resident: None,
            status: None,
            holders: None,
            page: None,
            busy_peak: Peaks::default(),
            queue_peak: Peaks::default(),
            ratio_peak: Peaks::default(),
            worked: HashMap::new(),
            meter: DeltaTracker::default(),
            polls: 0,
        }
    }

    /// Takes a sample of its sockets. `ours`: our own poll of the status page is under way on its socket.
    /// `processes`: the process table can be read, so a missing master means something. `since`: for how long its
    /// connections were not looked at; `None` when only its queue was, now.
    pub(super) fn sample(
        &mut self,
        sockets: Option<Sockets>,
        ours: bool,
        processes: bool,
        now: Instant,
        since: Option<Duration>,
        gains: &mut Vec<CounterDelta>,
    ) -> Vec<Fact> {
        let before = self.sockets.filter(|_| since.is_none());
        let sockets = sockets.map(|sockets| without_ours(sockets, ours));
        let sockets =
            sockets.map(|now| Sockets { busy: before.map_or(now.busy, |before| before.busy), ..now });
        self.sockets = sockets;
        let mut facts = Vec::new();
        // A master that was never seen may run in a process namespace that we do not share: its socket has to do.
        let alive = self.master.is_some() || self.last_master.is_none() || !processes;
        let up = sockets.map(|sockets| sockets.listening && alive);
        if let Some(up) = up.filter(|up| self.up != Some(*up)) {
            facts.push(Fact::Up(self.key, up));
        }
        let last = self.sampled.take();
        if up.is_some() {
            // It was down at the sample before: until now, for all that is known.
            let since =
                last.filter(|_| self.up == Some(false)).map(|last| now.saturating_duration_since(last));
            self.gain(Counted::DownSeconds, since.unwrap_or_default().as_secs_f64(), gains);
            self.sampled = Some(now);
        }
        self.up = up.or(self.up);
        let Some(Sockets { busy, queued, .. }) = sockets else { return facts };
        // One more than the limit is let in (net/unix/af_unix.c unix_recvq_full, net/sock.h sk_acceptq_is_full).
        let full = self.queue_limit.map(|limit| queued > limit);
        if let Some(full) = full.filter(|full| self.full != Some(*full)) {
            facts.push(Fact::Full(self.key, full));
        }
        self.full = full;
        self.queue_peak.add(now, queued as f64);
        // A queue of now and workers of before make no ratio.
        let Some(since) = since else { return facts };
        self.busy_peak.add(now, busy as f64);
        if let Some(ratio) = ratio(busy, queued, self.limit) {
            self.ratio_peak.add(now, ratio);
            let by = if ratio > 1.0 { since.as_secs_f64() } else { 0.0 };
            self.gain(Counted::SaturatedSeconds, by, gains);
        }
        facts
    }

    /// Takes what the process table shows of its master and workers.
    pub(super) fn processes(&mut self, master: Option<&Master>, gains: &mut Vec<CounterDelta>) -> Vec<Fact> {
        let mut facts = Vec::new();
        let seen = master.map(|m| MasterSeen { pid: m.process.pid, started: m.process.started });
        if self.master.is_some() && self.master != seen {
            facts.push(Fact::Stopped(self.key));
        }
        let mut again = seen.is_some() && self.last_master.is_some() && self.last_master != seen;
        // A reload keeps the master and ends all its workers.
        if let Some(master) = master.filter(|_| facts.is_empty() && self.worked.len() > 1)
            && self.is_reloaded(&master.workers)
        {
            facts.push(Fact::Reloaded(self.key));
            again = true;
        }
        self.shown |= seen.is_some();
        self.last_master = seen.clone().or(self.last_master.take());
        if self.last_master.is_none() {
            // Without a shared process namespace it may run unseen: nothing is known of its processes.
            return facts;
        }
        self.gain(Counted::Reloads, f64::from(again), gains);
        self.master = seen;
        let workers: Vec<&Worker> =
            master.iter().flat_map(|m| &m.workers).filter(|worker| worker.pool == self.name).collect();
        self.workers = master.map(|_| workers.len() as u64);
        self.resident = master.map(|_| workers.iter().map(|worker| worker.process.resident_bytes).sum());
        self.work(&workers, gains);
        facts
    }

    /// The process table cannot be read: what it showed is not known any more.
    pub(super) fn forget_processes(&mut self) {
        (self.master, self.workers, self.resident) = (None, None, None);
    }

    /// Whether all workers are new, and at least two were started in one go: those that crash one after the other are
    /// replaced one after the other.
    fn is_reloaded(&self, workers: &[Worker]) -> bool {
        let workers: Vec<&Worker> = workers.iter().filter(|worker| worker.pool == self.name).collect();
        let started = |worker: &&Worker| worker.process.started;
        let first = workers.iter().map(started).fold(f64::INFINITY, f64::min);
        let together = workers.iter().map(started).filter(|at| at - first <= IN_ONE_GO).count();
        together > 1 && workers.iter().all(|worker| !self.knows(worker))
    }

    fn knows(&self, worker: &Worker) -> bool {
        self.worked.get(&worker.process.pid).is_some_and(|(started, ..)| *started == worker.process.started)
    }

    /// Workers come and go, so the sum over those that live falls; what each has gained does not.
    fn work(&mut self, workers: &[&Worker], gains: &mut Vec<CounterDelta>) {
        let (mut cpu, mut waited) = (0.0, None::<f64>);
        let mut worked = HashMap::new();
        for worker in workers {
            let process = &worker.process;
            let before = self.worked.get(&process.pid).filter(|(started, ..)| *started == process.started);
            let wait = process.run_queue_wait.as_ref().ok().copied();
            // A new worker's time is all gained since the last look; at our start nothing is.
            let (cpu_before, wait_before) = match before {
                Some((_, cpu, wait)) => (*cpu, *wait),
                None if self.worked.is_empty() => (process.cpu_seconds, wait.unwrap_or_default()),
                None => (0.0, 0.0),
            };
            cpu += (process.cpu_seconds - cpu_before).max(0.0);
            if let Some(wait) = wait {
                *waited.get_or_insert(0.0) += (wait - wait_before).max(0.0);
            }
            worked.insert(process.pid, (process.started, process.cpu_seconds, wait.unwrap_or(wait_before)));
        }
        self.worked = worked;
        self.gain(Counted::CpuSeconds, cpu, gains);
        if let Some(by) = waited {
            self.gain(Counted::RunQueueSeconds, by, gains);
        }
    }

    /// What is not shown is not counted either.
    fn gain(&self, what: Counted, by: f64, gains: &mut Vec<CounterDelta>) {
        if self.shown {
            gains.push(CounterDelta { what, labels: vec![self.fpm.clone(), self.name.clone()], by });
        }
    }

    /// As it is shown.
    pub(super) fn show(&mut self, now: Instant) -> Pool {
        for peaks in [&mut self.busy_peak, &mut self.queue_peak, &mut self.ratio_peak] {
            peaks.expire(now);
        }
        let busy = self.sockets.map(|sockets| sockets.busy);
        let whole = |peaks: &Peaks| peaks.highest().map(|value| value as u64);
        Pool {
            key: self.key,
            fpm: self.fpm.clone(),
            name: self.name.clone(),
            upstream: self.listener.upstream(),
            pm: self.pm,
            up: self.up,
            busy,
            idle: self.workers.zip(busy).map(|(workers, busy)| workers.saturating_sub(busy)),
            limit: (self.limit > 0).then_some(self.limit),
            queue: self.sockets.map(|sockets| sockets.queued),
            queue_limit: self.queue_limit,
            peak: Peak {
                busy: whole(&self.busy_peak),
                queue: whole(&self.queue_peak),
                ratio: self.ratio_peak.highest(),
            },
            start_time: self.master.as_ref().map(|master| master.started),
            resident: self.resident,
            status: self.status,
            held: self.holders.as_ref().filter(|_| self.up == Some(true)).and_then(|(at, by)| {
                let age = now.saturating_duration_since(*at);
                (age <= TOLD).then(|| Held { by: Arc::clone(by), age: age.as_secs() })
            }),
        }
    }

    /// Takes the last answer of its status page, and says whether to ask again: not while it would only wait.
    pub(super) fn status(
        &mut self,
        answers: &Answers,
        gains: &mut Vec<CounterDelta>,
    ) -> Option<(String, Arc<Latest>)> {
        let page = self.page.as_ref()?;
        // Without a free worker the question would wait, be given up, and still stand in the queue.
        let limit = self.limit;
        let full = |sockets: Sockets| sockets.queued > 0 || (limit > 0 && sockets.busy >= limit);
        let waiting = self.sockets.is_some_and(full);
        answers.hold(&page.key, waiting && !page.apart);
        let latest = answers.get(&page.key)?;
        if let Some(holders) =
            latest.holders.as_deref().filter(|_| self.holders.as_ref().is_none_or(|(at, _)| *at != latest.at))
        {
            self.holders = Some((latest.at, holders.into()));
        }
        self.status = Some(Status { up: latest.result.is_ok(), seconds: latest.took.as_secs_f64() });
        if let Ok(answer) = &latest.result {
            let mut read = |what, now: u64| self.meter.read(what, &[&self.fpm, &self.name], now as f64);
            let mut accepted = read(Counted::AcceptedConnections, answer.accepted_conn);
            if !page.apart {
                accepted.by = (accepted.by - latest.polls.saturating_sub(self.polls) as f64).max(0.0);
            }
            gains.push(accepted);
            gains.push(read(Counted::SlowRequests, answer.slow_requests));
            gains.push(read(Counted::MaxChildrenReached, answer.max_children_reached));
            self.polls = latest.polls;
        }
        Some((page.uri.clone(), latest))
    }

    /// What is kept of it over a restart.
    pub(super) fn to_remember(&self) -> Remembered {
        Remembered {
            config: self.owner.path.clone(),
            nth: self.owner.nth,
            fpm: self.fpm.clone(),
            pool: self.name.clone(),
            listen: self.listener.fpm(),
            seen: remembered::now(),
            program: None,
        }
    }

    /// Whether it has a master or listens.
    pub(super) fn runs(&self) -> bool {
        self.master.is_some() || self.up == Some(true)
    }

    /// Whether our own poll is under way on its socket.
    pub(super) fn is_polled(&self, answers: &Answers) -> bool {
        self.page.as_ref().is_some_and(|page| !page.apart && answers.is_asking(&page.key))
    }
}

/// A poll that takes long waits in the queue, where it is the last; else a worker has it.
fn without_ours(mut sockets: Sockets, ours: bool) -> Sockets {
    if ours && sockets.queued > 0 {
        sockets.queued -= 1;
    } else if ours {
        sockets.busy = sockets.busy.saturating_sub(1);
    }
    sockets
}

#[cfg(test)]
mod tests;
