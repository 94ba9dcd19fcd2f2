//! Words of one line, as PHP's INI scanner finds them (Zend/zend_ini_scanner.l, `ZEND_INI_SCANNER_NORMAL`).
//!
//! PHP-FPM hands its scanner one line at a time (`fpm_conf_load_ini_file`), so nothing spans two. The rule that matches
//! the longest piece wins, of equally long ones the first. One thing is not imitated: after a single quote without its
//! end, PHP's scanner reads on in memory that an earlier line has filled, and what it finds there is chance.

mod pieces;
mod token;

use pieces::{
    any_chars, comment, constant, fallback_chars, keyword, label, newline, number, offset_chars, spaces,
    value_chars,
};
use token::State;
pub(super) use token::Token;

/// The scanner over one line.
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    state: State,
    outer: Vec<State>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        // A byte order mark is passed over at the start of each string, so FPM does at the start of each line.
        let at = if line.len() > 3 && line.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { text: line, at, state: State::Initial, outer: Vec::new() }
    }

    fn push(&mut self, state: State) {
        self.outer.push(std::mem::replace(&mut self.state, state));
    }

    fn pop(&mut self) {
        self.state = self.outer.pop().unwrap_or(State::Initial);
    }

    fn initial(&mut self, rest: &'a [u8]) -> Option<(usize, Option<Token>)> {
        let blank = spaces(rest);
        let name = label(rest);
        let offset =
            if name > 0 && rest.get(name) == Some(&b'[') { name + 1 + spaces(&rest[name + 1..]) } else { 0 };
        let (word, text) = keyword(rest);
        let equals = if rest.get(blank) == Some(&b'=') { blank + 1 + spaces(&rest[blank + 1..]) } else { 0 };
        let end = newline(&rest[blank..]).map_or(0, |length| blank + length);
        let lengths =
            [usize::from(rest[0] == b'['), offset, word, name, equals, blank, end, comment(rest, blank)];
        let longest = lengths.into_iter().max().unwrap_or(0);
        if longest == 0 {
            // Any other character of the token list; all of them are syntax errors here, but none ends the text.
            return b":,.]\"'()&|^+-/*=%$!~<>?@{}"
                .contains(&rest[0])
                .then(|| (1, Some(Token::Char(rest[0]))));
        }
        let token = match lengths.iter().position(|&length| length == longest)? {
            0 => {
                self.state = State::Section;
                Some(Token::Section)
            }
            1 => {
                self.state = State::Offset;
                Some(Token::Offset(rest[..name].trim_ascii().to_vec()))
            }
            2 => Some(Token::Word(text)),
            3 => Some(Token::Label(rest[..name].trim_ascii().to_vec())),
            4 => {
                self.state = State::Value;
                Some(Token::Equals)
            }
            5 => None,
            _ => Some(Token::EndOfLine),
        };
        Some((longest, token))
    }

    /// Pieces that values, keys, section names and fallbacks share. None: nothing matches.
    fn piece(&mut self, rest: &'a [u8]) -> Option<(usize, Token)> {
        let value = self.state == State::Value;
        let blank = spaces(rest);
        if rest.starts_with(b"${") {
            self.push(State::Name);
            return Some((2, Token::Dollar));
        }
        if rest.get(blank) == Some(&b'"') {
            self.push(State::Quoted);
            return Some((blank + 1, Token::Quote));
        }
        if rest[0] == b'\'' && self.state != State::Fallback {
            let inner = rest[1..].iter().position(|&byte| byte == b'\'').filter(|&length| length > 0);
            if let Some(length) = inner {
                return Some((length + 2, Token::Text(rest[1..=length].to_vec())));
            }
        }
        let (word, text) = if value { keyword(rest) } else { (0, &b""[..]) };
        let chars = any_chars(
            rest,
            match self.state {
                State::Value => value_chars,
                State::Fallback => fallback_chars,
                _ => offset_chars,
            },
        );
        let longest = [constant(rest), number(rest), chars, blank].into_iter().max().unwrap_or(0);
        if word > 0 && word >= longest {
            return Some((word, Token::Word(text)));
        }
        (longest > 0).then(|| (longest, Token::Text(rest[..longest].to_vec())))
    }

    fn value(&mut self, rest: &'a [u8]) -> (usize, Token) {
        let blank = spaces(rest);
        let end = newline(&rest[blank..]).map_or(0, |length| blank + length).max(comment(rest, blank));
        if end > 0 {
            self.state = State::Initial;
            return (end, Token::EndOfLine);
        }
        if b"&|^~()!".contains(&rest[0]) {
            return (1 + spaces(&rest[1..]), Token::Char(rest[0]));
        }
        if rest[0] != b'='
            && let Some(found) = self.piece(rest)
        {
            return found;
        }
        // `=` is put back, to be the syntax error that it is; any other character is lost with the line's end.
        self.state = State::Initial;
        (usize::from(rest[0] != b'='), Token::EndOfLine)
    }

    fn name(&mut self, rest: &'a [u8]) -> Option<(usize, Token)> {
        if rest.starts_with(b":-") {
            self.pop();
            self.push(State::Fallback);
            return Some((2, Token::Fallback));
        }
        let all = label(rest);
        let length = rest[..all].windows(2).position(|two| two == b":-").unwrap_or(all);
        (length > 0).then(|| (length, Token::Name(rest[..length].trim_ascii().to_vec())))
    }

    fn quoted(&mut self, rest: &'a [u8]) -> (usize, Token) {
        if rest.starts_with(b"${") {
            self.push(State::Name);
            return (2, Token::Dollar);
        }
        if rest[0] == b'"' {
            self.pop();
            return (1 + spaces(&rest[1..]), Token::Quote);
        }
        let (length, text) = pieces::quoted(rest);
        (length, Token::Text(text))
    }
}

impl Iterator for Scanner<'_> {
    type Item = Token;

    /// None at the end, and where no rule matches: both are the end of the text for PHP's parser.
    fn next(&mut self) -> Option<Token> {
        let some = |(length, token)| (length, Some(token));
        loop {
            let rest = &self.text[self.at..];
            if rest.is_empty() {
                let state = std::mem::replace(&mut self.state, State::Initial);
                return (state == State::Value).then_some(Token::EndOfLine);
            }
            let blank = spaces(rest);
            let (length, token) = match self.state {
                State::Initial => self.initial(rest)?,
                State::Section if rest[0] == b']' => {
                    self.state = State::Initial;
                    let blank = spaces(&rest[1..]);
                    (1 + blank + newline(&rest[1 + blank..]).unwrap_or(0), Some(Token::Char(b']')))
                }
                State::Offset if rest.get(blank) == Some(&b']') => {
                    self.state = State::Initial;
                    (blank + 1, Some(Token::Char(b']')))
                }
                State::Fallback | State::Name if rest[0] == b'}' => {
                    self.pop();
                    (1, Some(Token::Char(b'}')))
                }
                State::Section | State::Offset | State::Fallback => some(self.piece(rest)?),
                State::Value => some(self.value(rest)),
                State::Name => some(self.name(rest)?),
                State::Quoted => some(self.quoted(rest)),
            };
            self.at += length;
            if token.is_some() {
                return token;
            }
        }
    }
}
