//! What is looked at, and whether it could be seen: what could not is told once, with the reason.

use std::collections::BTreeMap;
use std::fmt::Display;

/// Success of each collector, as `badgateway_collector_success` shows it.
#[derive(Debug, Default)]
pub(super) struct Collectors(BTreeMap<&'static str, bool>);

impl Collectors {
    /// A collector has looked. When it fails for the first time, or again after a success, the reason goes to the log.
    pub(super) fn note<E: Display>(&mut self, name: &'static str, outcome: Result<(), E>) {
        let before = self.0.insert(name, outcome.is_ok());
        match outcome {
            Err(reason) if before != Some(false) => {
                tracing::warn!(collector = name, "what this would show is missing: {reason}");
            }
            Ok(()) if before == Some(false) => tracing::info!(collector = name, "it can be read again"),
            _ => {}
        }
    }

    /// There is nothing to look at.
    pub(super) fn forget(&mut self, name: &'static str) {
        self.0.remove(name);
    }

    /// Each by its name.
    pub(super) fn shown(&self) -> BTreeMap<&'static str, bool> {
        self.0.clone()
    }
}
