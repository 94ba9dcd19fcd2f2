//! What a connection of HTTP/2 is doing: several requests at a time, and frames that mean no progress.

use std::time::{Duration, Instant};

use super::times::{HEAD, IDLE, READING, STUCK, WRITE};

/// Requests of one connection at a time. Prometheus has one, a browser a few.
pub(super) const MOST: u32 = 8;

/// Who always has a request that is being answered keeps its place for so long: longer than an answer may take.
const BUSY: Duration = Duration::from_secs(10);

/// Progress is a request that is complete, or a part of an answer that is taken: pings and other frames are none.
#[derive(Debug)]
pub(super) struct Streams {
    /// No request has come since.
    silent: Option<Instant>,
    /// Answers that are being made, and since when there are any.
    making: u32,
    busy: Instant,
    /// Answers that are not taken whole: a number, and when the last part was.
    sending: Vec<(u64, Instant)>,
    next: u64,
    /// The socket takes no more bytes, since it took the last ones.
    blocked: Option<Instant>,
    written: Instant,
    progress: Instant,
}

impl Streams {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            silent: Some(now),
            making: 0,
            busy: now,
            sending: Vec::new(),
            next: 0,
            blocked: None,
            written: now,
            progress: now,
        }
    }

    pub(super) fn has_written(&mut self, bytes: bool, now: Instant) {
        if bytes {
            (self.blocked, self.written) = (None, now);
        } else {
            self.blocked = Some(self.written);
        }
    }

    /// A request is complete.
    pub(super) fn asks(&mut self, now: Instant) {
        if self.making == 0 {
            self.busy = now;
        }
        self.making += 1;
        (self.silent, self.progress) = (None, now);
    }

    /// Its answer is made, or nobody wants it any more.
    pub(super) fn is_answered(&mut self, now: Instant) {
        self.making = self.making.saturating_sub(1);
        self.progress = now;
    }

    /// An answer begins to be sent; gives its number.
    pub(super) fn sends(&mut self, now: Instant) -> u64 {
        let number = self.next;
        self.next += 1;
        self.sending.push((number, now));
        number
    }

    /// A part of it was taken.
    pub(super) fn takes(&mut self, number: u64, now: Instant) {
        if let Some((_, taken)) = self.sending.iter_mut().find(|(of, _)| *of == number) {
            *taken = now;
        }
        self.progress = now;
    }

    /// It was taken whole, or is not wanted.
    pub(super) fn is_sent(&mut self, number: u64, now: Instant) {
        self.sending.retain(|(of, _)| *of != number);
        self.progress = now;
    }

    /// Since when the client has not taken what it is to take, if there is anything.
    fn waits_for_client(&self) -> Option<Instant> {
        let oldest = self.sending.iter().map(|(_, taken)| *taken).min();
        oldest.into_iter().chain(self.blocked).min()
    }

    /// As of a connection that asks once at a time.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match (self.silent, self.waits_for_client()) {
            (Some(since), _) => Some(since + HEAD),
            (None, Some(since)) => Some(since + WRITE),
            (None, None) if self.making > 0 => None,
            (None, None) => Some(self.progress + IDLE),
        }
    }

    /// When it last had progress, if it takes no bytes where it should.
    pub(super) fn stuck(&self, now: Instant) -> Option<Instant> {
        self.waits_for_client().filter(|since| now.duration_since(*since) >= STUCK)
    }

    /// When it last had progress, if another connection may have its place.
    pub(super) fn may_leave(&self, now: Instant) -> Option<Instant> {
        let is_answered = match self.waits_for_client() {
            Some(since) => now.duration_since(since) < READING,
            None => self.making > 0 && now.duration_since(self.busy) < BUSY,
        };
        (!is_answered).then_some(self.progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_request_has_to_come_soon() {
        let start = Instant::now();
        let mut streams = Streams::new(start);
        streams.has_written(true, after(start, 10));
        assert_eq!(streams.deadline(), Some(start + HEAD), "whatever we wrote");
        assert_eq!(streams.may_leave(after(start, 10)), Some(start));
        streams.asks(after(start, 20));
        assert_eq!((streams.deadline(), streams.may_leave(after(start, 30))), (None, None));
        streams.is_answered(after(start, 40));
        assert_eq!(streams.deadline(), Some(after(start, 40) + IDLE));
    }

    #[test]
    fn one_answer_that_is_not_taken_ends_it_whatever_else_it_does() {
        let start = Instant::now();
        let mut streams = Streams::new(start);
        streams.asks(start);
        streams.is_answered(start);
        let left = streams.sends(start);
        for second in 1..20 {
            let now = after(start, second * 1000);
            streams.asks(now);
            streams.is_answered(now);
            let other = streams.sends(now);
            streams.takes(other, now);
            streams.is_sent(other, now);
            streams.asks(now);
            assert_eq!(streams.deadline(), Some(start + WRITE));
            assert_eq!((streams.stuck(now), streams.may_leave(now).is_some()), (Some(start), true));
        }
        streams.is_sent(left, after(start, 20_000));
        assert_eq!(streams.stuck(after(start, 21_000)), None);
    }

    #[test]
    fn a_socket_that_is_full_ends_it_too() {
        let start = Instant::now();
        let mut streams = Streams::new(start);
        streams.asks(start);
        streams.has_written(true, after(start, 50));
        streams.has_written(false, after(start, 60));
        assert_eq!(streams.deadline(), Some(after(start, 50) + WRITE));
        streams.has_written(true, after(start, 70));
        assert_eq!(streams.deadline(), None);
    }

    #[test]
    fn who_always_asks_keeps_its_place_for_a_while_only() {
        let start = Instant::now();
        let mut streams = Streams::new(start);
        streams.asks(start);
        for second in 1..9 {
            let now = after(start, second * 1000);
            streams.asks(now);
            streams.is_answered(now);
            assert_eq!(streams.may_leave(now), None);
        }
        assert!(streams.may_leave(start + BUSY).is_some());
    }
}
