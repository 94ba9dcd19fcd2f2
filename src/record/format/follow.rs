//! What a followed log needs of every line: beside status and server the upstreams and their times.

use super::Part;
use super::field::{Field, Shape};
use crate::record::access::Times;
use crate::record::escape::Escape;
use crate::record::scan::{Expected, Near};
use crate::record::stamp;

/// What every line of a followed log is counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Followed<'a> {
    /// `$status`, 0 to 999 (`009` is 9).
    pub status: u16,
    /// `$server_name` as logged, without escapes; empty when the format does not have it.
    pub server: &'a [u8],
    /// `$connection`, if the format has it.
    pub connection: Option<u64>,
    /// The upstreams and their times.
    pub times: Times<'a>,
}

/// The format from a part on, made straight: a text, the value behind it up to its terminator, and so on. Walking the
/// parts themselves was most of what a followed line cost.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    steps: Box<[Step]>,
    /// What the line ends with.
    last: Expected,
    /// Behind a backslash a quote may be a value's.
    json: bool,
}

#[derive(Clone, Debug)]
struct Step {
    before: Expected,
    terminator: Near,
    slot: usize,
}

/// The fields of interest; all others share the slot behind them.
const SLOTS: [Field; 5] = [
    Field::Connection,
    Field::UpstreamAddr,
    Field::UpstreamConnectTime,
    Field::UpstreamHeaderTime,
    Field::UpstreamResponseTime,
];

impl Tail {
    /// Begins with a literal. `None`: not all values end at the first quote or space, or a field stands elsewhere.
    pub(super) fn new(parts: &[Part], first: usize, escape: Escape) -> Option<Self> {
        let slot = |part: &Part| match part {
            Part::Variable { field: Some(field), .. } => SLOTS.iter().position(|slot| slot == field),
            _ => None,
        };
        if escape == Escape::None || parts[..first].iter().any(|part| slot(part).is_some()) {
            return None;
        }
        let (mut steps, mut rest) = (Vec::new(), &parts[first..]);
        while let [Part::Literal(before), value, tail @ ..] = rest {
            let (Part::Variable { shape, .. }, [Part::Literal(next), ..]) = (value, tail) else {
                return None;
            };
            let terminator = match (shape, next[0]) {
                (Shape::Any | Shape::List | Shape::Word, b'"') => b'"',
                (Shape::Word, b' ') => b' ',
                _ => return None,
            };
            let slot = slot(value).unwrap_or(SLOTS.len());
            steps.push(Step { before: Expected::new(before), terminator: Near::new(terminator), slot });
            rest = tail;
        }
        let [Part::Literal(last)] = rest else { return None };
        Some(Self { steps: steps.into(), last: Expected::new(last), json: escape == Escape::Json })
    }

    /// Adds what stands in the line from a position on to its end.
    #[inline]
    pub(super) fn read<'a>(
        &self,
        so_far: Followed<'a>,
        line: &'a [u8],
        start: usize,
    ) -> Option<Followed<'a>> {
        let mut values: [Option<&[u8]>; SLOTS.len() + 1] = [None; SLOTS.len() + 1];
        let mut at = start;
        for Step { before, terminator, slot } in &self.steps {
            let rest = line.get(before.end(line, at)?..)?;
            let length = terminator.find(rest)?;
            let (value, rest) = rest.split_at(length);
            if self.json && value.ends_with(b"\\") {
                return None;
            }
            values[*slot] = Some(value);
            at = line.len() - rest.len();
        }
        if self.last.end(line, at)? != line.len() {
            return None;
        }
        let [connection, address, connect, header, response, _] = values;
        let times = Times { address, connect, header, response };
        Some(Followed { connection: connection.and_then(stamp::number), times, ..so_far })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::format::{Format, RECOMMENDED, RECOMMENDED_JSON};

    const FORMATS: [&str; 3] = [RECOMMENDED, RECOMMENDED_JSON, "main"];

    fn line(format: &Format) -> Vec<u8> {
        let mut line = Vec::new();
        for part in &format.parts {
            match part {
                Part::Literal(text) => line.extend_from_slice(text),
                Part::Variable { field: Some(Field::Status), .. } => line.extend_from_slice(b"200"),
                Part::Variable { field: Some(Field::Connection), .. } => line.extend_from_slice(b"17"),
                Part::Variable { shape: Shape::TimeLocal, .. } => {
                    line.extend_from_slice(b"20/Nov/2026:15:08:28 +0000");
                }
                Part::Variable { field: Some(field), .. } => line.extend_from_slice(field.name().as_bytes()),
                Part::Variable { .. } => line.push(b'-'),
            }
        }
        line
    }

    #[test]
    fn what_is_followed_is_what_the_walk_sees() {
        for format in FORMATS {
            let format = Format::new(format).unwrap();
            let line = line(&format);
            let followed = format.followed(&line).unwrap();
            for at in 0..line.len() {
                // Whatever became of a byte, the walk sees the same or the line is left to it.
                for byte in *b"\"\\ -" {
                    let mut other = line.clone();
                    other[at] = byte;
                    let (Some(followed), Ok(walked)) = (format.followed(&other), format.access(&other))
                    else {
                        continue;
                    };
                    assert_eq!(followed.status, walked.status());
                    let server = walked.server().unwrap_or_default();
                    assert!(followed.server == &*server || server.is_empty());
                    assert_eq!(followed.connection, walked.connection());
                    assert_eq!(followed.times, walked.times());
                }
                assert!(format.followed(&line[..at]).is_none());
            }
            assert_eq!(followed.connection, format.has(Field::Connection).then_some(17));
        }
    }

    #[test]
    fn fields_in_front_of_the_status_are_walked() {
        let format = Format::new("\"$upstream_addr\" $status").unwrap();
        assert_eq!(format.followed(b"\"a:1\" 200"), None);
    }
}
