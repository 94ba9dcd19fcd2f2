//! The grammar of nginx's error log (`ngx_log_error_core`, `ngx_http_log_error_handler`).
//!
//! ```text
//! YYYY/MM/DD HH:MM:SS [level] pid#tid: *connection message (errno: text) while action, client: …,
//!   server: …, request: "…", subrequest: "…", upstream: "…", host: "…", referrer: "…"
//! ```
//!
//! nginx escapes nothing here, a client can put quotes into its URI and anything into its Referer, and a
//! script's words arrive raw. So a line is read from the left, each field where the one before it ended,
//! and never searched from the right. The same grammar is written by OpenResty, Tengine, Angie and
//! ingress-nginx, on every libc: numbers are read, texts are not.

use super::scan;
use super::search;
use super::stamp::{self, Local};

/// `NGX_MAX_ERROR_STR`: nginx cuts an error entry here, newline included.
pub const MAX_ENTRY: usize = 2048;
/// The same limit in OpenResty.
pub const MAX_ENTRY_OPENRESTY: usize = 4096;

/// Where the fields of a connection begin.
pub const TAIL: &[u8] = b", client: ";

/// Severity, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Level {
    Debug,
    Info,
    Notice,
    Warn,
    Error,
    Crit,
    Alert,
    Emerg,
}

impl Level {
    const NAMES: [(&'static str, Level); 8] = [
        ("error", Level::Error),
        ("crit", Level::Crit),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("notice", Level::Notice),
        ("alert", Level::Alert),
        ("emerg", Level::Emerg),
        ("debug", Level::Debug),
    ];

    /// By nginx's name of it.
    pub fn of(name: &[u8]) -> Option<Level> {
        Self::NAMES.iter().find(|(known, _)| scan::same(known.as_bytes(), name)).map(|(_, level)| *level)
    }

    /// As nginx writes it.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, level)| *level == self).map_or("", |(name, _)| name)
    }
}

/// The fixed head of an entry, and all that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// When, in nginx's local time; one second of resolution.
    pub at: Local,
    /// Severity.
    pub level: Level,
    /// Process id of the nginx worker.
    pub pid: u64,
    /// `*N`, the number of the client's connection; absent outside of a connection.
    pub connection: Option<u64>,
    /// Message and context, to the end of the line.
    pub body: &'a [u8],
}

/// Reads the head. `None`: not the start of an entry, so a continuation of the one before, or no error
/// log at all.
pub fn head(line: &[u8]) -> Option<Head<'_>> {
    let at = stamp::error_log(line)?;
    let rest = line.get(19..)?.strip_prefix(b" [")?;
    let (name, rest) = rest.split_at(scan::find(rest, 0, b']')?);
    let level = Level::of(name)?;
    let rest = rest.strip_prefix(b"] ")?;
    let (pid, rest) = digits(rest)?;
    let (_tid, rest) = digits(rest.strip_prefix(b"#")?)?;
    let rest = rest.strip_prefix(b": ")?;
    let (connection, body) = match rest.strip_prefix(b"*").and_then(digits) {
        Some((number, tail)) => (Some(number), tail.strip_prefix(b" ").unwrap_or(tail)),
        None => (None, rest),
    };
    Some(Head { at, level, pid, connection, body })
}

/// A number and what follows it.
#[inline]
fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    // No number of 19 digits overflows.
    let (mut number, mut length) = (0, 0);
    while let Some(digit @ b'0'..=b'9') = text.get(length) {
        if length == 19 {
            return None;
        }
        number = number * 10 + u64::from(digit - b'0');
        length += 1;
    }
    (length > 0).then(|| (number, &text[length..]))
}

/// What nginx was doing (`log->action`) on the path of a request to its upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// No ` while …`: phases before the upstream, such as resolving or limiting.
    None,
    /// `connecting to upstream`
    Connecting,
    /// `SSL handshaking to upstream`
    TlsHandshaking,
    /// `sending request to upstream`
    SendingRequest,
    /// `reading response header from upstream`
    ReadingHeader,
    /// `reading upstream`: the body; the status is already sent.
    ReadingBody,
    /// `sending to client`: an unbuffered body, or what is left after the answer.
    SendingToClient,
    /// `proxying upgraded connection`
    Upgraded,
    /// Anything else: not about an upstream.
    Other,
}

impl Action {
    const NAMES: [(&'static [u8], Action); 7] = [
        (b"connecting to upstream", Action::Connecting),
        (b"reading response header from upstream", Action::ReadingHeader),
        (b"reading upstream", Action::ReadingBody),
        (b"SSL handshaking to upstream", Action::TlsHandshaking),
        (b"sending request to upstream", Action::SendingRequest),
        (b"sending to client", Action::SendingToClient),
        (b"proxying upgraded connection", Action::Upgraded),
    ];

    /// The names of all actions that concern an upstream.
    pub fn on_upstream() -> impl Iterator<Item = &'static [u8]> {
        Self::NAMES.iter().map(|(name, _)| *name)
    }

    /// What a text begins with that concerns an upstream, at the end of a word.
    pub fn begins(text: &[u8]) -> Option<Action> {
        let whole = |name: &[u8]| !text.get(name.len()).is_some_and(u8::is_ascii_alphanumeric);
        Self::NAMES.iter().find(|(name, _)| text.starts_with(name) && whole(name)).map(|(_, action)| *action)
    }

    fn of(text: &[u8]) -> Action {
        Self::NAMES.iter().find(|(name, _)| *name == text).map_or(Action::Other, |(_, action)| *action)
    }

    /// Whether the response header was out already, so that the failure can no longer change the status.
    pub fn after_header(self) -> bool {
        matches!(self, Action::ReadingBody | Action::SendingToClient | Action::Upgraded)
    }
}

/// An entry's body, taken apart. Fields are raw bytes; one that nginx cut off is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context<'a> {
    /// The message without errno and action.
    pub message: &'a [u8],
    /// The number in ` (N: text)` at the end of the message. The resolver uses the same form for its own
    /// codes, so it means errno only for messages that carry one.
    pub number: Option<i32>,
    /// What nginx was doing.
    pub action: Action,
    /// Address of the client, after realip.
    pub client: Option<&'a [u8]>,
    /// First `server_name` of the server block; may be empty.
    pub server: Option<&'a [u8]>,
    /// The request line, unescaped.
    pub request: Option<Request<'a>>,
    /// Whether a subrequest (auth_request, mirror, SSI, background update) failed.
    pub subrequest: bool,
    /// `upstream: "…"`, from its schema on.
    pub upstream: Option<Upstream<'a>>,
    /// Written in stream{}: no request of HTTP belongs to it.
    pub stream: bool,
}

/// A request line in an error entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Its bytes.
    pub line: &'a [u8],
    /// Whether nginx cut the entry inside it, so that only a prefix is known.
    pub cut: bool,
}

/// The peer named by `upstream: "schema://address…"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upstream<'a> {
    /// `fastcgi`, `http`, `https`, `grpc`, …; empty when nginx cut the entry before it.
    pub schema: &'a [u8],
    /// `127.0.0.1:9000`, `[::1]:80`, `unix:/run/x.sock` or, without a live peer, the group's name.
    pub address: &'a [u8],
    /// The address is a unix path with a URI glued to it (nginx drops the colon between them when the
    /// peer was freed, as in timeouts), so `address` was cut by guess.
    pub guessed: bool,
}

/// Takes a body apart. `cut`: the entry has nginx's maximal length, so its last field may be incomplete.
pub fn context(body: &[u8], cut: bool) -> Context<'_> {
    let (said, fields) = match search::find(body, b", client: ") {
        Some(at) => (&body[..at], Some(&body[at + 10..])),
        None => (body, None),
    };
    let (message, action) = match search::rfind(said, b" while ") {
        Some(at) => (&said[..at], Action::of(&said[at + 7..])),
        None => (said, Action::None),
    };
    let (message, number) = split_number(message);
    let mut context = Context {
        message,
        number,
        action,
        client: None,
        server: None,
        request: None,
        subrequest: false,
        upstream: None,
        stream: false,
    };
    if let Some(fields) = fields {
        context.read_fields(fields, cut);
    }
    if context.upstream.is_none() && cut {
        // A long URI pushes `upstream:` over nginx's limit, but this message names the peer itself.
        let address = message.strip_prefix(b"connect() to ").and_then(|rest| rest.strip_suffix(b" failed"));
        context.upstream = address.map(|address| Upstream { schema: b"", address, guessed: false });
    }
    context
}

/// ` (111: Connection refused)` off the end of a message.
fn split_number(message: &[u8]) -> (&[u8], Option<i32>) {
    let mut end = message.len();
    while let Some(at) = search::rfind(&message[..end], b" (") {
        if let Some((number, rest)) = digits(&message[at + 2..])
            && rest.starts_with(b":")
            && let Ok(number) = i32::try_from(number)
        {
            return (&message[..at], Some(number));
        }
        end = at;
    }
    (message, None)
}

impl<'a> Context<'a> {
    fn read_fields(&mut self, fields: &'a [u8], cut: bool) {
        let Some((client, rest)) = split(fields, b", server: ") else {
            self.client = (!cut).then_some(fields);
            return;
        };
        self.client = Some(client);
        let Some((server, rest)) = split(rest, b", request: \"") else {
            self.stream = is_stream(rest);
            self.server = (!cut && !self.stream).then_some(rest);
            return;
        };
        self.server = Some(server);
        let (request, rest) = request(rest, cut);
        self.request = Some(request);
        let mut rest = rest;
        if rest.starts_with(b", subrequest: \"") {
            self.subrequest = true;
            // A subrequest's URI is decoded: quotes, spaces and newlines get in. Its end is the next
            // field that nginx writes.
            rest = [&b"\", upstream: \""[..], b"\", host: \""]
                .iter()
                .find_map(|next| search::find(rest, next).map(|at| &rest[at + 1..]))
                .unwrap_or_default();
        }
        if let Some(value) = rest.strip_prefix(b", upstream: \"")
            // Two of them: the first may be the subrequest's own text.
            && !(self.subrequest && search::find(value, b"\", upstream: \"").is_some())
        {
            self.upstream = upstream(value, cut);
        }
    }
}

/// Whether these fields are of stream{}, which counts bytes and has no requests.
pub fn is_stream(fields: &[u8]) -> bool {
    search::rfind(fields, b", bytes from/to client:").is_some_and(|at| {
        let counts = &fields[at + 2..];
        search::find(counts, b", bytes from/to upstream:").is_some() && !counts.contains(&b'"')
    })
}

pub(super) fn split<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = search::find(text, separator)?;
    Some((&text[..at], &text[at + separator.len()..]))
}

/// The request line after its opening quote. A raw quote may stand in the URI, a space cannot (nginx
/// answers 400 without an upstream), so the line is `METHOD SP URI [SP HTTP/v]` and its end is found by
/// counting spaces, not quotes.
pub(super) fn request(text: &[u8], cut: bool) -> (Request<'_>, &[u8]) {
    const NEXT: [&[u8]; 4] = [b"subrequest: \"", b"upstream: \"", b"host: \"", b"referrer: \""];
    let whole =
        |end: usize| (Request { line: &text[..end], cut: false }, text.get(end + 1..).unwrap_or_default());
    let mut from = 0;
    for _ in 0..3 {
        let space = scan::find(text, from, b' ');
        let word = &text[from..space.unwrap_or(text.len())];
        let Some(space) = space else {
            // The last word of the entry. Behind `HTTP/v` a quote is the closing one; in a URI that nginx cut it
            // may be the client's.
            let quote = if word.ends_with(b"\",") { 2 } else { usize::from(word.ends_with(b"\"")) };
            return match quote > 0 && (!cut || word.starts_with(b"HTTP/")) {
                true => whole(text.len() - quote),
                false => (Request { line: text, cut }, &[]),
            };
        };
        let next = &text[space + 1..];
        let is_field = NEXT.iter().any(|f| scan::begins(next, f) || (cut && f.starts_with(next)));
        if word.ends_with(b"\",") && is_field {
            return whole(space - 2);
        }
        from = space + 1;
    }
    // More spaces than a request line has: garbage that nginx refused. Its end cannot be told.
    (Request { line: text, cut: true }, &[])
}

/// The peer behind `upstream: "`. `cut`: the entry ends where nginx's limit is, and an address that ends there too is only half of one.
pub fn upstream(value: &[u8], cut: bool) -> Option<Upstream<'_>> {
    let (schema, rest) = split(value, b"://")?;
    if schema.is_empty() || !schema.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let (address, guessed) = match rest.strip_prefix(b"unix:") {
        Some(path) => {
            let end = memchr::memchr2(b':', b'"', path);
            if cut && end.is_none() {
                return None;
            }
            let (mut length, colon) = match end {
                Some(at) => (at, path[at] == b':'),
                None => (path.len(), false),
            };
            // `http://unix:/run/x.sock/uri"`: without the colon the path runs into the URI.
            let glued = if colon { None } else { search::find(&path[..length], b".sock/") };
            if let Some(at) = glued {
                length = at + 5;
            }
            (&rest[..5 + length], glued.is_some() || end.is_none())
        }
        None => {
            let end = rest.iter().position(|b| matches!(b, b'/' | b'"' | b'?' | b' '));
            if cut && end.is_none() {
                return None;
            }
            (&rest[..end.unwrap_or(rest.len())], end.is_none())
        }
    };
    (!address.is_empty()).then_some(Upstream { schema, address, guessed })
}

#[cfg(test)]
mod tests;
