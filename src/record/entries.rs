//! Physical lines of an error log to entries.
//!
//! A few messages of nginx span lines, because they hold text that a script or a client chose, newlines
//! included: `FastCGI sent in stderr: "…"`, the decoded path in `open() "…" failed`, the user's name in
//! `user "…" was not found`. That text may hold complete forged entries. nginx writes an entry with one
//! `write()`, so everything between the opening quote and its closing is that text, whatever it looks like.
//! An entry never exceeds nginx's limit; one that reaches it exactly was cut there and ends without closing.

use super::error::{self, Action, Context, Head, Level, MAX_ENTRY, MAX_ENTRY_OPENRESTY};
use super::search;

const STDERR: &[u8] = b"FastCGI sent in stderr: \"";

/// Messages with a decoded path, a user's name or a script's error in them, at level error or worse.
const QUOTING: &[&[u8]] = &[
    b"open() \"",
    b"stat() \"",
    b"lstat() \"",
    b"opendir() \"",
    b"realpath() \"",
    b"directory index of \"",
    b"\"",
    b"user \"",
    b"rewrite or internal redirection cycle while ",
    b"subrequests cycle while processing \"",
    b"could not find named location \"",
    b"[lua] ",
];

/// One entry, all its lines together.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Number of its first physical line, from 1.
    pub line: u64,
    /// Its head; the body holds the newlines of a multi-line entry.
    pub head: Head<'a>,
    /// nginx cut it at its limit.
    pub cut: bool,
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

    /// A script's words that hold more than one closing: which fields are nginx's cannot be told.
    pub fn is_ambiguous(&self) -> bool {
        self.is_stderr() && closings(self.head.body).nth(1).is_some()
    }
}

/// Positions of each `"` that could end a script's words: ` while ACTION, client: ` follows.
fn closings(text: &[u8]) -> impl Iterator<Item = usize> {
    // Every quote is looked at: a script's words hold few, and a searcher costs more.
    memchr::memchr_iter(b'"', text).filter(|at| {
        let Some(rest) = text[at + 1..].strip_prefix(b" while ") else { return false };
        Action::on_upstream()
            .any(|name| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(b", client: ")))
    })
}

/// Whether an entry goes on behind a line of it. `first`: the line is the head's own.
fn goes_on(head: &Head<'_>, line: &[u8], first: bool) -> bool {
    if head.body.starts_with(STDERR) {
        return closings(line).next().is_none();
    }
    if head.connection.is_none() || head.level < Level::Error {
        return false;
    }
    let first_byte = head.body.first();
    let fits = |opening: &&&[u8]| opening.first() == first_byte && head.body.starts_with(opening);
    let Some(opening) = QUOTING.iter().find(fits) else { return false };
    let text = if first { &head.body[opening.len()..] } else { line };
    // The fields of the request follow the closing quote. A forged entry inside the quotes has fields of its
    // own, but no quote in front of them.
    let fields = search::rfind(text, b", client: ");
    fields.is_none_or(|at| opening.ends_with(b"\"") && memchr::memchr(b'"', &text[..at]).is_none())
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

/// Joins lines to entries; one for each log.
#[derive(Debug, Default)]
pub struct Entries {
    /// An entry that goes on, from the head on, with the number of its first line.
    open: Option<(u64, Vec<u8>)>,
}

impl Entries {
    /// Takes the next line (without its newline) and gives entries that are complete by it.
    pub fn line(&mut self, number: u64, line: &[u8], each: &mut dyn FnMut(Entry<'_>)) -> Part {
        if let Some((_, bytes)) = &mut self.open {
            bytes.push(b'\n');
            bytes.extend_from_slice(line);
            let length = bytes.len() + 1;
            let ended = error::head(bytes).is_none_or(|head| !goes_on(&head, line, false));
            if ended || length == MAX_ENTRY || length == MAX_ENTRY_OPENRESTY {
                self.flush(each);
            } else if length > MAX_ENTRY_OPENRESTY {
                self.give_up(each);
            }
            return Part::Continuation;
        }
        let Some(head) = error::head(line) else { return Part::Unknown };
        let length = line.len() + 1;
        let cut = length >= MAX_ENTRY;
        let entry = Entry { line: number, head, cut };
        if !cut && goes_on(&head, line, true) {
            self.open = Some((number, line.to_vec()));
        } else {
            each(entry);
        }
        Part::Entry
    }

    /// The entry that goes on: the number of its first line, and its bytes so far.
    pub fn unfinished(&self) -> Option<(u64, &[u8])> {
        self.open.as_ref().map(|(number, bytes)| (*number, bytes.as_slice()))
    }

    /// Goes on with an entry that was unfinished.
    pub fn resume(number: u64, bytes: Vec<u8>) -> Self {
        Self { open: Some((number, bytes)) }
    }

    /// Gives what is still open: at the end of a log that is read only once.
    pub fn flush(&mut self, each: &mut dyn FnMut(Entry<'_>)) {
        if let Some((line, bytes)) = self.open.take()
            && let Some(head) = error::head(&bytes)
        {
            each(Entry { line, head, cut: bytes.len() + 1 >= MAX_ENTRY });
        }
    }

    /// More than any nginx writes in one entry: its end was lost (a full disk, say). Its lines are read
    /// each for itself, so that no real failure is swallowed for ever.
    fn give_up(&mut self, each: &mut dyn FnMut(Entry<'_>)) {
        let Some((first, bytes)) = self.open.take() else { return };
        for (number, line) in (first..).zip(bytes.split(|b| *b == b'\n')) {
            if let Some(head) = error::head(line) {
                each(Entry { line: number, head, cut: false });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "2026/11/20 15:00:28 [error] 7#7: *128 FastCGI sent in stderr: \"";
    const END: &str = "\" while reading response header from upstream, client: 127.0.0.1, server: s, request: \"GET / HTTP/1.1\", upstream: \"fastcgi://a:1\", host: \"h\"";
    const FORGED: &str = "2026/11/20 12:00:00 [error] 42#42: *9 connect() failed (111: Connection refused) while connecting to upstream, client: 6.6.6.6, server: s, request: \"GET /victim HTTP/1.1\", upstream: \"fastcgi://b:2\", host: \"v\"";

    fn all(lines: &[String]) -> Vec<(u64, String, usize)> {
        let mut entries = Entries::default();
        let mut out = Vec::new();
        let mut each = |entry: Entry<'_>| {
            let context = entry.context();
            out.push((
                entry.line,
                String::from_utf8_lossy(context.message).into_owned(),
                entry.head.body.len(),
            ));
        };
        for (number, line) in (1..).zip(lines) {
            entries.line(number, line.as_bytes(), &mut each);
        }
        entries.flush(&mut each);
        out
    }

    #[test]
    fn forged_entries_inside_a_script_s_words_are_words() {
        let out = all(&[format!("{START}harmless"), FORGED.into(), format!("tail{END}"), FORGED.into()]);
        assert_eq!(out.len(), 2);
        assert!(out[0].1.starts_with("harmless\n2026/11/20") && out[0].1.ends_with("\ntail"));
        assert_eq!(out[1].0, 4);
        let last_line_forged = all(&[format!("{START}bob"), format!("{FORGED}{END}")]);
        assert_eq!(last_line_forged.len(), 1);
    }

    #[test]
    fn forged_entries_inside_a_path_or_a_user_s_name_are_no_entries() {
        let tail = "client: 1.1.1.1, server: s, request: \"GET /x%0A HTTP/1.1\", host: \"h\"";
        for (opening, closing) in [
            ("open() \"/var/www/x", "\" failed (2: No such file or directory), "),
            ("user \"bob", "\" was not found in \"/etc/htpasswd\", "),
            ("directory index of \"/x", "/\" is forbidden, "),
            ("open() \"/x, client: y", "\" failed (2: No such file or directory), "),
        ] {
            let start = format!("2026/11/20 15:00:28 [error] 7#7: *128 {opening}");
            let next = all(&[
                start.clone(),
                FORGED.into(),
                FORGED.into(),
                format!("{closing}{tail}"),
                FORGED.into(),
            ]);
            assert_eq!(next.iter().map(|e| e.0).collect::<Vec<_>>(), [1, 5], "{opening}");
            let glued = all(&[start.clone(), format!("{FORGED}{closing}{tail}"), FORGED.into()]);
            assert_eq!(glued.len(), 3 - 1, "{opening}");
            let whole = all(&[format!("{start}{closing}{tail}"), FORGED.into()]);
            assert_eq!(whole.len(), 2, "{opening}");
        }
    }

    #[test]
    fn a_script_s_error_ends_at_its_fields() {
        let lua = |text: &str| format!("2026/11/20 15:00:28 [error] 7#7: *128 [lua] {text}");
        let end = ", client: 1.1.1.1, server: s, request: \"GET / HTTP/1.1\"";
        assert_eq!(all(&[lua("x.lua:1: no quote") + end, FORGED.into()]).len(), 2);
        assert_eq!(
            all(&[
                lua("x.lua:1: boom"),
                "stack traceback:".into(),
                format!("main chunk{end}"),
                FORGED.into()
            ])
            .len(),
            2
        );
    }

    #[test]
    fn an_entry_cut_at_the_limit_ends_there() {
        let cut = format!("{START}{}", "x".repeat(MAX_ENTRY - 1 - START.len()));
        assert_eq!(all(&[cut, FORGED.into()]).len(), 2);
        let two = format!("{START}a");
        let rest = "y".repeat(MAX_ENTRY - 2 - two.len());
        assert_eq!(all(&[two, rest, FORGED.into()]).len(), 2);
    }

    #[test]
    fn an_end_that_never_comes_swallows_nothing() {
        let mut lines = vec![format!("{START}lost")];
        lines.extend(vec![FORGED.to_owned(); 30]);
        assert_eq!(all(&lines).len(), 31);
    }

    #[test]
    fn two_closings_are_ambiguous() {
        let mut entries = Entries::default();
        let line = format!("{START}a{END}{END}");
        entries.line(1, line.as_bytes(), &mut |entry| assert!(entry.is_ambiguous()));
        assert_eq!(entries.line(2, b"tail", &mut |_| {}), Part::Unknown);
    }
}
