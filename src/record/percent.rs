//! Percent-encoding, as a request carries it and nginx undoes it.

/// Whether a line feed is in a text, encoded once or more often.
pub fn holds_line_end(text: &[u8]) -> bool {
    memchr::memchr_iter(b'%', text).any(|at| {
        let mut rest = &text[at + 1..];
        while let Some(inner) = rest.strip_prefix(b"25") {
            rest = inner;
        }
        matches!(rest, [b'0', b'a' | b'A', ..])
    })
}

/// Undoes it once. What is no escape stays.
pub fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        let digit = |at: usize| tail.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_is_found_however_often_it_is_encoded() {
        for text in ["%0a", "x%0Ay", "/%250a", "/%25250A", "%%0a"] {
            assert!(holds_line_end(text.as_bytes()), "{text}");
        }
        for text in ["", "/0a", "%", "%0", "%25", "%0d", "%2 50a", "%0b"] {
            assert!(!holds_line_end(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(decode(b"/a%0Ab%250a%zz%4"), b"/a\nb%0a%zz%4");
    }
}
