//! What log transports put in front of a line: syslog, journald, Docker and Kubernetes.
//!
//! The envelope is recognised once, from a log's first lines, and is then demanded of every line: a
//! forged line that comes in another dress is not undressed.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::Regex;
use serde::{Deserialize, Serialize};

/// A transport's way of wrapping lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Envelope {
    /// nginx's own file: nothing in front.
    Plain,
    /// `<190>Nov 20 15:13:54 host nginx: …`, and as files hold it, without `<PRI>`; journald's short
    /// formats (`host nginx[12]: `) as well. The hostname may be missing (`nohostname`).
    Syslog,
    /// Kubernetes CRI and podman: `2026-11-20T15:26:10.389870674+00:00 stderr F …`.
    Cri,
    /// Docker's json-file: `{"log":"…\n","stream":"stderr","time":"…"}`.
    DockerJson,
    /// `docker compose logs`: `nginx-1  | …`.
    Compose,
}

#[allow(clippy::expect_used, reason = "constant patterns; a unit test compiles them")]
static SYSLOG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x-u)^(?:<\d{1,3}>)?(?:[A-Z][a-z]{2}\ [\ \d]\d\ \d\d:\d\d:\d\d(?:\.\d+)?
          |\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))\ (?:[^\s:]+\ )?[\w./-]{1,48}(?:\[\d+\])?:\ ",
    )
    .expect("regex")
});
#[allow(clippy::expect_used, reason = "constant patterns; a unit test compiles them")]
static CRI: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?-u)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) [FP] ")
        .expect("regex")
});
#[allow(clippy::expect_used, reason = "constant patterns; a unit test compiles them")]
static COMPOSE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u)^[A-Za-z0-9][\w.-]{0,62}\s+\| ").expect("regex"));

impl Envelope {
    /// All, the plain one first.
    pub const ALL: [Envelope; 5] =
        [Envelope::Plain, Envelope::Cri, Envelope::DockerJson, Envelope::Syslog, Envelope::Compose];

    /// The line inside; `None` when the line does not come in this envelope.
    pub fn open(self, line: &[u8]) -> Option<Cow<'_, [u8]>> {
        let after = |regex: &Regex| regex.find(line).map(|found| Cow::Borrowed(&line[found.end()..]));
        match self {
            Envelope::Plain => Some(Cow::Borrowed(line)),
            Envelope::Syslog => after(&SYSLOG),
            Envelope::Cri => after(&CRI),
            Envelope::Compose => after(&COMPOSE),
            Envelope::DockerJson => docker_json(line),
        }
    }

    /// Whether lines of two logs may arrive in another order than nginx wrote them.
    pub fn reorders(self) -> bool {
        self != Envelope::Plain
    }

    /// Whether the transport keeps entries apart, so that this line is one entry whatever is in it: nginx sends each
    /// as a datagram. What journald took from the standard error stream (`nginx[12]: `) it has cut at each line feed.
    pub fn keeps_apart(self, line: &[u8], inner: &[u8]) -> bool {
        self == Envelope::Syslog && !line[..line.len() - inner.len()].ends_with(b"]: ")
    }
}

/// The envelope of one log: found by the first line that can be read inside of it, and demanded of all lines after that.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogEnvelope(Option<Envelope>);

impl LogEnvelope {
    /// One that is known.
    pub fn known(envelope: Envelope) -> Self {
        Self(Some(envelope))
    }

    /// It, once it was found.
    #[inline]
    pub fn get(self) -> Option<Envelope> {
        self.0
    }

    /// What the line is in each envelope that it may come in.
    pub fn open<'l>(self, line: &'l [u8]) -> impl Iterator<Item = (Envelope, Cow<'l, [u8]>)> {
        let possible = Envelope::ALL.into_iter().filter(move |e| self.0.is_none_or(|known| known == *e));
        possible.filter_map(|envelope| Some((envelope, envelope.open(line)?)))
    }

    /// A line could be read inside of this one.
    pub fn found(&mut self, envelope: Envelope) {
        self.0 = Some(envelope);
    }
}

/// Docker replaces invalid UTF-8, so serde can read every one of its lines.
fn docker_json(line: &[u8]) -> Option<Cow<'_, [u8]>> {
    #[derive(serde::Deserialize)]
    struct Entry {
        log: String,
    }
    if !line.starts_with(b"{\"log\":\"") {
        return None;
    }
    let mut log = serde_json::from_slice::<Entry>(line).ok()?.log.into_bytes();
    if log.last() == Some(&b'\n') {
        log.pop();
    }
    Some(Cow::Owned(log))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_transport_gives_back_the_line() {
        let line = "2026/11/20 15:13:54 [crit] 10048#10048: *2 x";
        for (envelope, text) in [
            (Envelope::Plain, line.to_owned()),
            (Envelope::Syslog, format!("<170>Nov 20 15:13:54 vm labngx: {line}")),
            (Envelope::Syslog, format!("<190>Nov  2 15:13:54 nginx: {line}")),
            (Envelope::Syslog, format!("Nov 20 15:13:54 vm nginx[12]: {line}")),
            (Envelope::Syslog, format!("2026-11-20T15:13:54+0000 vm nginx[12]: {line}")),
            (Envelope::Cri, format!("2026-11-20T15:26:10.389870674+00:00 stderr F {line}")),
            (Envelope::DockerJson, format!("{{\"log\":\"{line}\\n\",\"stream\":\"stderr\",\"time\":\"x\"}}")),
            (Envelope::Compose, format!("nginx-1  | {line}")),
        ] {
            assert_eq!(
                envelope.open(text.as_bytes()).as_deref(),
                Some(line.as_bytes()),
                "{envelope:?}: {text}"
            );
        }
    }

    #[test]
    fn another_dress_is_refused() {
        assert_eq!(Envelope::Syslog.open(b"2026/11/20 15:13:54 [crit] 1#1: x"), None);
        assert_eq!(Envelope::Cri.open(b"Nov 20 15:13:54 vm nginx: x"), None);
        assert_eq!(Envelope::DockerJson.open(b"{\"log\":"), None);
    }
}
