//! Keeps one opaque payload so that kill -9 never loses a committed one, and a power loss leaves one to load.
//!
//! Counters that go on from slightly lower values are worse than counters that start at 0: `rate()` takes
//! the drop for a reset and adds the whole value. So numbers are committed first and shown afterwards, and
//! what is loaded says whether anything newer can have been shown ([`Loaded::trusted`]).
//!
//! - `live-0`, `live-1` are overwritten in turn and never synced. The page cache outlives a killed process,
//!   and a torn slot leaves the other one.
//! - `durable-0`, `durable-1` are the same, synced every few seconds by a thread.
//! - `mark` is the sequence of the last commit that was published.
//! - `lock` keeps a second process out.
//! - `history` is apart from them: the last day for people, and no counter.
//!
//! Files are overwritten in place rather than replaced: once they are there, a full disk stops no commit
//! unless the state grows. Whatever fails is tried again at the next commit, from the directory upwards.

mod disk;
mod durable;
mod error;
mod history;
mod live;
mod lock;
mod mark;
mod record;
mod survey;
mod syncer;
#[cfg(test)]
mod tests;

use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use disk::{Disk, RealDisk};
pub use error::{Reason, StoreError};
pub use history::HistoryFile;
use live::Live;
use lock::Lock;
pub use survey::SetAside;
use syncer::Syncer;

/// What was found at the start.
#[derive(Debug)]
pub struct Loaded {
    /// The newest payload that is whole, as it was given to [`Store::commit`] or [`Store::close`].
    pub payload: Vec<u8>,
    /// Whether counters may go on from it: nothing newer can have been published. If not, what it says
    /// about offsets is still of use, but counters have to start at 0.
    pub trusted: bool,
    /// Which commit it was.
    pub sequence: u64,
}

/// The outcome of [`Store::open`].
pub struct Opened {
    /// To commit to. It may be failing; the first commit tells.
    pub store: Store,
    /// What an earlier run left.
    pub loaded: Option<Loaded>,
    /// What it left that could not be used, to be logged and counted.
    pub set_aside: Vec<SetAside>,
}

/// One state directory, held by this process.
pub struct Store {
    disk: Arc<dyn Disk>,
    boot: String,
    live: Live,
    sequence: u64,
    /// The record that the caller counts on from; 0: none.
    base: u64,
    record: Vec<u8>,
    /// Whether `record` was committed and has not been handed to the syncer.
    unsaved: bool,
    syncer: Syncer,
    /// Let go last, when the thread of the syncer has ended.
    lock: Option<Lock>,
}

impl Store {
    /// Takes the directory, made if need be, and loads what is in it.
    ///
    /// `boot_id` tells whether the machine was restarted since (`/proc/sys/kernel/random/boot_id`); if it
    /// is empty, only what was closed is trusted.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] alone. Where nothing can be read or written, commits fail until it can be.
    pub fn open(dir: &Path, boot_id: &str) -> Result<Opened, StoreError> {
        Self::open_on(Arc::new(RealDisk::new(dir)), boot_id)
    }

    fn open_on(disk: Arc<dyn Disk>, boot_id: &str) -> Result<Opened, StoreError> {
        let lock = match Lock::take(&*disk) {
            Err(locked @ StoreError::Locked { .. }) => return Err(locked),
            taken => taken.ok(),
        };
        let boot = record::boot_word(boot_id);
        let found = survey::read(&*disk, &boot);
        if lock.is_some() {
            found.set_aside(&*disk);
        }
        let store = Self {
            boot,
            live: Live::new(found.live, !found.trusted),
            sequence: found.highest,
            base: found.trusted_sequence(),
            record: Vec::new(),
            unsaved: false,
            syncer: Syncer::new(Arc::clone(&disk)),
            lock,
            disk,
        };
        let loaded = found.best.map(|best| Loaded {
            trusted: found.trusted,
            sequence: best.header.sequence,
            payload: best.into_payload(),
        });
        Ok(Opened { store, loaded, set_aside: found.broken })
    }

    /// Keeps `payload` in place of the one before. What it says may be published once this returns `Ok`.
    ///
    /// It never waits for a sync, but for the first commit after [`Store::open`]: that has to rule out an
    /// earlier, closed state for good. `now` decides when the syncing thread gets a copy.
    ///
    /// # Errors
    ///
    /// What was attempted, and where. Nothing that was committed before is lost by it, and the next call
    /// tries again.
    pub fn commit(&mut self, payload: &[u8], now: Instant) -> Result<(), StoreError> {
        let committed = self.prepare(payload, false).and_then(|()| self.write_live());
        self.unsaved |= committed.is_ok();
        self.tick(now);
        committed
    }

    /// Says that newer numbers are shown although they could not be committed: until the next commit succeeds, what
    /// is kept is older than what was seen, and a start must not count on from it.
    ///
    /// # Errors
    ///
    /// When that cannot be written either.
    pub fn distrust(&mut self) -> Result<(), StoreError> {
        if !self.lock.as_ref().is_some_and(Lock::holds) {
            // Not ours at present; and what is there will not be gone on from (see `prepare`).
            return Ok(());
        }
        self.sequence += 1;
        self.live.rule_out(&*self.disk, self.sequence)
    }

    /// Hands the last commit to the syncing thread if that is due. [`Store::commit`] does so, too: call this
    /// when there is nothing to commit, or the last change before a quiet night stays unsynced.
    pub fn tick(&mut self, now: Instant) {
        let failed = self.syncer.collect();
        self.take_back(failed);
        if self.unsaved && self.lock.is_some() && self.syncer.is_due(now) {
            self.unsaved = !self.syncer.hand_over(&mut self.record, now);
        }
    }

    /// Keeps `payload` as the last one of this run, synced: the next start trusts it even after a reboot.
    ///
    /// # Errors
    ///
    /// The first thing that failed; the rest was attempted all the same.
    pub fn close(mut self, payload: &[u8]) -> Result<(), StoreError> {
        self.prepare(payload, true)?;
        // The durable copy comes first: a slot that a kill tears on the way is then told by the mark.
        let begun = self.live.begin(&*self.disk, self.sequence);
        let durable = self.syncer.finish(&self.record);
        let live = self.live.write(&*self.disk, &self.record, self.sequence);
        let live = live.and_then(|()| self.live.sync(&*self.disk));
        begun.and(durable).and(live)
    }

    /// Why the last commits would not survive a power loss, as a sentence; `None` while they would.
    pub fn durable_failure(&self) -> Option<String> {
        self.syncer.failure().map(str::to_owned)
    }

    /// Makes sure that the directory is ours, and encodes the record.
    fn prepare(&mut self, payload: &[u8], clean: bool) -> Result<(), StoreError> {
        if payload.len() > error::MAX_PAYLOAD {
            return Err(StoreError::TooLarge { dir: self.disk.path(""), length: payload.len() });
        }
        if !self.lock.as_ref().is_some_and(Lock::holds) {
            self.lock = None;
            self.lock = Some(Lock::take(&*self.disk)?);
            // Whatever is there now, ours is newer; mostly it does not go on from it.
            let found = survey::read(&*self.disk, &self.boot);
            self.sequence = self.sequence.max(found.highest);
            let known = self.base > 0 && self.base == found.trusted_sequence();
            self.live = Live::new(found.live, !known);
        }
        // One number is left for the mark that rules out what was there; 0 does for an empty directory.
        self.sequence += if self.live.fenced() && self.sequence > 0 { 2 } else { 1 };
        self.unsaved = false;
        record::encode(&mut self.record, self.sequence, &self.boot, clean, payload);
        Ok(())
    }

    /// Keeps a record that could not be synced for the next turn, unless there is a newer one.
    fn take_back(&mut self, failed: Option<Vec<u8>>) {
        let Some(mut failed) = failed else { return };
        if !mem::replace(&mut self.unsaved, true) {
            mem::swap(&mut self.record, &mut failed);
        }
        self.syncer.keep(failed);
    }

    fn write_live(&mut self) -> Result<(), StoreError> {
        let written = self.live.write(&*self.disk, &self.record, self.sequence);
        written.map(|()| self.base = self.sequence)
    }
}
