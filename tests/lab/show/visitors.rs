//! The visitors: a steady few who open the front page all the time, and those an act brings along.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::harness::client::{Answer, Http1};

/// Visitors who are always there, and the pause of each between two pages.
const STEADY: usize = 3;
const PAUSE: Duration = Duration::from_millis(70);

/// Length of one column of the timeline.
const COLUMN: Duration = Duration::from_millis(250);

/// What they got since the act began.
#[derive(Clone, Default)]
pub(super) struct Tally {
    pub(super) codes: BTreeMap<String, u64>,
    /// For each column of time: pages that came, pages that failed.
    pub(super) timeline: Vec<(u64, u64)>,
}

impl Tally {
    /// The failed ones, by code.
    pub(super) fn failed(&self) -> BTreeMap<String, u64> {
        self.codes
            .iter()
            .filter(|(code, _)| is_failed(code))
            .map(|(code, count)| (code.clone(), *count))
            .collect()
    }
}

fn is_failed(code: &str) -> bool {
    code.starts_with('5') || code == "000"
}

/// What all threads share.
struct Shared {
    tally: Mutex<(Instant, Tally)>,
    /// Held for reading during a page, for writing while something is broken or repaired: then no page is half way.
    gate: RwLock<()>,
    stop: AtomicBool,
}

impl Shared {
    fn tally(&self) -> MutexGuard<'_, (Instant, Tally)> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, answer: &Answer) {
        let mut locked = self.tally();
        let column = (locked.0.elapsed().as_millis() / COLUMN.as_millis()) as usize;
        let tally = &mut locked.1;
        let code = answer.code();
        if tally.timeline.len() <= column {
            tally.timeline.resize(column + 1, (0, 0));
        }
        match is_failed(&code) {
            true => tally.timeline[column].1 += 1,
            false => tally.timeline[column].0 += 1,
        }
        *tally.codes.entry(code).or_default() += 1;
    }
}

/// All visitors. Dropping it sends them home.
pub(super) struct Visitors {
    shared: Arc<Shared>,
    steady: Vec<JoinHandle<()>>,
}

/// The visitors of one act.
pub(super) struct Extra(Vec<JoinHandle<()>>);

impl Extra {
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether all of them have left.
    pub(super) fn is_over(&self) -> bool {
        self.0.iter().all(JoinHandle::is_finished)
    }
}

impl Visitors {
    pub(super) fn start(port: u16) -> Self {
        let shared = Arc::new(Shared {
            tally: Mutex::new((Instant::now(), Tally::default())),
            gate: RwLock::new(()),
            stop: AtomicBool::new(false),
        });
        let steady = (0..STEADY)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let mut client = Http1::new(port);
                    while !shared.stop.load(Ordering::Relaxed) {
                        {
                            let _open = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
                            shared.note(&client.get("/"));
                        }
                        thread::sleep(PAUSE);
                    }
                })
            })
            .collect();
        Self { shared, steady }
    }

    /// Further visitors; each `visit` runs in a thread of its own and tells every page it got.
    pub(super) fn also<F>(&self, visits: impl IntoIterator<Item = F>) -> Extra
    where
        F: FnOnce(&dyn Fn(&Answer)) + Send + 'static,
    {
        let visits = visits.into_iter().map(|visit| {
            let shared = Arc::clone(&self.shared);
            thread::spawn(move || visit(&|answer| shared.note(answer)))
        });
        Extra(visits.collect())
    }

    /// Does something while none of the steady visitors waits for a page.
    pub(super) fn pause<T>(&self, act: impl FnOnce() -> T) -> T {
        let _closed = self.shared.gate.write().unwrap_or_else(PoisonError::into_inner);
        act()
    }

    /// Counts from here.
    pub(super) fn begin_act(&self) {
        *self.shared.tally() = (Instant::now(), Tally::default());
    }

    /// The count so far.
    pub(super) fn tally(&self) -> Tally {
        self.shared.tally().1.clone()
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.steady.drain(..) {
            let _ = thread.join();
        }
    }
}
