//! Failure entries of the error log that wait for their access line.
//!
//! nginx writes the entry at once and the access line at the end of the request, later still with
//! `access_log … buffer=`. So an entry stays here, first to be matched, then (when its outcome was
//! counted as unmatched) still to give a late access line its label. An error log is read some seconds ahead of the
//! access log: at 50,000 failures a second that is a lot of entries, so they are packed. Memory is bounded by
//! [`CAPACITY`] and [`LATE`].

mod index;
mod packed;
mod saved;
mod vlq;

use serde::{Deserialize, Serialize};

use crate::record::access::Asked;
use crate::record::error::Request;
use crate::record::request;
use crate::record::stamp::Local;

use super::lookup::{ConnectionFilter, HashKey};
use super::names::Id;
use crate::vocabulary::{Cause, RootCause};
use index::Index;
use packed::Entries;
pub(super) use saved::SavedPending;

/// Most entries that wait at a time: 64 bytes each, so 16 MiB.
pub const CAPACITY: usize = 262_144;

/// Most entries whose outcome was counted and that may still label a late access line.
pub const LATE: usize = 32_768;

/// Most candidates for one access line. A load test sends one request ten thousand times: the first ones that
/// are left are the right ones.
const MOST_CANDIDATES: usize = 64;

/// Bytes of a URI that find an entry which nginx cut inside of it. Mostly it still has many more than these.
const HEAD: usize = 128;

/// What was asked for, as far as two requests must be compared: hashes, nothing that a visitor sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// Of the URI, or of as much of it as there is.
    uri: u64,
    /// Of the path alone, or, of a URI that was cut, of its first [`HEAD`] bytes.
    path: u32,
    /// Of the URI.
    length: u16,
    /// 0: not known.
    method: u16,
    /// 0: not known.
    protocol: u16,
    /// Of the URI only a beginning is known.
    cut: bool,
}

/// What an entry says about its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Evidence {
    /// An attempt failed.
    Failure(Cause),
    /// A script died with a fatal error.
    Php(RootCause),
    /// The auth_request subrequest decided.
    AuthRequest,
}

/// An entry that waits for its access line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingEntry {
    /// Its time stamp.
    pub at: Local,
    /// When it arrived, on the clock that [`super::Attributor::set_clock`] moves.
    pub arrived: Local,
    /// Process id of the nginx worker.
    pub pid: u64,
    /// nginx's connection number (`*7` in the entry).
    pub connection: u64,
    /// What was asked for, if the entry still had it.
    pub request: Option<RequestKey>,
    /// Hash of the client's address.
    pub client: Option<u32>,
    /// `server_name` of its server block.
    pub server: Id,
    /// Address of the upstream server.
    pub upstream: Id,
    /// The peer's address was cut by guess: the access line knows it better.
    pub upstream_guessed: bool,
    /// Whether the peer speaks FastCGI; `None` when the entry lost it.
    pub fastcgi: Option<bool>,
    /// A subrequest failed, not the request itself.
    pub subrequest: bool,
    /// What it tells of its request.
    pub evidence: Evidence,
    /// A root cause that the message itself names.
    pub root: Option<RootCause>,
    /// A success of the same client and request was seen (formats without a connection number only):
    /// probably a retry saved it.
    pub rescued: bool,
    /// Its outcome was counted; it may still label.
    pub counted: bool,
    /// It may be text inside the entry before it.
    pub shadowed: bool,
    /// Taken by an access line.
    pub taken: bool,
}

/// The entries in order of arrival, with two ways in.
#[derive(Debug, Default)]
pub struct Pending {
    entries: Entries,
    by_connection: Index<{ packed::BY_CONNECTION }>,
    by_request: Index<{ packed::BY_REQUEST }>,
    /// Entries that no access line has taken.
    filter: ConnectionFilter,
    /// Entries whose outcome is not counted yet.
    uncounted: usize,
    /// Everything before this sequence number is counted or taken.
    settled: u64,
    /// How many before it are not taken.
    late: usize,
    key: HashKey,
}

impl Pending {
    /// A key for bytes that are only compared.
    pub fn hash(&self, bytes: &[u8]) -> u32 {
        // Half of it is enough to tell the few clients apart that ask for the same.
        self.key.hash(bytes) as u32 & ((1 << 30) - 1)
    }

    /// A key for a URI: 45 bits tell a million of them apart, and are saved in fewer bytes than 64.
    fn uri(&self, uri: &[u8]) -> u64 {
        self.key.hash(uri) & ((1 << 45) - 1)
    }

    /// A key for a word out of a few.
    fn word(&self, word: &[u8]) -> u16 {
        (self.key.hash(word) as u16).max(1)
    }

    /// A key for a request line. `None`: the entry was cut before its URI.
    pub fn request_key(&self, request: Request<'_>) -> Option<RequestKey> {
        let parts = if request.cut { request::split_cut(request.line) } else { request::split(request.line) };
        // A protocol shows that the URI before it is whole.
        let cut = request.cut && parts.protocol.is_none();
        if parts.uri.is_empty() {
            return None;
        }
        let path = if cut { parts.uri.get(..HEAD).unwrap_or_default() } else { request::path(parts.uri) };
        Some(RequestKey {
            uri: self.uri(parts.uri),
            path: self.hash(path),
            length: u16::try_from(parts.uri.len()).unwrap_or(u16::MAX),
            method: self.word(parts.method),
            protocol: match request.cut {
                true => 0,
                false => self.word(parts.protocol.unwrap_or_default()),
            },
            cut,
        })
    }

    /// Whether an entry's request can be what an access line says, as far as its format tells.
    fn is_same(&self, key: RequestKey, asked: &Asked<'_>) -> bool {
        let same_word =
            |known: u16, word: Option<&[u8]>| known == 0 || word.is_none_or(|word| self.word(word) == known);
        if !same_word(key.method, asked.method.as_deref())
            || !same_word(key.protocol, asked.protocol.as_deref())
        {
            return false;
        }
        match (&asked.uri, &asked.path) {
            (Some(uri), _) if key.cut => {
                uri.get(..usize::from(key.length)).is_some_and(|uri| self.uri(uri) == key.uri)
            }
            (Some(uri), _) => {
                u16::try_from(uri.len()).unwrap_or(u16::MAX) == key.length && self.uri(uri) == key.uri
            }
            (None, Some(path)) => !key.cut && self.hash(path) == key.path,
            (None, None) => true,
        }
    }

    /// Whether an entry of a connection is here that no access line has taken.
    #[inline]
    pub fn waits_for(&self, connection: u64) -> bool {
        !self.filter.is_empty(connection)
            && self
                .by_connection
                .walk(&self.entries, fold(connection))
                .any(|seq| self.entries.connection(seq) == Some(connection) && !self.entries.is_taken(seq))
    }

    /// Whether nothing is here.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries have no outcome yet.
    pub fn uncounted(&self) -> usize {
        self.uncounted
    }

    /// An entry that is still here.
    pub fn get(&self, seq: u64) -> Option<WaitingEntry> {
        self.entries.get(seq)
    }

    /// The place of the entry that came last.
    pub fn newest(&self) -> Option<u64> {
        self.entries.seqs().next_back()
    }

    /// Adds an entry. Gives back the oldest one, when there are too many, if its outcome is not counted.
    pub fn push(&mut self, entry: WaitingEntry) -> Option<WaitingEntry> {
        // Those that were taken make room: only what waits counts against the capacity.
        while !self.entries.is_empty() && self.entries.is_taken(self.entries.first()) {
            self.pop();
        }
        let seq = self.entries.push(&entry);
        self.uncounted += usize::from(!entry.counted);
        *self.filter.of(entry.connection) += u32::from(!entry.taken);
        self.by_connection.add(&mut self.entries, seq);
        self.by_request.add(&mut self.entries, seq);
        if self.entries.len() <= CAPACITY {
            return None;
        }
        let oldest = self.pop()?;
        (!oldest.counted && !oldest.taken).then_some(oldest)
    }

    fn pop(&mut self) -> Option<WaitingEntry> {
        let seq = self.entries.first();
        let entry = self.entries.get(seq)?;
        if !entry.taken {
            *self.filter.of(entry.connection) -= 1;
            self.uncounted -= usize::from(!entry.counted);
            self.late -= usize::from(seq < self.settled);
            self.entries.set_taken(seq);
            self.shorten(seq);
        }
        self.entries.pop();
        Some(entry)
    }

    /// Entries of a connection that no access line has taken and that `wanted` likes, in order: those of the request
    /// that was asked for. Where its format has only `$uri`, which nginx may have changed, they may be of another.
    pub fn of_connection(
        &self,
        connection: u64,
        asked: &Asked<'_>,
        wanted: impl Fn(&WaitingEntry) -> bool,
    ) -> Vec<(u64, WaitingEntry)> {
        let of = |asked: &Asked<'_>| {
            let seqs = self.by_connection.walk(&self.entries, fold(connection));
            self.candidates(seqs, |entry| {
                entry.connection == connection
                    && entry.request.is_none_or(|key| self.is_same(key, asked))
                    && wanted(entry)
            })
        };
        let found = of(asked);
        if found.is_empty() && asked.uri.is_none() && asked.path.is_some() {
            return of(&Asked { path: None, ..asked.clone() });
        }
        found
    }

    /// Entries of what was asked for that no access line has taken and that `wanted` likes, in order.
    pub fn of_request(
        &mut self,
        asked: &Asked<'_>,
        wanted: impl Fn(&WaitingEntry) -> bool,
    ) -> Vec<(u64, WaitingEntry)> {
        let Some(path) = asked.uri.as_deref().map(request::path).or(asked.path.as_deref()) else {
            return Vec::new();
        };
        if asked.uri.is_none() && !self.by_request.by_path {
            // From now on: an access log has no more of them.
            self.by_request.by_path = true;
            self.by_request.spread(&mut self.entries, 0);
        }
        let whole = match asked.uri.as_deref() {
            Some(uri) if !self.by_request.by_path => self.uri(uri) as u32,
            _ => self.hash(path),
        };
        let head = asked.uri.as_deref().and_then(|uri| uri.get(..HEAD)).map(|head| self.hash(head));
        let same =
            |entry: &WaitingEntry| entry.request.is_some_and(|key| self.is_same(key, asked)) && wanted(entry);
        let mut found = self.candidates(self.by_request.walk(&self.entries, whole), same);
        if let Some(head) = head.filter(|head| self.by_request.differ(*head, whole)) {
            found.extend(self.candidates(self.by_request.walk(&self.entries, head), same));
            found.sort_unstable_by_key(|(seq, _)| *seq);
            found.truncate(MOST_CANDIDATES);
        }
        found
    }

    fn candidates(
        &self,
        seqs: impl Iterator<Item = u64>,
        wanted: impl Fn(&WaitingEntry) -> bool,
    ) -> Vec<(u64, WaitingEntry)> {
        let entries = seqs.filter_map(|seq| self.entries.get(seq).map(|entry| (seq, entry)));
        entries.filter(|(_, entry)| !entry.taken && wanted(entry)).take(MOST_CANDIDATES).collect()
    }

    /// A success of the same client and request was seen.
    pub fn rescue(&mut self, seq: u64) {
        self.entries.set_rescued(seq);
    }

    /// The outcome of an entry is told; it may still give a line its label. True: it was not told before.
    pub fn count(&mut self, seq: u64) -> bool {
        let is_new = self.entries.get(seq).is_some_and(|entry| !entry.taken && !entry.counted);
        if is_new {
            self.entries.set_counted(seq);
            self.uncounted -= 1;
        }
        is_new
    }

    /// Takes an entry out of the wait. True: its outcome is still to be counted.
    pub fn take(&mut self, seq: u64) -> bool {
        let Some(entry) = self.entries.get(seq).filter(|entry| !entry.taken) else { return false };
        self.entries.set_taken(seq);
        *self.filter.of(entry.connection) -= 1;
        self.uncounted -= usize::from(!entry.counted);
        self.late -= usize::from(seq < self.settled);
        self.shorten(seq);
        !entry.counted
    }

    /// Moves the heads of two chains past entries that are taken, so that a long keepalive connection
    /// with many failures is not walked from its beginning each time.
    fn shorten(&mut self, seq: u64) {
        self.by_connection.trim(&mut self.entries, seq);
        self.by_request.trim(&mut self.entries, seq);
    }

    /// Counts the outcome of every entry that arrived before `deadline` and found no access line.
    pub fn settle(&mut self, deadline: Local, mut each: impl FnMut(&WaitingEntry)) {
        let mut at = self.settled.max(self.entries.first());
        while let Some(entry) = self.entries.get(at) {
            if !entry.taken {
                if entry.arrived >= deadline {
                    break;
                }
                self.late += 1;
                if !entry.counted {
                    self.entries.set_counted(at);
                    self.uncounted -= 1;
                    each(&entry);
                }
            }
            at += 1;
        }
        self.settled = at;
        while self.late > LATE {
            self.pop();
        }
    }
}

/// A connection's number as a place.
fn fold(connection: u64) -> u32 {
    (connection ^ connection >> 32) as u32
}

#[cfg(test)]
mod tests;
