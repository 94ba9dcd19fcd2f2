//! Physical lines of an error log to entries.
//!
//! nginx writes an entry with one `write()` and escapes nothing, so text that a client or a script chose may hold
//! line feeds and complete forged entries. Which entries can hold such text is told from their own words:
//!
//! * A *closed* entry has a fixed message, a complete tail and no encoded line end in its request. It ends at its
//!   first line feed.
//! * Every other entry of a connection is *open*: what follows it within nginx's limit for one entry (its window) may
//!   be its own text. A proof (a line that begins no entry, nginx's mark of a cut, a tail whose request holds the
//!   lines between) extends the nearest open entry before it, and no other: who sends text can swallow only text
//!   that he sent.
//!
//! What looks like an entry inside a window without a proof is *shadowed*: it may be one, but proves nothing. The
//! shadow is lifted where the open entry must have ended before: its message is a quoted one, its tail is there, and
//! no line in the rest of its window could be its end.

mod entry;
mod window;

use super::error::{self, Head, MAX_ENTRY, MAX_ENTRY_OPENRESTY};
pub use entry::Entry;
use entry::is_cut;
use window::{Window, ends_like_quoting};

/// What a physical line was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The start of an entry, or a whole one.
    Entry,
    /// A further line of the entry before it.
    Continuation,
    /// Neither: no error log's line.
    Unknown,
}

/// What is needed to go on with an open window after a restart.
#[derive(Clone, Copy, Debug)]
pub struct Unfinished<'a> {
    /// Number of its first line.
    pub number: u64,
    /// All its lines.
    pub bytes: &'a [u8],
    /// Its first entry may be text of the one before it.
    pub shadowed: bool,
    /// And that one can end with a line that looks like a closed entry.
    pub doubt: bool,
    /// How far before it those begin whose windows it is in.
    pub outer: &'a [usize],
}

/// Joins lines to entries; one for each log.
#[derive(Debug)]
pub struct Entries {
    closed: fn(&Head<'_>) -> bool,
    window: Option<Window>,
    limit: usize,
}

impl Entries {
    /// `closed` tells which entries end at their first line feed.
    pub fn new(closed: fn(&Head<'_>) -> bool) -> Self {
        Self { closed, window: None, limit: MAX_ENTRY }
    }

    /// Takes the next line (without its newline) and gives entries that are complete by it.
    #[inline]
    pub fn line(&mut self, number: u64, line: &[u8], each: &mut dyn FnMut(Entry<'_>)) -> Part {
        if line.len() >= MAX_ENTRY {
            self.learn_limit(line);
        }
        if self.window.is_some() {
            return self.behind(number, line, each);
        }
        let Some(head) = error::head(line) else { return Part::Unknown };
        self.begin(number, line, head, None, each);
        Part::Entry
    }

    /// Takes a line that a transport delivers as one entry, whatever is in it.
    pub fn whole(&mut self, number: u64, line: &[u8], each: &mut dyn FnMut(Entry<'_>)) -> Part {
        self.flush(each);
        let Some(head) = error::head(line) else { return Part::Unknown };
        let closed = (self.closed)(&head);
        each(Entry { line: number, head, cut: is_cut(line), closed, shadowed: false, fields: true });
        Part::Entry
    }

    /// No entry of nginx is longer than its limit, so this one is written by OpenResty.
    #[cold]
    fn learn_limit(&mut self, line: &[u8]) {
        if error::head(line).is_some() {
            self.limit = MAX_ENTRY_OPENRESTY;
        }
    }

    fn begin(
        &mut self,
        number: u64,
        line: &[u8],
        head: Head<'_>,
        before: Option<&Window>,
        each: &mut dyn FnMut(Entry<'_>),
    ) {
        let closed = before.is_none() && (self.closed)(&head);
        let shadowed = before.is_some();
        if closed {
            let cut = is_cut(line);
            return each(Entry { line: number, head, cut, closed, shadowed, fields: true });
        }
        if head.body.starts_with(b"[lua] ") || head.body.starts_with(b"lua ") {
            // Where Lua runs it is most probably OpenResty that runs it.
            self.limit = MAX_ENTRY_OPENRESTY;
        }
        if line.len() + 1 >= self.limit {
            let cut = is_cut(line);
            return each(Entry { line: number, head, cut, closed, shadowed, fields: false });
        }
        let doubt = before.is_some_and(|before| before.doubt || !before.is_quoting());
        let outer = before.map(|before| before.outer_of_next(self.limit)).unwrap_or_default();
        let (bytes, end, behind) = (line.to_vec(), line.len(), Vec::new());
        self.window = Some(Window { number, bytes, end, shadowed, doubt, outer, behind });
    }

    /// A line behind an open entry.
    fn behind(&mut self, number: u64, line: &[u8], each: &mut dyn FnMut(Entry<'_>)) -> Part {
        let Some(window) = &mut self.window else { return Part::Unknown };
        let head = error::head(line);
        let length = window.bytes.len() + line.len() + 2;
        if length > self.limit {
            if head.is_none() && length <= MAX_ENTRY_OPENRESTY {
                // Only OpenResty writes more.
                self.limit = MAX_ENTRY_OPENRESTY;
                if window.behind.is_empty() {
                    window.extend(line);
                    return Part::Continuation;
                }
            }
            self.flush(each);
            return self.line(number, line, each);
        }
        let Some(head) = head else {
            window.extend(line);
            return Part::Continuation;
        };
        if (self.closed)(&head) && !ends_like_quoting(head.body) {
            window.behind.push((number, window.bytes.len() + 1));
            window.bytes.push(b'\n');
            window.bytes.extend_from_slice(line);
            return Part::Entry;
        }
        if window.was_cut_in(line) || window.was_sent_with(line, &head) {
            window.extend(line);
            return Part::Continuation;
        }
        // No proof reaches beyond the nearest open entry, so what is before this one is final.
        let window = self.window.take();
        window.iter().for_each(|window| window.give(true, each));
        self.begin(number, line, head, window.as_ref(), each);
        Part::Entry
    }

    /// The number of the first line of the open entry whose window has not passed.
    pub fn open(&self) -> Option<u64> {
        self.window.as_ref().map(|window| window.number)
    }

    /// The window that has not passed.
    pub fn unfinished(&self) -> Option<Unfinished<'_>> {
        self.window.as_ref().map(|window| Unfinished {
            number: window.number,
            bytes: &window.bytes,
            shadowed: window.shadowed,
            doubt: window.doubt,
            outer: &window.outer,
        })
    }

    /// Whether entries may have OpenResty's length.
    pub fn is_openresty(&self) -> bool {
        self.limit == MAX_ENTRY_OPENRESTY
    }

    /// Goes on with a window that had not passed. Gives the number of its last line.
    pub fn resume(&mut self, unfinished: Unfinished<'_>, openresty: bool) -> u64 {
        let Unfinished { number, bytes, shadowed, doubt, outer } = unfinished;
        if openresty {
            self.limit = MAX_ENTRY_OPENRESTY;
        }
        let mut last = number;
        for (at, line) in (number..).zip(bytes.split(|b| *b == b'\n')) {
            last = at;
            // Nothing is complete by these lines, or it would have been given before.
            self.line(at, line, &mut |_| {});
        }
        if let Some(window) = &mut self.window {
            (window.shadowed, window.doubt, window.outer) = (shadowed, doubt, outer.to_vec());
        }
        last
    }

    /// Shows what would be given now, and keeps it.
    pub fn peek(&self, each: &mut dyn FnMut(Entry<'_>)) {
        if let Some(window) = &self.window {
            window.give(false, each);
        }
    }

    /// Gives what is in the window: nothing more can follow that was written with it.
    pub fn flush(&mut self, each: &mut dyn FnMut(Entry<'_>)) {
        if let Some(window) = self.window.take() {
            window.give(false, each);
        }
    }
}

#[cfg(test)]
mod tests;
