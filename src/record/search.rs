//! Short needles in short texts.
//!
//! `memchr::memmem` prepares a searcher for each call, which costs more than searching a log line: it was a
//! third of the time of an error log. Here the first byte is looked for and the rest compared.

use super::scan::{Near, begins};

/// The byte of a needle that is looked for: spaces are everywhere.
#[inline]
fn telling(needle: &[u8]) -> (usize, Near) {
    let at = usize::from(needle.len() > 1 && needle[0] == b' ');
    (at, Near::new(needle[at]))
}

/// Where `needle` (not empty) stands first.
#[inline]
pub fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let (before, byte) = telling(needle);
    let mut at = before;
    loop {
        at += byte.find(text.get(at..)?)?;
        if begins(&text[at - before..], needle) {
            return Some(at - before);
        }
        at += 1;
    }
}

/// Where `needle` (not empty) stands last.
#[inline]
pub fn rfind(text: &[u8], needle: &[u8]) -> Option<usize> {
    let (before, byte) = telling(needle);
    let mut end = text.len();
    loop {
        end = byte.rfind(&text[..end])?;
        let start = end.checked_sub(before)?;
        if begins(&text[start..], needle) {
            return Some(start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_find_what_memmem_finds() {
        let texts: [&[u8]; 6] = [b"", b"a", b"aab", b"xaabaab", b", client, client: x, client: y", b"b  a a"];
        for text in texts {
            for needle in [&b"a"[..], b" ", b" a", b"ab", b"aab", b", client: ", b"zz"] {
                assert_eq!(find(text, needle), memchr::memmem::find(text, needle), "{text:?} {needle:?}");
                assert_eq!(rfind(text, needle), memchr::memmem::rfind(text, needle), "{text:?} {needle:?}");
            }
        }
    }
}
