//! The connections that are open: how far each has come, and which makes room for a new one.
//!
//! Whoever reaches the port may open connections and send nothing, or ask and never read. So there are few places,
//! and a new connection always gets one: that of the connection which is longest without progress. One whose request
//! is being answered keeps its place; to wait for the answer is no fault of the client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// A request's head must be complete after this time, whatever pace it comes at (node_exporter has no such limit;
/// nginx waits `client_header_timeout`, 60 s).
const HEAD: Duration = Duration::from_secs(5);

/// An answer that is not taken for so long is given up.
const WRITE: Duration = Duration::from_secs(5);

/// Who takes bytes of its answer within this time is reading it.
const READING: Duration = Duration::from_secs(1);

/// Who takes no bytes for so long may be dropped where answers take too much memory.
const STUCK: Duration = Duration::from_millis(100);

/// A connection that was refused or whose request's body nobody reads is kept so long after the answer, until the client
/// closes it: closed at once, the kernel resets it, and the client loses the answer (nginx: `lingering_close`).
const LINGER: Duration = Duration::from_secs(2);

/// A connection without a request is kept so long: Prometheus' longest usual interval is a minute.
const IDLE: Duration = Duration::from_secs(120);

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
}

/// One connection, as its task, its bytes and the list of all see it.
#[derive(Debug)]
pub(super) struct Client {
    state: Mutex<State>,
    leave: Notify,
}

impl Client {
    fn new(now: Instant) -> Self {
        let state = State { phase: Phase::Head(now), progress: now, body: false };
        Self { state: Mutex::new(state), leave: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came from the client.
    pub(super) fn has_read(&self, now: Instant) {
        let mut state = self.state();
        match state.phase {
            // A next request, sent by a client that does not take its answer: it stays the one that is stuck.
            Phase::Answered { blocked: true } => return,
            Phase::Answered { blocked: false } => state.phase = Phase::Head(now),
            _ => {}
        }
        state.progress = now;
    }

    /// The client took bytes, or its socket had no room for any.
    pub(super) fn has_written(&self, bytes: bool, now: Instant) {
        let mut state = self.state();
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

    /// The head of a request is complete; whether a body follows it.
    pub(super) fn asks(&self, body: bool) {
        let mut state = self.state();
        (state.phase, state.body) = (Phase::Answering, body);
    }

    /// The answer to it is made.
    pub(super) fn is_answered(&self, now: Instant) {
        let mut state = self.state();
        (state.phase, state.progress) = (Phase::Answered { blocked: false }, now);
    }

    /// No more is written. True: the client may still be sending, so what comes is to be read before the end.
    pub(super) fn lingers(&self, now: Instant) -> bool {
        let mut state = self.state();
        // A body that was read in part looks like the head of a next request.
        if state.body && matches!(state.phase, Phase::Answered { .. } | Phase::Head(_)) {
            state.phase = Phase::Closing(now);
        }
        matches!(state.phase, Phase::Closing(_))
    }

    /// When it has to have moved on; `None`: it waits for us.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let state = self.state();
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
            let blocked = matches!(state.phase, Phase::Answered { blocked: true });
            (blocked && now.duration_since(state.progress) >= STUCK).then_some(state.progress)
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
        let answered = match state.phase {
            Phase::Answering => true,
            Phase::Answered { blocked } => blocked && now.duration_since(state.progress) < READING,
            Phase::Handshake(_) | Phase::Head(_) | Phase::Closing(_) => false,
        };
        (!answered).then_some(state.progress)
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
mod tests {
    use super::*;

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    fn enter(clients: &Arc<Clients>, now: Instant) -> Place {
        clients.enter(now).expect("a place")
    }

    #[test]
    fn the_one_longest_without_progress_makes_room() {
        let (clients, start) = (Clients::new(3), Instant::now());
        let places: Vec<_> = (0..3).map(|n| enter(&clients, at(start, n))).collect();
        places[0].client.has_read(at(start, 9));
        let _fourth = enter(&clients, at(start, 10));
        let left = |place: &Place| !clients.open().clients.contains_key(&place.number);
        assert_eq!(places.iter().map(left).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn who_is_being_answered_stays_and_if_all_are_nobody_comes() {
        let (clients, start) = (Clients::new(2), Instant::now());
        let (old, new) = (enter(&clients, start), enter(&clients, at(start, 5)));
        old.client.asks(false);
        let third = enter(&clients, at(start, 6));
        assert!(!clients.open().clients.contains_key(&new.number));
        third.client.asks(false);
        assert!(clients.enter(at(start, 7)).is_none());
        old.client.is_answered(at(start, 8));
        assert!(clients.enter(at(start, 8)).is_some());
    }

    #[test]
    fn who_takes_its_answer_slowly_stays_and_who_does_not_goes() {
        let (clients, start) = (Clients::new(2), Instant::now());
        let (reader, stuck) = (enter(&clients, start), enter(&clients, start));
        for place in [&reader, &stuck] {
            place.client.asks(false);
            place.client.is_answered(start);
        }
        reader.client.has_written(true, at(start, 1));
        reader.client.has_written(false, at(start, 1));
        stuck.client.has_written(false, at(start, 1));
        assert!(!clients.drop_stuck(at(start, 0) + STUCK / 2), "it may still read");
        let _third = enter(&clients, start + Duration::from_millis(1500));
        assert!(clients.open().clients.contains_key(&reader.number));
        assert!(!clients.open().clients.contains_key(&stuck.number));
        assert!(clients.drop_stuck(at(start, 2)), "where memory is short");
        assert!(!clients.open().clients.contains_key(&reader.number));
    }

    #[test]
    fn who_asks_on_and_takes_no_answer_is_stuck_all_the_same() {
        let (clients, start) = (Clients::new(2), Instant::now());
        let stuck = enter(&clients, start);
        stuck.client.asks(false);
        stuck.client.is_answered(start);
        stuck.client.has_written(true, start);
        stuck.client.has_written(false, at(start, 1));
        stuck.client.has_read(at(start, 2));
        assert_eq!(stuck.client.deadline(), Some(start + WRITE));
        assert!(clients.drop_stuck(at(start, 2)));
    }

    #[test]
    fn a_place_is_free_when_its_connection_ends() {
        let clients = Clients::new(1);
        drop(enter(&clients, Instant::now()));
        assert!(clients.open().clients.is_empty());
    }

    #[test]
    fn a_head_has_its_time_however_it_drips() {
        let start = Instant::now();
        let client = Client::new(start);
        client.has_read(at(start, 4));
        assert_eq!(client.deadline(), Some(start + HEAD));
        client.asks(false);
        assert_eq!(client.deadline(), None, "we are to answer");
        client.is_answered(at(start, 20));
        assert_eq!(client.deadline(), Some(at(start, 20) + IDLE));
        client.has_written(false, at(start, 21));
        assert_eq!(client.deadline(), Some(at(start, 20) + WRITE), "it does not read");
        client.has_written(true, at(start, 23));
        assert_eq!(client.deadline(), Some(at(start, 23) + IDLE));
        client.has_read(at(start, 90));
        assert_eq!(client.deadline(), Some(at(start, 90) + HEAD), "the next request");
    }

    #[test]
    fn a_handshake_has_the_time_of_a_head_and_its_bytes_are_no_answer() {
        let start = Instant::now();
        let client = Client::new(start);
        client.shakes_hands(start);
        client.has_read(at(start, 1));
        client.has_written(true, at(start, 2));
        assert_eq!(client.deadline(), Some(start + HEAD), "however it drips");
        assert!(!client.lingers(at(start, 2)));
        client.has_shaken_hands(at(start, 3));
        assert_eq!(client.deadline(), Some(at(start, 3) + HEAD));
    }

    #[test]
    fn what_nobody_reads_is_waited_for_after_the_answer() {
        let start = Instant::now();
        let refused = Client::new(start);
        assert!(!refused.lingers(start), "half a request, and no answer to lose");
        refused.has_written(true, at(start, 1));
        assert!(refused.lingers(at(start, 1)));
        refused.has_read(at(start, 2));
        assert_eq!(refused.deadline(), Some(at(start, 1) + LINGER), "however it drips");
        for body in [false, true] {
            let client = Client::new(start);
            client.asks(body);
            client.is_answered(start);
            client.has_written(true, start);
            assert_eq!(client.lingers(start), body);
        }
    }
}
