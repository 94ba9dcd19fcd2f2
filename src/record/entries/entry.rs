//! One entry: its message, its fields, and whether they can be told.

use super::super::error::{self, Action, Context, Head, MAX_ENTRY};
use super::super::search;

/// How FastCGI's stderr is passed on.
pub(super) const STDERR: &[u8] = b"FastCGI sent in stderr: \"";

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
        if self.closed {
            return error::context(body, self.cut);
        }
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

/// Positions of each `"` that could end the script's words in `text`, which begins with [`STDERR`]: ` while ACTION, client: `
/// follows. The quote in front of the words is none of them, whatever they begin with.
fn closings(text: &[u8]) -> impl Iterator<Item = usize> {
    // Every quote is looked at: a script's words hold few, and a searcher costs more.
    let words = memchr::memchr_iter(b'"', text.get(STDERR.len()..).unwrap_or_default());
    words.map(|at| at + STDERR.len()).filter(|at| {
        let Some(rest) = text[at + 1..].strip_prefix(b" while ") else { return false };
        Action::on_upstream()
            .any(|name| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(error::TAIL)))
    })
}

/// Whether an entry has nginx's full length.
pub(super) fn is_cut(bytes: &[u8]) -> bool {
    bytes.len() + 1 >= MAX_ENTRY
}
