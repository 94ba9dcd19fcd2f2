//! Keeps a lasting problem from filling our own log: it is told when it begins and when it ends.

use std::path::Path;

/// A problem that may be going on.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    text: Option<String>,
}

impl Trouble {
    /// The problem as a sentence, while it lasts.
    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Notes the problem; logged unless it is the one already known.
    pub(super) fn begin(&mut self, text: String) {
        if self.text.as_deref() != Some(text.as_str()) {
            tracing::warn!("{text}");
            self.text = Some(text);
        }
    }

    /// Notes that all is well; logged if it was not.
    pub(super) fn end(&mut self, path: &Path) {
        if let Some(text) = self.text.take() {
            tracing::info!("{} can be read again; before: {text}", path.display());
        }
    }
}
