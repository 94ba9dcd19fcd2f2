//! Access logs of any `log_format`, compiled once and matched without regular expressions.
//!
//! A format is literals and variables in turn. Under `escape=default` and `escape=json` no value holds a
//! raw `"`, so a quote in the line is always the format's own: that is what lets the hot path jump to
//! `$status` instead of walking there (see [`Format::quick`]).

mod builtin;
mod compile;
pub(super) mod field;
mod follow;
mod json;
mod ltsv;
mod matcher;
mod quick;

use std::borrow::Cow;

pub use builtin::{RECOMMENDED, RECOMMENDED_JSON, markdown, names};
pub use compile::FormatError;
pub use field::Field;
pub use follow::Followed;

use super::access::Access;
pub use super::escape::Escape;
use field::{Shape, Values};

/// One part of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<[u8]>),
    Variable { shape: Shape, field: Option<Field> },
}

/// A compiled `log_format`.
#[derive(Clone, Debug)]
pub struct Format {
    parts: Vec<Part>,
    escape: Escape,
    quick: quick::Plan,
    fields: [bool; Field::COUNT],
}

/// Two are one if they read the same; how they read it fast follows from that.
impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.escape == other.escape && self.parts == other.parts
    }
}

/// Where a line stops matching: the byte column, from 1, and what the format wanted there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Byte column in the line, from 1.
    pub column: usize,
    /// The literal or variable that could not be matched.
    pub wanted: String,
}

impl Format {
    /// Compiles a format string, a pasted `log_format …;` directive, or a built-in name.
    ///
    /// # Errors
    /// When the string cannot be compiled, has no `$status`, or is an unknown name.
    pub fn new(text: &str) -> Result<Format, FormatError> {
        compile::format(text)
    }

    /// Compiles the strings of a `log_format` directive as nginx has them, put together and without quotes.
    ///
    /// # Errors
    /// As [`Format::new`].
    pub fn of_strings(text: &str, escape: Escape) -> Result<Format, FormatError> {
        compile::strings(text, escape)
    }

    /// Reads the format off an example: built-in formats, JSON whose keys are nginx's variable names, and LTSV are
    /// recognised.
    ///
    /// # Errors
    /// The mismatch of the built-in format that came closest, or what is wrong with the JSON.
    pub fn detect(line: &[u8]) -> Result<Format, Mismatch> {
        if let Some(format) = json::derive(line).or_else(|| ltsv::derive(line)) {
            return Ok(format);
        }
        if let Some(mismatch) = json::complaint(line) {
            return Err(mismatch);
        }
        let mut closest = Mismatch { column: 0, wanted: String::new() };
        for (at, format) in builtin::detectable().iter().enumerate() {
            match format.matches(line, &mut Default::default()) {
                Ok(()) if !format.begins_with_host() || is_host(line) => return Ok(format.clone()),
                Ok(()) => {}
                // Where a rare format breaks tells nobody anything.
                Err(mismatch) if at < builtin::FREQUENT && mismatch.column > closest.column => {
                    closest = mismatch;
                }
                Err(_) => {}
            }
        }
        Err(closest)
    }

    /// Whether a host stands in front, which any word could be taken for.
    fn begins_with_host(&self) -> bool {
        matches!(self.parts.first(), Some(Part::Variable { shape: Shape::Word, field: None }))
    }

    /// Whether lines of this format carry a field.
    pub fn has(&self, field: Field) -> bool {
        self.fields[field as usize]
    }

    /// All fields of a line.
    ///
    /// # Errors
    /// Where the line stops matching.
    pub fn access<'a>(&self, line: &'a [u8]) -> Result<Access<'a>, Mismatch> {
        let mut values = Values::default();
        self.matches(line, &mut values)?;
        Ok(Access::new(values, self.escape))
    }

    /// Only the status, by jumping to it: a few nanoseconds for a line that is no failure. `None`: the line is not
    /// of this simple shape; ask [`Format::access`].
    #[inline]
    pub fn quick(&self, line: &[u8]) -> Option<u16> {
        self.quick.read(self, line)
    }

    /// What a followed log needs of every line, by jumping to the first of it. `None`: ask [`Format::access`].
    #[inline]
    pub fn followed<'a>(&self, line: &'a [u8]) -> Option<Followed<'a>> {
        self.quick.follow(self, line)
    }

    /// Only the connection number, by jumping to it.
    #[inline]
    pub fn quick_connection(&self, line: &[u8]) -> Option<u64> {
        self.quick.connection(self, line)
    }

    /// A raw value, decoded.
    pub fn decode<'a>(&self, value: &'a [u8]) -> Cow<'a, [u8]> {
        self.escape.decode(value)
    }
}

/// Whether a line begins with the name or address of a host, and not with a time stamp or what else a transport may have
/// put there.
fn is_host(line: &[u8]) -> bool {
    let host = &line[..memchr::memchr(b' ', line).unwrap_or(line.len())];
    let is_address =
        host.starts_with(b"[") && host.iter().all(|b| b.is_ascii_hexdigit() || b"[]:.".contains(b));
    let colons = memchr::memchr_iter(b':', host).count();
    let is_name = colons < 2 && host.iter().all(|b| b.is_ascii_alphanumeric() || b"._-:".contains(b));
    !host.is_empty() && (is_address || is_name)
}
