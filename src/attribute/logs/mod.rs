//! One log's lines into the attribution: transport, format and counts of what could be read.

mod access;
mod any;
mod error;
mod fpm;
mod kinds;
mod saved;

pub use access::AccessLog;
pub use any::{AnyLog, Settings};
pub use error::ErrorLog;
pub use fpm::{FpmLog, log_id};
pub use kinds::Kinds;
pub use saved::SavedReader;

use std::time::Instant;

use crate::record::stamp::Local;

use super::{Attributor, Id, Sink};

/// How many lines of a log could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that were understood, continuations included.
    pub parsed: u64,
    /// Lines that were not.
    pub unparsed: u64,
    /// The first line that was not.
    pub example: Option<Example>,
}

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The line, repaired to UTF-8 and cut to a bearable length.
    pub line: String,
    /// What was wrong with it: a byte column and what was wanted there.
    pub why: String,
}

impl Tally {
    const SHOWN: usize = 300;

    fn reject(&mut self, line: &[u8], why: impl FnOnce() -> String) {
        self.unparsed += 1;
        if self.example.is_none() {
            let mut text = String::from_utf8_lossy(&line[..line.len().min(Self::SHOWN)]).into_owned();
            if line.len() > Self::SHOWN {
                text.push('…');
            }
            let why = if is_utf_16(line) { UTF_16.to_owned() } else { why() };
            self.example = Some(Example { line: text, why });
        }
    }

    /// All lines.
    pub fn lines(&self) -> u64 {
        self.parsed + self.unparsed
    }

    /// Whether so much cannot be read that the format is probably another one: more than half of the
    /// first lines, or of all.
    pub fn is_suspicious(&self) -> bool {
        (self.unparsed >= 3 && self.parsed == 0) || (self.unparsed >= 10 && self.unparsed > self.parsed)
    }
}

/// What is said of a file that Windows' tools have written.
pub const UTF_16: &str = "it is UTF-16: convert it with `iconv -f UTF-16 -t UTF-8 FILE > NEW`";

/// Whether a line begins with the mark of UTF-16 or is every other byte a NUL.
fn is_utf_16(line: &[u8]) -> bool {
    let nuls = memchr::memchr_iter(0, line).count();
    line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff") || nuls >= 8 && nuls * 5 >= line.len() * 2
}

/// What reads the lines of one log.
pub trait Log {
    /// Takes a block of whole lines.
    fn block(&mut self, block: &[u8], attributor: &mut Attributor, sink: &mut impl Sink);
    /// The log is at its end, or quiet: gives what is still open.
    fn flush(&mut self, attributor: &mut Attributor, sink: &mut impl Sink);
    /// All that is there was read; `for_good`: nothing more can come.
    fn at_end(&mut self, _for_good: bool, _attributor: &mut Attributor, _sink: &mut impl Sink) {}
    /// The log is followed, and what was there at `now` was read as far as it may be.
    fn idle(&mut self, _now: Instant, _attributor: &mut Attributor, _sink: &mut impl Sink) {}
    /// More lines follow: what the configuration says of the log is known by now.
    fn learn(&mut self, _attributor: &Attributor) {}
    /// The last line of a block, which is taken next, was written at the local time `at`.
    fn written(&mut self, _block: &[u8], _at: Local) {}
    /// Local time of a line that can be read. [`Local::MAX`]: its format has none, so nothing can be read later.
    fn time(&mut self, line: &[u8], offset: i32) -> Option<Local>;
    /// The time of what was taken and is not given yet, because lines behind it may belong to it.
    fn waiting_since(&self) -> Option<Local> {
        None
    }
    /// Of a log with evidence, how many seconds later than a response it may stand. `None`: an access log.
    fn lead(&self) -> Option<Local> {
        None
    }
    /// What could be read so far.
    fn tally(&self) -> &Tally;
    /// What is needed to go on after a restart. `now`: the attributor's clock.
    fn save(&self, now: Local) -> SavedReader;
    /// Goes on from what was saved.
    fn resume(&mut self, saved: SavedReader, now: Local);

    /// Local time of the first line in the block, of a few, that has one.
    fn first_time(&mut self, block: &[u8], offset: i32) -> Option<Local> {
        lines(block).take(STAMP_TRIES).find_map(|line| self.time(line, offset))
    }
    /// Local time of the last line in the block, of a few, that has one.
    fn last_time(&mut self, block: &[u8], offset: i32) -> Option<Local> {
        lines_from_end(block).take(STAMP_TRIES).find_map(|line| self.time(line, offset))
    }
}

/// Each line of a block, without its newline.
fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest)?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        Some(line)
    })
}

/// The last lines of a block, the very last first.
fn lines_from_end(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block.strip_suffix(b"\n").unwrap_or(block);
    let mut done = block.is_empty();
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let start = memchr::memrchr(b'\n', rest).map(|at| at + 1);
        let line = &rest[start.unwrap_or(0)..];
        done = start.is_none();
        rest = &rest[..start.unwrap_or(1) - 1];
        Some(line)
    })
}

/// Lines looked at, from a block's beginning or end, for a time stamp.
const STAMP_TRIES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_is_told_with_the_command_that_converts_it() {
        let text = "2026/11/20 15:08:28 [error] 12#12: x\r\n";
        for bytes in
            [text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), b"\xff\xfe2\0".to_vec()]
        {
            let mut tally = Tally::default();
            tally.reject(&bytes, || "x".to_owned());
            assert!(tally.example.unwrap().why.contains("iconv -f UTF-16"));
        }
        assert!(!is_utf_16(text.as_bytes()) && !is_utf_16(b"\0\0\0\x01") && !is_utf_16(b""));
    }

    #[test]
    fn blocks_fall_into_lines_both_ways() {
        assert_eq!(lines(b"a\n\nb\n").collect::<Vec<_>>(), [&b"a"[..], b"", b"b"]);
        assert_eq!(lines_from_end(b"a\n\nb\n").collect::<Vec<_>>(), [&b"b"[..], b"", b"a"]);
        assert_eq!(lines_from_end(b"\n").collect::<Vec<_>>(), [&b""[..]]);
        assert_eq!(lines_from_end(b"").count(), 0);
    }
}
