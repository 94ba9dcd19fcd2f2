//! A line against a format, from the left.

use memchr::memmem;

use super::field::{Shape, Values};
use super::{Format, Mismatch, Part};
use crate::record::escape::Escape;
use crate::record::scan::{self, begins};

/// How often a wrong guess about where a value ends may be taken back in one line. Bounds the work on
/// hostile lines; real formats need none or a few.
const RETRIES: usize = 64;

/// How many such guesses are remembered.
const MOST_CHOICES: usize = 8;

impl Format {
    /// Fills `values`; says where it broke.
    pub(super) fn matches<'a>(&self, line: &'a [u8], values: &mut Values<'a>) -> Result<(), Mismatch> {
        let mut walk =
            Walk { format: self, line, furthest: 0, wanted: 0, choices: Default::default(), chosen: 0 };
        walk.run(values).map_err(|()| walk.mismatch())
    }
}

struct Walk<'f, 'a> {
    format: &'f Format,
    line: &'a [u8],
    furthest: usize,
    wanted: usize,
    /// Values whose end was a guess: part, start of the value, where to look for the next end. The latest ones;
    /// no real format has more that matter.
    choices: [(usize, usize, usize); MOST_CHOICES],
    chosen: usize,
}

impl<'a> Walk<'_, 'a> {
    fn run(&mut self, values: &mut Values<'a>) -> Result<(), ()> {
        let (mut part, mut at, mut look_from) = (0, 0, None);
        let mut retries = 0;
        loop {
            match self.step(part, at, look_from.take(), values) {
                Ok(next) if part + 1 == self.format.parts.len() => {
                    if next == self.line.len() {
                        return Ok(());
                    }
                    let _ = self.fail(part + 1, next);
                }
                Ok(next) => {
                    (part, at) = (part + 1, next);
                    continue;
                }
                Err(()) => {}
            }
            let Some(last) = self.chosen.checked_sub(1) else { return Err(()) };
            self.chosen = last;
            let (guess, start, from) = self.choices[last % MOST_CHOICES];
            retries += 1;
            if retries > RETRIES {
                return Err(());
            }
            (part, at, look_from) = (guess, start, Some(from));
        }
    }

    /// Matches one part at a position; gives the position behind it.
    fn step(
        &mut self,
        part: usize,
        at: usize,
        look_from: Option<usize>,
        values: &mut Values<'a>,
    ) -> Result<usize, ()> {
        match &self.format.parts[part] {
            Part::Literal(text) => {
                if begins(&self.line[at..], text) {
                    return Ok(at + text.len());
                }
                let common = self.line[at..].iter().zip(text.iter()).take_while(|(a, b)| a == b).count();
                self.fail(part, at + common)
            }
            Part::Variable { shape, field } => {
                let next = self.format.literal(part + 1);
                let Some(end) = self.format.value_end(self.line, at, *shape, next, look_from.unwrap_or(at))
                else {
                    // A word ends at a space at the latest: there its terminator is missing.
                    let space = memchr::memchr(b' ', &self.line[at..]).filter(|space| *space > 0);
                    return match (shape, space) {
                        (Shape::Word | Shape::List, Some(space)) => self.fail(part + 1, at + space),
                        _ => self.fail(part, at),
                    };
                };
                // Only a value that may hold its own terminator can have been ended too early. A quote
                // never stands in an escaped value.
                if let (Shape::Any, Some([first, ..])) = (shape, next)
                    && *first != b'"'
                {
                    if self.chosen == MOST_CHOICES {
                        self.choices.rotate_left(1);
                        self.chosen -= 1;
                    }
                    self.choices[self.chosen] = (part, at, end + 1);
                    self.chosen += 1;
                }
                if let Some(field) = field {
                    values[*field as usize] = Some(&self.line[at..end]);
                }
                Ok(end)
            }
        }
    }

    fn fail(&mut self, part: usize, at: usize) -> Result<usize, ()> {
        if at >= self.furthest {
            (self.furthest, self.wanted) = (at, part);
        }
        Err(())
    }

    fn mismatch(&self) -> Mismatch {
        let wanted = match self.format.parts.get(self.wanted) {
            Some(Part::Literal(text)) => format!("{:?}", String::from_utf8_lossy(text)),
            Some(Part::Variable { field: Some(field), .. }) => format!("${}", field.name()),
            Some(Part::Variable { .. }) => "the value of a variable".to_owned(),
            None => "the end of the line".to_owned(),
        };
        Mismatch { column: self.furthest + 1, wanted }
    }
}

impl Format {
    /// Where a part ends that begins at a place of the line.
    #[inline]
    pub(super) fn part_end(&self, line: &[u8], part: usize, at: usize) -> Option<usize> {
        match &self.parts[part] {
            Part::Literal(text) => begins(line.get(at..)?, text).then_some(at + text.len()),
            Part::Variable { shape, .. } => self.value_end(line, at, *shape, self.literal(part + 1), at),
        }
    }

    #[inline]
    fn literal(&self, part: usize) -> Option<&[u8]> {
        match self.parts.get(part) {
            Some(Part::Literal(text)) => Some(text),
            _ => None,
        }
    }

    /// Where the value that starts at `at` ends; `look_from` is where its terminator may begin.
    ///
    /// An escaped value holds no quote of its own. Without this rule a value could swallow the fields after it when the
    /// line is of another format than this one.
    #[inline]
    pub(super) fn value_end(
        &self,
        line: &[u8],
        at: usize,
        shape: Shape,
        next: Option<&[u8]>,
        look_from: usize,
    ) -> Option<usize> {
        if self.escape == Escape::None || shape == Shape::Rest {
            return value_end(line, at, shape, next, look_from);
        }
        match (shape, next) {
            // Whether the whole terminator stands there is for the next step to see.
            (Shape::Any | Shape::List | Shape::Word, Some([b'"', ..])) => self.escape.quote(line, at),
            // A word holds no space, so it cannot swallow a field.
            (Shape::Word | Shape::Status, _) => value_end(line, at, shape, next, look_from),
            _ => {
                let end = value_end(line, at, shape, next, look_from)?;
                self.escape.quote(&line[..end], at).is_none().then_some(end)
            }
        }
    }
}

#[inline]
fn value_end(line: &[u8], at: usize, shape: Shape, next: Option<&[u8]>, look_from: usize) -> Option<usize> {
    let Some(next) = next else {
        let value = line.get(at..)?;
        return match shape {
            Shape::Status if !is_status(value) => None,
            Shape::Word if value.contains(&b' ') => None,
            _ => Some(line.len()),
        };
    };
    match shape {
        Shape::Status => {
            let value = line.get(at..at + 3)?;
            (is_status(value) && begins(&line[at + 3..], next)).then_some(at + 3)
        }
        Shape::Word if next[0] == b' ' => {
            let end = scan::find(line, at, b' ')?;
            begins(&line[end..], next).then_some(end)
        }
        Shape::Word => {
            let end = find(line, look_from, next)?;
            (!scan::holds(&line[at..end], b' ')).then_some(end)
        }
        Shape::TimeLocal if next[0] == b' ' => (line.get(at + 26) == Some(&b' ')).then_some(at + 26),
        Shape::Any | Shape::TimeLocal | Shape::Rest => find(line, look_from, next),
        Shape::List => {
            let mut from = look_from;
            loop {
                let end = find(line, from, next)?;
                if next[0] != b' ' || !is_separator(line, end) {
                    return Some(end);
                }
                from = end + 1;
            }
        }
    }
}

fn is_status(value: &[u8]) -> bool {
    value.len() == 3 && value.iter().all(u8::is_ascii_digit)
}

/// Whether the space at a position belongs to `, ` or ` : ` of an upstream list.
fn is_separator(line: &[u8], space: usize) -> bool {
    let before = |n: usize| space.checked_sub(n).map(|at| line[at]);
    before(1) == Some(b',')
        || line[space..].starts_with(b" : ")
        || (before(1) == Some(b':') && before(2) == Some(b' '))
}

#[inline]
fn find(line: &[u8], from: usize, needle: &[u8]) -> Option<usize> {
    // Terminators are one to a few bytes and near: their first byte beats a searcher's set-up.
    let mut at = from;
    while let Some(found) = scan::find(line, at, needle[0]) {
        if begins(&line[found..], needle) {
            return Some(found);
        }
        at = found + 1;
        if at > from + 512 {
            return memmem::find(&line[at..], needle).map(|found| at + found);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{Field, Format};

    #[test]
    fn lists_without_quotes_and_users_with_brackets() {
        let format = Format::new(
            "$remote_addr - $remote_user [$time_local] $upstream_addr $upstream_status $status x",
        )
        .unwrap();
        let access = format
            .access(b"1.2.3.4 - a [b] [20/Nov/2026:15:08:28 +0000] unix:/a, 1.1.1.1:80 : mixed 502, 504 : 502 502 x")
            .unwrap();
        assert_eq!(access.field(Field::UpstreamAddr), Some(&b"unix:/a, 1.1.1.1:80 : mixed"[..]));
        assert_eq!(access.field(Field::UpstreamStatus), Some(&b"502, 504 : 502"[..]));
        assert_eq!(access.status(), 502);
    }

    #[test]
    fn a_mismatch_names_its_column() {
        let format = Format::new("combined").unwrap();
        let mismatch = format
            .access(b"127.0.0.1 - - [20/Nov/2026:15:08:28 +0000] \"GET / HTTP/1.1\" abc 157")
            .unwrap_err();
        assert_eq!((mismatch.column, mismatch.wanted.as_str()), (61, "$status"));
        assert_eq!(format.access(b"").unwrap_err().column, 1);
    }

    #[test]
    fn hostile_lines_end_quickly() {
        let format = Format::new("$a $b $c $d $e $f [$status]").unwrap();
        let line = b"x ".repeat(50_000);
        assert!(format.access(&line).is_err());
    }
}
