//! What log transports put around a line: syslog, journald, Docker and Kubernetes, and the line ends of Windows.
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
    /// The same with CR LF at the ends of lines: nginx on Windows, or a file that was copied through it.
    CrLf,
    /// `<190>Nov 20 15:13:54 host nginx: …`, and as files hold it, without `<PRI>`; journald's short
    /// formats (`host nginx[12]: `) as well. The hostname may be missing (`nohostname`).
    Syslog,
    /// RFC 5424: `<190>1 2026-11-20T15:13:54.003+00:00 host nginx 31 ACCESS - …`, structured data and BOM included.
    Syslog5424,
    /// Kubernetes CRI and podman: `2026-11-20T15:26:10.389870674+00:00 stderr F …`.
    Cri,
    /// Docker's json-file: `{"log":"…\n","stream":"stderr","time":"…"}`.
    DockerJson,
    /// `docker compose logs`: `nginx-1  | …`, in colours and with `-t` or without.
    Compose,
    /// `kubectl logs --prefix`: `[pod/shop-7d/nginx] …`, with `--timestamps` or without.
    Kubectl,
    /// `docker logs -t`, `kubectl logs --timestamps`: `2026-11-20T15:26:10.389870674Z …`.
    Stamped,
}

#[allow(clippy::expect_used, reason = "constant patterns; a unit test compiles them")]
static SYSLOG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x-u)^(?:<\d{1,3}>)?(?:
          # The month in the words of any language: Nov, déc., März, 11月.
          [^\s\[<]{2,16}\ {1,2}\d{1,2}\ \d\d:\d\d:\d\d(?:\.\d+)?
          # journald's short-full: Thu 2026-11-20 15:13:54 CET
          |[^\s\[<]{1,16}\ \d{4}-\d\d-\d\d\ \d\d:\d\d:\d\d(?:\.\d+)?\ [\w+:-]{1,16}
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
static SYSLOG_5424: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?x-u)^(?:\d{1,6}\ )?<\d{1,3}>1\ \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)
          \ \S{1,255}\ \S{1,48}\ \S{1,128}\ \S{1,32}\ (?:-|(?:\[[^"\]]*(?:"(?:[^"\\]|\\.)*"[^"\]]*)*\])+)\ (?:\xef\xbb\xbf)?"#,
    )
    .expect("regex")
});
/// Docker's and Kubernetes' stamps are RFC 3339 with up to nine digits behind the second.
const STAMP: &str = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)\ ";
#[allow(clippy::expect_used, reason = "constant patterns; a unit test compiles them")]
static COMPOSE: LazyLock<Regex> = LazyLock::new(|| {
    let colour = r"(?:\x1b\[[\d;]*m)*";
    let name = r"\ *[A-Za-z0-9][\w.-]{0,62}(?:@[\w.-]{1,62})?\s+\|";
    Regex::new(&format!(r"(?-u)^{colour}{name}{colour} (?:{STAMP})?")).expect("regex")
});
#[allow(clippy::expect_used, reason = "constant patterns; a unit test compiles them")]
static KUBECTL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(r"(?-u)^\[pod/[\w.-]{{1,253}}/[\w.-]{{1,63}}\] (?:{STAMP})?")).expect("regex")
});
#[allow(clippy::expect_used, reason = "constant patterns; a unit test compiles them")]
static STAMPED: LazyLock<Regex> = LazyLock::new(|| Regex::new(&format!(r"(?-u)^{STAMP}")).expect("regex"));

impl Envelope {
    /// All, in the order in which they are tried: those that ask for more before those that ask for less.
    pub const ALL: [Envelope; 9] = [
        Envelope::CrLf,
        Envelope::Plain,
        Envelope::Cri,
        Envelope::DockerJson,
        Envelope::Syslog,
        Envelope::Syslog5424,
        Envelope::Compose,
        Envelope::Kubectl,
        Envelope::Stamped,
    ];

    /// The line inside; `None` when the line does not come in this envelope.
    pub fn open(self, line: &[u8]) -> Option<Cow<'_, [u8]>> {
        let after = |regex: &Regex| regex.find(line).map(|found| Cow::Borrowed(&line[found.end()..]));
        match self {
            Envelope::Plain => Some(Cow::Borrowed(line)),
            // A line without it is no other one: an editor may have mixed them.
            Envelope::CrLf => Some(Cow::Borrowed(line.strip_suffix(b"\r").unwrap_or(line))),
            Envelope::Syslog5424 => after(&SYSLOG_5424),
            Envelope::Kubectl => after(&KUBECTL),
            Envelope::Stamped => after(&STAMPED),
            Envelope::Syslog => after(&SYSLOG),
            Envelope::Cri => after(&CRI),
            Envelope::Compose => after(&COMPOSE),
            Envelope::DockerJson => docker_json(line),
        }
    }

    /// Whether lines of two logs may arrive in another order than nginx wrote them.
    pub fn reorders(self) -> bool {
        !matches!(self, Envelope::Plain | Envelope::CrLf)
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
        let is_possible = move |envelope: &Envelope| match self.0 {
            Some(known) => known == *envelope,
            None => *envelope != Envelope::CrLf || line.ends_with(b"\r"),
        };
        let possible = Envelope::ALL.into_iter().filter(is_possible);
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
            (Envelope::CrLf, format!("{line}\r")),
            (Envelope::CrLf, line.to_owned()),
            (Envelope::Syslog, format!("déc. 09 15:13:54 vm nginx[12]: {line}")),
            (Envelope::Syslog, format!("août 09 15:13:54 vm nginx[12]: {line}")),
            (Envelope::Syslog, format!("März 9 15:13:54 vm nginx[12]: {line}")),
            (Envelope::Syslog, format!("11月 20 15:13:54 vm nginx[12]: {line}")),
            (Envelope::Syslog, format!("Thu 2026-11-20 15:13:54 CET vm nginx[12]: {line}")),
            (Envelope::Syslog, format!("2026-11-20T15:13:54.123456+01:00 vm nginx[12]: {line}")),
            (
                Envelope::Syslog5424,
                format!("<187>1 2026-11-20T15:13:54.003+00:00 web1 nginx 31 ERROR - {line}"),
            ),
            (Envelope::Syslog5424, format!("<187>1 2026-11-20T15:13:54Z - nginx - - - \u{feff}{line}")),
            (
                Envelope::Syslog5424,
                format!("123 <187>1 2026-11-20T15:13:54Z h nginx 1 - [a@1 b=\"]\\\"\"][c] {line}"),
            ),
            (Envelope::Compose, format!("nginx-1  | {line}")),
            (Envelope::Compose, format!("\u{1b}[36mnginx-1  |\u{1b}[0m {line}")),
            (Envelope::Compose, format!("  web.1.x7@node-1    | {line}")),
            (Envelope::Compose, format!("nginx-1  | 2026-11-20T15:13:54.123456789Z {line}")),
            (Envelope::Kubectl, format!("[pod/shop-7d9c/nginx] {line}")),
            (Envelope::Kubectl, format!("[pod/shop-7d9c/nginx] 2026-11-20T15:13:54.123456789Z {line}")),
            (Envelope::Stamped, format!("2026-11-20T15:13:54.123456789Z {line}")),
            (Envelope::Stamped, format!("2026-11-20T15:13:54+01:00 {line}")),
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
        for envelope in [Envelope::Syslog5424, Envelope::Compose, Envelope::Kubectl, Envelope::Stamped] {
            assert_eq!(envelope.open(b"2026/11/20 15:13:54 [crit] 1#1: x"), None, "{envelope:?}");
            let line = b"1.2.3.4 - - [20/Nov/2026:15:13:54 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"c\"";
            assert_eq!(envelope.open(line), None, "{envelope:?}");
        }
    }

    #[test]
    fn line_ends_of_windows_are_only_found_where_they_are() {
        let found = |line: &[u8]| LogEnvelope::default().open(line).next().map(|(envelope, _)| envelope);
        assert_eq!(found(b"2026/11/20 x\r"), Some(Envelope::CrLf));
        assert_eq!(found(b"2026/11/20 x"), Some(Envelope::Plain));
    }
}
