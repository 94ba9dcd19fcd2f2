//! What log transports put around a line: syslog, journald, container runtimes and hosters, and the line ends of Windows.
//!
//! The envelope is recognised once, from a log's first lines, and is then demanded of every line: a
//! forged line that comes in another dress is not undressed.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::Regex;
use serde::{Deserialize, Serialize};

use super::stamp::{self, Zoned};

/// How a transport's lines are opened.
enum Way {
    /// Nothing is around them.
    Nothing,
    /// A carriage return is behind them.
    CrLf,
    /// What this matches stands in front. A group `stream` tells whose line it is, where a transport mixes several.
    Front(&'static str),
    /// Docker's record.
    Docker,
    /// A JSON object has the line under one of these keys, and says by others whose line it is.
    Json(&'static [&'static str]),
}

/// Each transport is a row: its name, how it is opened. In this order they are tried: those that ask for more before
/// those that ask for less.
macro_rules! envelopes {
    ($($(#[$doc:meta])* $name:ident $way:expr,)*) => {
        /// A transport's way of wrapping lines.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Envelope { $($(#[$doc])* $name,)* }

        impl Envelope {
            /// All, in the order in which they are tried.
            pub const ALL: &'static [Envelope] = &[$(Envelope::$name,)*];
            const WAYS: &'static [Way] = &[$($way,)*];
        }
    };
}

/// An ISO 8601 stamp with a zone or without.
macro_rules! iso {
    () => {
        r"\d{4}-\d\d-\d\d[T\ ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:\ ?(?:Z|UTC|[+-]\d\d:?\d\d))?"
    };
}

/// Colours of a terminal.
macro_rules! colour {
    () => {
        r"(?:\x1b\[[\d;]*m)*"
    };
}

envelopes! {
    /// The same as plain with CR LF at the ends of lines: nginx on Windows, or a file that was copied through it.
    CrLf Way::CrLf,
    /// nginx's own file: nothing in front.
    Plain Way::Nothing,
    /// Kubernetes CRI and podman: `2026-11-20T15:26:10.389870674+00:00 stderr F …`.
    Cri Way::Front(
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)\ (?P<stream>stdout|stderr)\ [FP]\ "
    ),
    /// Docker's json-file: `{"log":"…\n","stream":"stderr","time":"…"}`.
    DockerJson Way::Docker,
    /// `<190>Nov 20 15:13:54 host nginx: …`, and as files hold it, without `<PRI>`; journald's short formats
    /// (`host nginx[12]: `) and OpenWrt's logread as well. The hostname may be missing (`nohostname`).
    Syslog Way::Front(concat!(
        r"^(?:<\d{1,3}>)?(?:
          # The month in the words of any language, the year or none: Nov 20, déc. 09, März 9, 11月 20, Thu Nov 20 … 2026
          (?:[^\s\[<|]{1,16}\ )?[^\s\[<|]{1,24}\ {1,2}\d{1,2}\ \d\d:\d\d:\d\d(?:\.\d+)?(?:\ \d{4})?
          # journald's short-full: Thu 2026-11-20 15:13:54 CET
          |[^\s\[<|]{1,16}\ \d{4}-\d\d-\d\d\ \d\d:\d\d:\d\d(?:\.\d+)?\ [\w+:-]{1,16}
          |", iso!(), r"
          # short-unix, short-monotonic
          |\d{9,11}\.\d{3,6}|\[\ *\d{1,9}\.\d{6}\])\ 
          (?:\S*[^\s:]\ )?(?:[a-z0-9]{2,10}\.[a-z]{3,7}\ )?(?P<stream>[A-Za-z_./][\w./@+-]{0,100}(?:\[[^\]\s]{0,100}\])?):\ "
    )),
    /// RFC 5424: `<190>1 2026-11-20T15:13:54.003+00:00 host nginx 31 ACCESS - …`, structured data and BOM included; the
    /// drains of Heroku, which have no structured data, too.
    Syslog5424 Way::Front(concat!(
        r"^(?:\d{1,6}\ )?<\d{1,3}>1\ (?:-|", iso!(), r")\ \S{1,255}\ (?P<stream>\S{1,48}\ \S{1,128})\ \S{1,32}
          (?:\ (?:-|(?:\[[^\s=\x22\]]{1,32}(?:\ [^\s=\x22\]]{1,32}=\x22(?:[^\x22\\]|\\.)*\x22)*\])+))?(?:\ (?:\xef\xbb\xbf)?|$)"
    )),
    /// `docker compose logs`: `nginx-1  | …`, in colours and with `-t` or without; swarm's `web.1.x7@node`, foreman's
    /// `15:00:00 web.1 | …` and pm2's `0|web  | …` as well.
    Compose Way::Front(concat!(
        r"^", colour!(), r"\ *(?:\d\d:\d\d:\d\d\ )?(?P<stream>(?:\d{1,4}\|)?\[?[A-Za-z0-9][\w./-]{0,62}\]?(?:@[\w.-]{1,62})?)", colour!(),
        r"\ +(?:std(?:out|err)\ )?\|", colour!(), r"(?:\ |$)", colour!(), r"(?:", iso!(), r":?\ )?"
    )),
    /// `kubectl logs --prefix`: `[pod/shop-7d/nginx] …`, with `--timestamps` or without.
    Kubectl Way::Front(concat!(r"^\[pod/(?P<stream>[\w.-]{1,253}/[\w.-]{1,63})\]\ (?:", iso!(), r"\ )?")),
    /// `fly logs`: `2026-11-20T15:13:54Z app[3d8d9] ams [info]…`.
    Fly Way::Front(concat!(r"^", iso!(), r"\ (?P<stream>[a-z]{1,16}\[[^\]\s]{1,40}\])\ \w{2,6}\ \[\w{2,8}\]\ ?")),
    /// `railway logs`: `2026-11-20T15:13:54.759276947Z [err]  …`.
    Railway Way::Front(concat!(r"^", iso!(), r"\ \[(?P<stream>\w{2,8})\]\ {1,2}")),
    /// multilog and s6-log: `@4000000065…`.
    Tai64n Way::Front(r"^@[0-9a-f]{24}\ "),
    /// Records of journald (`-o json`), Google Cloud, CloudWatch, Fluentd, Filebeat and others.
    Json Way::Json(&["MESSAGE", "textPayload", "message", "@message", "log", "msg", "line"]),
    /// `docker logs -t`, `kubectl logs --timestamps`, s6-log: `2026-11-20T15:26:10.389870674Z …`.
    Stamped Way::Front(concat!(r"^\[?", iso!(), r"\]?:?\ {1,2}")),
    /// `aws logs tail`: `2026-11-20T15:13:54.123000+00:00 web/nginx/0af5 …`.
    CloudWatch Way::Front(concat!(r"^", iso!(), r"\ (?P<stream>[^\s\x22]*[/-][^\s\x22]*)\ ")),
    /// stern: `shop-7d9c5-x2x7z nginx …`.
    Stern Way::Front(concat!(
        r"^", colour!(), r"(?P<stream>(?:[a-z0-9][a-z0-9.-]*\ )?[a-z0-9][a-z0-9.]*-[a-z0-9.-]*[a-z0-9]", colour!(),
        r"\ ", colour!(), r"[a-z0-9][a-z0-9-]*)", colour!(), r"\ "
    )),
}

/// The patterns of all, compiled when the first log needs them.
#[allow(clippy::expect_used, reason = "constant patterns; a unit test compiles them")]
static FRONTS: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| {
    let front = |way: &Way| match way {
        Way::Front(pattern) => Some(Regex::new(&format!("(?x-u){pattern}")).expect("regex")),
        _ => None,
    };
    Envelope::WAYS.iter().map(front).collect()
});

impl Envelope {
    fn front(self) -> Option<&'static Regex> {
        FRONTS[self as usize].as_ref()
    }

    /// The line inside; `None` when the line does not come in this envelope.
    pub fn open(self, line: &[u8]) -> Option<Cow<'_, [u8]>> {
        match &Self::WAYS[self as usize] {
            Way::Nothing => Some(Cow::Borrowed(line)),
            // A line without it is no other one: an editor may have mixed them.
            Way::CrLf => Some(Cow::Borrowed(line.strip_suffix(b"\r").unwrap_or(line))),
            Way::Front(_) => {
                let (front, inner) = line.split_at(self.front()?.find(line)?.end());
                // What coloured a name may end with the line.
                let end = if front.contains(&b'\x1b') { inner.strip_suffix(b"\x1b[0m") } else { None };
                Some(Cow::Borrowed(end.unwrap_or(inner)))
            }
            Way::Docker => docker_json(line),
            Way::Json(keys) => json(line, keys),
        }
    }

    /// Whose line it is, where the transport mixes the lines of several: an entry of one goes on in its own lines only.
    pub fn stream(self, line: &[u8]) -> Option<Cow<'_, [u8]>> {
        match &Self::WAYS[self as usize] {
            Way::Nothing | Way::CrLf => None,
            Way::Front(_) => Some(Cow::Borrowed(self.front()?.captures(line)?.name("stream")?.as_bytes())),
            Way::Docker | Way::Json(_) => streams(line).map(Cow::Owned),
        }
    }

    /// When the transport took the line, where it says so with a zone.
    pub fn taken(self, line: &[u8]) -> Option<Zoned> {
        match &Self::WAYS[self as usize] {
            Way::Front(_) => stamp::zoned(&line[..self.front()?.find(line)?.end()]),
            Way::Docker => {
                let at = memchr::memmem::rfind(line, b"\"time\":\"")?;
                stamp::time_iso8601(&line[at + 8..])
            }
            Way::Nothing | Way::CrLf | Way::Json(_) => None,
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
        // Editors of Windows mark the beginning of a file of UTF-8.
        let line = if self.0.is_none() { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        let is_possible = move |envelope: &Envelope| match self.0 {
            Some(known) => known == *envelope,
            None => *envelope != Envelope::CrLf || line.ends_with(b"\r"),
        };
        let possible = Envelope::ALL.iter().copied().filter(is_possible);
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

type Object = serde_json::Map<String, serde_json::Value>;

fn object(line: &[u8]) -> Option<Object> {
    let line = line.trim_ascii();
    if line.first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(line).ok()
}

/// The text under the first of the keys that is there, also one object deeper (`jsonPayload.message`).
fn json<'l>(line: &[u8], keys: &[&str]) -> Option<Cow<'l, [u8]>> {
    let object = object(line)?;
    let text = |object: &Object| {
        let mut texts = keys.iter().filter_map(|key| object.get(*key)?.as_str().map(str::to_owned));
        texts.next()
    };
    let text = text(&object).or_else(|| text(object.get("jsonPayload")?.as_object()?))?;
    Some(Cow::Owned(text.strip_suffix('\n').unwrap_or(&text).as_bytes().to_vec()))
}

/// What the records of different streams differ in.
fn streams(line: &[u8]) -> Option<Vec<u8>> {
    const KEYS: [&str; 6] =
        ["stream", "logName", "SYSLOG_IDENTIFIER", "_PID", "container_name", "logStreamName"];
    let object = object(line)?;
    let values = KEYS.iter().filter_map(|key| object.get(*key)?.as_str());
    Some(values.collect::<Vec<_>>().join(" ").into_bytes())
}

#[cfg(test)]
mod tests;
