//! One run of the program on a simulated disk, and what may be loaded after it.

use std::time::{Duration, Instant};

use super::super::{Loaded, Opened, SetAside, Store, StoreError};
use super::sim::{Note, Op, Sim};

pub(super) const BOOT: &str = "3e1d6d5c-0000-4000-8000-000000000001";

/// A payload that tells its number; lengths go up and down.
pub(super) fn payload(number: u32) -> Vec<u8> {
    let mut bytes = format!("payload {number} ").into_bytes();
    bytes.extend((0..20 + number * 67 % 150).map(|at| (at * 7 + number) as u8));
    bytes
}

/// The number of a payload, which must be one that was given.
pub(super) fn number(loaded: &Loaded) -> u32 {
    let word = loaded.payload.split(|byte| *byte == b' ').nth(1).unwrap();
    let number = std::str::from_utf8(word).unwrap().parse().unwrap();
    assert_eq!(loaded.payload, payload(number), "a payload comes back as it was given");
    number
}

pub(super) struct Run {
    pub(super) sim: Sim,
    pub(super) store: Store,
    pub(super) now: Instant,
    pub(super) loaded: Option<Loaded>,
    pub(super) set_aside: Vec<SetAside>,
}

impl Run {
    pub(super) fn start(sim: &Sim, boot: &str) -> Self {
        let Opened { store, loaded, set_aside } = Store::open_on(sim.disk(), boot).unwrap();
        Self { sim: sim.clone(), store, now: Instant::now(), loaded, set_aside }
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Commits; the syncing thread goes its own way.
    pub(super) fn commit_alone(&mut self, number: u32) -> Result<(), StoreError> {
        self.sim.note(Note::Given(number));
        let committed = self.store.commit(&payload(number), self.now);
        if committed.is_ok() {
            self.sim.note(Note::Published(number));
        }
        committed
    }

    /// Commits, and waits for the syncing thread if it has got this commit.
    pub(super) fn commit(&mut self, number: u32) -> Result<(), StoreError> {
        let committed = self.commit_alone(number);
        if self.settle() && committed.is_ok() && !self.store.unsaved {
            self.sim.note(Note::Durable(number));
        }
        committed
    }

    /// Waits for the syncing thread; whether it had work, and all went well.
    pub(super) fn settle(&mut self) -> bool {
        let busy = self.store.syncer.is_busy();
        let failed = self.store.syncer.wait();
        self.store.take_back(failed);
        busy && self.store.durable_failure().is_none()
    }

    pub(super) fn close(self, number: u32) -> Result<(), StoreError> {
        self.sim.note(Note::Given(number));
        self.sim.note(Note::Closing(number));
        let closed = self.store.close(&payload(number));
        if closed.is_ok() {
            self.sim.note(Note::Published(number));
            self.sim.note(Note::Durable(number));
        }
        closed
    }

    /// The end of the process, with nothing in flight.
    pub(super) fn kill(mut self) {
        self.settle();
    }
}

/// What a history promises.
#[derive(Debug, Default)]
pub(super) struct Promise {
    pub(super) given: u32,
    pub(super) published: u32,
    pub(super) durable: u32,
    pub(super) closing: Vec<u32>,
}

impl Promise {
    pub(super) fn of(history: &[Op]) -> Self {
        let mut promise = Self::default();
        for op in history {
            match op {
                Op::Note(Note::Given(number)) => promise.given = *number,
                Op::Note(Note::Closing(number)) => promise.closing.push(*number),
                Op::Note(Note::Published(number)) => promise.published = *number,
                Op::Note(Note::Durable(number)) => promise.durable = *number,
                _ => {}
            }
        }
        promise
    }
}
