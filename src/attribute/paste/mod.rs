//! One line as people paste it: out of a terminal, a chat, a ticket, an article or a comment in a configuration.
//!
//! What stands in front of nginx's message is skipped, whatever it is, and parts of the entry may be missing. Logs are
//! never read this way: there a client's or a script's words could pass for nginx's.

mod clean;
mod fpm;

use crate::record::error::{self, Action, Context, Level};
use crate::record::format::Format;
use crate::record::search;
use crate::vocabulary::{Cause, RootCause, is_failed};

use super::message::{self, Failure, Meaning, Rule};

/// What a pasted line was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paste {
    /// An entry of nginx's error log, or what is left of one.
    Error(Entry),
    /// A line of PHP-FPM's log and what it is evidence of, if that breaks requests.
    Fpm(Option<RootCause>),
    /// A line of an access log.
    Access {
        /// `$status`
        status: u16,
    },
    /// Nothing that is known.
    Unknown,
}

/// What an entry says, as far as it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The failure, if it is one of an upstream or a gateway.
    pub failure: Option<Failure>,
    /// Severity, if it is given.
    pub level: Option<Level>,
    /// nginx's message, from where it was found.
    pub message: Vec<u8>,
    /// The peer that nginx talked to.
    pub upstream: Option<Vec<u8>>,
    /// nginx could not start, or kept its old configuration.
    pub refused_to_start: bool,
    /// What is not there and would tell more.
    pub missing: Vec<&'static str>,
}

impl Paste {
    /// The cause, if there is one.
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Paste::Error(entry) => entry.failure.map(|failure| failure.cause),
            _ => None,
        }
    }
}

/// Other words of the same messages: modules', old versions' and people's.
const OTHER_WORDS: &[(&[u8], &[u8])] = &[
    (b"upstream closed prematurely", b"upstream prematurely closed"),
    (b"proxy_connect: upstream connect timed out", b"upstream timed out"),
    (b"upstream connect timed out", b"upstream timed out"),
    (b"upstream read timed out", b"upstream timed out"),
    (b"connect() to upstream failed", b"connect() failed"),
    (
        b"connection refused while connecting to upstream",
        b"connect() failed (111: Connection refused) while connecting to upstream",
    ),
    (
        b"Connection refused while connecting to upstream",
        b"connect() failed (111: Connection refused) while connecting to upstream",
    ),
];

/// Reads a line.
pub fn read(line: &[u8]) -> Paste {
    let text = clean::clean(line);
    if let Some(entry) = entry(&text) {
        return Paste::Error(entry);
    }
    if let Some(root) = fpm::read(&text) {
        return Paste::Fpm(root);
    }
    let starts = std::iter::once(0).chain(memchr::memchr_iter(b' ', &text).map(|at| at + 1)).take(12);
    for start in starts {
        let line = &text[start..];
        if let Ok(format) = Format::detect(line)
            && let Ok(access) = format.access(line)
        {
            return Paste::Access { status: access.status() };
        }
    }
    Paste::Unknown
}

impl Paste {
    /// Whether it tells of something that is wrong.
    pub fn is_failure(&self) -> bool {
        match self {
            Paste::Error(entry) => entry.failure.is_some() || entry.refused_to_start,
            Paste::Fpm(root) => root.is_some(),
            Paste::Access { status } => is_failed(*status),
            Paste::Unknown => false,
        }
    }
}

fn entry(text: &[u8]) -> Option<Entry> {
    let level = level(text);
    let found = found(text);
    let stated = level.map(|(level, _)| level);
    // Where no message is known a level alone makes it an entry: `[emerg] unknown directive`.
    let (body, start) = match found {
        Some((body, start)) => (body, start),
        None => {
            let (_, end) = level?;
            let body = text[end..].trim_ascii_start();
            (body.to_vec(), text.len() - body.len())
        }
    };
    let (context, upstream) = context(&body);
    let nginx = stated.is_some() || context.action != Action::None || context.client.is_some();
    let severity = stated.unwrap_or(Level::Error);
    let recognised = message::recognise(severity, &body).filter(|_| nginx || names_an_upstream(&body));
    let meaning = match recognised {
        Some(recognised) => message::meaning(recognised, severity, true, &context, &body),
        None => Meaning::Nothing,
    };
    let failure = if let Meaning::Failure(failure) = meaning { Some(failure) } else { None };
    if failure.is_none() && !nginx {
        return None;
    }
    let upstream = context.upstream.map(|peer| peer.address.to_vec()).or(upstream);
    let mut missing = Vec::new();
    let mut ask = |what: &'static str, is_there: bool| {
        if !is_there {
            missing.push(what);
        }
    };
    let refused_to_start = severity == Level::Emerg && context.client.is_none();
    let is_stamped = has_stamp(&text[..start]);
    ask("a time stamp: what else happened in that second cannot be looked up", is_stamped);
    ask("the level ([error], [crit]): taken for an error", stated.is_some());
    if !refused_to_start {
        ask(
            "`client:`, `server:` and `request:`: which site and which request it was",
            context.request.is_some(),
        );
        ask("`upstream:`: which pool or server nginx talked to", upstream.is_some());
    }
    let message = message_of(&body).to_vec();
    Some(Entry { failure, level: stated, message, upstream, refused_to_start, missing })
}

/// The message and what nginx was doing, without the fields.
fn message_of(body: &[u8]) -> &[u8] {
    let ends = [&b", client: "[..], b", upstream: \"", b", server: ", b", request: \""];
    let end = ends.iter().filter_map(|end| search::find(body, end)).min().unwrap_or(body.len());
    body[..end].trim_ascii_end()
}

/// Messages that only nginx writes, whatever stands around them.
fn names_an_upstream(body: &[u8]) -> bool {
    const HEADS: [&[u8]; 16] = [
        b"upstream timed out",
        b"upstream prematurely",
        b"upstream sent too big header",
        b"upstream sent no valid",
        b"upstream sent invalid",
        b"upstream sent duplicate header",
        b"upstream sent unexpected FastCGI",
        b"upstream sent unsupported FastCGI",
        b"upstream SSL certificate",
        b"no live upstreams",
        b"host not found in upstream",
        b"no resolver defined to resolve",
        b"limiting requests, excess",
        b"limiting connections by zone",
        b"rewrite or internal redirection cycle",
        b"kevent() reported that connect() failed (",
    ];
    let is_connect = || {
        let message = message_of(body);
        message.strip_prefix(b"connect() ").is_some_and(|rest| {
            rest.starts_with(b"failed (")
                || rest.starts_with(b"failed while connecting to upstream")
                || rest.starts_with(b"to ") && holds_errno(rest)
        })
    };
    let begins = |head: &&[u8]| body.starts_with(head);
    HEADS.iter().any(begins) || is_connect() || dns(body) || connections(body).is_some()
}

/// Where `512 worker_connections are not enough` begins.
fn connections(text: &[u8]) -> Option<usize> {
    let at = search::find(text, b" worker_connections are not enough")?;
    let digits = text[..at].iter().rev().take_while(|b| b.is_ascii_digit()).count();
    (digits > 0).then_some(at - digits)
}

fn holds_errno(text: &[u8]) -> bool {
    search::find(text, b" failed (").is_some_and(|at| text.get(at + 9).is_some_and(u8::is_ascii_digit))
}

fn dns(body: &[u8]) -> bool {
    search::find(body, b" could not be resolved (")
        .is_some_and(|at| body.get(at + 24).is_some_and(u8::is_ascii_digit))
}

/// `[error]`, and where it ends.
fn level(text: &[u8]) -> Option<(Level, usize)> {
    memchr::memchr_iter(b'[', text).find_map(|at| {
        let end = at + 1 + memchr::memchr(b']', &text[at + 1..])?;
        Level::of(&text[at + 1..end]).map(|level| (level, end + 1))
    })
}

/// The first message of the table that begins somewhere in the text, in nginx's own words.
fn found(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut before = b' ';
    for (at, byte) in text.iter().enumerate() {
        let is_start = !before.is_ascii_alphanumeric() && !matches!(before, b'_' | b'-' | b'.');
        before = *byte;
        if !is_start {
            continue;
        }
        let rest = &text[at..];
        for (other, own) in OTHER_WORDS {
            if let Some(behind) = rest.strip_prefix(*other) {
                return Some(([own, behind].concat(), at));
            }
        }
        // Nothing is named behind it.
        if let Some(behind) = rest.strip_prefix(b"host not found in upstream")
            && !behind.starts_with(b" ")
        {
            return Some(([b"host not found in upstream ", behind].concat(), at));
        }
        // As a sentence or a title begins.
        if [&b"Upstream "[..], b"No live upstreams", b"Host not found in upstream "]
            .iter()
            .any(|begin| rest.starts_with(begin))
        {
            let body = [&[byte.to_ascii_lowercase()], &rest[1..]].concat();
            if message::rule(&body).is_some_and(|rule| is_believable(rule, &body)) {
                return Some((body, at));
            }
        }
        if let Some(peer) = rest.strip_prefix(b"connect to ")
            && names_an_upstream(&[b"connect() to ", peer].concat())
        {
            return Some(([b"connect() to ", peer].concat(), at));
        }
        if message::rule(rest).is_some_and(|rule| is_believable(rule, rest)) {
            return Some((rest.to_vec(), at));
        }
    }
    resolving(text).or_else(|| without_function(text))
}

/// Some heads are words of every program.
fn is_believable(rule: Rule, body: &[u8]) -> bool {
    match rule {
        Rule::Connect => names_an_upstream(body),
        Rule::TimedOut => {
            let behind = body.strip_prefix(b"upstream timed out").unwrap_or_default();
            let errno =
                behind.strip_prefix(b" (").map(|rest| rest.iter().take_while(|b| b.is_ascii_digit()).count());
            match errno {
                Some(digits) => {
                    digits > 0 && behind.get(2 + digits) == Some(&b':') || behind.starts_with(b" (10060)")
                }
                None => behind.starts_with(b" while ") || !behind.starts_with(b" "),
            }
        }
        // `recv() failed (111: Connection refused) while resolving` is about a name.
        Rule::Read | Rule::Write => search::find(body, b" while resolving").is_none(),
        _ => true,
    }
}

/// Messages that begin with a name or a number, and entries about a name that in a log are the business of another one.
fn resolving(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    if let Some(start) = connections(text) {
        return Some((text[start..].to_vec(), start));
    }
    if dns(text) {
        let at = search::find(text, b" could not be resolved (")?;
        let start = memchr::memrchr(b' ', &text[..at]).map_or(0, |space| space + 1);
        return Some((text[start..].to_vec(), start));
    }
    let at = search::find(text, b" while resolving")?;
    let start = search::rfind(&text[..at], b"() failed (")?;
    let start = memchr::memrchr(b' ', &text[..start]).map_or(0, |space| space + 1);
    let behind = search::find(text, b"resolver: ").map_or(&b"the resolver"[..], |at| &text[at + 10..]);
    let name = behind.split(|b| matches!(b, b' ' | b',')).next().unwrap_or_default();
    Some(([name, b" could not be resolved (0: ", &text[start..]].concat(), start))
}

/// `(104: Connection reset by peer) while reading response header from upstream`: what nginx was doing and the errno
/// tell which of its functions failed.
fn without_function(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (at, action) = clean::action(text)?;
    let said = &text[..at];
    let errno = memchr::memrchr_iter(b'(', said).find(|open| {
        let digits = said[open + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        digits > 0 && said.get(open + 1 + digits) == Some(&b':')
    });
    let head: &[u8] = match action {
        Action::TlsHandshaking => b"SSL_do_handshake() failed",
        Action::Connecting => b"connect() failed",
        Action::SendingRequest => b"send() failed",
        _ if errno.is_some_and(|open| is_time_out(&said[open..])) => b"upstream timed out",
        Action::ReadingHeader | Action::ReadingBody | Action::Upgraded => b"recv() failed",
        _ => return None,
    };
    // A handshake fails with words of OpenSSL's, all else with an errno.
    let start = errno.or((action == Action::TlsHandshaking).then_some(at))?;
    Some(([head, b" ", text[start..].trim_ascii_start()].concat(), start))
}

fn is_time_out(errno: &[u8]) -> bool {
    [&b"(110:"[..], b"(60:", b"(10060:"].iter().any(|number| errno.starts_with(number))
}

/// The entry's parts, with the action cut off from what follows it, and the peer if it is named outside of the tail.
fn context(body: &[u8]) -> (Context<'_>, Option<Vec<u8>>) {
    let tail = search::find(body, error::TAIL);
    let peer = search::find(body, b"upstream: \"").and_then(|at| error::upstream(&body[at + 11..], false));
    let peer = peer.map(|peer| peer.address.to_vec());
    let mut context = error::context(body, false);
    if let Some((at, action)) = clean::action(&body[..tail.unwrap_or(body.len())]) {
        let said = error::context(&body[..at], false);
        (context.message, context.number, context.action) = (said.message, said.number, action);
    }
    (context, peer)
}

/// Whether a time stands there: `20:51:37`.
fn has_stamp(text: &[u8]) -> bool {
    text.windows(8).any(|clock| {
        clock.iter().enumerate().all(|(at, b)| if at % 3 == 2 { *b == b':' } else { b.is_ascii_digit() })
    })
}

#[cfg(test)]
mod tests;
