//! Where a `*_by_lua_block` ends. Its text is Lua: braces in strings and comments do not count, and `;` ends nothing.

/// The length of a block's body with the `}` that closes it; `None`: there is none.
pub(super) fn body(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 1);
    loop {
        match *text.get(at)? {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            quote @ (b'"' | b'\'') => at = string(text, at + 1, quote)?,
            b'-' if text.get(at + 1) == Some(&b'-') => {
                at = match long(text, at + 2) {
                    Long::Ends(end) => end,
                    Long::Endless => return None,
                    Long::None => at + memchr::memchr(b'\n', &text[at..])?,
                };
            }
            b'[' => match long(text, at) {
                Long::Ends(end) => at = end,
                Long::Endless => return None,
                Long::None => {}
            },
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Where the quote stands that ends a string.
fn string(text: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    loop {
        match *text.get(at)? {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at),
            _ => at += 1,
        }
    }
}

enum Long {
    /// Its last byte stands here.
    Ends(usize),
    Endless,
    /// It is no long bracket at all.
    None,
}

/// A long bracket, `[[ … ]]` or `[==[ … ]==]`, that would begin at `at`.
fn long(text: &[u8], at: usize) -> Long {
    let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix(b"[")) else { return Long::None };
    let level = rest.iter().take_while(|byte| **byte == b'=').count();
    if rest.get(level) != Some(&b'[') {
        return Long::None;
    }
    let close = [b"]".as_slice(), &rest[..level], b"]"].concat();
    let from = at + level + 2;
    match memchr::memmem::find(&text[from..], &close) {
        Some(found) => Long::Ends(from + found + close.len() - 1),
        None => Long::Endless,
    }
}

#[cfg(test)]
mod tests {
    use super::body;

    #[test]
    fn only_lua_s_own_braces_count() {
        for text in [
            "}",
            " local t = { a = {} } }",
            " say('}', \"}\\\"}\") }",
            " -- it's } {\n }",
            " --[[ } \n ' ]] }",
            " --[==[ } ]] } ]==] }",
            " s = [[ } ]] .. [=[ } ]] ]=] }",
            " t[x[1]] = 1 }",
        ] {
            let more = format!("{text} next {{}}");
            assert_eq!(body(more.as_bytes()), Some(text.len()), "{text}");
        }
        for endless in ["", "{ }", "'}", "'\\'}", "-- }", "--[[ }", "[[ }", "\"\\"] {
            assert_eq!(body(endless.as_bytes()), None, "{endless}");
        }
    }
}
