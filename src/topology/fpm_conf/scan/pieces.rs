//! The named character classes of Zend/zend_ini_scanner.l: each tells how many bytes it matches at the start.

/// `TABS_AND_SPACES*`.
pub(super) fn spaces(rest: &[u8]) -> usize {
    rest.iter().take_while(|byte| b" \t".contains(byte)).count()
}

/// `NEWLINE`.
pub(super) fn newline(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'\r', b'\n', ..] => Some(2),
        [b'\r' | b'\n', ..] => Some(1),
        _ => None,
    }
}

/// `LABEL`. PHP 8.2 allows `]` in it, later ones do not: one that does not would not run with such a file.
pub(super) fn label(rest: &[u8]) -> usize {
    rest.iter().take_while(|byte| !b"=\n\r\t;&|^$~(){}!\"[\0".contains(byte)).count()
}

/// `CONSTANT`.
pub(super) fn constant(rest: &[u8]) -> usize {
    match rest.first() {
        Some(first) if first.is_ascii_alphabetic() || *first == b'_' => {
            rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
        }
        _ => 0,
    }
}

/// `NUMBER`.
pub(super) fn number(rest: &[u8]) -> usize {
    let digits = |from: usize| rest[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(rest[0] == b'-');
    let whole = digits(sign);
    let fraction = if rest.get(sign + whole) == Some(&b'.') { Some(digits(sign + whole + 1)) } else { None };
    match fraction {
        Some(fraction) if whole + fraction > 0 => sign + whole + 1 + fraction,
        _ if whole > 0 => sign + whole,
        _ => 0,
    }
}

/// A blank, `;` and all up to and with the line's end. Without an end it is no comment.
pub(super) fn comment(rest: &[u8], blank: usize) -> usize {
    if rest.get(blank) != Some(&b';') {
        return 0;
    }
    let text = rest[blank..].iter().take_while(|byte| !b"\r\n".contains(byte)).count();
    newline(&rest[blank + text..]).map_or(0, |length| blank + text + length)
}

/// `true`, `off`, `null` and the like with the blank behind it, and the value they give. Any case.
pub(super) fn keyword(rest: &[u8]) -> (usize, &'static [u8]) {
    const WORDS: [(&[u8], &[u8]); 8] = [
        (b"true", b"1"),
        (b"on", b"1"),
        (b"yes", b"1"),
        (b"false", b""),
        (b"off", b""),
        (b"none", b""),
        (b"no", b""),
        (b"null", b""),
    ];
    let found = WORDS
        .iter()
        .find(|(word, _)| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)));
    found.map_or((0, b""), |(word, value)| (word.len() + spaces(&rest[word.len()..]), value))
}

/// `VALUE_CHARS` but for `LITERAL_DOLLAR`; escapes have no meaning here.
pub(super) fn value_chars(byte: u8) -> Class {
    if b"= \t\n\r;&|^~()!\"'\0".contains(&byte) { Class::Not } else { Class::Is }
}

/// `FALLBACK_CHARS`.
pub(super) fn fallback_chars(byte: u8) -> Class {
    escapable(byte, b'}')
}

/// `SECTION_VALUE_CHARS`.
pub(super) fn offset_chars(byte: u8) -> Class {
    escapable(byte, b']')
}

fn escapable(byte: u8, end: u8) -> Class {
    match byte {
        b'\\' => Class::Escape,
        b'\n' | b'\r' | b';' | b'"' | b'\'' => Class::Not,
        _ if byte == end => Class::Not,
        _ => Class::Is,
    }
}

/// What a byte is to a class.
#[derive(PartialEq, Eq)]
pub(super) enum Class {
    Is,
    Not,
    /// It takes the next byte with it, whatever that is.
    Escape,
}

/// The longest run of a class, with `LITERAL_DOLLAR`: `$` and one more byte, if that is not `{`.
pub(super) fn any_chars(rest: &[u8], class: fn(u8) -> Class) -> usize {
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        at += match (byte, rest.get(at + 1)) {
            (b'$', None | Some(b'{' | b'\0')) => break,
            (b'$', Some(b'\\')) if at + 2 < rest.len() => 3,
            (b'$', Some(_)) => 2,
            _ => match (class(byte), at + 1 < rest.len()) {
                (Class::Is, _) => 1,
                (Class::Escape, true) => 2,
                _ => break,
            },
        };
    }
    at
}

/// The inside of a double quoted string up to its end or a `${`, and its text without escapes
/// (`zend_ini_escape_string`): only `\"`, `\\` and `\$` lose their backslash.
pub(super) fn quoted(rest: &[u8]) -> (usize, Vec<u8>) {
    let (mut at, mut text) = (0, Vec::new());
    while let Some(&byte) = rest.get(at) {
        match (byte, rest.get(at + 1)) {
            (b'"', _) | (b'$', Some(b'{')) if at > 0 => break,
            // A Windows path, "C:\path\": the quote that ends the line is not escaped.
            (b'\\', Some(b'"')) if matches!(rest.get(at + 2), None | Some(b'\n' | b'\r')) => {
                text.push(byte);
                at += 1;
            }
            (b'\\', Some(&next)) => {
                if !b"\"\\$".contains(&next) {
                    text.push(byte);
                }
                text.push(next);
                at += 2;
            }
            _ => {
                text.push(byte);
                at += 1;
            }
        }
    }
    (at, text)
}
