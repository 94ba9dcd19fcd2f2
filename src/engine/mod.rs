//! The thread that reads and counts.

pub mod clock;
mod input;
pub mod inputs;
pub mod merge;
pub mod persist;
pub mod topology_binder;
pub mod zone;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use clock::Clock;
use inputs::Inputs;
use merge::Buffers;
use persist::Persist;
use topology_binder::TopologyBinder;

use crate::attribute::Attributor;
use crate::ledger::{Ledger, State};
use crate::sample::remembered::Remembered;
use crate::source::Waker;
use crate::view::View;

/// Between two polls of logs that move. A scrape looks by itself, so this only bounds the backlog.
const BUSY: Duration = Duration::from_millis(250);

/// Between two polls of logs that are quiet and watched.
const QUIET: Duration = Duration::from_secs(1);

/// How long logs must be still before they are watched.
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// How long a snapshot may drain a backlog before it shows what there is: `log_bytes_unread` tells the rest.
const DRAIN: Duration = Duration::from_millis(500);

/// How long one poll may read before messages are looked at.
const READ_BUDGET: Duration = Duration::from_millis(100);

/// What the engine is asked.
pub enum Message {
    /// A log moved: look now.
    Wake,
    /// Drain, then give the numbers.
    Snapshot(oneshot::Sender<Arc<View>>),
    /// End.
    Stop,
}

/// Changes whenever the logs or what waits have moved on.
type Moves = ((u64, usize), (usize, usize), u64);

/// What the last commit held: the moves, and how often something observed had increased.
type Committed = Option<(Moves, u64)>;

/// Reads the logs and keeps the numbers.
pub struct Engine {
    /// The logs.
    pub inputs: Inputs,
    /// What joins them.
    pub attributor: Attributor,
    /// The counters.
    pub ledger: Ledger,
    /// Where all of it is kept, if it is.
    pub persist: Option<Persist>,
    /// What is seen of the machine.
    pub binder: TopologyBinder,
    /// By which waiting is measured.
    pub clock: Clock,
    /// Its own mailbox, for the watcher to wake it.
    pub messages: Sender<Message>,
}

impl Engine {
    /// Runs until it is told to stop. `ready` is called when the logs have been looked at once.
    pub fn run(mut self, mailbox: &Receiver<Message>, ready: impl FnOnce()) {
        let wake = self.messages.clone();
        let waker = Waker::new(move || drop(wake.send(Message::Wake)));
        let mut buffers = Buffers::default();
        let (mut seen, mut moved, mut watched) = (self.moves(), Instant::now(), false);
        let mut committed: Committed = None;
        let mut ready = Some(ready);
        loop {
            let behind = self.poll(READ_BUDGET, &mut buffers);
            if let Some(ready) = ready.take() {
                ready();
            }
            let now = Instant::now();
            if self.persist.as_ref().is_some_and(|persist| persist.is_due(now)) {
                self.commit(&mut committed, false, now);
            }
            let moves = self.moves();
            if moves != seen {
                (seen, moved) = (moves, now);
                if watched {
                    waker.disarm();
                    watched = false;
                }
            }
            if !watched && now.duration_since(moved) >= IDLE_AFTER {
                waker.arm(self.inputs.paths());
                watched = true;
                // What was written before the watch was set.
                continue;
            }
            let pause = match (behind, watched) {
                (true, _) => Duration::ZERO,
                (false, true) => QUIET,
                (false, false) => BUSY,
            };
            match mailbox.recv_timeout(pause) {
                Ok(Message::Snapshot(answer)) => {
                    // Drained, committed, shown: in this order.
                    self.poll(DRAIN, &mut buffers);
                    self.commit(&mut committed, true, Instant::now());
                    // Who asked may have gone; that is no concern of ours.
                    let _ = answer.send(self.view());
                }
                Ok(Message::Wake) => watched = false,
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        self.poll(READ_BUDGET, &mut buffers);
        let state = self.state();
        if let Some(persist) = self.persist {
            persist.close(&state);
        }
    }

    /// Pools that were seen running before this start.
    pub fn remembered(&self) -> Vec<Remembered> {
        self.ledger.remembered.clone()
    }

    /// Reads for at most `time`. True: there is more.
    fn poll(&mut self, time: Duration, buffers: &mut Buffers) -> bool {
        let start = Instant::now();
        let mut behind = false;
        self.attributor.set_clock(self.clock.now());
        self.binder.hear(self.inputs.fpm_logs(), &mut self.attributor, &mut self.ledger);
        self.inputs.read(start, buffers, &mut self.attributor, &mut self.ledger, &mut || {
            behind = start.elapsed() >= time;
            !behind
        });
        let more = behind && self.inputs.unread() > 0;
        if !more {
            // Not before: the line that an entry waits for may be among what is unread.
            self.attributor.settle(&mut self.ledger);
        }
        more
    }

    fn moves(&self) -> Moves {
        (self.inputs.moves(), self.attributor.waiting(), self.ledger.remembered_changes())
    }

    /// Commits what is not committed yet. A failed commit is tried again. Pressure and the like increase all the time;
    /// that alone is worth a commit only when it is `shown`.
    fn commit(&mut self, committed: &mut Committed, shown: bool, now: Instant) {
        if self.persist.is_none() {
            return;
        }
        let (moves, gains) = (self.moves(), self.ledger.gains());
        let same = committed.is_some_and(|(of, at)| of == moves && (at == gains || !shown));
        if same && self.ledger.durable == Some(true) {
            self.persist.iter_mut().for_each(|persist| persist.tick(now));
            return;
        }
        let state = self.state();
        if let Some(persist) = &mut self.persist {
            persist.commit(&state, &mut self.ledger, now);
            *committed = Some((moves, gains));
        }
    }

    fn state(&mut self) -> State {
        let [access, error, fpm] = self.inputs.save(self.attributor.now());
        State { attribution: self.attributor.save(), counters: self.ledger.save(), access, error, fpm }
    }

    fn view(&mut self) -> Arc<View> {
        self.ledger.logs = self.inputs.states();
        self.binder.show(&mut self.attributor, &mut self.ledger);
        Arc::new(self.ledger.view(&self.attributor.names))
    }
}
