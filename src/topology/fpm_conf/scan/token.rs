//! What the grammar sees, and its name for a person.

use std::fmt;

/// The scanner's conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Initial,
    Section,
    Offset,
    Value,
    Name,
    Fallback,
    Quoted,
}

/// One word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::topology::fpm_conf) enum Token {
    /// `[` at the start of a section.
    Section,
    /// `name[`.
    Offset(Vec<u8>),
    Label(Vec<u8>),
    /// A piece of a value: constant, number, string or blank.
    Text(Vec<u8>),
    /// `on`, `off`, `null` and the like: a whole value.
    Word(&'static [u8]),
    /// `${`.
    Dollar,
    Name(Vec<u8>),
    /// `:-` inside `${}` (PHP 8.3).
    Fallback,
    Quote,
    Equals,
    EndOfLine,
    /// A character that stands for itself.
    Char(u8),
}

impl fmt::Display for Token {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndOfLine => to.write_str("the end of the line"),
            Self::Char(byte) => write!(to, "'{}'", char::from(*byte).escape_default()),
            Self::Text(text) | Self::Label(text) | Self::Name(text) | Self::Offset(text) => {
                write!(to, "'{}'", String::from_utf8_lossy(text))
            }
            Self::Word(_) => to.write_str("a yes or no with something beside it"),
            Self::Equals => to.write_str("'='"),
            Self::Quote => to.write_str("a quote"),
            Self::Dollar | Self::Fallback => to.write_str("'${'"),
            Self::Section => to.write_str("'['"),
        }
    }
}
