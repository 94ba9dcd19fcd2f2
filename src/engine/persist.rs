//! When the state is committed, and what is told about it.

use std::path::Path;
use std::time::{Duration, Instant};

use super::clock::Clock;
use crate::ledger::store::{HistoryFile, Loaded, Opened, Reason, Store, StoreError};
use crate::ledger::{Ledger, NOT_UNDERSTOOD, State};
use crate::view::History;

/// Between two commits while logs are read. A scrape commits by itself.
const EVERY: Duration = Duration::from_millis(250);

/// A commit may take one part in this many of the time: what is large is committed less often.
const SHARE: u32 = 50;

/// Keeps one record in place of the one before.
pub trait Records: Send {
    /// Keeps it. What it says may be published once this succeeds.
    fn commit(&mut self, record: &[u8], now: Instant) -> Result<(), String>;
    /// Newer numbers are shown although they could not be committed.
    fn distrust(&mut self);
    /// Nothing is to be committed now.
    fn tick(&mut self, now: Instant);
    /// Why the last commits would not survive a power loss.
    fn durable_failure(&self) -> Option<String>;
    /// Keeps the last record.
    fn close(self: Box<Self>, record: &[u8]) -> Result<(), String>;
}

impl Records for Store {
    fn commit(&mut self, record: &[u8], now: Instant) -> Result<(), String> {
        Self::commit(self, record, now).map_err(|error| error.to_string())
    }

    fn distrust(&mut self) {
        // If even this fails, there is nothing left to do but to say that the commit failed.
        let _ = Self::distrust(self);
    }

    fn tick(&mut self, now: Instant) {
        Self::tick(self, now);
    }

    fn durable_failure(&self) -> Option<String> {
        Self::durable_failure(self)
    }

    fn close(self: Box<Self>, record: &[u8]) -> Result<(), String> {
        Self::close(*self, record).map_err(|error| error.to_string())
    }
}

/// The state of a running `serve`.
pub struct Persist {
    store: Box<dyn Records>,
    encoded: Vec<u8>,
    next: Instant,
    /// What keeps commits from succeeding, while it lasts.
    failure: Option<String>,
    history: Option<HistoryFile>,
    /// When the last day was kept last, in minutes since 1970.
    kept: u64,
}

/// What a start finds in the state directory.
pub struct OpenedState {
    /// To commit to.
    pub persist: Persist,
    /// What to go on from.
    pub state: Option<State>,
    /// The last day, as far as it is known.
    pub history: History,
    /// Why state files were not used, to be counted.
    pub set_aside: Vec<&'static str>,
}

impl Persist {
    /// Keeps nothing yet.
    pub fn new(store: Box<dyn Records>, now: Instant) -> Self {
        Self { store, encoded: Vec::new(), next: now, failure: None, history: None, kept: 0 }
    }

    /// Takes the directory and loads what is in it. `procfs` tells whether the machine was restarted since.
    ///
    /// # Errors
    /// When another process uses the directory. All else is told and retried.
    pub fn open(dir: &Path, procfs: &Path, clock: &Clock) -> Result<OpenedState, StoreError> {
        let boot = std::fs::read_to_string(procfs.join("sys/kernel/random/boot_id")).unwrap_or_default();
        let Opened { store, loaded, set_aside } = Store::open(dir, boot.trim())?;
        let mut reasons = Vec::new();
        for broken in set_aside {
            let (file, reason) = (dir.join(&broken.file), broken.reason);
            if reason == Reason::Unfinished {
                tracing::info!("{}: {reason}; the commit before it is used", file.display());
            } else {
                tracing::warn!("{} cannot be used: {reason}. It is set aside as *.bad", file.display());
                reasons.push(reason.word());
            }
        }
        let (file, history, unusable) = HistoryFile::open(dir, clock.unix() / 60);
        reasons.extend(unusable);
        let persist = Self { history: Some(file), ..Self::new(Box::new(store), clock.monotonic()) };
        let state = loaded.and_then(|loaded| match read(dir, &loaded) {
            Ok(state) => Some(state),
            Err(error) => {
                tracing::error!(
                    "the state in {} is whole but not understood: {error}. It begins anew",
                    dir.display()
                );
                reasons.push(NOT_UNDERSTOOD);
                None
            }
        });
        Ok(OpenedState { persist, state, history, set_aside: reasons })
    }

    /// Whether a commit is due.
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Lets the syncing thread have what it has not had. To be called now and then when nothing is committed.
    pub fn tick(&mut self, now: Instant) {
        self.store.tick(now);
        self.next = self.next.max(now + EVERY);
    }

    /// Commits, and says in the ledger whether that worked. Numbers may be shown after this. `clock` tells how long it
    /// took.
    pub fn commit(&mut self, state: State, ledger: &mut Ledger, now: Instant, clock: &Clock) {
        let encoded = self.encode(&state);
        // In a storm it is large, and the store has copies of its own.
        drop(state);
        let result = encoded.and_then(|()| self.store.commit(&self.encoded, now));
        if result.is_err() {
            // The numbers are shown all the same.
            self.store.distrust();
        }
        let failure = result.err().or_else(|| self.store.durable_failure());
        ledger.durable = Some(failure.is_none());
        self.tell(failure);
        self.next = now + EVERY.max(clock.monotonic().saturating_duration_since(now) * SHARE);
    }

    /// Keeps the last day, once in each `minute`.
    pub fn keep_history(&mut self, history: &History, minute: u64) {
        if minute != self.kept {
            self.kept = minute;
            self.write_history(history);
        }
    }

    fn write_history(&mut self, history: &History) {
        // It is tried again, and a directory that cannot be written is told by the commits.
        if let Some(Err(error)) = self.history.as_mut().map(|file| file.write(history)) {
            tracing::debug!("the last day could not be kept: {error}");
        }
    }

    /// The last commit: the next start goes on from it even after a reboot.
    pub fn close(mut self, state: &State, history: &History) {
        self.write_history(history);
        if let Err(error) = self.encode(state).and_then(|()| self.store.close(&self.encoded)) {
            tracing::warn!("the last state could not be saved: {error}");
        }
    }

    fn encode(&mut self, state: &State) -> Result<(), String> {
        self.encoded.clear();
        serde_json::to_writer(&mut self.encoded, state)
            .map_err(|error| format!("the state cannot be written as JSON: {error}"))
    }

    fn tell(&mut self, failure: Option<String>) {
        match (&self.failure, &failure) {
            (before, Some(now)) if before.as_ref() != Some(now) => {
                tracing::warn!("the state is not safe: {now} Counters may step down at a restart until then");
            }
            (Some(_), None) => tracing::info!("the state is safe again"),
            _ => {}
        }
        self.failure = failure;
    }
}

fn read(dir: &Path, loaded: &Loaded) -> serde_json::Result<State> {
    let state: State = serde_json::from_slice(&loaded.payload)?;
    if loaded.trusted {
        return Ok(state);
    }
    tracing::warn!(
        "the newest state in {} may be older than what was shown last (a power loss, or a broken file): \
         the logs are read on from there, and the counters start at 0",
        dir.display()
    );
    Ok(state.counters_reset())
}
