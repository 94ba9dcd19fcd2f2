//! A state by its shape and its word, for those who see no colours.

use maud::{Markup, html};

use crate::diagnosis::State;

/// How things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    /// A tick.
    Fine,
    /// A triangle.
    Warning,
    /// A cross.
    Failing,
    /// A question mark.
    Unknown,
}

impl Symbol {
    /// Of a state.
    pub(super) fn of(state: State) -> Self {
        match state {
            State::Well => Self::Fine,
            State::Threatened => Self::Warning,
            State::Failing => Self::Failing,
            State::Blind => Self::Unknown,
        }
    }

    /// As a class of the style sheet.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Warning => "warning",
            Self::Failing => "failing",
            Self::Unknown => "unknown",
        }
    }

    /// As it is read.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fine => "Fine",
            Self::Warning => "Warning",
            Self::Failing => "Failing",
            Self::Unknown => "Cannot tell",
        }
    }

    /// The shape, and the lines on it, in a square of 24.
    fn paths(self) -> (&'static str, &'static str) {
        match self {
            Self::Fine => ("M12 1a11 11 0 1 0 0 22a11 11 0 1 0 0-22z", "M6 12.5l4 4l8-9"),
            Self::Warning => ("M12 2L23 22H1z", "M12 9v6M12 18v1.5"),
            Self::Failing => ("M7 1h10l6 6v10l-6 6h-10l-6-6v-10z", "M7.5 7.5l9 9M16.5 7.5l-9 9"),
            Self::Unknown => ("M2 2h20v20h-20z", "M8.5 9a3.5 3.5 0 1 1 5 3.2q-1.5 .8-1.5 2.8M12 17.5v1.5"),
        }
    }

    /// Within text that names it.
    pub(super) fn svg(self) -> Markup {
        let (shape, lines) = self.paths();
        html! {
            svg.symbol viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false" {
                path.shape d=(shape) {}
                path.lines d=(lines) fill="none" stroke-width="2.6" {}
            }
        }
    }

    /// As the icon of a tab. A browser draws it on any ground, so it has colours of its own.
    pub(super) fn icon(self) -> String {
        let colour = match self {
            Self::Fine => "277753",
            Self::Warning => "8A5A00",
            Self::Failing => "B3261E",
            Self::Unknown => "545B64",
        };
        let (shape, lines) = self.paths();
        format!(
            "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'><path d='{shape}' \
             fill='%23{colour}'/><path d='{lines}' fill='none' stroke='white' stroke-width='2.6'/></svg>"
        )
    }
}
