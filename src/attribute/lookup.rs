//! How waiting entries are compared: by keyed hashes of what clients chose, by connection without a map.

use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

/// How many entries wait by the last digits of their connection: most lines' connections have none, and that
/// is to be told without a map.
#[derive(Debug)]
pub(super) struct ConnectionFilter(Box<[u32; ConnectionFilter::DIGITS]>);

impl Default for ConnectionFilter {
    fn default() -> Self {
        Self(Box::new([0; Self::DIGITS]))
    }
}

impl ConnectionFilter {
    const DIGITS: usize = 4096;

    #[inline]
    pub(super) fn of(&mut self, connection: u64) -> &mut u32 {
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
    pub(super) fn hash(self, bytes: &[u8]) -> u64 {
        SipHasher13::new_with_keys(self.0, self.1).hash(bytes)
    }
}
