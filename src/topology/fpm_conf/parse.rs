//! Statements of one line, as PHP's INI grammar builds them (Zend/zend_ini_parser.y).
//!
//! Left out: a bare word that names a PHP constant (`E_ALL`) is not replaced by the constant's value, because only PHP
//! knows those; and `${name}` is looked up in the environment alone, not in php.ini.

use std::iter::Peekable;

use super::scan::{Scanner, Token};
use crate::topology::units::atoi;

/// How deep parentheses and operators may nest; PHP's parser gives up as well, only later.
const DEPTH: usize = 100;

/// What one line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Statement {
    Section(Vec<u8>),
    /// `name = value`; no value when even the `=` is missing.
    Entry(Vec<u8>, Option<Vec<u8>>),
    /// `name[key] = value`.
    Array(Vec<u8>, Vec<u8>, Vec<u8>),
}

/// Where `${name}` is looked up.
pub(super) type Lookup<'a> = &'a dyn Fn(&[u8]) -> Option<Vec<u8>>;

/// What was met where it cannot be.
#[derive(Debug)]
pub(super) struct Unexpected(pub(super) String);

type Result<T> = std::result::Result<T, Unexpected>;

/// Reads one line, which ends in its newline.
pub(super) fn line(text: &[u8], lookup: Lookup<'_>) -> Result<Vec<Statement>> {
    let mut parser = Parser { tokens: Scanner::new(text).peekable(), lookup, open: 0 };
    let mut statements = Vec::new();
    while let Some(token) = parser.tokens.next() {
        statements.push(match token {
            Token::EndOfLine => continue,
            Token::Section => {
                let name = parser.list()?.unwrap_or_default();
                parser.expect(&Token::Char(b']'))?;
                Statement::Section(name)
            }
            Token::Label(name) if parser.tokens.next_if_eq(&Token::Equals).is_some() => {
                Statement::Entry(name, Some(parser.value()?))
            }
            Token::Label(name) => Statement::Entry(name, None),
            Token::Offset(name) => {
                let key = parser.list()?.unwrap_or_default();
                parser.expect(&Token::Char(b']'))?;
                parser.expect(&Token::Equals)?;
                Statement::Array(name, key, parser.value()?)
            }
            other => return Err(unexpected(Some(&other))),
        });
    }
    Ok(statements)
}

struct Parser<'a> {
    tokens: Peekable<Scanner<'a>>,
    lookup: Lookup<'a>,
    /// Variables that are open: a fallback may hold another one.
    open: usize,
}

impl Parser<'_> {
    fn expect(&mut self, want: &Token) -> Result<()> {
        match self.tokens.next() {
            Some(token) if token == *want => Ok(()),
            other => Err(unexpected(other.as_ref())),
        }
    }

    /// `string_or_value`.
    fn value(&mut self) -> Result<Vec<u8>> {
        match self.tokens.peek() {
            Some(&Token::Word(text)) => {
                self.tokens.next();
                Ok(text.to_vec())
            }
            Some(Token::EndOfLine) => {
                self.tokens.next();
                Ok(Vec::new())
            }
            _ => self.expression(0),
        }
    }

    /// `expr`: `|`, `&` and `^` have one rank and go from left to right.
    fn expression(&mut self, depth: usize) -> Result<Vec<u8>> {
        let mut left = self.operand(depth)?;
        while let Some(Token::Char(operator @ (b'|' | b'&' | b'^'))) = self.tokens.peek().cloned() {
            self.tokens.next();
            let (a, b) = (atoi(&left), atoi(&self.operand(depth)?));
            let result = match operator {
                b'|' => a | b,
                b'&' => a & b,
                _ => a ^ b,
            };
            left = result.to_string().into_bytes();
        }
        Ok(left)
    }

    fn operand(&mut self, depth: usize) -> Result<Vec<u8>> {
        if depth > DEPTH {
            return Err(Unexpected("more nesting than any value needs".to_owned()));
        }
        if let Some(text) = self.list()? {
            return Ok(text);
        }
        match self.tokens.next() {
            Some(Token::Char(b'~')) => Ok((!atoi(&self.operand(depth + 1)?)).to_string().into_bytes()),
            Some(Token::Char(b'!')) => {
                Ok(i32::from(atoi(&self.operand(depth + 1)?) == 0).to_string().into_bytes())
            }
            Some(Token::Char(b'(')) => {
                let inner = self.expression(depth + 1)?;
                self.expect(&Token::Char(b')'))?;
                Ok(inner)
            }
            other => Err(unexpected(other.as_ref())),
        }
    }

    /// `var_string_list`: pieces that stand side by side. None: not one.
    fn list(&mut self) -> Result<Option<Vec<u8>>> {
        let mut all: Option<Vec<u8>> = None;
        loop {
            let piece = match self.tokens.peek() {
                Some(Token::Text(text)) => {
                    let text = text.clone();
                    self.tokens.next();
                    text
                }
                Some(Token::Dollar) => self.variable()?,
                Some(Token::Quote) => self.quoted()?,
                _ => return Ok(all),
            };
            all.get_or_insert_default().extend(piece);
        }
    }

    /// `"` encapsed_list `"`.
    fn quoted(&mut self) -> Result<Vec<u8>> {
        self.expect(&Token::Quote)?;
        let mut all = Vec::new();
        loop {
            match self.tokens.peek() {
                Some(Token::Dollar) => all.extend(self.variable()?),
                _ => match self.tokens.next() {
                    Some(Token::Text(text)) => all.extend(text),
                    Some(Token::Quote) => return Ok(all),
                    other => return Err(unexpected(other.as_ref())),
                },
            }
        }
    }

    /// `${name}` or `${name:-fallback}`; what is not set is empty.
    fn variable(&mut self) -> Result<Vec<u8>> {
        self.expect(&Token::Dollar)?;
        self.open += 1;
        if self.open > DEPTH {
            return Err(Unexpected("more nesting than any value needs".to_owned()));
        }
        let name = match self.tokens.next() {
            Some(Token::Name(name)) => name,
            other => return Err(unexpected(other.as_ref())),
        };
        let mut fallback = Vec::new();
        if self.tokens.next_if_eq(&Token::Fallback).is_some() {
            fallback = self.list()?.unwrap_or_default();
        }
        self.expect(&Token::Char(b'}'))?;
        self.open -= 1;
        Ok((self.lookup)(&name).unwrap_or(fallback))
    }
}

fn unexpected(token: Option<&Token>) -> Unexpected {
    Unexpected(token.unwrap_or(&Token::EndOfLine).to_string())
}
