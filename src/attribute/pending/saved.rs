//! The entries that no access line has taken, in the form in which they are saved: what is as in the entry before is
//! not written again, so that a storm of equal failures takes a few bytes each.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::packed::Kind;
use super::{Evidence, HashKey, Id, Pending, RequestKey, WaitingEntry, vlq};
use crate::record::stamp::Local;
use crate::vocabulary::RootCause;

/// What waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::attribute) struct SavedPending {
    key: HashKey,
    #[serde(default)]
    kinds: Vec<Kind>,
    #[serde(default)]
    packed: String,
    /// As they were saved once.
    #[serde(default, skip_serializing)]
    entries: Vec<Unpacked>,
}

/// An entry as it was saved once. What it knew of its request was hashed in another way, so it is found by its
/// connection alone.
#[derive(Clone, Debug, Deserialize)]
struct Unpacked {
    at: Local,
    arrived: Local,
    pid: u64,
    connection: u64,
    server: Id,
    upstream: Id,
    upstream_guessed: bool,
    fastcgi: Option<bool>,
    subrequest: bool,
    says: Evidence,
    root: Option<RootCause>,
    rescued: bool,
    counted: bool,
    #[serde(default)]
    shadowed: bool,
}

/// What differs from the entry before; what mostly does comes first, so that it takes one character.
const KIND: u64 = 1;
const CLIENT: u64 = 2;
const REQUEST: u64 = 4;
const PID: u64 = 8;
const COUNTED: u64 = 16;
const AT: u64 = 32;
const ARRIVED: u64 = 64;
const WORDS: u64 = 128;
const RESCUED: u64 = 256;

impl Pending {
    pub(in crate::attribute) fn save(&self) -> SavedPending {
        let (mut kinds, mut ids) = (Vec::new(), HashMap::new());
        let (mut packed, mut before) = (String::new(), first());
        let (mut last_kind, mut kind_before) = (None, 0);
        for entry in self.entries.seqs().filter_map(|seq| self.entries.get(seq)).filter(|e| !e.taken) {
            let kind = Kind::of(&entry);
            if last_kind != Some(kind) {
                kind_before = *ids.entry(kind).or_insert_with(|| {
                    kinds.push(kind);
                    kinds.len() - 1
                });
            }
            let new = [
                (KIND, last_kind != Some(kind)),
                (AT, entry.at != before.at),
                (ARRIVED, entry.arrived != before.arrived),
                (PID, entry.pid != before.pid),
                (CLIENT, entry.client != before.client),
                (REQUEST, entry.request.map(uri) != before.request.map(uri)),
                (WORDS, entry.request.map(words) != before.request.map(words)),
                (RESCUED, entry.rescued),
                (COUNTED, entry.counted),
            ];
            let flags = new.iter().filter(|(_, is)| *is).map(|(flag, _)| flag).sum();
            vlq::write(&mut packed, flags);
            vlq::write_signed(&mut packed, entry.connection.wrapping_sub(before.connection) as i64);
            if flags & KIND != 0 {
                vlq::write(&mut packed, kind_before as u64);
            }
            if flags & AT != 0 {
                vlq::write_signed(&mut packed, entry.at - before.at);
            }
            if flags & ARRIVED != 0 {
                vlq::write_signed(&mut packed, entry.arrived - before.arrived);
            }
            if flags & PID != 0 {
                vlq::write(&mut packed, entry.pid);
            }
            if flags & CLIENT != 0 {
                vlq::write(&mut packed, entry.client.map_or(0, |client| u64::from(client) + 1));
            }
            if flags & REQUEST != 0 {
                write_uri(&mut packed, entry.request, self.by_request.by_path);
            }
            if let (true, Some(request)) = (flags & WORDS != 0, entry.request) {
                vlq::write(&mut packed, u64::from(request.method));
                vlq::write(&mut packed, u64::from(request.protocol));
            }
            last_kind = Some(kind);
            before = entry;
        }
        SavedPending { key: self.key, kinds, packed, entries: Vec::new() }
    }
}

/// What the first entry is compared with.
fn first() -> WaitingEntry {
    WaitingEntry {
        at: 0,
        arrived: 0,
        pid: 0,
        connection: 0,
        request: None,
        client: None,
        server: Id::NONE,
        upstream: Id::NONE,
        upstream_guessed: false,
        fastcgi: None,
        subrequest: false,
        evidence: Evidence::AuthRequest,
        root: None,
        rescued: false,
        counted: false,
        shadowed: false,
        taken: false,
    }
}

fn uri(request: RequestKey) -> (u64, u32, u16, bool) {
    (request.uri, request.path, request.length, request.cut)
}

fn words(request: RequestKey) -> (u16, u16) {
    (request.method, request.protocol)
}

/// The path is of use only where requests are found by it.
fn write_uri(packed: &mut String, request: Option<RequestKey>, by_path: bool) {
    let Some(RequestKey { uri, path, length, cut, .. }) = request else { return vlq::write(packed, 0) };
    let form = u64::from(cut) + 2 * u64::from(by_path || cut);
    vlq::write(packed, 1 + form + 4 * u64::from(length));
    vlq::write(packed, uri);
    if by_path || cut {
        vlq::write(packed, u64::from(path));
    }
}

fn read_uri(packed: &mut &[u8]) -> Option<Option<RequestKey>> {
    let Some(form) = vlq::read(packed)?.checked_sub(1) else { return Some(None) };
    let length = u16::try_from(form / 4).ok()?;
    let uri = vlq::read(packed)?;
    let path = if form & 2 != 0 { u32::try_from(vlq::read(packed)?).ok()? } else { 0 };
    Some(Some(RequestKey { uri, path, length, method: 0, protocol: 0, cut: form & 1 != 0 }))
}

impl SavedPending {
    /// `shift` seconds lie between the old process's clock and the new one's.
    pub(in crate::attribute) fn restore(self, shift: Local) -> Pending {
        let mut pending = Pending { key: self.key, ..Pending::default() };
        let mut push = |mut entry: WaitingEntry| {
            entry.arrived += shift;
            // As many were there before.
            let _ = pending.push(entry);
        };
        self.entries.into_iter().for_each(|entry| push(entry.into()));
        let (mut packed, mut before) = (self.packed.as_bytes(), first());
        while !packed.is_empty() {
            // What was written is read; if not, what came before is what there is.
            let Some(entry) = read(&mut packed, &before, &self.kinds) else { break };
            push(entry);
            before = entry;
        }
        pending
    }
}

fn read(packed: &mut &[u8], before: &WaitingEntry, kinds: &[Kind]) -> Option<WaitingEntry> {
    let mut entry = *before;
    let flags = vlq::read(packed)?;
    entry.connection = before.connection.wrapping_add(vlq::read_signed(packed)? as u64);
    if flags & KIND != 0 {
        kinds.get(usize::try_from(vlq::read(packed)?).ok()?)?.put(&mut entry);
    }
    if flags & AT != 0 {
        entry.at += vlq::read_signed(packed)?;
    }
    if flags & ARRIVED != 0 {
        entry.arrived += vlq::read_signed(packed)?;
    }
    if flags & PID != 0 {
        entry.pid = vlq::read(packed)?;
    }
    if flags & CLIENT != 0 {
        entry.client = vlq::read(packed)?.checked_sub(1).and_then(|client| u32::try_from(client).ok());
    }
    if flags & REQUEST != 0 {
        entry.request = read_uri(packed)?;
    }
    if let Some(request) = &mut entry.request {
        (request.method, request.protocol) = before.request.map_or((0, 0), words);
        if flags & WORDS != 0 {
            let mut word = || vlq::read(packed).and_then(|word| u16::try_from(word).ok());
            (request.method, request.protocol) = (word()?, word()?);
        }
    }
    (entry.rescued, entry.counted) = (flags & RESCUED != 0, flags & COUNTED != 0);
    Some(entry)
}

impl From<Unpacked> for WaitingEntry {
    fn from(old: Unpacked) -> Self {
        let Unpacked { at, arrived, pid, connection, server, upstream, upstream_guessed, .. } = old;
        WaitingEntry {
            at,
            arrived,
            pid,
            connection,
            server,
            upstream,
            upstream_guessed,
            fastcgi: old.fastcgi,
            subrequest: old.subrequest,
            evidence: old.says,
            root: old.root,
            rescued: old.rescued,
            counted: old.counted,
            shadowed: old.shadowed,
            ..first()
        }
    }
}
