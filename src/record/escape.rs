//! The three escapes of nginx's access log, undone.
//!
//! `ngx_http_log_module.c`: `escape=default` writes `"`, `\`, bytes below 0x20, 0x7f and from 0x80 as
//! `\xHH`; `escape=json` writes `\" \\ \n \r \t \b \f` and `\u00HH`; `escape=none` writes raw bytes. The
//! error log escapes nothing, so an access value is decoded before it is compared with an error value.

use std::borrow::Cow;

use super::scan;

/// How a `log_format` escapes its variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escape {
    /// `\xHH`; a missing value is `-`.
    #[default]
    Default,
    /// JSON escapes; a missing value is empty.
    Json,
    /// Nothing is escaped; a missing value is empty.
    None,
}

impl Escape {
    /// The first quote from a position on that is the format's own and not a value's: `escape=json` writes a
    /// value's quotes as `\\"`, `escape=default` as `\\x22`. With `escape=none` nobody can tell.
    #[inline]
    pub fn quote(self, line: &[u8], from: usize) -> Option<usize> {
        let first = scan::find(line, from, b'"')?;
        if self != Self::Json || !scan::holds(&line[from..first], b'\\') {
            return Some(first);
        }
        let mut at = from;
        loop {
            at += memchr::memchr2(b'"', b'\\', line.get(at..)?)?;
            if line[at] == b'"' {
                return Some(at);
            }
            at += 2;
        }
    }

    /// The raw bytes behind a logged value. An escape that nginx never writes is left as it stands.
    pub fn decode(self, value: &[u8]) -> Cow<'_, [u8]> {
        match (self, memchr::memchr(b'\\', value)) {
            (Self::None, _) | (_, None) => Cow::Borrowed(value),
            (_, Some(first)) => Cow::Owned(decode(value, first)),
        }
    }
}

/// Both escapes are decoded by one table: none of their sequences means two things.
fn decode(value: &[u8], first: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    out.extend_from_slice(&value[..first]);
    let mut rest = &value[first..];
    while let [byte, tail @ ..] = rest {
        let (decoded, used) = match (byte, tail) {
            (b'\\', [b'x', hi, lo, ..]) => (hex(*hi, *lo), 4),
            (b'\\', [b'u', b'0', b'0', hi, lo, ..]) => (hex(*hi, *lo), 6),
            (b'\\', [b'n', ..]) => (Some(b'\n'), 2),
            (b'\\', [b'r', ..]) => (Some(b'\r'), 2),
            (b'\\', [b't', ..]) => (Some(b'\t'), 2),
            (b'\\', [b'b', ..]) => (Some(8), 2),
            (b'\\', [b'f', ..]) => (Some(12), 2),
            (b'\\', [c @ (b'"' | b'\\' | b'/'), ..]) => (Some(*c), 2),
            _ => (Some(*byte), 1),
        };
        match decoded {
            Some(raw) => {
                out.push(raw);
                rest = &rest[used..];
            }
            None => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    out
}

fn hex(hi: u8, lo: u8) -> Option<u8> {
    let digit = |b: u8| (b as char).to_digit(16);
    Some((digit(hi)? * 16 + digit(lo)?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_escape_gives_the_bytes_the_client_sent() {
        assert_eq!(&*Escape::Default.decode(br"GET /a\x22b\x5C\xE9 HTTP/1.1"), b"GET /a\"b\\\xe9 HTTP/1.1");
        assert_eq!(&*Escape::Json.decode(br#"a\"b\\\n\r\t\b\f\u001B"#), b"a\"b\\\n\r\t\x08\x0c\x1b");
        assert_eq!(&*Escape::None.decode(br"a\x22"), br"a\x22");
    }

    #[test]
    fn a_cut_escape_stays_as_it_is() {
        for text in [&br"abc\"[..], br"abc\x", br"abc\x2", br"abc\xZZ", br"abc\u00"] {
            assert_eq!(&*Escape::Default.decode(text), text);
        }
    }
}
