//! Chains of entries in order of arrival, found by a number.
//!
//! A map with a key for each connection would cost more than the entries themselves. So a chain holds all entries
//! whose numbers fall into one place, and a place is four bytes: the last entry of its chain, which points to the first.

use super::packed::Entries;

/// No entry.
const NONE: u32 = u32::MAX;

/// Fewest places.
const FEWEST: usize = 1024;

/// One of the two ways in; `WAY` is the link of an entry that it uses.
#[derive(Debug, Default)]
pub(super) struct Index<const WAY: usize> {
    /// The last entry of each chain.
    places: Vec<u32>,
    /// Requests are found by their path alone.
    pub(super) by_path: bool,
}

impl<const WAY: usize> Index<WAY> {
    fn place(&self, number: u32) -> usize {
        // Connections count up, and hashes are even already: both are spread by the upper half of a product.
        let spread = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        spread as usize & (self.places.len() - 1)
    }

    /// Whether two numbers are in different places.
    pub(super) fn differ(&self, one: u32, other: u32) -> bool {
        !self.places.is_empty() && self.place(one) != self.place(other)
    }

    /// Adds the newest entry.
    pub(super) fn add(&mut self, entries: &mut Entries, seq: u64) {
        let is_crowded = entries.len() > self.places.len();
        if is_crowded || entries.len() == 1 && self.places.len() > FEWEST {
            let places = if is_crowded { (2 * self.places.len()).max(FEWEST) } else { FEWEST };
            return self.spread(entries, places);
        }
        self.append(entries, seq);
    }

    /// Adds all entries anew.
    pub(super) fn spread(&mut self, entries: &mut Entries, places: usize) {
        self.places = vec![NONE; places.max(FEWEST).max(entries.len().next_power_of_two())];
        for seq in entries.seqs() {
            if !entries.is_taken(seq) {
                self.append(entries, seq);
            }
        }
    }

    fn append(&mut self, entries: &mut Entries, seq: u64) {
        let Some(number) = entries.number(seq, WAY, self.by_path) else { return };
        let (at, slot) = (self.place(number), Entries::slot(seq));
        let first = match self.places[at] {
            NONE => slot,
            last => entries.replace_next(entries.seq(last), WAY, slot),
        };
        entries.replace_next(seq, WAY, first);
        self.places[at] = slot;
    }

    /// Drops entries that are taken from the head of the chain that this one is in.
    pub(super) fn trim(&mut self, entries: &mut Entries, seq: u64) {
        let Some(number) = entries.number(seq, WAY, self.by_path) else { return };
        let at = self.place(number);
        while self.places[at] != NONE {
            let last = entries.seq(self.places[at]);
            let first = entries.seq(entries.next(last, WAY));
            if !entries.is_taken(first) {
                return;
            }
            if first == last {
                self.places[at] = NONE;
            } else {
                let second = entries.next(first, WAY);
                entries.replace_next(last, WAY, second);
            }
        }
    }

    /// The entries whose numbers fall into one place with this one, in order.
    pub(super) fn walk<'e>(
        &self,
        entries: &'e Entries,
        number: u32,
    ) -> impl Iterator<Item = u64> + use<'e, WAY> {
        let last = self.places.get(self.places.len().checked_sub(1).map_or(0, |_| self.place(number)));
        let last = last.filter(|last| **last != NONE).map(|last| entries.seq(*last));
        let mut at = last.map(|last| entries.seq(entries.next(last, WAY)));
        std::iter::from_fn(move || {
            let seq = at?;
            at = (Some(seq) != last).then(|| entries.seq(entries.next(seq, WAY)));
            Some(seq)
        })
    }
}
