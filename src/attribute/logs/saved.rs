//! What the reader of a log must remember over a restart.
//!
//! Its format and its transport are found out anew: both may be others after a deploy. Bytes are kept only of what
//! was taken from the log and not judged yet: an error entry that may go on, the lines behind it, and failed lines that
//! wait for their entry where the transport reorders.

use serde::{Deserialize, Serialize};

use crate::bytes::Text;
use crate::record::envelope::Envelope;
use crate::record::parts::Parts;
use crate::record::stamp::Local;

use super::Tally;

/// The reader of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedReader {
    /// Lines understood.
    pub parsed: u64,
    /// Lines not understood.
    pub unparsed: u64,
    /// An open entry and the lines behind it: its transport, the number of its first line, all their bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) open: Option<(Envelope, u64, Text)>,
    /// Whether the first of these lines may be text of the entry before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) shadowed: bool,
    /// And whether that one can end with a line that looks like a closed entry.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) doubt: bool,
    /// How far before it entries begin in whose windows it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) outer: Vec<usize>,
    /// The numbers of those of its lines that were given already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) given: Vec<u64>,
    /// Entries may have OpenResty's length.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) openresty: bool,
    /// Lines of which a part is still to come.
    #[serde(default, skip_serializing_if = "Parts::is_empty")]
    pub(super) parts: Parts,
    /// Lines that wait, each with the seconds it still waits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) held: Vec<(Local, Text)>,
}

impl SavedReader {
    pub(super) fn of(tally: &Tally) -> Self {
        Self { parsed: tally.parsed, unparsed: tally.unparsed, ..Self::default() }
    }

    /// Counts begin at 0 again; what waits still waits.
    pub fn reset_counts(&mut self) {
        (self.parsed, self.unparsed) = (0, 0);
    }

    /// The counts.
    pub(super) fn tally(&self) -> Tally {
        Tally { parsed: self.parsed, unparsed: self.unparsed, example: None }
    }
}
