//! Short needles in short texts.
//!
//! `memchr::memmem` prepares a searcher for each call, which costs more than searching a log line: it was a
//! third of the time of an error log. Here the first byte is looked for and the rest compared.

/// Where `needle` (not empty) stands first.
#[inline]
pub fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr(needle[0], text.get(at..)?)?;
        if text[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

/// Where `needle` (not empty) stands last.
#[inline]
pub fn rfind(text: &[u8], needle: &[u8]) -> Option<usize> {
    let mut end = text.len();
    loop {
        end = memchr::memrchr(needle[0], &text[..end])?;
        if text[end..].starts_with(needle) {
            return Some(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_find_what_memmem_finds() {
        let texts: [&[u8]; 6] = [b"", b"a", b"aab", b"xaabaab", b", client, client: x, client: y", b"ba"];
        for text in texts {
            for needle in [&b"a"[..], b"ab", b"aab", b", client: ", b"zz"] {
                assert_eq!(find(text, needle), memchr::memmem::find(text, needle), "{text:?} {needle:?}");
                assert_eq!(rfind(text, needle), memchr::memmem::rfind(text, needle), "{text:?} {needle:?}");
            }
        }
    }
}
