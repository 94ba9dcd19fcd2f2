//! The tail of an error entry, `, client: …, server: …, request: "…", …`: whether it is whole, and whether it can be
//! the only one.

use super::error::{TAIL, is_stream, request, split};
use super::{percent, scan, search};

/// Whether a tail (from its `, client: ` on) has all its fields, each in its place and closed.
pub fn is_whole_tail(tail: &[u8]) -> bool {
    whole_tail(tail).is_some()
}

/// Whether, besides, no line feed can be in it and it is the only one up to the end of its line.
pub fn is_closed_tail(tail: &[u8]) -> bool {
    // No space is in a request's URI, so a further tail can only be behind it.
    whole_tail(tail).is_some_and(|Ends { request, behind }| {
        !percent::holds_line_end(request) && search::find(behind, TAIL).is_none()
    })
}

/// The request line in the last tail of a text.
pub fn last_request(text: &[u8]) -> Option<&[u8]> {
    let tail = &text[search::rfind(text, TAIL)?..];
    let (_, rest) = split(tail, b", request: \"")?;
    let (request, _) = request(rest, true);
    (!request.cut).then_some(request.line)
}

/// The request of a tail, if it has one, and the fields behind it.
struct Ends<'a> {
    request: &'a [u8],
    behind: &'a [u8],
}

/// Method and URI of a request line with a version and a closing quote, and what is behind that.
#[inline]
fn plain_request(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = scan::nth(text, 0, b' ', 2)?;
    let version = &text[end + 1..];
    let quote = scan::find(&version[..version.len().min(12)], 0, b'"')?;
    scan::begins(version, b"HTTP/").then(|| (&text[..end], &version[quote + 1..]))
}

/// `None`: the tail is not whole.
#[inline]
fn whole_tail(tail: &[u8]) -> Option<Ends<'_>> {
    const FIELDS: [&[u8]; 4] = [b", upstream: \"", b", host: \"", b", subrequest: \"", b", referrer: \""];
    if !scan::begins(tail, TAIL) {
        return None;
    }
    let (client, rest) = split(&tail[TAIL.len()..], b", server: ")?;
    if scan::holds(client, b'"') {
        return None;
    }
    let Some((_, rest)) = split(rest, b", request: \"") else {
        // Before a request has been read, or in stream{}.
        return (!rest.contains(&b'"') || is_stream(rest)).then_some(Ends { request: &[], behind: rest });
    };
    // A line that ends here without a closing quote is not whole.
    let (request, behind) = plain_request(rest)?;
    let closed = || behind.last() == Some(&b'"') && FIELDS.iter().any(|field| scan::begins(behind, field));
    (behind.is_empty() || closed()).then_some(Ends { request, behind })
}
