//! The thread that syncs, one record at a time, so that the caller never waits for the disk.

use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::disk::Disk;
use super::durable::Durable;
use super::error::StoreError;

/// Between two syncs; what a power loss can cost.
const EVERY: Duration = Duration::from_secs(5);

/// After one that failed, so that the state is safe again soon after the disk is well.
const RETRY: Duration = Duration::from_secs(1);

type Done = (Vec<u8>, Result<(), StoreError>);

struct Worker {
    jobs: SyncSender<Vec<u8>>,
    done: Receiver<Done>,
    thread: JoinHandle<Durable>,
}

/// Hands records to the thread and remembers how it fared.
pub(super) struct Syncer {
    disk: Arc<dyn Disk>,
    /// Started with the first record; its end is that of `jobs`.
    worker: Option<Worker>,
    busy: bool,
    handed: Option<Instant>,
    /// The buffer that is not with the thread: two of them change places.
    spare: Vec<u8>,
    failure: Option<String>,
}

impl Syncer {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, worker: None, busy: false, handed: None, spare: Vec::new(), failure: None }
    }

    /// Why the last record is not safe from a power loss, if it is not.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Whether a record should be handed over now. One turn is skipped while the thread is at work.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let wait = if self.failure.is_some() { RETRY } else { EVERY };
        !self.busy && self.handed.is_none_or(|handed| now.saturating_duration_since(handed) >= wait)
    }

    /// Takes the record out of `record` and leaves a used buffer there; false if there is no thread to take
    /// it. Only while [`Self::is_due`].
    pub(super) fn hand_over(&mut self, record: &mut Vec<u8>, now: Instant) -> bool {
        self.handed = Some(now);
        if self.worker.is_none() {
            match start(&self.disk) {
                Ok(worker) => self.worker = Some(worker),
                Err(error) => {
                    self.fail(error);
                    return false;
                }
            }
        }
        let job = mem::replace(record, mem::take(&mut self.spare));
        if let Some(worker) = &self.worker
            && let Err(refused) = worker.jobs.send(job)
        {
            *record = refused.0;
            self.lost();
            return false;
        }
        self.busy = true;
        true
    }

    /// Looks whether the thread is done. A record that it could not write is given back.
    pub(super) fn collect(&mut self) -> Option<Vec<u8>> {
        let done = self.worker.as_ref().filter(|_| self.busy)?.done.try_recv();
        match done {
            Ok(done) => self.finished(done),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.lost();
                None
            }
        }
    }

    /// Keeps a buffer for the next turn.
    pub(super) fn keep(&mut self, buffer: Vec<u8>) {
        self.spare = buffer;
    }

    /// Waits for the thread, then syncs a last record here.
    pub(super) fn finish(mut self, record: &[u8]) -> Result<(), StoreError> {
        let durable = self.stop();
        durable.unwrap_or_else(|| Durable::new(Arc::clone(&self.disk))).write(record)
    }

    #[cfg(test)]
    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Waits until nothing is with the thread, which tests need to tell what has been synced.
    #[cfg(test)]
    pub(super) fn wait(&mut self) -> Option<Vec<u8>> {
        let done = self.worker.as_ref().filter(|_| self.busy)?.done.recv();
        self.finished(done.unwrap())
    }

    fn finished(&mut self, (record, outcome): Done) -> Option<Vec<u8>> {
        self.busy = false;
        match outcome {
            Ok(()) => {
                self.failure = None;
                self.spare = record;
                None
            }
            Err(error) => {
                self.fail(error);
                Some(record)
            }
        }
    }

    fn fail(&mut self, error: StoreError) {
        self.failure = Some(error.to_string());
    }

    fn lost(&mut self) {
        (self.worker, self.busy) = (None, false);
        let source = io::Error::other("its thread ended");
        self.fail(StoreError::Thread { dir: self.disk.path(""), source });
    }

    /// Waits for the thread's end. If it panicked, that has been printed, and its work is begun anew.
    fn stop(&mut self) -> Option<Durable> {
        let Worker { jobs, done, thread } = self.worker.take()?;
        drop(jobs);
        let durable = thread.join().ok();
        drop(done);
        durable
    }
}

/// The thread must not write on after the lock is gone.
impl Drop for Syncer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn start(disk: &Arc<dyn Disk>) -> Result<Worker, StoreError> {
    let (jobs, waiting) = mpsc::sync_channel::<Vec<u8>>(1);
    let (results, done) = mpsc::sync_channel::<Done>(1);
    let mut durable = Durable::new(Arc::clone(disk));
    let work = move || {
        for record in waiting {
            let outcome = durable.write(&record);
            if results.send((record, outcome)).is_err() {
                break;
            }
        }
        durable
    };
    let thread = thread::Builder::new().name("state".into()).spawn(work);
    let thread = thread.map_err(|source| StoreError::Thread { dir: disk.path(""), source })?;
    Ok(Worker { jobs, done, thread })
}
