//! Failure entries of the error log that wait for their access line.
//!
//! nginx writes the entry at once and the access line at the end of the request, later still with
//! `access_log … buffer=`. So an entry stays here, first to be matched, then (when its outcome was
//! counted as unmatched) still to give a late access line its label. Memory is bounded by [`CAPACITY`].

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use serde::{Deserialize, Serialize};

use crate::record::error::Request;
use crate::record::stamp::Local;

use super::lookup::{ConnectionFilter, HashKey, Multiply};
use super::names::Id;
use crate::vocabulary::{Cause, RootCause};

/// Most entries that wait at a time.
pub const CAPACITY: usize = 32_768;

/// Most candidates for one access line. A load test sends one request ten thousand times: the first ones that
/// are left are the right ones.
const MOST_CANDIDATES: usize = 64;

/// Bytes of a request line that find its candidates. An entry that nginx cut inside the request still has
/// many more than these.
const HEAD: usize = 128;

/// A request line, as far as two of them must be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestKey {
    head: u64,
    whole: u64,
    length: usize,
    cut: bool,
}

/// What an entry says about its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Evidence {
    /// An attempt failed.
    Failure(Cause),
    /// A script died with a fatal error.
    Php(RootCause),
    /// The auth_request subrequest decided.
    AuthRequest,
}

/// An entry that waits for its access line.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct WaitingEntry {
    /// Its time stamp.
    pub at: Local,
    /// When it arrived, on the clock that [`super::Attributor::set_clock`] moves.
    pub arrived: Local,
    /// Process id of the nginx worker.
    pub pid: u64,
    /// nginx's connection number (`*7` in the entry).
    pub connection: u64,
    /// Request line, if the entry still had it.
    pub request: Option<RequestKey>,
    /// Hash of the client's address.
    pub client: Option<u64>,
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
    #[serde(rename = "says")]
    pub evidence: Evidence,
    /// A root cause that the message itself names.
    pub root: Option<RootCause>,
    /// A success of the same client and request was seen (formats without a connection number only):
    /// probably a retry saved it.
    pub rescued: bool,
    /// Its outcome was counted; it may still label.
    pub counted: bool,
    /// It may be text inside the entry before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadowed: bool,
    /// Taken by an access line.
    pub taken: bool,
}

type Chains = HashMap<u64, Chain, BuildHasherDefault<Multiply>>;

/// The entries in order of arrival, with two ways in.
#[derive(Debug, Default)]
pub struct Pending {
    entries: VecDeque<Link>,
    /// Sequence number of the first entry.
    base: u64,
    by_connection: Chains,
    by_request: Chains,
    /// Entries that no access line has taken.
    filter: ConnectionFilter,
    /// Entries whose outcome is not counted yet.
    uncounted: usize,
    /// Everything before this sequence number is counted or taken.
    settled: u64,
    key: HashKey,
}

/// The entries that no access line has taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SavedPending {
    key: HashKey,
    entries: Vec<WaitingEntry>,
}

impl SavedPending {
    /// `shift` seconds lie between the old process's clock and the new one's.
    pub(super) fn restore(self, shift: Local) -> Pending {
        let mut pending = Pending { key: self.key, ..Pending::default() };
        for mut entry in self.entries {
            entry.arrived += shift;
            // As many were there before.
            let _ = pending.push(entry);
        }
        pending
    }
}

#[derive(Debug)]
struct Link {
    entry: WaitingEntry,
    next_of_connection: Option<u64>,
    next_of_request: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Chain {
    first: u64,
    last: u64,
}

impl Pending {
    pub(super) fn save(&self) -> SavedPending {
        let entries = self.entries.iter().map(|link| link.entry).filter(|entry| !entry.taken).collect();
        SavedPending { key: self.key, entries }
    }

    /// A key for bytes that are only compared.
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        self.key.hasher().hash(bytes)
    }

    /// A key for a request line.
    pub fn request_key(&self, request: Request<'_>) -> RequestKey {
        let line = request.line;
        let whole = self.hash(line);
        RequestKey {
            head: if line.len() > HEAD { self.hash(&line[..HEAD]) } else { whole },
            whole,
            length: line.len(),
            cut: request.cut,
        }
    }

    /// Whether an entry's request is this request line.
    fn same_request(&self, key: RequestKey, line: &[u8]) -> bool {
        match key.cut {
            true => line.len() >= key.length && self.hash(&line[..key.length]) == key.whole,
            false => line.len() == key.length && self.hash(line) == key.whole,
        }
    }

    /// Whether an entry of a connection is here that no access line has taken.
    #[inline]
    pub fn waits_for(&self, connection: u64) -> bool {
        if self.filter.is_empty(connection) {
            return false;
        }
        let chain = self.by_connection.get(&connection);
        self.links(chain, |link| link.next_of_connection).any(|(_, link)| !link.entry.taken)
    }

    /// Whether nothing is here.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries have no outcome yet.
    pub fn uncounted(&self) -> usize {
        self.uncounted
    }

    /// The place of the entry that came last.
    pub fn newest(&self) -> Option<u64> {
        (self.base + self.entries.len() as u64).checked_sub(1)
    }

    /// Adds an entry. Gives back the oldest one, when there are too many, if its outcome is not counted.
    pub fn push(&mut self, entry: WaitingEntry) -> Option<WaitingEntry> {
        // Those that were taken make room: only what waits counts against the capacity.
        while self.entries.front().is_some_and(|link| link.entry.taken) {
            self.pop();
        }
        let seq = self.base + self.entries.len() as u64;
        link(&mut self.by_connection, entry.connection, seq, |at| {
            if let Some(before) = self.entries.get_mut((at - self.base) as usize) {
                before.next_of_connection = Some(seq);
            }
        });
        if let Some(request) = entry.request {
            link(&mut self.by_request, request.head, seq, |at| {
                if let Some(before) = self.entries.get_mut((at - self.base) as usize) {
                    before.next_of_request = Some(seq);
                }
            });
        }
        self.uncounted += usize::from(!entry.counted);
        *self.filter.of(entry.connection) += u16::from(!entry.taken);
        self.entries.push_back(Link { entry, next_of_connection: None, next_of_request: None });
        if self.entries.len() <= CAPACITY {
            return None;
        }
        let oldest = self.pop()?;
        (!oldest.counted && !oldest.taken).then_some(oldest)
    }

    fn pop(&mut self) -> Option<WaitingEntry> {
        let Link { entry, next_of_connection, next_of_request } = self.entries.pop_front()?;
        unlink(&mut self.by_connection, entry.connection, self.base, next_of_connection);
        if let Some(request) = entry.request {
            unlink(&mut self.by_request, request.head, self.base, next_of_request);
        }
        self.base += 1;
        *self.filter.of(entry.connection) -= u16::from(!entry.taken);
        if !entry.counted && !entry.taken {
            self.uncounted -= 1;
        }
        Some(entry)
    }

    /// Entries of a connection that no access line has taken and that `wanted` likes, in order.
    pub fn of_connection(
        &self,
        connection: u64,
        line: Option<&[u8]>,
        wanted: impl Fn(&WaitingEntry) -> bool,
    ) -> Vec<(u64, WaitingEntry)> {
        self.walk(
            self.by_connection.get(&connection),
            |link| link.next_of_connection,
            |entry| {
                let same = |key, line| self.same_request(key, line);
                wanted(entry) && entry.request.zip(line).is_none_or(|(key, line)| same(key, line))
            },
        )
    }

    /// Entries with this request line that no access line has taken and that `wanted` likes, in order.
    pub fn of_request(
        &self,
        line: &[u8],
        wanted: impl Fn(&WaitingEntry) -> bool,
    ) -> Vec<(u64, WaitingEntry)> {
        let head = self.hash(&line[..line.len().min(HEAD)]);
        self.walk(
            self.by_request.get(&head),
            |link| link.next_of_request,
            |entry| wanted(entry) && entry.request.is_some_and(|key| self.same_request(key, line)),
        )
    }

    fn links(
        &self,
        chain: Option<&Chain>,
        next: impl Fn(&Link) -> Option<u64>,
    ) -> impl Iterator<Item = (u64, &Link)> {
        let mut at = chain.map(|chain| chain.first.max(self.base));
        std::iter::from_fn(move || {
            let seq = at?;
            let link = self.entries.get((seq - self.base) as usize)?;
            at = next(link);
            Some((seq, link))
        })
    }

    fn walk(
        &self,
        chain: Option<&Chain>,
        next: impl Fn(&Link) -> Option<u64>,
        wanted: impl Fn(&WaitingEntry) -> bool,
    ) -> Vec<(u64, WaitingEntry)> {
        let free = self.links(chain, next).filter(|(_, link)| !link.entry.taken && wanted(&link.entry));
        free.map(|(seq, link)| (seq, link.entry)).take(MOST_CANDIDATES).collect()
    }

    /// An entry, to be changed.
    pub fn get_mut(&mut self, seq: u64) -> Option<&mut WaitingEntry> {
        let at = seq.checked_sub(self.base)?;
        self.entries.get_mut(at as usize).map(|link| &mut link.entry)
    }

    /// Takes an entry out of the wait. True: its outcome is still to be counted.
    pub fn take(&mut self, seq: u64) -> bool {
        let Some(entry) = self.get_mut(seq) else { return false };
        let (uncounted, waited) = (!entry.counted && !entry.taken, !entry.taken);
        entry.taken = true;
        entry.counted = true;
        let (connection, request) = (entry.connection, entry.request);
        *self.filter.of(connection) -= u16::from(waited);
        self.uncounted -= usize::from(uncounted);
        self.shorten(connection, request);
        uncounted
    }

    /// Moves the heads of two chains past entries that are taken, so that a long keepalive connection
    /// with many failures is not walked from its beginning each time.
    fn shorten(&mut self, connection: u64, request: Option<RequestKey>) {
        let skip = |chain: Option<&mut Chain>, next: fn(&Link) -> Option<u64>| {
            let Some(chain) = chain else { return };
            chain.first = chain.first.max(self.base);
            while chain.first < chain.last
                && let Some(link) = self.entries.get((chain.first - self.base) as usize)
                && link.entry.taken
                && let Some(after) = next(link)
            {
                chain.first = after;
            }
        };
        skip(self.by_connection.get_mut(&connection), |link| link.next_of_connection);
        if let Some(request) = request {
            skip(self.by_request.get_mut(&request.head), |link| link.next_of_request);
        }
    }

    /// Counts the outcome of every entry that arrived before `deadline` and found no access line.
    pub fn settle(&mut self, deadline: Local, mut each: impl FnMut(&WaitingEntry)) {
        let mut at = self.settled.max(self.base);
        while let Some(link) = self.entries.get_mut((at - self.base) as usize) {
            let entry = &mut link.entry;
            if !entry.counted {
                if entry.arrived >= deadline {
                    break;
                }
                entry.counted = true;
                self.uncounted -= 1;
                each(entry);
            }
            at += 1;
        }
        self.settled = at;
    }
}

fn link(chains: &mut Chains, key: u64, seq: u64, append: impl FnOnce(u64)) {
    match chains.get_mut(&key) {
        Some(chain) => {
            append(chain.last);
            chain.last = seq;
        }
        None => {
            chains.insert(key, Chain { first: seq, last: seq });
        }
    }
}

fn unlink(chains: &mut Chains, key: u64, gone: u64, next: Option<u64>) {
    match (chains.get_mut(&key), next) {
        (Some(chain), Some(next)) => chain.first = chain.first.max(next),
        (Some(chain), None) if chain.last == gone => {
            chains.remove(&key);
        }
        _ => {}
    }
}
