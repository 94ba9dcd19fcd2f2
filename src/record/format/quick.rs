//! The hot path: status and server name of a line without walking the fields in front of them.

use memchr::memmem::Finder;

use super::field::Field;
use super::matcher::begins;
use super::{Format, Part, Values};
use crate::record::escape::Escape;
use crate::record::stamp;

/// What every line is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quick<'a> {
    /// `$status`, 0 to 999 (`009` is 9).
    pub status: u16,
    /// `$server_name`, escaped as logged; empty when the format does not have it.
    pub server: &'a [u8],
}

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
    /// The literal before the first field about servers and upstreams, and the way to it.
    upstream: Option<(usize, Jump)>,
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
}

impl Plan {
    pub(super) fn new(parts: &[Part], escape: Escape) -> Plan {
        let target = |field| target(parts, escape, field);
        let server = target(Field::ServerName);
        let has_server =
            parts.iter().any(|p| matches!(p, Part::Variable { field: Some(Field::ServerName), .. }));
        Plan {
            status: target(Field::Status),
            walk: has_server && server.is_none(),
            server,
            connection: target(Field::Connection),
            upstream: upstream(parts, escape),
        }
    }

    /// Status and all fields from the first one about servers and upstreams on, without those in front.
    #[inline]
    pub(super) fn upstream<'a>(&self, format: &Format, line: &'a [u8]) -> Option<Values<'a>> {
        let (part, jump) = self.upstream.as_ref()?;
        let status = self.status.as_ref()?;
        let value = status.value(format, line)?;
        let from = match jump {
            // What stands behind the status is looked for behind it.
            Jump::Literal(_) if *part > status.part => value.as_ptr() as usize - line.as_ptr() as usize,
            _ => 0,
        };
        let mut values = Values::default();
        let at = from + jump.go(&line[from..])?;
        if !format.matches_from(line, &mut values, *part, at) {
            return None;
        }
        values[Field::Status as usize] = Some(value);
        Some(values)
    }

    #[inline]
    pub(super) fn connection(&self, format: &Format, line: &[u8]) -> Option<u64> {
        stamp::number(self.connection.as_ref()?.value(format, line)?)
    }

    #[inline]
    pub(super) fn read<'a>(&self, format: &Format, line: &'a [u8]) -> Option<Quick<'a>> {
        if self.walk {
            return None;
        }
        let status = self.status.as_ref()?.value(format, line)?;
        let [a, b, c] = *status else { return None };
        let digit = |d: u8| u16::from(d.wrapping_sub(b'0'));
        let status = digit(a) * 100 + digit(b) * 10 + digit(c);
        let server = match &self.server {
            // An escaped name must be decoded: that is not the quick way.
            Some(target) => target.value(format, line).filter(|name| !name.contains(&b'\\'))?,
            None => b"",
        };
        Some(Quick { status, server })
    }
}

impl Target {
    #[inline]
    fn value<'a>(&self, format: &Format, line: &'a [u8]) -> Option<&'a [u8]> {
        let at = self.jump.go(line)?;
        let (mut at, mut start) = (at, at);
        for part in self.anchor..=self.part {
            start = at;
            at = match &format.parts[part] {
                Part::Literal(text) if begins(&line[at..], text) => at + text.len(),
                Part::Literal(_) => return None,
                Part::Variable { shape, .. } => {
                    let next = match format.parts.get(part + 1) {
                        Some(Part::Literal(text)) => Some(&**text),
                        _ => None,
                    };
                    format.value_end(line, at, *shape, next, at)?
                }
            };
        }
        Some(&line[start..at])
    }
}

impl Jump {
    #[inline]
    fn go(&self, line: &[u8]) -> Option<usize> {
        match self {
            Jump::Literal(finder) => finder.find(line),
            Jump::Quote(n) => nth_quote(line, *n),
        }
    }
}

/// The way to the part before the first field that is neither the status nor about the request.
fn upstream(parts: &[Part], escape: Escape) -> Option<(usize, Jump)> {
    let about_upstream = |field: Field| field == Field::ServerName || field.name().starts_with("upstream_");
    let first = parts
        .iter()
        .position(|p| matches!(p, Part::Variable { field: Some(f), .. } if about_upstream(*f)))?;
    let anchor = first.checked_sub(1)?;
    if escape == Escape::None {
        return None;
    }
    Some((anchor, jump(parts, escape, anchor)?))
}

#[inline]
fn nth_quote(line: &[u8], n: usize) -> Option<usize> {
    let mut at = memchr::memchr(b'"', line)?;
    for _ in 1..n {
        at += 1 + memchr::memchr(b'"', &line[at + 1..])?;
    }
    Some(at)
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
    nearest.filter_map(|anchor| Some(Target { part, anchor, jump: jump(parts, escape, anchor)? })).next()
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
    if text.first() != Some(&b'"') || escape != Escape::Default {
        return None;
    }
    let quotes = |text: Box<[u8]>| memchr::memchr_iter(b'"', &text).count();
    let before: usize = parts[..anchor].iter().filter_map(literal).map(quotes).sum();
    Some(Jump::Quote(before + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(name: &str, line: &[u8]) -> (Option<Quick<'static>>, Option<u16>) {
        let format = Format::new(name).unwrap();
        let quick = format
            .quick(line)
            .map(|q| Quick { status: q.status, server: if q.server.is_empty() { b"" } else { b"s" } });
        (quick, format.access(line).ok().map(|a| a.status()))
    }

    #[test]
    fn the_quick_status_is_the_walked_status() {
        let line =
            b"127.0.0.1 - - [20/Nov/2026:15:08:28 +0000] \"GET /a?\\x22 502 x HTTP/1.1\" 009 157 \"-\" \"c\"";
        assert_eq!(both("combined", line), (Some(Quick { status: 9, server: b"" }), Some(9)));
        // A request that begins with a space and looks like the rest of a line.
        let forged = b"127.0.0.1 - - [20/Nov/2026:15:08:28 +0000] \" 502 9 \\x22\" 400 157 \"-\" \"c\"";
        assert_eq!(both("combined", forged), (Some(Quick { status: 400, server: b"" }), Some(400)));
        let json = br#"{"r":"\",\"status\":\"502","status":"200","server_name":"s"}"#;
        let format = r#"escape=json {"r":"$request","status":"$status","server_name":"$server_name"}"#;
        assert_eq!(both(format, json), (Some(Quick { status: 200, server: b"s" }), Some(200)));
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
    fn upstream_fields_by_jump_are_those_of_the_walk() {
        use crate::record::format::{RECOMMENDED, RECOMMENDED_JSON};
        for format in [RECOMMENDED, RECOMMENDED_JSON] {
            let format = Format::new(format).unwrap();
            let mut line = Vec::new();
            for part in &format.parts {
                match part {
                    Part::Literal(text) => line.extend_from_slice(text),
                    Part::Variable { field: Some(Field::Status), .. } => line.extend_from_slice(b"200"),
                    Part::Variable { field: Some(field), .. } => {
                        line.extend_from_slice(field.name().as_bytes());
                    }
                    Part::Variable { .. } => line.push(b'-'),
                }
            }
            let (walked, jumped) = (format.access(&line).unwrap(), format.upstream(&line).unwrap());
            for field in [Field::Status, Field::ServerName, Field::UpstreamAddr, Field::UpstreamResponseTime]
            {
                assert!(walked.field(field).is_some());
                assert_eq!(jumped.field(field), walked.field(field));
            }
        }
    }

    #[test]
    fn raw_values_are_never_jumped_over() {
        let format = "escape=none \"$request\" $status";
        assert_eq!(both(format, b"\"a\" 502 \" 200").0, None);
    }
}
