//! People who come all the time, and notice when the site fails them.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::client::Http1;

/// Visitors of one path.
pub struct Visitors {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    first: Arc<Mutex<Option<Instant>>>,
    failed: Arc<AtomicU64>,
    answered: Arc<AtomicU64>,
}

impl Visitors {
    /// `lanes` of them at a time, each `per_second` times.
    pub fn of(port: u16, path: &str, lanes: usize, per_second: f64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let first = Arc::new(Mutex::new(None));
        let (failed, answered) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let pause = Duration::from_secs_f64(1.0 / per_second);
        let threads = (0..lanes)
            .map(|lane| {
                let (stop, first, path) = (Arc::clone(&stop), Arc::clone(&first), path.to_owned());
                let (failed, answered) = (Arc::clone(&failed), Arc::clone(&answered));
                thread::spawn(move || {
                    thread::sleep(pause.mul_f64(lane as f64 / lanes as f64));
                    while !stop.load(Ordering::Relaxed) {
                        let began = Instant::now();
                        let answer = Http1::new(port).get(&path);
                        answered.fetch_add(1, Ordering::Relaxed);
                        if answer.status.is_none_or(|status| status >= 500) || !answer.complete {
                            failed.fetch_add(1, Ordering::Relaxed);
                            first
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .get_or_insert_with(Instant::now);
                        }
                        thread::sleep(pause.saturating_sub(began.elapsed()));
                    }
                })
            })
            .collect();
        Self { stop, threads, first, failed, answered }
    }

    /// When the first of them was failed.
    pub fn first_failure(&self) -> Option<Instant> {
        *self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many got an error, or half a page.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Sends them away: how many there were, and how many of them were failed.
    pub fn leave(mut self) -> (u64, u64) {
        self.end();
        (self.answered(), self.failed())
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }

    /// How many there were.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        self.end();
    }
}
