//! Names and quoted lines as they are shown: valid UTF-8, without anything that moves a cursor, and not longer than a label
//! may be. What is shown was written by strangers: visitors, authors of scripts, whoever may create a file.

use std::borrow::Cow;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// Most bytes of a label's value.
pub const LONGEST: usize = 200;

/// Between the beginning of a name that was cut and the hash of all of it.
const CUT: &str = "~";

/// Digits of that hash: two names among a million are one series with a probability of 3e-8.
const DIGITS: usize = 16;

/// A name as the value of a label: repaired, and at most [`LONGEST`] bytes. A longer one keeps its beginning, and gets a
/// hash, so that two that begin alike stay apart.
pub fn label(name: &[u8]) -> Cow<'_, str> {
    let text = repaired(name);
    if text.len() <= LONGEST { text } else { Cow::Owned(cut(&text)) }
}

fn cut(text: &str) -> String {
    let room = LONGEST - CUT.len() - DIGITS;
    let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    // The state outlives the process, so the key must, too. Who finds two names with one hash merges two series of his own.
    let mut hasher = SipHasher13::new();
    hasher.write(text.as_bytes());
    format!("{}{CUT}{:0DIGITS$x}", &text[..end], hasher.finish())
}

/// Text that shows as what it is: no invalid UTF-8, and no character that moves a cursor, colours a terminal or turns the
/// direction of what follows.
pub fn repaired(name: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(name);
    if !text.contains(is_control) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if is_control(char) {
            out.extend(char.escape_unicode());
        } else {
            out.push(char);
        }
    }
    Cow::Owned(out)
}

/// Bytes of a label's value on the page: some are written as two.
pub fn width(value: &str) -> u64 {
    let escaped = value.bytes().filter(|byte| matches!(byte, b'\\' | b'"' | b'\n')).count();
    (value.len() + escaped) as u64
}

/// C0, DEL and C1, line and paragraph separators, and what is invisible or sets the direction of writing.
pub fn is_control(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(char, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A socket's path with one slash in front: `unix:///run/x`, as Plesk writes it and nginx logs it, is `unix:/run/x`.
pub fn one_spelling(upstream: &[u8]) -> Cow<'_, [u8]> {
    match upstream.strip_prefix(b"unix://") {
        Some(path) => {
            let slashes = path.iter().take_while(|byte| **byte == b'/').count();
            Cow::Owned([b"unix:/", &path[slashes..]].concat())
        }
        None => Cow::Borrowed(upstream),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_moves_a_cursor_or_turns_the_direction() {
        let control =
            (0..0x20).chain(0x7f..0xa0).chain([0xad, 0x61c, 0x200b, 0x200e, 0x2028, 0x202e, 0x2066, 0xfeff]);
        for char in control.filter_map(char::from_u32) {
            let name = format!("a{char}b");
            let shown = repaired(name.as_bytes());
            assert_eq!(shown, format!("a\\u{{{:x}}}b", u32::from(char)));
            assert_eq!(repaired(shown.as_bytes()), shown);
        }
        for plain in ["unix:/run/php/x.sock", "[::1]:80", "bücher.example", "例え.jp", "a b"] {
            assert_eq!(label(plain.as_bytes()), plain);
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters_and_stays_apart_from_others() {
        for (unit, rest) in
            [("a", ""), ("ü", "a"), ("例", ""), ("😀", "bc"), ("\u{202e}", ""), ("\u{1b}", "x")]
        {
            for count in [1, 66, 67, 99, 100, 101, 200, 201, 8192] {
                let name = format!("{rest}{}", unit.repeat(count));
                let (one, other) = (format!("{name}1"), format!("{name}2"));
                let shown = label(one.as_bytes());
                assert!(shown.len() <= LONGEST, "{} bytes", shown.len());
                assert_ne!(shown, label(other.as_bytes()));
                assert!(!shown.contains(is_control));
                assert_eq!(label(shown.as_bytes()), shown, "a label is the label of itself");
            }
        }
        let exact = "x".repeat(LONGEST);
        assert_eq!(label(exact.as_bytes()), exact);
        let broken = b"\xff".repeat(LONGEST);
        assert!(label(&broken).len() <= LONGEST, "repair makes three bytes of one");
    }

    #[test]
    fn one_socket_has_one_spelling() {
        for (written, label) in [
            ("unix:/run/x", "unix:/run/x"),
            ("unix:///run/x", "unix:/run/x"),
            ("unix://run/x", "unix:/run/x"),
            ("unix://", "unix:/"),
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("//x", "//x"),
        ] {
            assert_eq!(&*one_spelling(written.as_bytes()), label.as_bytes());
        }
    }
}
