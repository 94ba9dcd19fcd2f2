//! Label values, interned: small numbers on the hot path, text only when a series is rendered.
//!
//! Each kind of name is capped, so that a name nobody configured (a variable in `proxy_pass`, a forged
//! line) can never grow memory or the page without bound; what is above the cap counts as `other`.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::record::scan;

/// A name within its [`Interner`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id(u32);

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
    cap: usize,
    overflowed: u64,
    /// Names seen lately, by a cheap hash: a host's lines share a few servers and upstreams.
    recent: [(Vec<u8>, Id); RECENT],
}

const RECENT: usize = 64;

impl Interner {
    /// At most `cap` names, `""` and `other` not counted.
    pub fn new(cap: usize) -> Self {
        let texts = vec!["".into(), "other".into()];
        // A server that is really called `other` shares the overflow's series rather than doubling it.
        let ids = HashMap::from([((*b"").into(), Id::NONE), ((*b"other").into(), Id::OTHER)]);
        Self { ids, texts, cap, overflowed: 0, recent: std::array::from_fn(|_| (Vec::new(), Id::NONE)) }
    }

    /// The id of a name; invalid UTF-8 is repaired when the name is new.
    pub fn id(&mut self, name: &[u8]) -> Id {
        // Not only quicker: comparing two empty slices makes libc's memcmp load from an address that is not
        // there, which cost more than all the rest of a line (100 ns, measured).
        if name.is_empty() {
            return Id::NONE;
        }
        let at = recent(name);
        let (text, id) = &self.recent[at];
        if scan::same(name, text) {
            return *id;
        }
        let id = match self.ids.get(name) {
            Some(id) => *id,
            None => self.create(name),
        };
        if id != Id::OTHER {
            let (text, of) = &mut self.recent[at];
            text.clear();
            text.extend_from_slice(name);
            *of = id;
        }
        id
    }

    fn create(&mut self, name: &[u8]) -> Id {
        let text = String::from_utf8_lossy(name);
        // Two byte strings that repair to the same text are one series.
        if let Some(id) = self.ids.get(text.as_bytes()) {
            return *id;
        }
        if self.texts.len() >= self.cap + 2 {
            self.overflowed += 1;
            return Id::OTHER;
        }
        let id = Id(u32::try_from(self.texts.len()).unwrap_or(Id::OTHER.0));
        self.texts.push(text.as_ref().into());
        self.ids.insert(text.as_bytes().into(), id);
        id
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
        SavedInterner { texts, overflowed: self.overflowed }
    }

    /// Ids are positions, so the names come back under the ids they had.
    fn restore(cap: usize, saved: SavedInterner) -> Self {
        let mut interner = Self::new(cap);
        interner.overflowed = saved.overflowed;
        for text in saved.texts {
            let id = Id(u32::try_from(interner.texts.len()).unwrap_or(Id::OTHER.0));
            interner.ids.insert(text.as_bytes().into(), id);
            interner.texts.push(text.into());
        }
        interner
    }

    /// How often a name was counted as `other`.
    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }
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
mod tests {
    use super::*;

    #[test]
    fn names_are_capped_repaired_and_stable() {
        let mut names = Interner::new(2);
        let a = names.id(b"a");
        assert_eq!(names.id(b""), Id::NONE);
        assert_eq!(names.id(b"a"), a);
        let bad = names.id(b"\xff");
        assert_eq!(names.text(bad), "\u{fffd}");
        assert_eq!(names.id(b"\xfe"), bad);
        assert_eq!(names.id(b"c"), Id::OTHER);
        assert_eq!(names.id(b"c"), Id::OTHER);
        assert_eq!(names.overflowed(), 2);
        assert_eq!(names.text(Id::OTHER), "other");
        assert_eq!(names.id(b"a"), a);
    }
}
