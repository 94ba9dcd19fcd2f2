//! How waiting entries are found: by keyed hashes of what clients chose, by connection without a map.

use std::hash::{BuildHasher, Hasher, RandomState};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

/// Hashes numbers that no client chooses: connections count up, and request lines are hashed with a secret before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Multiply(u64);

impl Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        let product = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // The map takes its bits from both ends, and the low ones of a product depend on few.
        self.0 = product ^ product >> 32;
    }
}

/// How many entries wait by the last digits of their connection: most lines' connections have none, and that
/// is to be told without a map.
#[derive(Debug)]
pub(super) struct ConnectionFilter(Box<[u16; ConnectionFilter::DIGITS]>);

impl Default for ConnectionFilter {
    fn default() -> Self {
        Self(Box::new([0; Self::DIGITS]))
    }
}

impl ConnectionFilter {
    const DIGITS: usize = 4096;

    #[inline]
    pub(super) fn of(&mut self, connection: u64) -> &mut u16 {
        &mut self.0[connection as usize % Self::DIGITS]
    }

    #[inline]
    pub(super) fn is_empty(&self, connection: u64) -> bool {
        self.0[connection as usize % Self::DIGITS] == 0
    }
}

/// Clients choose what is hashed, so they must not know the key; and it must outlive the process, or saved
/// entries would not be found again.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct HashKey(u64, u64);

impl Default for HashKey {
    /// As random as the standard library's maps.
    fn default() -> Self {
        Self(RandomState::new().hash_one(0), RandomState::new().hash_one(1))
    }
}

impl HashKey {
    pub(super) fn hasher(self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}
