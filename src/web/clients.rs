//! The connections that are open: how far each has come, and which makes room for a new one.
//!
//! Whoever reaches the port may open connections and send nothing, or ask and never read. So there are few places,
//! and a new connection always gets one: that of the connection which is longest without progress. One whose request
//! is being answered keeps its place; to wait for the answer is no fault of the client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::streams::Streams;
use super::times::{HEAD, IDLE, LINGER, READING, STUCK, WRITE};

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// TLS is agreed on, since then.
    Handshake(Instant),
    /// A request's head comes, since then.
    Head(Instant),
    /// The answer is being made.
    Answering,
    /// The answer was sent and ours is the last word, since then; the client may still be sending.
    Closing(Instant),
    /// The answer is on its way, or was sent and no request followed.
    Answered {
        /// The socket takes no more bytes: the client does not read.
        blocked: bool,
    },
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// When the last byte was read or written.
    progress: Instant,
    /// The request has a body, which no page of ours reads.
    body: bool,
    /// The answer's body has parts that are not on their way.
    sending: bool,
    /// Of HTTP/2; what stands above does not hold then.
    streams: Option<Streams>,
}

impl State {
    /// When it last had progress, if its client takes no bytes of the answer.
    fn stuck(&self, now: Instant) -> Option<Instant> {
        let blocked = matches!(self.phase, Phase::Answered { blocked: true });
        (blocked && now.duration_since(self.progress) >= STUCK).then_some(self.progress)
    }

    /// When it last had progress, if another connection may have its place.
    fn may_leave(&self, now: Instant) -> Option<Instant> {
        let answered = match self.phase {
            Phase::Answering => true,
            Phase::Answered { blocked } => blocked && now.duration_since(self.progress) < READING,
            Phase::Handshake(_) | Phase::Head(_) | Phase::Closing(_) => false,
        };
        (!answered).then_some(self.progress)
    }
}

/// One connection, as its task, its bytes and the list of all see it.
#[derive(Debug)]
pub(super) struct Client {
    state: Mutex<State>,
    leave: Notify,
}

impl Client {
    fn new(now: Instant) -> Self {
        let state =
            State { phase: Phase::Head(now), progress: now, body: false, sending: false, streams: None };
        Self { state: Mutex::new(state), leave: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came from the client.
    pub(super) fn has_read(&self, now: Instant) {
        let mut state = self.state();
        if state.streams.is_some() {
            return;
        }
        match state.phase {
            // A next request, sent by a client that does not take its answer: it stays the one that is stuck.
            Phase::Answered { blocked: true } => return,
            Phase::Answered { .. } if state.sending => return,
            Phase::Answered { blocked: false } => state.phase = Phase::Head(now),
            _ => {}
        }
        state.progress = now;
    }

    /// The client took bytes, or its socket had no room for any.
    pub(super) fn has_written(&self, bytes: bool, now: Instant) {
        let mut state = self.state();
        if let Some(streams) = &mut state.streams {
            return streams.has_written(bytes, now);
        }
        if bytes {
            state.progress = now;
        }
        match &mut state.phase {
            Phase::Answered { blocked } => *blocked = !bytes,
            // An answer without a request: hyper refuses what it could not read.
            Phase::Head(_) if bytes => state.phase = Phase::Closing(now),
            _ => {}
        }
    }

    /// The connection begins with a handshake of TLS, in which both sides write.
    pub(super) fn shakes_hands(&self, now: Instant) {
        self.state().phase = Phase::Handshake(now);
    }

    /// The handshake is done, and a request may come.
    pub(super) fn has_shaken_hands(&self, now: Instant) {
        let mut state = self.state();
        (state.phase, state.progress) = (Phase::Head(now), now);
    }

    /// It speaks HTTP/2.
    pub(super) fn has_streams(&self, now: Instant) {
        self.state().streams = Some(Streams::new(now));
    }

    /// The head of a request is complete; whether a body follows it.
    pub(super) fn asks(&self, body: bool, now: Instant) {
        let mut state = self.state();
        if let Some(streams) = &mut state.streams {
            return streams.asks(now);
        }
        (state.phase, state.body) = (Phase::Answering, body);
    }

    /// The answer to it is made.
    pub(super) fn is_answered(&self, now: Instant) {
        let mut state = self.state();
        if let Some(streams) = &mut state.streams {
            return streams.is_answered(now);
        }
        (state.phase, state.progress) = (Phase::Answered { blocked: false }, now);
    }

    /// The answer's body begins; gives its number.
    pub(super) fn sends(&self, now: Instant) -> u64 {
        let mut state = self.state();
        state.sending = true;
        state.streams.as_mut().map_or(0, |streams| streams.sends(now))
    }

    /// There is room for a part of it.
    pub(super) fn takes(&self, number: u64, now: Instant) {
        if let Some(streams) = &mut self.state().streams {
            streams.takes(number, now);
        }
    }

    /// All parts of it are on their way, or nobody wants them.
    pub(super) fn is_sent(&self, number: u64, now: Instant) {
        let mut state = self.state();
        state.sending = false;
        if let Some(streams) = &mut state.streams {
            streams.is_sent(number, now);
        }
    }

    /// No more is written. True: the client may still be sending, so what comes is to be read before the end.
    pub(super) fn lingers(&self, now: Instant) -> bool {
        let mut state = self.state();
        if state.streams.is_some() {
            return false;
        }
        // A body that was read in part looks like the head of a next request.
        if state.body && matches!(state.phase, Phase::Answered { .. } | Phase::Head(_)) {
            state.phase = Phase::Closing(now);
        }
        matches!(state.phase, Phase::Closing(_))
    }

    /// When it has to have moved on; `None`: it waits for us.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let state = self.state();
        if let Some(streams) = &state.streams {
            return streams.deadline();
        }
        match state.phase {
            Phase::Handshake(since) | Phase::Head(since) => Some(since + HEAD),
            Phase::Answering => None,
            Phase::Closing(since) => Some(since + LINGER),
            Phase::Answered { blocked: true } => Some(state.progress + WRITE),
            Phase::Answered { blocked: false } => Some(state.progress + IDLE),
        }
    }

    /// Resolves when the connection is to be closed for another one.
    pub(super) async fn is_to_leave(&self) {
        self.leave.notified().await;
    }
}

/// All connections.
#[derive(Debug)]
pub(super) struct Clients {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    clients: HashMap<u64, Arc<Client>>,
}

/// The place of one connection; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    all: Arc<Clients>,
    number: u64,
    /// The connection.
    pub(super) client: Arc<Client>,
}

impl Clients {
    /// At most `most` connections; at least one.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), open: Mutex::default() })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection. Where all are taken, the one that is longest without progress is told to leave;
    /// `None`: all of them are being answered.
    pub(super) fn enter(self: &Arc<Self>, now: Instant) -> Option<Place> {
        let mut open = self.open();
        if open.clients.len() >= self.most {
            let (number, client) = slowest(&open.clients, now)?;
            client.leave.notify_one();
            open.clients.remove(&number);
        }
        let number = open.next;
        open.next += 1;
        let client = Arc::new(Client::new(now));
        open.clients.insert(number, client.clone());
        Some(Place { all: self.clone(), number, client })
    }

    /// Tells the one that is longest without progress to leave: descriptors have run out.
    pub(super) fn make_room(&self, now: Instant) {
        let mut open = self.open();
        if let Some((number, client)) = slowest(&open.clients, now) {
            client.leave.notify_one();
            open.clients.remove(&number);
        }
    }
}

impl Clients {
    /// Tells the client to leave that is longest without taking bytes of its answer, if it took none for a moment.
    /// False: there is none.
    pub(super) fn drop_stuck(&self, now: Instant) -> bool {
        let mut open = self.open();
        let stuck = |client: &Client| {
            let state = client.state();
            state.streams.as_ref().map_or_else(|| state.stuck(now), |streams| streams.stuck(now))
        };
        let all = open.clients.iter().filter_map(|(number, client)| Some((stuck(client)?, *number)));
        let Some((_, number)) = all.min() else { return false };
        if let Some(client) = open.clients.remove(&number) {
            client.leave.notify_one();
        }
        true
    }
}

/// The connection that is longest without progress, those left out that are being answered: the answer is being made, or
/// its client takes it, if only slowly.
fn slowest(clients: &HashMap<u64, Arc<Client>>, now: Instant) -> Option<(u64, Arc<Client>)> {
    let progress = |client: &Client| {
        let state = client.state();
        state.streams.as_ref().map_or_else(|| state.may_leave(now), |streams| streams.may_leave(now))
    };
    let waiting = clients.iter().filter_map(|(number, client)| Some((progress(client)?, *number, client)));
    let (_, number, client) = waiting.min_by_key(|(progress, number, _)| (*progress, *number))?;
    Some((number, client.clone()))
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.open().clients.remove(&self.number);
    }
}

#[cfg(test)]
mod tests;
