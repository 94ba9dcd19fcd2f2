//! What the attribution must remember over a restart: names, entries that wait for their line, responses that wait
//! for their root cause.
//!
//! It holds no text of a request and no client's address, only hashes of them.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::names::SavedNames;
use super::pending::SavedPending;
use super::root_cause::{Peers, Roots};
use super::{Attributor, Local, Names, Options, keepalive};

/// An [`Attributor`] in the form in which it is saved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedAttribution {
    names: SavedNames,
    pending: SavedPending,
    roots: Roots,
    /// The clock by which entries and questions were dated.
    now: Local,
    offset: i32,
    offset_known: bool,
}

impl SavedAttribution {
    /// All counters begin at 0 again: what was counted in the old ones is not answered into the new ones.
    pub fn counters_reset(&mut self) {
        self.roots.counters_reset();
    }
}

impl Attributor {
    /// What is needed to go on after a restart.
    pub fn save(&self) -> SavedAttribution {
        SavedAttribution {
            names: self.names.save(),
            pending: self.pending.save(),
            roots: self.roots.clone(),
            now: self.now,
            offset: self.offset,
            offset_known: self.offset_known,
        }
    }

    /// Goes on from `saved` at `now`, on a new clock. What waited goes on waiting as if no time had passed: the
    /// lines that it waits for may have been written while we were away, or are to be written yet.
    pub fn resume(options: Options, saved: SavedAttribution, now: Local) -> Self {
        let SavedAttribution { names, pending, mut roots, now: then, offset, offset_known } = saved;
        let shift = now.saturating_sub(then);
        roots.shift(shift);
        Self {
            names: if options.live { Names::restore(names).for_series() } else { Names::restore(names) },
            options,
            pending: pending.restore(shift),
            roots,
            peers: Peers::default(),
            servers_of_logs: HashMap::new(),
            groups_of_logs: HashMap::new(),
            formats_of_logs: (HashMap::new(), 0),
            logs_without_errors: HashSet::new(),
            without_errors: false,
            within: None,
            log_server: super::Id::NONE,
            kept: keepalive::PeerAnswers::default(),
            now,
            offset: if offset_known { offset } else { options.offset },
            offset_known,
        }
    }

    /// A number that moves when anything waits no longer: counters may have changed without a line being read.
    pub fn waiting(&self) -> (usize, usize) {
        (self.pending.uncounted(), self.roots.waiting())
    }
}
