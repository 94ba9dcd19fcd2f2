//! Bytes to words and the marks between them (`ngx_conf_read_token` in src/core/ngx_conf_file.c).

use super::lua;

/// What ends a run of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// `;`
    Statement,
    /// `{`
    Open,
    /// `}`, never behind words.
    Close,
    /// The file's.
    File,
}

/// Words and what ends them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) words: Vec<String>,
    pub(super) end: End,
    /// Where the first word stands, from 1.
    pub(super) line: usize,
}

/// Reads a file's text run by run.
pub(super) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the reader stands, from 1.
    pub(super) line: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The next run; an error is a sentence about [`Tokens::line`].
    pub(super) fn run(&mut self) -> Result<Run, String> {
        let (mut words, mut line) = (Vec::new(), self.line);
        loop {
            self.skip_space();
            if words.is_empty() {
                line = self.line;
            }
            let end = match self.peek() {
                None if words.is_empty() => return Ok(Run { words, end: End::File, line }),
                None => {
                    return Err("the file ends inside of a directive: a ';' or '}' is missing.".to_owned());
                }
                Some(b';') => End::Statement,
                Some(b'{') => End::Open,
                Some(b'}') => End::Close,
                Some(quote @ (b'"' | b'\'')) => {
                    words.push(self.quoted(quote)?);
                    continue;
                }
                Some(_) => {
                    words.push(self.bare());
                    continue;
                }
            };
            self.step();
            return match (end, words.is_empty()) {
                (End::Close, false) => {
                    Err("'}' is not expected here: a ';' is missing before it.".to_owned())
                }
                (End::Statement, true) => {
                    Err("';' is not expected here: there is no directive before it.".to_owned())
                }
                (End::Open, true) => {
                    Err("'{' is not expected here: there is no directive before it.".to_owned())
                }
                _ => Ok(Run { words, end, line }),
            };
        }
    }

    /// Goes behind the `}` of a block of Lua, whose words are not nginx's.
    pub(super) fn skip_lua(&mut self) -> Result<(), String> {
        let body = &self.text[self.at..];
        let length = lua::body(body).ok_or("the Lua block has no end: a '}' is missing.")?;
        self.line += memchr::memchr_iter(b'\n', &body[..length]).count();
        self.at += length;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn step(&mut self) {
        self.line += usize::from(self.peek() == Some(b'\n'));
        self.at += 1;
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => {
                    let rest = &self.text[self.at..];
                    self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                }
                byte if is_space(byte) => self.step(),
                _ => return,
            }
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<String, String> {
        let opened = self.line;
        self.step();
        let start = self.at;
        while let Some(byte) = self.peek() {
            if byte == quote {
                let word = unescape(&self.text[start..self.at]);
                self.step();
                // `if ($x = "y")` is the one place where a word may follow at once.
                return match self.peek() {
                    None | Some(b';' | b'{' | b')') => Ok(word),
                    Some(byte) if is_space(byte) => Ok(word),
                    Some(byte) => {
                        let byte = char::from(byte).escape_default();
                        Err(format!(
                            "'{byte}' is not expected behind a quoted word: put a space or ';' between."
                        ))
                    }
                };
            }
            if byte == b'\\' {
                self.step();
            }
            self.step();
        }
        Err(format!("the quote that opens in line {opened} has no end."))
    }

    fn bare(&mut self) -> String {
        let start = self.at;
        // `${name}` opens no block.
        let mut variable = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'{' if variable => {}
                b'{' | b';' => break,
                byte if is_space(byte) => break,
                b'\\' => {
                    variable = false;
                    self.step();
                }
                byte => variable = byte == b'$',
            }
            if self.at < self.text.len() {
                self.step();
            }
        }
        unescape(&self.text[start..self.at])
    }
}

/// nginx knows no other space: not the form feed, not the vertical tab.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// A backslash stays before all but quotes, itself, and `t`, `r`, `n`: regular expressions need theirs.
fn unescape(word: &[u8]) -> String {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = match (byte, tail.first()) {
            (b'\\', Some(&next @ (b'"' | b'\'' | b'\\'))) => Some(next),
            (b'\\', Some(b't')) => Some(b'\t'),
            (b'\\', Some(b'r')) => Some(b'\r'),
            (b'\\', Some(b'n')) => Some(b'\n'),
            _ => None,
        };
        out.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &tail[1..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}
