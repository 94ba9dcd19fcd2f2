//! What the reader of a log must remember over a restart.
//!
//! Its format and its transport are found out anew: both may be others after a deploy. Bytes are kept only of what
//! was taken from the log and not judged yet: an error entry whose last line had not come, and failed lines that
//! wait for their entry where the transport reorders.

use serde::{Deserialize, Serialize};

use crate::record::envelope::Envelope;
use crate::record::stamp::Local;

use super::Tally;

/// The reader of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedReader {
    /// Lines understood.
    pub parsed: u64,
    /// Lines not understood.
    pub unparsed: u64,
    /// An entry that goes on: its transport, the number of its first line, its bytes so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) open: Option<(Envelope, u64, Text)>,
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

/// Bytes, as text where they are text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes(bytes.to_owned()),
        }
    }
}

impl From<Text> for Vec<u8> {
    fn from(text: Text) -> Self {
        match text {
            Text::Text(text) => text.into_bytes(),
            Text::Bytes(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_whatever_they_are() {
        for bytes in [&b"plain"[..], b"caf\xe9 \xff", b""] {
            let json = serde_json::to_string(&Text::from(bytes)).unwrap();
            let back: Text = serde_json::from_str(&json).unwrap();
            assert_eq!(Vec::<u8>::from(back), bytes);
        }
    }
}
