//! The thread that reads and counts.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::super::merge::Buffers;
use super::Message;
use super::input::Inputs;
use crate::attribute::{Attributor, Options};
use crate::ledger::{Ledger, Snapshot};
use crate::record::stamp::Local;
use crate::source::Waker;

/// Between two looks at logs that move. A scrape looks by itself, so this only bounds the backlog.
const BUSY: Duration = Duration::from_millis(250);

/// Between two looks at logs that are quiet and watched.
const QUIET: Duration = Duration::from_secs(1);

/// How long logs must be still before they are watched.
const STILL: Duration = Duration::from_secs(1);

/// How long a snapshot may drain a backlog before it shows what there is: `log_bytes_unread` tells the rest.
const DRAIN: Duration = Duration::from_millis(500);

/// How long one look may read before messages are looked at.
const TURN: Duration = Duration::from_millis(100);

/// Reads the logs and keeps the numbers.
pub struct Engine {
    inputs: Inputs,
    attributor: Attributor,
    ledger: Ledger,
    buffers: Buffers,
    messages: Sender<Message>,
    started: Instant,
    started_at: Local,
}

impl Engine {
    /// `messages` is its own mailbox, for the watcher to wake it.
    pub fn new(inputs: Inputs, options: Options, messages: Sender<Message>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            inputs,
            attributor: Attributor::new(options),
            ledger: Ledger::default(),
            buffers: Buffers::default(),
            messages,
            started: Instant::now(),
            started_at: i64::try_from(since.as_secs()).unwrap_or_default() + i64::from(options.offset),
        }
    }

    /// Runs until it is told to stop. `ready` is called when the logs have been looked at once.
    pub fn run(mut self, mailbox: &Receiver<Message>, ready: impl FnOnce()) {
        let wake = self.messages.clone();
        let waker = Waker::new(move || drop(wake.send(Message::Wake)));
        let (mut lines, mut moved, mut watched) = (0, Instant::now(), false);
        let mut ready = Some(ready);
        loop {
            let behind = self.look(TURN);
            if let Some(ready) = ready.take() {
                ready();
            }
            let now = Instant::now();
            if self.inputs.lines() != lines {
                (lines, moved) = (self.inputs.lines(), now);
                if watched {
                    waker.disarm();
                    watched = false;
                }
            }
            if !watched && now.duration_since(moved) >= STILL {
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
                    // Who asked may have gone; that is no concern of ours.
                    let _ = answer.send(self.snapshot());
                }
                Ok(Message::Wake) => watched = false,
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Reads for at most `time`. True: there is more.
    fn look(&mut self, time: Duration) -> bool {
        let start = Instant::now();
        let mut behind = false;
        self.attributor.set_clock(self.now());
        self.inputs.read(start, &mut self.buffers, &mut self.attributor, &mut self.ledger, &mut || {
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

    /// Drains, then shows.
    fn snapshot(&mut self) -> Snapshot {
        self.look(DRAIN);
        self.ledger.logs = self.inputs.states();
        self.ledger.snapshot(&self.attributor.names)
    }

    /// Wall-clock seconds at the start, and evenly on from there.
    fn now(&self) -> Local {
        self.started_at + i64::try_from(self.started.elapsed().as_secs()).unwrap_or_default()
    }
}
