//! What chats, tickets and terminals do to a line, undone.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::record::error::Action;
use crate::record::search;

/// Colours of a terminal.
#[allow(clippy::expect_used, reason = "constant patterns; a unit test compiles them")]
static COLOUR: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?-u)\x1b\[[\d;]*m").expect("regex"));

/// A field with its blanks lost, `,upstream:"`, or with more of them.
#[allow(clippy::expect_used, reason = "constant patterns; a unit test compiles them")]
static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?-u),[ \t]*(client|server|request|subrequest|upstream|host|referrer):[ \t]*")
        .expect("regex")
});

/// What stands for a character elsewhere.
const OTHER: &[(&[u8], &[u8])] = &[
    (b"&quot;", b"\""),
    (b"&#34;", b"\""),
    (b"&lt;", b"<"),
    (b"&gt;", b">"),
    (b"&amp;", b"&"),
    ("\u{201c}".as_bytes(), b"\""),
    ("\u{201d}".as_bytes(), b"\""),
    ("\u{a0}".as_bytes(), b" "),
    (b"\\\"", b"\""),
    (b"`", b""),
];

/// What nginx was doing, of which the end is often left out.
const READING: &[u8] = b" while reading response header";

/// The line as nginx wrote it, as far as that can be told.
pub(super) fn clean(line: &[u8]) -> Vec<u8> {
    let mut text: Cow<'_, [u8]> = COLOUR.replace_all(line.trim_ascii(), &b""[..]);
    for (other, own) in OTHER {
        if search::find(&text, other).is_some() {
            text = Cow::Owned(replaced(&text, other, own));
        }
    }
    let text = FIELD.replace_all(&text, &b", $1: "[..]);
    match search::find(&text, READING).map(|at| at + READING.len()) {
        Some(end) if !text[end..].starts_with(b" from ") => {
            [&text[..end], b" from upstream", &text[end..]].concat()
        }
        _ => text.into_owned(),
    }
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = search::find(rest, from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// Where ` while …` stands with something that nginx does with an upstream.
pub(super) fn action(text: &[u8]) -> Option<(usize, Action)> {
    const WHILE: &[u8] = b"while ";
    let mut from = 0;
    while let Some(found) = search::find(&text[from..], WHILE) {
        let at = from + found;
        let rest = &text[at + WHILE.len()..];
        if let Some(action) = Action::begins(rest) {
            return Some((at.saturating_sub(1), action));
        }
        from = at + WHILE.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_nginx_wrote_it() {
        for (pasted, own) in [
            ("  x, upstream: \"a\" ", "x, upstream: \"a\""),
            ("x,upstream:\"a\",host:  \"b\"", "x, upstream: \"a\", host: \"b\""),
            ("\u{1b}[31mx\u{1b}[0m", "x"),
            ("request: &quot;GET /a?b&amp;c&quot;", "request: \"GET /a?b&c\""),
            ("request: \u{201c}GET /\u{201d}", "request: \"GET /\""),
            ("x, request: \\\"GET /\\\"", "x, request: \"GET /\""),
            ("x while reading response header |", "x while reading response header from upstream |"),
            (
                "x while reading response header from upstream",
                "x while reading response header from upstream",
            ),
        ] {
            assert_eq!(String::from_utf8(clean(pasted.as_bytes())).unwrap(), own, "{pasted}");
        }
    }

    #[test]
    fn what_nginx_was_doing_may_be_followed_by_anything() {
        let text = b"x while it lasts, while connecting to upstream, upstream: \"a\"";
        assert_eq!(action(text), Some((17, Action::Connecting)));
        assert_eq!(action(b"x while SSL handshaking, client"), None);
    }
}
