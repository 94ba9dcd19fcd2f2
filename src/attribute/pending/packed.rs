//! Entries in 56 bytes each: what few of them differ in is kept once, as their kind.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Evidence, RequestKey, WaitingEntry, fold};
use crate::attribute::Id;
use crate::record::stamp::Local;
use crate::vocabulary::RootCause;

/// Entries in one piece of memory.
const CHUNK: usize = 1024;

/// Numbers by which entries point to each other; more than can wait.
const SLOTS: u64 = 1 << 20;

/// Kinds after which those that no entry has are looked for.
const MANY_KINDS: usize = 4096;

/// The links of an entry.
pub(super) const BY_CONNECTION: usize = 0;
pub(super) const BY_REQUEST: usize = 1;

const CUT: u8 = 1;
const REQUEST: u8 = 2;
const CLIENT: u8 = 4;
const RESCUED: u8 = 8;
const COUNTED: u8 = 16;
const TAKEN: u8 = 32;

/// What few entries differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Kind {
    server: Id,
    upstream: Id,
    upstream_guessed: bool,
    fastcgi: Option<bool>,
    subrequest: bool,
    evidence: Evidence,
    root: Option<RootCause>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    shadowed: bool,
}

impl Kind {
    pub(super) fn of(entry: &WaitingEntry) -> Self {
        let WaitingEntry {
            server,
            upstream,
            upstream_guessed,
            fastcgi,
            subrequest,
            evidence,
            root,
            shadowed,
            ..
        } = *entry;
        Self { server, upstream, upstream_guessed, fastcgi, subrequest, evidence, root, shadowed }
    }

    pub(super) fn put(self, entry: &mut WaitingEntry) {
        let Self { server, upstream, upstream_guessed, fastcgi, subrequest, evidence, root, shadowed } = self;
        *entry = WaitingEntry {
            server,
            upstream,
            upstream_guessed,
            fastcgi,
            subrequest,
            evidence,
            root,
            shadowed,
            ..*entry
        };
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Packed {
    connection: u64,
    uri: u64,
    at: u32,
    arrived: u32,
    pid: u32,
    kind: u32,
    client: u32,
    path: u32,
    next: [u32; 2],
    length: u16,
    method: u16,
    protocol: u16,
    flags: u8,
}

const _: () = assert!(size_of::<Packed>() == 56);

/// Seconds since 1970 up to 2106, which is what logs have.
fn second(at: Local) -> u32 {
    u32::try_from(at.max(0)).unwrap_or(u32::MAX)
}

impl Packed {
    fn new(entry: &WaitingEntry, kind: u32) -> Self {
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let request = entry.request;
        Self {
            connection: entry.connection,
            uri: request.map_or(0, |key| key.uri),
            at: second(entry.at),
            arrived: second(entry.arrived),
            pid: u32::try_from(entry.pid).unwrap_or(u32::MAX),
            kind,
            client: entry.client.unwrap_or_default(),
            path: request.map_or(0, |key| key.path),
            next: [0; 2],
            length: request.map_or(0, |key| key.length),
            method: request.map_or(0, |key| key.method),
            protocol: request.map_or(0, |key| key.protocol),
            flags: flag(request.is_some_and(|key| key.cut), CUT)
                | flag(request.is_some(), REQUEST)
                | flag(entry.client.is_some(), CLIENT)
                | flag(entry.rescued, RESCUED)
                | flag(entry.counted, COUNTED)
                | flag(entry.taken, TAKEN),
        }
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn unpack(&self, kind: Kind) -> WaitingEntry {
        let Kind { server, upstream, upstream_guessed, fastcgi, subrequest, evidence, root, shadowed } = kind;
        let key = RequestKey {
            uri: self.uri,
            path: self.path,
            length: self.length,
            method: self.method,
            protocol: self.protocol,
            cut: self.has(CUT),
        };
        WaitingEntry {
            at: Local::from(self.at),
            arrived: Local::from(self.arrived),
            pid: u64::from(self.pid),
            connection: self.connection,
            request: self.has(REQUEST).then_some(key),
            client: self.has(CLIENT).then_some(self.client),
            server,
            upstream,
            upstream_guessed,
            fastcgi,
            subrequest,
            evidence,
            root,
            rescued: self.has(RESCUED),
            counted: self.has(COUNTED),
            shadowed,
            taken: self.has(TAKEN),
        }
    }
}

/// The entries in order of arrival, by sequence number. Memory grows and is given back in pieces, so that no entry
/// is ever there twice.
#[derive(Debug, Default)]
pub(super) struct Entries {
    chunks: VecDeque<Vec<Packed>>,
    /// Sequence number of the first entry.
    first: u64,
    /// And of the one behind the last.
    end: u64,
    kinds: Vec<Kind>,
    ids: HashMap<Kind, u32>,
    /// At this length of `kinds` those that no entry has are dropped.
    limit: usize,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        (self.end - self.first) as usize
    }

    pub(super) fn is_empty(&self) -> bool {
        self.end == self.first
    }

    /// Sequence number of the first entry.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn seqs(&self) -> std::ops::Range<u64> {
        self.first..self.end
    }

    /// The number by which other entries point to this one.
    pub(super) fn slot(seq: u64) -> u32 {
        (seq % SLOTS) as u32
    }

    /// The entry behind such a number.
    pub(super) fn seq(&self, slot: u32) -> u64 {
        self.first + (u64::from(slot) + SLOTS - self.first % SLOTS) % SLOTS
    }

    fn packed(&self, seq: u64) -> Option<&Packed> {
        let chunk = (seq / CHUNK as u64).checked_sub(self.first / CHUNK as u64)?;
        if !(self.first..self.end).contains(&seq) {
            return None;
        }
        self.chunks.get(chunk as usize)?.get(seq as usize % CHUNK)
    }

    fn packed_mut(&mut self, seq: u64) -> Option<&mut Packed> {
        let chunk = (seq / CHUNK as u64).checked_sub(self.first / CHUNK as u64)?;
        if !(self.first..self.end).contains(&seq) {
            return None;
        }
        self.chunks.get_mut(chunk as usize)?.get_mut(seq as usize % CHUNK)
    }

    pub(super) fn get(&self, seq: u64) -> Option<WaitingEntry> {
        let packed = self.packed(seq)?;
        Some(packed.unpack(*self.kinds.get(packed.kind as usize)?))
    }

    /// Adds an entry. Gives its sequence number.
    pub(super) fn push(&mut self, entry: &WaitingEntry) -> u64 {
        let kind = self.kind(Kind::of(entry));
        let seq = self.end;
        if (seq as usize).is_multiple_of(CHUNK) || self.chunks.is_empty() {
            let mut chunk = Vec::with_capacity(CHUNK);
            // A piece begins with its first place, whatever comes first.
            chunk.resize(seq as usize % CHUNK, Packed::default());
            self.chunks.push_back(chunk);
        }
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.push(Packed::new(entry, kind));
        }
        self.end += 1;
        seq
    }

    /// Drops the first entry.
    pub(super) fn pop(&mut self) {
        if self.is_empty() {
            return;
        }
        self.first += 1;
        if (self.first as usize).is_multiple_of(CHUNK) || self.is_empty() {
            self.chunks.pop_front();
        }
    }

    fn kind(&mut self, kind: Kind) -> u32 {
        if let Some(id) = self.ids.get(&kind) {
            return *id;
        }
        if self.kinds.len() >= self.limit.max(MANY_KINDS) {
            self.drop_kinds();
        }
        let id = u32::try_from(self.kinds.len()).unwrap_or(u32::MAX);
        self.kinds.push(kind);
        self.ids.insert(kind, id);
        id
    }

    #[cfg(test)]
    pub(super) fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// Keeps only the kinds that an entry has.
    fn drop_kinds(&mut self) {
        let old = std::mem::take(&mut self.kinds);
        self.ids.clear();
        for seq in self.seqs() {
            let Some(kind) = self.packed(seq).and_then(|packed| old.get(packed.kind as usize)) else {
                continue;
            };
            let next = u32::try_from(self.kinds.len()).unwrap_or(u32::MAX);
            let id = *self.ids.entry(*kind).or_insert(next);
            if id == next {
                self.kinds.push(*kind);
            }
            if let Some(packed) = self.packed_mut(seq) {
                packed.kind = id;
            }
        }
        self.limit = 2 * self.kinds.len();
    }

    /// The number by which an index finds an entry.
    pub(super) fn number(&self, seq: u64, way: usize, by_path: bool) -> Option<u32> {
        let packed = self.packed(seq)?;
        match way {
            BY_CONNECTION => Some(fold(packed.connection)),
            _ if !packed.has(REQUEST) => None,
            _ if by_path || packed.has(CUT) => Some(packed.path),
            _ => Some(packed.uri as u32),
        }
    }

    pub(super) fn connection(&self, seq: u64) -> Option<u64> {
        self.packed(seq).map(|packed| packed.connection)
    }

    pub(super) fn next(&self, seq: u64, way: usize) -> u32 {
        self.packed(seq).map_or(0, |packed| packed.next[way])
    }

    /// Sets a link. Gives what it was.
    pub(super) fn replace_next(&mut self, seq: u64, way: usize, next: u32) -> u32 {
        self.packed_mut(seq).map_or(0, |packed| std::mem::replace(&mut packed.next[way], next))
    }

    pub(super) fn is_taken(&self, seq: u64) -> bool {
        self.packed(seq).is_none_or(|packed| packed.has(TAKEN))
    }

    fn set(&mut self, seq: u64, flags: u8) {
        if let Some(packed) = self.packed_mut(seq) {
            packed.flags |= flags;
        }
    }

    pub(super) fn set_taken(&mut self, seq: u64) {
        self.set(seq, TAKEN | COUNTED);
    }

    pub(super) fn set_counted(&mut self, seq: u64) {
        self.set(seq, COUNTED);
    }

    pub(super) fn set_rescued(&mut self, seq: u64) {
        self.set(seq, RESCUED);
    }
}
