//! Several logs in the order of time.
//!
//! An access line can only be judged when its entries have been read, and a log that is read far ahead of the others
//! would fill the join with entries that wait. So of all logs the one whose next line is the oldest is read on, as far
//! as the next line of any other: error and PHP-FPM logs a little further than access logs, since evidence may stand
//! behind the response that it explains. How lines are cut into files does not matter; of two that begin in the same
//! second, the one that is given first goes first.
//!
//! Of live access logs only what was there before the others were read is taken, so that nginx's entries for it are in.

use super::stream::{Buffers, Stream};
use crate::attribute::logs::Log;
use crate::attribute::{Attributor, Sink};
use crate::record::stamp::Local;
use crate::source::ReadError;

/// The logs of one run.
pub struct Streams<'a>(Vec<Stream<'a>>);

impl<'a> FromIterator<Stream<'a>> for Streams<'a> {
    fn from_iter<I: IntoIterator<Item = Stream<'a>>>(streams: I) -> Self {
        Self(streams.into_iter().collect())
    }
}

impl Streams<'_> {
    /// Reads everything there is. `go_on` is asked again and again; when it says no, the rest stays unread. Gives the
    /// errors met; a log that fails is left where it is.
    pub fn pump(
        &mut self,
        buffers: &mut Buffers,
        attributor: &mut Attributor,
        sink: &mut impl Sink,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Vec<ReadError> {
        let mut errors = Vec::new();
        buffers.begin(self.0.len());
        for stream in &mut self.0 {
            errors.extend(stream.fill(buffers, attributor, sink).err());
        }
        // Two files of one log may meet in one second: the one that begins earlier goes on first.
        self.0.sort_by_key(Stream::begins);
        loop {
            if let Some((at, strict, wanted)) = self.next(attributor) {
                let stream = &mut self.0[at];
                errors.extend(stream.take((strict, wanted), buffers, attributor, sink).err());
                if !stream.is_evidence() {
                    let come = stream.reader.reached;
                    self.tell_time(come, attributor, sink);
                }
            } else if let Some(at) = self.0.iter().position(|stream| stream.is_passing()) {
                // Others need not wait for a line without end, which is none of any log.
                errors.extend(self.0[at].fill(buffers, attributor, sink).err());
                self.0[at..].rotate_left(1);
            } else {
                break;
            }
            if !go_on() {
                self.0.iter_mut().for_each(|stream| stream.give_back(buffers));
                break;
            }
        }
        buffers.end();
        errors
    }

    /// Whose turn it is, and the turns up to which it may be taken: one that may not be passed, and one that should not.
    fn next(&self, attributor: &Attributor) -> Option<(usize, Local, Local)> {
        let turns = self.0.iter().map(|stream| Some((stream.turn(attributor)?, !stream.is_evidence())));
        let turns: Vec<_> = turns.collect();
        // At the same time evidence comes first.
        let (turn, at) = turns.iter().enumerate().filter_map(|(at, turn)| Some(((*turn)?, at))).min()?;
        let others = turns.iter().enumerate().filter(|(other, _)| *other != at);
        let (mut strict, mut wanted) = (Local::MAX, Local::MAX);
        for (other, is_access) in others.filter_map(|(_, other)| *other) {
            // An access log may come up to evidence, but not to the same time.
            let before = if turn.1 && !is_access { other.saturating_sub(1) } else { other };
            wanted = wanted.min(before);
            if turn.1 && !is_access {
                strict = strict.min(before);
            }
        }
        Some((at, strict, wanted))
    }

    /// An access log has come to the time `come`: all have, except those whose next line is older.
    fn tell_time(&self, come: Local, attributor: &mut Attributor, sink: &mut impl Sink) {
        let access = self.0.iter().filter(|stream| !stream.is_evidence());
        let next = access.filter_map(|stream| stream.turn(attributor)).min();
        let come = next.map_or(come, |next| next.min(come));
        if come > Local::MIN && come < Local::MAX {
            attributor.reached(come, sink);
        }
    }

    /// The logs are at their end for good: what is still open in them is given, entries before the lines that wait for
    /// them.
    pub fn flush(&mut self, attributor: &mut Attributor, sink: &mut impl Sink) {
        self.0.sort_by_key(|stream| !stream.is_evidence());
        self.0.iter_mut().for_each(|stream| stream.reader.log.flush(attributor, sink));
    }
}

#[cfg(test)]
mod tests;
