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

use super::error::{self, Action, Context, Head, Level, MAX_ENTRY, MAX_ENTRY_OPENRESTY};
use super::{percent, search};

const STDERR: &[u8] = b"FastCGI sent in stderr: \"";

/// Openings of messages behind whose text a quote and more of nginx's own words stand before the tail.
const QUOTING: &[&[u8]] = &[
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

/// One entry, all its lines together.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Number of its first physical line, from 1.
    pub line: u64,
    /// Its head; the body holds the newlines of a multi-line entry.
    pub head: Head<'a>,
    /// nginx cut it at its limit.
    pub cut: bool,
    /// It ends at its first line feed, whatever a client sent.
    pub closed: bool,
    /// It may be text inside the entry before it.
    pub shadowed: bool,
    /// What looks like its fields is nginx's, not text that goes on in the next line.
    pub fields: bool,
}

impl<'a> Entry<'a> {
    /// Whether it passes on a script's words.
    pub fn is_stderr(&self) -> bool {
        self.head.body.starts_with(STDERR)
    }

    /// Message and fields. For a script's words the fields behind their *last* closing are meant.
    pub fn context(&self) -> Context<'a> {
        let body = self.head.body;
        match self.is_stderr().then(|| closings(body).last()).flatten() {
            Some(quote) => {
                let mut context = error::context(&body[quote..], self.cut);
                context.message = &body[STDERR.len()..quote];
                context
            }
            None => error::context(body, self.cut),
        }
    }

    /// Which of its fields are nginx's cannot be told, if its message is not a fixed one: there are two tails, or the
    /// end of a script's words may have been cut off.
    pub fn is_ambiguous(&self) -> bool {
        let body = self.head.body;
        match self.is_stderr() {
            true => self.cut || closings(body).nth(1).is_some(),
            false => search::find(body, error::TAIL)
                .is_some_and(|at| search::find(&body[at + 1..], error::TAIL).is_some()),
        }
    }
}

/// Positions of each `"` that could end a script's words: ` while ACTION, client: ` follows.
fn closings(text: &[u8]) -> impl Iterator<Item = usize> {
    // Every quote is looked at: a script's words hold few, and a searcher costs more.
    memchr::memchr_iter(b'"', text).filter(|at| {
        let Some(rest) = text[at + 1..].strip_prefix(b" while ") else { return false };
        Action::on_upstream()
            .any(|name| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(error::TAIL)))
    })
}

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

/// An open entry whose end is not known, and the lines behind it that fit into its window.
#[derive(Debug)]
struct Window {
    /// Number of its first line.
    number: u64,
    /// The entry and the lines behind it, without the last newline.
    bytes: Vec<u8>,
    /// Where the entry ends, as far as it is proved.
    end: usize,
    /// The entry may itself be text of the one before it.
    shadowed: bool,
    /// And that one can end with a line that looks like a closed entry.
    doubt: bool,
    /// How far before this entry those begin whose windows it is in.
    outer: Vec<usize>,
    /// Closed entries behind it: number and position of each.
    behind: Vec<(u64, usize)>,
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
        if head.body.starts_with(b"[lua] ") || head.body.starts_with(b"lua ") {
            // Where Lua runs it is most probably OpenResty that runs it.
            self.limit = MAX_ENTRY_OPENRESTY;
        }
        if closed || line.len() + 1 >= self.limit {
            let cut = is_cut(line);
            return each(Entry { line: number, head, cut, closed, shadowed, fields: closed && !shadowed });
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

impl Window {
    /// All up to this line is the open entry's text.
    fn extend(&mut self, line: &[u8]) {
        self.bytes.push(b'\n');
        self.bytes.extend_from_slice(line);
        self.end = self.bytes.len();
        self.behind.clear();
    }

    /// Whether nginx's mark of a cut stands where it cuts this entry. Only for the line right behind it: a line of
    /// another entry can be made to end there too.
    fn was_cut_in(&self, line: &[u8]) -> bool {
        if !self.behind.is_empty() || !is_a_limit(self.bytes.len() + line.len() + 2) {
            return false;
        }
        let mark = line.len().checked_sub(ERRNO_ROOM - 1).and_then(|at| line[at..].strip_prefix(b"... ("));
        mark.is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit) && !rest.ends_with(b"\""))
    }

    /// Whether the request in the tail of a line, decoded once or twice, holds all from the first line feed of the
    /// open entry to the head of that line: the line is the end of that entry.
    fn was_sent_with(&self, line: &[u8], head: &Head<'_>) -> bool {
        let Some(request) = error::last_request(line).filter(|request| percent::holds_line_end(request))
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
    fn outer_of_next(&self, limit: usize) -> Vec<usize> {
        let length = self.bytes.len() + 1;
        let distances = self.outer.iter().map(|distance| distance + length).chain([length]);
        distances.filter(|distance| *distance < limit).collect()
    }

    /// Whether a line that ends here can be where nginx cut this entry, or one whose window it is in.
    fn is_cut_at(&self, end: usize) -> bool {
        is_a_limit(end + 1) || self.outer.iter().any(|distance| is_a_limit(end + 1 + distance))
    }

    /// Whether nginx puts a quote and more of its own words between the entry's text and its tail, as no closed entry
    /// has them.
    fn is_quoting(&self) -> bool {
        error::head(&self.bytes[..self.end]).is_some_and(|head| {
            head.level >= Level::Error && QUOTING.iter().any(|opening| head.body.starts_with(opening))
        })
    }

    /// Whether the entry's tail is there.
    fn has_tail(&self) -> bool {
        let entry = &self.bytes[..self.end];
        search::rfind(entry, error::TAIL).is_some_and(|at| error::is_whole_tail(&entry[at..]))
    }

    /// `maybe_longer`: a line was seen behind the entry that may be its end.
    fn give(&self, maybe_longer: bool, each: &mut dyn FnMut(Entry<'_>)) {
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
fn ends_like_quoting(body: &[u8]) -> bool {
    let message = search::find(body, error::TAIL).map_or(body, |at| &body[..at]);
    let own = message.strip_suffix(b", dry run").unwrap_or(message);
    !own.ends_with(b"\"") && memchr::memchr(b'"', own).is_some()
}

/// Whether an entry of this length, its newline included, has been cut.
fn is_a_limit(length: usize) -> bool {
    length == MAX_ENTRY || length == MAX_ENTRY_OPENRESTY
}

/// Whether an entry has nginx's full length.
fn is_cut(bytes: &[u8]) -> bool {
    bytes.len() + 1 >= MAX_ENTRY
}

#[cfg(test)]
mod tests;
