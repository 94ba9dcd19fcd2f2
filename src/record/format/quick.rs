//! The hot path: the status of a line without walking the fields in front of it.

use memchr::memmem::Finder;

use super::field::{Field, Shape};
use super::follow::{Followed, Tail};
use super::{Format, Part};
use crate::record::escape::Escape;
use crate::record::scan::{self, Expected, Near};
use crate::record::stamp;

/// How to get to a value.
#[derive(Clone, Debug)]
enum Jump {
    /// To the only place where the literal before it can stand: it holds a quote, which no escaped value
    /// has, and a letter, which tells it from the other quotes of the format.
    Literal(Box<Finder<'static>>),
    /// (`escape=default` only) To the n-th quote of the line, at which the literal before the value begins.
    Quote(usize),
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    status: Option<Target>,
    server: Option<Target>,
    connection: Option<Target>,
    /// What a followed line has behind status and server; `None`: it is walked.
    tail: Option<Tail>,
    /// The format has a server name that cannot be jumped to: every line is walked.
    walk: bool,
}

/// A value, and the literal in front of it that can be jumped to. Between them may stand other values, which
/// are walked.
#[derive(Clone, Debug)]
struct Target {
    part: usize,
    anchor: usize,
    jump: Jump,
    before: Expected,
    way: Way,
    /// Quotes of the format in front of the value.
    quotes: usize,
}

/// How to get from the literal to the end of the value.
#[derive(Clone, Debug)]
enum Way {
    /// It follows and has three digits, and this text is behind it.
    Status(Expected),
    /// It follows and ends at a quote.
    Quoted(Near),
    /// The parts are walked.
    Walk,
}

/// Where a part of the format begins in the line, and how many quotes stand in front of it.
#[derive(Clone, Copy, Default)]
struct Reached {
    part: usize,
    at: usize,
    quotes: usize,
}

impl Plan {
    pub(super) fn new(parts: &[Part], escape: Escape) -> Plan {
        let target = |field| target(parts, escape, field);
        let (status, server) = (target(Field::Status), target(Field::ServerName));
        let has_server =
            parts.iter().any(|p| matches!(p, Part::Variable { field: Some(Field::ServerName), .. }));
        let walk = has_server && server.is_none();
        let jumped = server.as_ref().or(status.as_ref()).filter(|_| !walk).map(|last| last.part + 1);
        Plan {
            tail: jumped.and_then(|part| Tail::new(parts, part, escape)),
            status,
            server,
            connection: target(Field::Connection),
            walk,
        }
    }

    #[inline]
    pub(super) fn connection(&self, format: &Format, line: &[u8]) -> Option<u64> {
        let (start, end) = self.connection.as_ref()?.value(format, line, Reached::default())?;
        stamp::number(&line[start..end])
    }

    /// The status of a line. Where a server name is expected must be one, so that no line of another format is taken
    /// for one of this.
    #[inline]
    pub(super) fn read(&self, format: &Format, line: &[u8]) -> Option<u16> {
        if self.walk {
            return None;
        }
        let (status, reached) = self.status(format, line)?;
        if let Some(server) = &self.server {
            server.start(line, reached)?;
        }
        Some(status)
    }

    /// Reads what every line of a followed log is counted by.
    #[inline]
    pub(super) fn follow<'a>(&self, format: &Format, line: &'a [u8]) -> Option<Followed<'a>> {
        let tail = self.tail.as_ref()?;
        let (status, reached) = self.status(format, line)?;
        let (server, at) = match &self.server {
            Some(target) => target.name(format, line, reached)?,
            None => (&b""[..], reached.at),
        };
        tail.read(Followed { status, server, ..Followed::default() }, line, at)
    }

    #[inline]
    fn status(&self, format: &Format, line: &[u8]) -> Option<(u16, Reached)> {
        let target = self.status.as_ref()?;
        let (start, end) = target.value(format, line, Reached::default())?;
        let digits: [u8; 3] = line.get(start..end)?.try_into().ok()?;
        let [a, b, c] = digits.map(|digit| u16::from(digit.wrapping_sub(b'0')));
        if a.max(b).max(c) > 9 {
            return None;
        }
        Some((a * 100 + b * 10 + c, Reached { part: target.part + 1, at: end, quotes: target.quotes }))
    }
}

impl Target {
    /// Where the literal begins and ends.
    #[inline]
    fn start(&self, line: &[u8], reached: Reached) -> Option<(usize, usize)> {
        // What stands behind a reached part is looked for behind it.
        let reached = if self.anchor >= reached.part { reached } else { Reached::default() };
        let anchor = self.jump.go(line, reached)?;
        Some((anchor, self.before.end(line, anchor)?))
    }

    /// Where the value begins and ends.
    #[inline]
    fn value(&self, format: &Format, line: &[u8], reached: Reached) -> Option<(usize, usize)> {
        let (anchor, start) = self.start(line, reached)?;
        match &self.way {
            Way::Status(next) => next.end(line, start + 3).map(|_| (start, start + 3)),
            Way::Quoted(quote) => {
                let end = start + quote.find(line.get(start..)?)?;
                // Behind a backslash the quote may be the value's.
                (line[end - 1] != b'\\').then_some((start, end))
            }
            Way::Walk => {
                let (mut start, mut at) = (anchor, anchor);
                for part in self.anchor..=self.part {
                    (start, at) = (at, format.part_end(line, part, at)?);
                }
                Some((start, at))
            }
        }
    }

    /// A name and where it ends.
    #[inline]
    fn name<'a>(&self, format: &Format, line: &'a [u8], reached: Reached) -> Option<(&'a [u8], usize)> {
        let (start, end) = self.value(format, line, reached)?;
        let name = line.get(start..end)?;
        // An escaped name must be decoded: that is not the quick way.
        (!scan::holds(name, b'\\')).then_some((name, end))
    }
}

impl Jump {
    #[inline]
    fn go(&self, line: &[u8], reached: Reached) -> Option<usize> {
        match self {
            Jump::Literal(finder) => Some(reached.at + finder.find(line.get(reached.at..)?)?),
            Jump::Quote(n) => scan::nth(line, reached.at, b'"', n - reached.quotes),
        }
    }
}

/// How many values may be walked behind an anchor.
const STRIDE: usize = 3;

fn target(parts: &[Part], escape: Escape, field: Field) -> Option<Target> {
    // Raw values may hold quotes: nothing can be jumped to.
    if escape == Escape::None {
        return None;
    }
    let part =
        parts.iter().position(|p| matches!(p, Part::Variable { field: Some(f), .. } if *f == field))?;
    let nearest = (0..part).rev().step_by(2).take(STRIDE);
    let (anchor, jump) = nearest.filter_map(|anchor| Some((anchor, jump(parts, escape, anchor)?))).next()?;
    let Part::Literal(before) = &parts[anchor] else { return None };
    let way = match (&parts[part], parts.get(part + 1)) {
        _ if anchor + 1 < part => Way::Walk,
        (Part::Variable { shape: Shape::Status, .. }, Some(Part::Literal(next))) => {
            Way::Status(Expected::new(next))
        }
        (Part::Variable { shape: Shape::Any, .. }, Some(Part::Literal(next))) if next[0] == b'"' => {
            Way::Quoted(Near::new(b'"'))
        }
        _ => Way::Walk,
    };
    let quotes = quotes_before(parts, part);
    Some(Target { part, anchor, jump, before: Expected::new(before), way, quotes })
}

/// How many quotes the format has in front of a part.
fn quotes_before(parts: &[Part], part: usize) -> usize {
    let quotes = |part: &Part| match part {
        Part::Literal(text) => memchr::memchr_iter(b'"', text).count(),
        Part::Variable { .. } => 0,
    };
    parts[..part].iter().map(quotes).sum()
}

/// A way to the literal at `anchor`, if there is one.
fn jump(parts: &[Part], escape: Escape, anchor: usize) -> Option<Jump> {
    let literal = |part: &Part| if let Part::Literal(text) = part { Some(text.clone()) } else { None };
    let text = literal(parts.get(anchor)?)?;
    let named = text.contains(&b'"') && text.iter().any(u8::is_ascii_alphabetic);
    let finder = Finder::new(&text).into_owned();
    if named && parts.iter().filter_map(literal).filter(|other| finder.find(other).is_some()).count() == 1 {
        return Some(Jump::Literal(Box::new(finder)));
    }
    // JSON keeps quotes in values, behind a backslash: they cannot be counted without looking at each.
    let is_quote = text.first() == Some(&b'"') && escape == Escape::Default;
    is_quote.then(|| Jump::Quote(quotes_before(parts, anchor) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(name: &str, line: &[u8]) -> (Option<u16>, Option<u16>) {
        let format = Format::new(name).unwrap();
        (format.quick(line), format.access(line).ok().map(|a| a.status()))
    }

    #[test]
    fn the_quick_status_is_the_walked_status() {
        let line =
            b"127.0.0.1 - - [20/Nov/2026:15:08:28 +0000] \"GET /a?\\x22 502 x HTTP/1.1\" 009 157 \"-\" \"c\"";
        assert_eq!(both("combined", line), (Some(9), Some(9)));
        // A request that begins with a space and looks like the rest of a line.
        let forged = b"127.0.0.1 - - [20/Nov/2026:15:08:28 +0000] \" 502 9 \\x22\" 400 157 \"-\" \"c\"";
        assert_eq!(both("combined", forged), (Some(400), Some(400)));
        let json = br#"{"r":"\",\"status\":\"502","status":"200","server_name":"s"}"#;
        let format = r#"escape=json {"r":"$request","status":"$status","server_name":"$server_name"}"#;
        assert_eq!(both(format, json), (Some(200), Some(200)));
        assert_eq!(both("badgateway", line).0, None);
    }

    #[test]
    fn the_connection_is_found_in_the_recommended_formats() {
        let text = Format::new("badgateway").unwrap();
        let line = b"1.2.3.4 - - [20/Nov/2026:15:08:28 +0000] \"GET / connection=7 HTTP/1.1\" 200 1 \"-\" \"\\x22 pid=1 connection=8 \\x22\" server=\"s\" pid=12 connection=345 msec=1.000 request_time=0.012 upstream_addr=\"-\" upstream_status=\"-\" upstream_connect_time=\"-\" upstream_header_time=\"-\" upstream_response_time=\"-\" upstream_bytes_received=\"-\" upstream_cache_status=\"-\"";
        assert_eq!(text.quick_connection(line), Some(345));
        assert_eq!(text.access(line).unwrap().connection(), Some(345));
        assert_eq!(Format::new("combined").unwrap().quick_connection(line), None);
    }

    #[test]
    fn raw_values_are_never_jumped_over() {
        let format = "escape=none \"$request\" $status";
        assert_eq!(both(format, b"\"a\" 502 \" 200").0, None);
    }
}
