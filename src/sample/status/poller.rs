//! Asks many pools for their status, over and over, and keeps the last answer of each.
//!
//! One task for each pool, which asks, notes, sleeps: so there is never more than one question in flight for a pool,
//! and a pool that hangs keeps no other one waiting. A task holds one descriptor at most, and none while it sleeps.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use super::fastcgi::{DEADLINE, ask};
use super::full::{self, Holder};
use super::page::{QUERY, StatusPage, parse};
use crate::address::Listener;

/// How often each pool is asked, unless told otherwise.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// More pools than this are not asked: a guard against a configuration gone wild.
pub const MAX_POOLS: usize = 4_096;

/// What is said of a pool that is not asked.
const HELD: &str = "it was not asked, since connections wait for its workers already.";

/// Where and for what to ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Where the pool listens: pm.status_listen if it has one.
    pub address: Listener,
    /// Its pm.status_path.
    pub path: String,
}

/// The last answer of a pool.
#[derive(Clone, Debug)]
pub struct Latest {
    /// When it was complete.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// The page, or why there is none.
    pub result: Result<StatusPage, String>,
    /// What its workers do, where that was asked and told.
    pub holders: Option<Vec<Holder>>,
    /// How many questions this target was asked.
    pub polls: u64,
    /// How often that failed.
    pub failures: u64,
}

/// Where one task, and no other, puts its answers: what a task says after it was told to end goes nowhere.
type Slot = Arc<Entry>;

#[derive(Debug, Default)]
struct Entry {
    latest: RwLock<Option<Arc<Latest>>>,
    /// A question is in flight.
    asking: AtomicBool,
    /// No question is wanted now.
    held: AtomicBool,
}

/// The last answers, by the key that the pool was given. Clones share them.
///
/// An answer is made before the lock is taken and swapped in under it, so nobody ever waits for more than that.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<RwLock<HashMap<String, Slot>>>);

impl Answers {
    /// The last answer of one pool; None before its first.
    pub fn get(&self, key: &str) -> Option<Arc<Latest>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).and_then(last)
    }

    /// All of them, in the order of their keys.
    pub fn all(&self) -> BTreeMap<String, Arc<Latest>> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        map.iter().filter_map(|(key, slot)| Some((key.clone(), last(slot)?))).collect()
    }

    /// Whether a question to this pool is in flight: a connection that is no visitor's.
    pub fn is_asking(&self, key: &str) -> bool {
        self.entry(key).is_some_and(|entry| entry.asking.load(Ordering::Relaxed))
    }

    /// Asks this pool no more until told otherwise: while connections wait for its workers, a question would be one
    /// more of them, and stay in the queue after it was given up.
    pub fn hold(&self, key: &str, held: bool) {
        if let Some(entry) = self.entry(key) {
            entry.held.store(held, Ordering::Relaxed);
        }
    }

    fn entry(&self, key: &str) -> Option<Slot> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn open(&self, key: &str) -> Slot {
        let slot = Slot::default();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), Arc::clone(&slot));
        slot
    }

    fn remove(&self, key: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn last(slot: &Slot) -> Option<Arc<Latest>> {
    slot.latest.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Asks until it is dropped, which ends all questions at once and closes their connections.
#[derive(Debug)]
pub struct Poller {
    interval: Duration,
    deadline: Duration,
    tasks: HashMap<String, (Target, AbortHandle)>,
    answers: Answers,
}

impl Default for Poller {
    fn default() -> Self {
        Self::new(INTERVAL, DEADLINE)
    }
}

impl Poller {
    /// A poller without pools. The deadline is cut to the interval, so that a pool that hangs is still asked in time.
    pub fn new(interval: Duration, deadline: Duration) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        Self {
            interval,
            deadline: deadline.min(interval),
            tasks: HashMap::new(),
            answers: Answers::default(),
        }
    }

    /// Asks so often, and waits so long, from now on: all begin anew if that is something else than before.
    pub fn pace(&mut self, interval: Duration, deadline: Duration) {
        let deadline = deadline.min(interval);
        if (self.interval, self.deadline) != (interval, deadline) {
            self.set([]);
            (self.interval, self.deadline) = (interval, deadline);
        }
    }

    /// What readers keep.
    pub fn answers(&self) -> Answers {
        self.answers.clone()
    }

    /// Makes `wanted` the set of pools: new ones are asked at once, those that went are forgotten, those whose address
    /// or path changed begin anew, all others go on undisturbed. Must be called inside a tokio runtime. Returns how
    /// many pools were left out because there are more than [`MAX_POOLS`].
    pub fn set(&mut self, wanted: impl IntoIterator<Item = (String, Target)>) -> usize {
        let mut wanted: BTreeMap<String, Target> = wanted.into_iter().collect();
        let left_out = wanted.len().saturating_sub(MAX_POOLS);
        (0..left_out).for_each(|_| drop(wanted.pop_last()));
        let answers = &self.answers;
        self.tasks.retain(|key, (target, task)| {
            let stays = wanted.get(key) == Some(target);
            if !stays {
                task.abort();
                answers.remove(key);
            }
            stays
        });
        for (key, target) in wanted {
            if !self.tasks.contains_key(&key) {
                let work = poll(target.clone(), self.interval, self.deadline, self.answers.open(&key));
                self.tasks.insert(key, (target, tokio::spawn(work).abort_handle()));
            }
        }
        left_out
    }

    /// How many pools are asked.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        for (key, (_, task)) in self.tasks.drain() {
            task.abort();
            self.answers.remove(&key);
        }
    }
}

/// Asks one pool for ever. Fixed times, no jitter: the order in which pools were set already spreads them, and a status
/// page is small.
async fn poll(target: Target, interval: Duration, deadline: Duration, slot: Slot) {
    let mut ticks = tokio::time::interval(interval);
    // After a pause of the machine, one question makes up for all that were missed.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut polls, mut failures) = (0, 0);
    loop {
        ticks.tick().await;
        let begun = Instant::now();
        let (mut holders, mut took) = (None, Duration::ZERO);
        let result = if slot.held.load(Ordering::Relaxed) {
            Err(HELD.to_owned())
        } else {
            slot.asking.store(true, Ordering::Relaxed);
            let result = once(&target, deadline).await;
            took = begun.elapsed();
            polls += 1;
            if result.as_ref().is_ok_and(is_working) && !slot.held.load(Ordering::Relaxed) {
                polls += 1;
                let left = deadline.saturating_sub(begun.elapsed());
                let reply = ask(&target.address, &target.path, full::QUERY, left).await;
                holders = reply.ok().and_then(|reply| full::holders(&reply));
            }
            slot.asking.store(false, Ordering::Relaxed);
            failures += u64::from(result.is_err());
            result
        };
        let latest = Latest { at: Instant::now(), took, result, holders, polls, failures };
        *slot.latest.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(latest));
    }
}

/// Whether another worker than the one that answers works, or there is no other.
fn is_working(page: &StatusPage) -> bool {
    page.active_processes > 1 || page.active_processes == page.total_processes
}

/// Asks once; the error is a sentence.
pub async fn once(target: &Target, deadline: Duration) -> Result<StatusPage, String> {
    let reply =
        ask(&target.address, &target.path, QUERY, deadline).await.map_err(|error| error.to_string())?;
    parse(&target.path, &reply).map_err(|error| error.to_string())
}
