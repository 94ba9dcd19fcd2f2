//! Whether Badgateway was right: computed from what the visitors got and what /metrics gained, never claimed.

use super::{acts::Act, site::Heard, visitors::Tally};

/// The outcome of one act.
pub(super) struct Verdict {
    pub(super) act: &'static Act,
    pub(super) tally: Tally,
    pub(super) heard: Heard,
    /// The first fix of `badgateway explain`.
    pub(super) advice: String,
    /// Every page that failed has this act's cause, and nothing else was counted.
    pub(super) matches: bool,
}

impl Verdict {
    pub(super) fn new(act: &'static Act, tally: Tally, heard: Heard, advice: String) -> Self {
        let failed = tally.failed();
        let as_expected = |((code, cause), count): (&(String, String), &u64)| {
            code == act.code && cause == act.cause && failed.get(code) == Some(count)
        };
        let matches = failed.len() == 1 && heard.errors.len() == 1 && heard.errors.iter().all(as_expected);
        Self { act, tally, heard, advice, matches }
    }
}
