//! The one thread that owns inputs, attribution and counters: messages in, a view out after each commit.

mod aliases;
pub mod assemble;
mod changes;
pub mod choice;
pub mod clock;
pub mod discovered;
mod followed_log;
mod input;
pub mod inputs;
pub mod merge;
pub mod persist;
pub mod reload;
pub mod stream;
#[cfg(test)]
mod test_lines;
pub mod topology_binder;
pub mod zone;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use clock::Clock;
use inputs::Inputs;
use persist::Persist;
use reload::Reload;
use stream::Buffers;
use topology_binder::TopologyBinder;

use crate::attribute::Attributor;
use crate::ledger::{Ledger, State};
use crate::source::Waker;
use crate::topology::LastReading;
use crate::topology::remembered::{Remembered, RememberedNginx};
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
    /// The same for who asks once: what waits for later evidence is judged by what there is.
    LastSnapshot(oneshot::Sender<Arc<View>>),
    /// The own configuration was read again: `None`, it cannot be used. Answered when what it says holds.
    Reload(Option<Box<Reload>>, oneshot::Sender<()>),
    /// End.
    Stop,
}

/// Changes whenever the logs or what waits have moved on.
type Moves = ((u64, usize), (usize, usize), u64);

/// Tells when a quiet log moves.
pub trait Watch: Send {
    /// Watches these files until one of them moves.
    fn arm(&self, paths: Vec<PathBuf>);
    /// Watches nothing.
    fn disarm(&self);
}

impl Watch for Waker {
    fn arm(&self, paths: Vec<PathBuf>) {
        Self::arm(self, paths);
    }

    fn disarm(&self) {
        Self::disarm(self);
    }
}

/// What an engine is made of.
pub struct Parts {
    /// The logs.
    pub inputs: Inputs,
    /// Joins and judges their lines.
    pub attributor: Attributor,
    /// The counters.
    pub ledger: Ledger,
    /// Where all of it is kept, if it is.
    pub persist: Option<Persist>,
    /// Brings what was seen of the machine.
    pub binder: TopologyBinder,
    /// The time.
    pub clock: Clock,
    /// Sends [`Message::Wake`] when a quiet log moves.
    pub watch: Box<dyn Watch>,
}

/// Reads the logs and keeps the numbers.
pub struct Engine {
    parts: Parts,
    buffers: Buffers,
    /// How the logs stood when they last moved, and when that was.
    moves: Moves,
    moved: Instant,
    /// They are watched instead of polled.
    watched: bool,
    /// What the last commit held: the moves, and how often something observed had increased.
    committed: Option<(Moves, u64)>,
    /// How the last reading of the own configuration went, if there is one.
    own: Option<LastReading>,
}

impl Engine {
    /// Nothing is read yet.
    pub fn new(parts: Parts) -> Self {
        let moved = parts.clock.monotonic();
        let mut engine = Self {
            parts,
            buffers: Buffers::default(),
            moves: Moves::default(),
            moved,
            watched: false,
            committed: None,
            own: None,
        };
        engine.moves = engine.moves();
        engine
    }

    /// Runs until it is told to stop. `ready` is called when the logs have been looked at once.
    pub fn run(mut self, mailbox: &Receiver<Message>, ready: impl FnOnce()) {
        let mut pause = self.turn();
        ready();
        loop {
            match mailbox.recv_timeout(pause) {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(message) => self.answer(message),
                Err(RecvTimeoutError::Timeout) => {}
            }
            pause = self.turn();
        }
        self.stop();
    }

    /// Reads what is there and commits it when that is due. Gives how long to wait for a message.
    fn turn(&mut self) -> Duration {
        let behind = self.poll(READ_BUDGET);
        let now = self.parts.clock.monotonic();
        if self.parts.persist.as_ref().is_some_and(|persist| persist.is_due(now)) {
            self.commit(false, now);
        }
        let minute = self.parts.clock.unix() / 60;
        let Parts { persist, ledger, .. } = &mut self.parts;
        persist.iter_mut().for_each(|persist| persist.keep_history(ledger.history(), minute));
        let moves = self.moves();
        if moves != self.moves {
            (self.moves, self.moved) = (moves, now);
            if self.watched {
                self.parts.watch.disarm();
                self.watched = false;
            }
        }
        if !self.watched && now.saturating_duration_since(self.moved) >= IDLE_AFTER {
            self.parts.watch.arm(self.parts.inputs.paths());
            self.watched = true;
            // What was written before the watch was set.
            return Duration::ZERO;
        }
        match (behind, self.watched) {
            (true, _) => Duration::ZERO,
            (false, true) => QUIET,
            (false, false) => BUSY,
        }
    }

    /// Does what a message asks for.
    fn answer(&mut self, message: Message) {
        match message {
            Message::Snapshot(answer) => {
                // Drained, committed, shown: in this order.
                self.poll(DRAIN);
                self.commit(true, self.parts.clock.monotonic());
                // Who asked may have gone; that is no concern of ours.
                let _ = answer.send(self.view());
            }
            Message::LastSnapshot(answer) => {
                self.poll(DRAIN);
                let Parts { attributor, ledger, .. } = &mut self.parts;
                attributor.finish(ledger);
                let _ = answer.send(self.view());
            }
            Message::Reload(reload, done) => {
                self.reload(reload.map(|reload| *reload));
                let _ = done.send(());
            }
            // The watch is over; the turn that follows looks.
            Message::Wake => self.watched = false,
            Message::Stop => {}
        }
    }

    /// Reads once more and closes the state.
    fn stop(mut self) {
        self.poll(READ_BUDGET);
        let state = self.state();
        if let Some(persist) = self.parts.persist {
            persist.close(&state, self.parts.ledger.history());
        }
    }

    /// Pools that were seen running before this start.
    pub fn remembered(&self) -> Vec<Remembered> {
        self.parts.ledger.remembered.clone()
    }

    /// nginx that were.
    pub fn remembered_nginx(&self) -> Vec<RememberedNginx> {
        self.parts.ledger.remembered_nginx.clone()
    }

    /// Reads for at most `time`. True: there is more.
    fn poll(&mut self, time: Duration) -> bool {
        let Parts { inputs, attributor, ledger, binder, clock, .. } = &mut self.parts;
        let start = clock.monotonic();
        let (mut behind, mut begun) = (false, None);
        attributor.set_clock(clock.local());
        if let Some((topology, since)) = binder.hear(attributor, ledger)
            && inputs.is_discovering()
        {
            // What they are is known before their first line is read.
            let logs = inputs.choose(&topology);
            binder.bind_logs(logs, attributor);
            inputs.follow(since, start, attributor);
        }
        binder.bind_logs(inputs.followed(), attributor);
        let (access, error) = inputs.evidence();
        attributor.logs_are(access, error);
        ledger.begin_turn(attributor.offset(), clock.unix());
        inputs.read(start, &mut self.buffers, attributor, ledger, &mut || {
            // From the first lines on: however many files had to be looked at before, some are read.
            let now = clock.monotonic();
            behind = now.saturating_duration_since(*begun.get_or_insert(now)) >= time;
            !behind
        });
        ledger.end_turn(inputs.has_access(), &attributor.names);
        let more = behind && inputs.unread() > 0;
        if !more {
            // Not before: the line that an entry waits for may be among what is unread.
            attributor.settle(ledger);
        }
        more
    }

    fn moves(&self) -> Moves {
        let Parts { inputs, attributor, ledger, .. } = &self.parts;
        (inputs.moves(), attributor.waiting(), ledger.remembered_changes())
    }

    /// Commits what is not committed yet. A failed commit is tried again. Pressure and the like increase all the time;
    /// that alone is worth a commit only when it is `shown`.
    fn commit(&mut self, shown: bool, now: Instant) {
        if self.parts.persist.is_none() {
            return;
        }
        let (moves, gains) = (self.moves(), self.parts.ledger.gains());
        let same = self.committed.is_some_and(|(of, at)| of == moves && (at == gains || !shown));
        if same && self.parts.ledger.durable == Some(true) {
            self.parts.persist.iter_mut().for_each(|persist| persist.tick(now));
            return;
        }
        let state = self.state();
        let Parts { persist, ledger, clock, .. } = &mut self.parts;
        if let Some(persist) = persist {
            persist.commit(state, ledger, now, clock);
            self.committed = Some((moves, gains));
        }
    }

    fn state(&mut self) -> State {
        let Parts { inputs, attributor, ledger, clock, .. } = &mut self.parts;
        let inputs = inputs.save(attributor.now(), clock.unix());
        State { attribution: attributor.save(), counters: ledger.save(), inputs }
    }

    fn view(&mut self) -> Arc<View> {
        let Parts { inputs, attributor, ledger, binder, clock, .. } = &mut self.parts;
        ledger.logs = inputs.states(clock.unix());
        binder.show(attributor, ledger);
        let mut view = ledger.view(&attributor.names);
        ledger.measured(&view);
        (view.now, view.offset) = (attributor.now(), attributor.offset());
        view.findings = binder.findings();
        view.machine.reload = reload::together(self.own, view.machine.reload);
        Arc::new(view)
    }
}

#[cfg(test)]
mod tests;
