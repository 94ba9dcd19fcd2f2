//! Label values, interned: small numbers on the hot path, text only when a series is rendered.
//!
//! Each kind of name is capped, so that a name nobody configured (a variable in `proxy_pass`, a forged
//! line) can never grow memory or the page without bound; what is above the cap counts as `other`. Of names that only
//! entries of an error log have, there are few: an access line, the configuration or the machine confirms a name.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::label::{LONGEST, label, one_spelling, width};
use crate::record::scan;

/// A name within its [`Interner`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub struct Id(u32);

impl TryFrom<u32> for Id {
    type Error = String;

    /// From a state, whose ids become indices: a larger one than any that is given out is none of ours.
    fn try_from(id: u32) -> Result<Self, String> {
        if id as usize <= MOST_ID { Ok(Self(id)) } else { Err(format!("{id} is no name's number")) }
    }
}

impl Id {
    /// The empty name: there was none, or the log does not tell.
    pub const NONE: Id = Id(0);
    /// All names above the cap.
    pub const OTHER: Id = Id(1);

    /// The id at an index.
    pub(crate) fn at(index: usize) -> Id {
        Id(u32::try_from(index).unwrap_or(Id::OTHER.0))
    }

    /// As an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Names of one kind.
#[derive(Debug)]
pub struct Interner {
    ids: HashMap<Box<[u8]>, Id>,
    texts: Vec<Arc<str>>,
    /// Their lengths, for who bounds what is made of them.
    widths: Widths,
    cap: usize,
    /// Lines with a name that was counted as `other`, and whether the present one is such a line.
    overflowed: u64,
    overflows: bool,
    /// Names that only entries have, and how many there may be.
    unconfirmed: HashSet<Id>,
    most_unconfirmed: usize,
    /// Names that the configuration or the machine has: they need no room among those that only entries have.
    expected: HashSet<Box<[u8]>>,
    /// What the log that is being read calls something, and its label where that differs.
    called: Option<Renamed>,
    /// Names seen lately, by a cheap hash: a host's lines share a few servers and upstreams.
    recent: [Recent; RECENT],
}

const RECENT: usize = 64;

/// Names in a log with the labels that they have instead: groups of one name in two nginx.
pub type Renamed = Arc<HashMap<Box<[u8]>, Box<[u8]>>>;

/// The length of each name of one kind, as a label's value that may have to be escaped, by id.
pub type Widths = Arc<Mutex<Vec<u64>>>;

/// A name that was seen lately.
#[derive(Debug)]
struct Recent {
    text: Vec<u8>,
    id: Id,
    confirmed: bool,
}

impl Recent {
    fn set(&mut self, name: &[u8], id: Id, confirmed: bool) {
        // A longer one may have the size of a line, and is rare.
        if name.len() > LONGEST {
            return;
        }
        self.text.clear();
        self.text.extend_from_slice(name);
        (self.id, self.confirmed) = (id, confirmed);
    }
}

impl Interner {
    /// At most `cap` names, `""` and `other` not counted.
    pub fn new(cap: usize) -> Self {
        let texts = vec!["".into(), "other".into()];
        // A server that is really called `other` shares the overflow's series rather than doubling it.
        let ids = HashMap::from([((*b"").into(), Id::NONE), ((*b"other").into(), Id::OTHER)]);
        let recent = std::array::from_fn(|_| Recent { text: Vec::new(), id: Id::NONE, confirmed: false });
        let (unconfirmed, most_unconfirmed) = (HashSet::new(), cap);
        Self {
            ids,
            texts,
            widths: Arc::new(Mutex::new(vec![0, 5])),
            cap,
            overflowed: 0,
            overflows: false,
            unconfirmed,
            most_unconfirmed,
            expected: HashSet::new(),
            called: None,
            recent,
        }
    }

    /// The id of a name that an access line, the configuration or the machine has. Invalid UTF-8 is repaired and
    /// control characters are made visible when the name is new.
    pub fn id(&mut self, name: &[u8]) -> Id {
        // Not only quicker: comparing two empty slices makes libc's memcmp load from an address that is not
        // there, which cost more than all the rest of a line (100 ns, measured).
        if name.is_empty() {
            return Id::NONE;
        }
        let at = recent(name);
        let lately = &self.recent[at];
        if lately.confirmed && scan::same(name, &lately.text) {
            return lately.id;
        }
        let called = self.called.clone();
        let name = &*label_of(called.as_ref(), name);
        let at = recent(name);
        let id = match self.ids.get(name) {
            Some(id) => *id,
            None => self.create(name),
        };
        if !self.unconfirmed.is_empty() {
            self.unconfirmed.remove(&id);
        }
        if id != Id::OTHER {
            self.recent[at].set(name, id, true);
        }
        id
    }

    /// The id of a name that an entry has. It becomes a name by that only while there are few such.
    pub fn of_entry(&mut self, name: &[u8]) -> Id {
        if name.is_empty() {
            return Id::NONE;
        }
        let at = recent(name);
        if scan::same(name, &self.recent[at].text) {
            return self.recent[at].id;
        }
        let called = self.called.clone();
        let name = &*label_of(called.as_ref(), name);
        let at = recent(name);
        if self.expected.contains(name) {
            return self.id(name);
        }
        if let Some(id) = self.known(name) {
            if id != Id::OTHER {
                let confirmed = !self.unconfirmed.contains(&id);
                self.recent[at].set(name, id, confirmed);
            }
            return id;
        }
        if self.unconfirmed.len() >= self.most_unconfirmed {
            self.overflows = true;
            return Id::OTHER;
        }
        let id = self.create(name);
        if id != Id::OTHER {
            self.unconfirmed.insert(id);
        }
        id
    }

    /// The configuration and the machine have these names, and no others. None becomes a name by that alone: most are
    /// never in a log.
    pub fn expect<'n>(&mut self, names: impl IntoIterator<Item = &'n [u8]>) {
        self.expected = names.into_iter().map(Box::from).collect();
    }

    /// In the log whose lines follow, these names have other labels.
    pub fn call(&mut self, renamed: Option<Renamed>) {
        if self.called.is_some() || renamed.is_some() {
            self.recent.iter_mut().for_each(|recent| recent.text.clear());
            self.called = renamed;
        }
    }

    /// The id of a name that is one already.
    pub fn known(&self, name: &[u8]) -> Option<Id> {
        if name.is_empty() {
            return Some(Id::NONE);
        }
        let lately = &self.recent[recent(name)];
        if scan::same(name, &lately.text) {
            return Some(lately.id);
        }
        let name = &*label_of(self.called.as_ref(), name);
        self.ids.get(name).or_else(|| self.ids.get(label(name).as_bytes())).copied()
    }

    fn create(&mut self, name: &[u8]) -> Id {
        let text = label(name);
        // Two byte strings that repair to the same text are one series.
        if let Some(id) = self.ids.get(text.as_bytes()) {
            return *id;
        }
        if self.texts.len() >= self.cap + 2 {
            self.overflows = true;
            return Id::OTHER;
        }
        let id = Id(u32::try_from(self.texts.len()).unwrap_or(Id::OTHER.0));
        self.push(text.as_ref());
        self.ids.insert(text.as_bytes().into(), id);
        id
    }

    fn push(&mut self, text: &str) {
        self.texts.push(text.into());
        self.widths.lock().unwrap_or_else(PoisonError::into_inner).push(width(text));
    }

    /// The lengths of all names, now and later.
    pub fn widths(&self) -> Widths {
        Arc::clone(&self.widths)
    }

    /// All ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..u32::try_from(self.texts.len()).unwrap_or(u32::MAX)).map(Id)
    }

    /// The text of an id, shared.
    pub fn shared(&self, id: Id) -> Arc<str> {
        let text = self.texts.get(id.index()).or(self.texts.first());
        text.map_or_else(|| "".into(), Arc::clone)
    }

    /// The text of an id.
    pub fn text(&self, id: Id) -> &str {
        self.texts.get(id.index()).map_or("", |text| text)
    }

    fn save(&self) -> SavedInterner {
        let texts = self.texts[2..].iter().map(|text| Box::from(&**text)).collect();
        let mut unconfirmed: Vec<Id> = self.unconfirmed.iter().copied().collect();
        unconfirmed.sort_unstable();
        SavedInterner { texts, overflowed: self.overflowed(), unconfirmed }
    }

    /// Ids are positions, so the names come back under the ids they had.
    fn restore(cap: usize, saved: SavedInterner) -> Self {
        let mut interner = Self::new(cap);
        interner.overflowed = saved.overflowed;
        interner.unconfirmed = saved.unconfirmed.into_iter().collect();
        for text in saved.texts {
            let id = Id(u32::try_from(interner.texts.len()).unwrap_or(Id::OTHER.0));
            // A state of 0.1 has names of any length.
            let text = label(text.as_bytes());
            interner.ids.insert(text.as_bytes().into(), id);
            interner.push(&text);
        }
        interner
    }

    /// The line is over whose names were asked for.
    #[inline]
    fn end_line(&mut self) {
        if self.overflows {
            self.overflowed += 1;
            self.overflows = false;
        }
    }

    /// Lines with a name that was counted as `other`.
    pub fn overflowed(&self) -> u64 {
        self.overflowed + u64::from(self.overflows)
    }
}

/// A name's label, where it is another one, in its one spelling.
fn label_of<'n>(called: Option<&'n Renamed>, name: &'n [u8]) -> Cow<'n, [u8]> {
    called
        .and_then(|called| called.get(name))
        .map_or_else(|| one_spelling(name), |label| Cow::Borrowed(label))
}

/// A slot for a name that is not empty. Neighbours often differ only in a byte near their end.
#[inline]
fn recent(name: &[u8]) -> usize {
    let short = || name.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let word = |chunk: Option<&[u8; 8]>| chunk.map_or_else(short, |word| u64::from_le_bytes(*word));
    let (first, last) = (word(name.first_chunk()), word(name.last_chunk()));
    let mixed = (first.rotate_left(29) ^ last ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize % RECENT
}

/// All names that label something.
#[derive(Debug)]
pub struct Names {
    /// `server_name`s.
    pub servers: Interner,
    /// Upstream addresses and group names.
    pub upstreams: Interner,
    /// PHP-FPM pools.
    pub pools: Interner,
    /// PHP-FPM masters.
    pub fpms: Interner,
}

/// Most names of each kind.
const CAP: usize = 1000;

/// No id is larger, `""` and `other` counted.
const MOST_ID: usize = CAP + 1;

/// Most names of each kind that only entries have, in what runs for ever.
const MOST_UNCONFIRMED: usize = 32;

impl Default for Names {
    fn default() -> Self {
        Self {
            servers: Interner::new(CAP),
            upstreams: Interner::new(CAP),
            pools: Interner::new(CAP),
            fpms: Interner::new(CAP),
        }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct SavedInterner {
    texts: Vec<Box<str>>,
    overflowed: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unconfirmed: Vec<Id>,
}

/// All names, in the order of their ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SavedNames {
    servers: SavedInterner,
    upstreams: SavedInterner,
    pools: SavedInterner,
    /// Absent in a state of 0.1.
    #[serde(default)]
    fpms: SavedInterner,
}

impl Names {
    /// For series that live for ever: few names that nothing confirms.
    pub fn for_series(mut self) -> Self {
        self.servers.most_unconfirmed = MOST_UNCONFIRMED;
        self.upstreams.most_unconfirmed = MOST_UNCONFIRMED;
        self
    }

    /// The line is over whose names were asked for.
    #[inline]
    pub(super) fn end_line(&mut self) {
        for interner in [&mut self.servers, &mut self.upstreams, &mut self.pools, &mut self.fpms] {
            interner.end_line();
        }
    }

    /// What was asked for were no lines' names.
    pub fn end_configuration(&mut self) {
        for interner in [&mut self.servers, &mut self.upstreams, &mut self.pools, &mut self.fpms] {
            interner.overflows = false;
        }
    }

    pub(super) fn save(&self) -> SavedNames {
        SavedNames {
            servers: self.servers.save(),
            upstreams: self.upstreams.save(),
            pools: self.pools.save(),
            fpms: self.fpms.save(),
        }
    }

    pub(super) fn restore(saved: SavedNames) -> Self {
        Self {
            servers: Interner::restore(CAP, saved.servers),
            upstreams: Interner::restore(CAP, saved.upstreams),
            pools: Interner::restore(CAP, saved.pools),
            fpms: Interner::restore(CAP, saved.fpms),
        }
    }
}

#[cfg(test)]
mod tests;
