//! Lines that a container runtime has cut: Kubernetes' runtimes and Docker write at most 16 KiB of a line in one record.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::envelope::Envelope;
use crate::bytes::Text;

/// A line that is longer is given up: no log's reader takes it.
const LONGEST: usize = 256 * 1024;

/// The beginnings of lines whose rest is still to come, as one record each, by the stream they came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts(Vec<(Text, Text)>);

/// A record of a runtime.
struct Record<'l> {
    stream: Cow<'l, [u8]>,
    /// What stands before the text, as a record of a whole line has it.
    head: Cow<'l, [u8]>,
    text: Cow<'l, [u8]>,
    /// More of the line follows.
    partial: bool,
}

impl Parts {
    /// Whether no line is begun.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The record of the whole line; `None`: more of it is to come. `known`: the log's envelope, if it was found.
    pub fn whole<'l>(&mut self, known: Option<Envelope>, line: &'l [u8]) -> Option<Cow<'l, [u8]>> {
        let may_be = |envelope| known.is_none_or(|known| known == envelope);
        let record = if may_be(Envelope::Cri) { cri(line) } else { None };
        let record = record.or_else(|| if may_be(Envelope::DockerJson) { docker(line) } else { None });
        let Some(record) = record else { return Some(Cow::Borrowed(line)) };
        let begun = self.0.iter().position(|(stream, _)| *stream == Text::from(&*record.stream));
        if !record.partial && begun.is_none() {
            return Some(Cow::Borrowed(line));
        }
        let mut whole = match begun {
            Some(at) => Vec::from(self.0.swap_remove(at).1),
            None => record.head.to_vec(),
        };
        whole.extend_from_slice(&record.text);
        if record.partial && whole.len() <= LONGEST {
            self.0.push((Text::from(&*record.stream), Text::from(whole.as_slice())));
            return None;
        }
        if line.starts_with(b"{") {
            whole.extend_from_slice(b"\\n\"}");
        }
        Some(Cow::Owned(whole))
    }
}

/// `STAMP stdout P TEXT` (the CRI's log format, kubernetes/cri-api; F ends a line).
fn cri(line: &[u8]) -> Option<Record<'_>> {
    let inner = Envelope::Cri.open(line)?.len();
    let (head, text) = line.split_at(line.len() - inner);
    let mut words = head.split(|byte| *byte == b' ');
    let (stream, flag) = (words.nth(1)?, words.next()?);
    let partial = flag == b"P";
    let head = if partial { [&head[..head.len() - 2], b"F "].concat().into() } else { Cow::Borrowed(head) };
    Some(Record { stream: Cow::Borrowed(stream), head, text: Cow::Borrowed(text), partial })
}

/// Docker's json-file: a record whose text has no line feed goes on in the next one of its stream. Texts are joined as they
/// are escaped.
fn docker(line: &[u8]) -> Option<Record<'_>> {
    const HEAD: &[u8] = b"{\"log\":\"";
    let rest = line.strip_prefix(HEAD)?;
    let end = super::escape::Escape::Json.quote(line, HEAD.len())? - HEAD.len();
    let text = &rest[..end];
    let stream = rest[end..].split(|byte| *byte == b'"').nth(4).unwrap_or_default();
    // An n behind an escaped backslash is one.
    let is_line_feed = |rest: &&[u8]| rest.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0;
    let whole = text.strip_suffix(b"\\n").filter(is_line_feed);
    Some(Record {
        stream: Cow::Borrowed(stream),
        head: Cow::Borrowed(HEAD),
        text: Cow::Borrowed(whole.unwrap_or(text)),
        partial: whole.is_none(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner(parts: &mut Parts, line: &str) -> Option<String> {
        let whole = parts.whole(None, line.as_bytes())?;
        let opened = [Envelope::Cri, Envelope::DockerJson].into_iter().find_map(|e| e.open(&whole));
        Some(String::from_utf8(opened.unwrap().into_owned()).unwrap())
    }

    #[test]
    fn parts_are_joined_by_stream() {
        let mut parts = Parts::default();
        let text = |text: &str| Some(text.to_owned());
        for (line, expected) in [
            ("2026-11-20T15:00:00.1Z stdout F whole", text("whole")),
            ("2026-11-20T15:00:00.1Z stdout P one ", None),
            ("2026-11-20T15:00:00.1Z stderr P other ", None),
            ("2026-11-20T15:00:00.1Z stdout P two ", None),
            ("2026-11-20T15:00:00.1Z stdout F three", text("one two three")),
            ("2026-11-20T15:00:00.1Z stdout F next", text("next")),
            ("2026-11-20T15:00:00.1Z stderr F end", text("other end")),
            (r#"{"log":"a \"b","stream":"stdout","time":"x"}"#, None),
            (r#"{"log":"error\n","stream":"stderr","time":"x"}"#, text("error")),
            (r#"{"log":"\" c","stream":"stdout","time":"x"}"#, None),
            (r#"{"log":"\\\n","stream":"stdout","time":"x"}"#, text(r#"a "b" c\"#)),
            (r#"{"log":"d\\n","stream":"stdout","time":"x"}"#, None),
            (r#"{"log":"\n","stream":"stdout","time":"x"}"#, text(r"d\n")),
        ] {
            assert_eq!(inner(&mut parts, line), expected, "{line}");
        }
        assert!(parts.is_empty());
    }

    #[test]
    fn a_line_without_end_is_given_up_and_others_are_left_alone() {
        let mut parts = Parts::default();
        let part = format!("2026-11-20T15:00:00Z stdout P {}", "x".repeat(16 * 1024));
        let given = (0..20).filter(|_| parts.whole(Some(Envelope::Cri), part.as_bytes()).is_some()).count();
        assert_eq!(given, 1);
        for known in [Some(Envelope::Plain), Some(Envelope::Syslog)] {
            assert!(Parts::default().whole(known, part.as_bytes()).is_some());
        }
    }
}
