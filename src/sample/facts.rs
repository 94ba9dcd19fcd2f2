//! What an observer saw of PHP-FPM, as evidence for what broke a request.

use serde::{Deserialize, Serialize};

use crate::topology::{GroupKey, PoolKey};

/// Something seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// The pool has a master and its socket listens, or not.
    Up(PoolKey, bool),
    /// Its accept queue is full, or not any more.
    Full(PoolKey, bool),
    /// Its master is gone, or another process than before.
    Stopped(PoolKey),
    /// Its master has started all its workers anew.
    Reloaded(PoolKey),
    /// So many processes were killed for memory since the last look: in that cgroup, or anywhere on the machine.
    OomKills(u64, Option<GroupKey>),
    /// From now on OOM kills are seen.
    SeesOomKills,
}

impl Fact {
    /// Whether both say how one thing of one pool is.
    pub fn is_about(self, other: Fact) -> bool {
        match (self, other) {
            (Fact::Up(a, _), Fact::Up(b, _)) | (Fact::Full(a, _), Fact::Full(b, _)) => a == b,
            _ => false,
        }
    }
}
