//! `$upstream_addr` and its siblings: one element for each attempt.
//!
//! `ngx_http_upstream_addr_variable` and siblings (src/http/ngx_http_upstream.c) join attempts of one
//! pass with `, ` and passes (internal redirects) with ` : `. All lists of a line have equally many
//! elements, so they can be zipped.

use super::scan;

/// The elements of a list, in order, passes flattened. `-` and empty elements are kept: an attempt that
/// has no value there still is an attempt.
pub fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let text = rest?;
        let (element, tail) = split(text);
        rest = tail;
        Some(element)
    })
}

/// The first element.
#[inline]
pub fn first(list: &[u8]) -> &[u8] {
    split(list).0
}

/// The last element: what the last attempt of the last pass left.
pub fn last(list: &[u8]) -> &[u8] {
    elements(list).last().unwrap_or_default()
}

/// How many attempts the list tells of: none for a missing value (`-` or empty).
pub fn attempts(list: &[u8]) -> usize {
    match list {
        _ if missing(list) => 0,
        _ if !is_several(list) => 1,
        _ => elements(list).count(),
    }
}

/// Whether the whole value is missing: nginx logs `-` (`escape=default`) or nothing (`json`, `none`).
pub fn missing(value: &[u8]) -> bool {
    matches!(value, b"" | b"-")
}

/// Both separators hold a space: without one there is a single attempt, as nearly always.
#[inline]
fn is_several(list: &[u8]) -> bool {
    scan::holds(list, b' ')
}

#[inline]
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    if is_several(text) { split_several(text) } else { (text, None) }
}

fn split_several(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    for at in memchr::memchr2_iter(b',', b':', text) {
        match text[at] {
            b',' if text.get(at + 1) == Some(&b' ') => return (&text[..at], Some(&text[at + 2..])),
            b':' if at > 0 && text[at - 1] == b' ' && matches!(text.get(at + 1), Some(b' ') | None) => {
                return (&text[..at - 1], Some(text.get(at + 2..).unwrap_or_default()));
            }
            _ => {}
        }
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(list: &str) -> Vec<&str> {
        elements(list.as_bytes()).map(|e| std::str::from_utf8(e).unwrap()).collect()
    }

    #[test]
    fn attempts_and_passes() {
        assert_eq!(all("127.0.0.1:9000"), ["127.0.0.1:9000"]);
        assert_eq!(all("unix:/w.sock, [::1]:80 : mixed"), ["unix:/w.sock", "[::1]:80", "mixed"]);
        assert_eq!(all("200 : "), ["200", ""]);
        assert_eq!(all("200 :"), ["200", ""]);
        assert_eq!(all("-, 0.000"), ["-", "0.000"]);
        assert_eq!(last(b"502 : 200"), b"200");
    }

    #[test]
    fn a_missing_value_is_no_attempt() {
        assert_eq!(attempts(b"-"), 0);
        assert_eq!(attempts(b""), 0);
        assert_eq!(attempts(b"-, -"), 2);
    }
}
