//! An open entry and what stands in its window: where it can have ended, and what can be its text.

use super::super::error::{self, Head, Level, MAX_ENTRY, MAX_ENTRY_OPENRESTY};
use super::super::{percent, search, tail};
use super::entry::{Entry, STDERR, is_cut};

/// Openings of messages behind whose text a quote and more of nginx's own words stand before the tail.
pub(super) const QUOTING: &[&[u8]] = &[
    b"open() \"",
    b"openat() \"",
    b"stat() \"",
    b"lstat() \"",
    b"opendir() \"",
    b"realpath() \"",
    b"mkdir() \"",
    b"rmdir() \"",
    b"unlink() \"",
    b"rename() \"",
    b"directory index of \"",
    b"\"",
    b"user \"",
    STDERR,
];

/// Bytes that nginx keeps free for an errno when a message is too long; they begin with `... (`.
const ERRNO_ROOM: usize = 50;

/// An open entry whose end is not known, and the lines behind it that fit into its window.
#[derive(Debug)]
pub(super) struct Window {
    /// Number of its first line.
    pub(super) number: u64,
    /// The entry and the lines behind it, without the last newline.
    pub(super) bytes: Vec<u8>,
    /// Where the entry ends, as far as it is proved.
    pub(super) end: usize,
    /// The entry may itself be text of the one before it.
    pub(super) shadowed: bool,
    /// And that one can end with a line that looks like a closed entry.
    pub(super) doubt: bool,
    /// How far before this entry those begin whose windows it is in.
    pub(super) outer: Vec<usize>,
    /// Closed entries behind it: number and position of each.
    pub(super) behind: Vec<(u64, usize)>,
}

impl Window {
    /// All up to this line is the open entry's text.
    pub(super) fn extend(&mut self, line: &[u8]) {
        self.bytes.push(b'\n');
        self.bytes.extend_from_slice(line);
        self.end = self.bytes.len();
        self.behind.clear();
    }

    /// Whether nginx's mark of a cut stands where it cuts this entry. Only for the line right behind it: a line of
    /// another entry can be made to end there too.
    pub(super) fn was_cut_in(&self, line: &[u8]) -> bool {
        if !self.behind.is_empty() || !is_a_limit(self.bytes.len() + line.len() + 2) {
            return false;
        }
        let mark = line.len().checked_sub(ERRNO_ROOM - 1).and_then(|at| line[at..].strip_prefix(b"... ("));
        mark.is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit) && !rest.ends_with(b"\""))
    }

    /// Whether the request in the tail of a line, decoded once or twice, holds all from the first line feed of the
    /// open entry to the head of that line: the line is the end of that entry.
    pub(super) fn was_sent_with(&self, line: &[u8], head: &Head<'_>) -> bool {
        let Some(request) = tail::last_request(line).filter(|request| percent::holds_line_end(request))
        else {
            return false;
        };
        let first = memchr::memchr(b'\n', &self.bytes).unwrap_or(self.bytes.len());
        let before = &self.bytes[first..];
        let own = &line[..line.len() - head.body.len()];
        let holds = |sent: &[u8]| {
            memchr::memchr_iter(b'\n', sent).any(|at| {
                let rest = sent[at..].strip_prefix(before).and_then(|rest| rest.strip_prefix(b"\n"));
                rest.is_some_and(|rest| rest.starts_with(own))
            })
        };
        let once = percent::decode(request);
        holds(&once) || holds(&percent::decode(&once))
    }

    /// How far before the line behind this window those begin whose windows that line is in.
    pub(super) fn outer_of_next(&self, limit: usize) -> Vec<usize> {
        let length = self.bytes.len() + 1;
        let distances = self.outer.iter().map(|distance| distance + length).chain([length]);
        distances.filter(|distance| *distance < limit).collect()
    }

    /// Whether a line that ends here can be where nginx cut this entry, or one whose window it is in.
    pub(super) fn is_cut_at(&self, end: usize) -> bool {
        is_a_limit(end + 1) || self.outer.iter().any(|distance| is_a_limit(end + 1 + distance))
    }

    /// Whether nginx puts a quote and more of its own words between the entry's text and its tail, as no closed entry
    /// has them.
    pub(super) fn is_quoting(&self) -> bool {
        error::head(&self.bytes[..self.end]).is_some_and(|head| {
            head.level >= Level::Error && QUOTING.iter().any(|opening| head.body.starts_with(opening))
        })
    }

    /// Whether the entry's tail is there.
    pub(super) fn has_tail(&self) -> bool {
        let entry = &self.bytes[..self.end];
        search::rfind(entry, error::TAIL).is_some_and(|at| tail::is_whole_tail(&entry[at..]))
    }

    /// `maybe_longer`: a line was seen behind the entry that may be its end.
    pub(super) fn give(&self, maybe_longer: bool, each: &mut dyn FnMut(Entry<'_>)) {
        let ends = self.behind.iter().skip(1).map(|(_, next)| next - 1).chain([self.bytes.len()]);
        // Where nginx would have cut the entry, a line that looks whole can be its end.
        let cut = ends.clone().any(|end| self.is_cut_at(end));
        let can_have_ended = !maybe_longer && !cut && self.has_tail();
        let has_ended = can_have_ended && self.is_quoting() && !self.doubt;
        let entry = &self.bytes[..self.end];
        if let Some(head) = error::head(entry) {
            let (cut, shadowed) = (is_cut(entry), self.shadowed);
            let fields = !shadowed && (has_ended || can_have_ended && self.behind.is_empty());
            each(Entry { line: self.number, head, cut, closed: false, shadowed, fields });
        }
        for (at, ((line, start), end)) in self.behind.iter().zip(ends).enumerate() {
            if let Some(head) = error::head(&self.bytes[*start..end]) {
                // The last of them is an entry or the end of this one: either way its tail is nginx's.
                let fields = has_ended || can_have_ended && at + 1 == self.behind.len();
                let (cut, closed, shadowed) = (false, true, !has_ended);
                each(Entry { line: *line, head, cut, closed, shadowed, fields });
            }
        }
    }
}

/// Whether a closed entry has a quote and more of nginx's own words in front of its tail, as the end of a script's
/// words has them.
pub(super) fn ends_like_quoting(body: &[u8]) -> bool {
    let message = search::find(body, error::TAIL).map_or(body, |at| &body[..at]);
    let own = message.strip_suffix(b", dry run").unwrap_or(message);
    !own.ends_with(b"\"") && memchr::memchr(b'"', own).is_some()
}

/// Whether an entry of this length, its newline included, has been cut.
fn is_a_limit(length: usize) -> bool {
    length == MAX_ENTRY || length == MAX_ENTRY_OPENRESTY
}
