//! nginx's messages and what each means: one declarative table.
//!
//! A message is recognised by its first bytes, where nginx's own words stand before any byte that a client
//! or an upstream can write. Sources: `ngx_http_upstream.c`, the protocol modules, `ngx_event_connect.c`,
//! `ngx_event_openssl.c`, read at 1.22.1, 1.26.3 and 1.31.5.

use std::sync::LazyLock;

use crate::record::error::{Action, Context, Level};
use crate::record::scan;
use crate::record::search;

use crate::vocabulary::{Cause, RootCause};

/// What an entry is to the attribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An upstream or gateway failure.
    Failure(Failure),
    /// A script's words, passed on by FastCGI. Evidence about a request, never a failure.
    Stderr,
    /// `auth request unexpected status`: the subrequest's failure decided the main request.
    AuthRequest,
    /// Nothing about a gateway.
    Nothing,
}

/// A failure as its entry tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The cause.
    pub cause: Cause,
    /// The errno, for messages that carry one.
    pub errno: Option<i32>,
    /// A root cause that the message names and the cause does not.
    pub root: Option<RootCause>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// Always this cause, also in the body phase: nginx's own failure.
    Own(Cause),
    /// This cause before the header, `response_truncated` after it.
    Upstream(Cause),
    /// `connect()`: the errno decides.
    Connect,
    /// `bind()` to a local address.
    Bind,
    /// recv, readv, SSL_read: a failed read.
    Read,
    /// send, writev, sendfile, SSL_write: a failed write to the upstream.
    Write,
    /// `upstream timed out`: the action decides.
    TimedOut,
    /// A TLS message: only while nginx talks to an upstream.
    Tls,
    /// A local file: only as a severe error that names the cause by its errno.
    File,
    /// A decompression filter gave up on the upstream's body.
    Inflate,
    Stderr,
    AuthRequest,
    Nothing,
}

/// First match wins, so longer heads stand before their own beginnings.
const TABLE: &[(&str, Rule)] = &[
    // Connecting.
    ("connect() ", Rule::Connect),
    ("kevent() reported that connect() failed", Rule::Connect),
    ("bind(", Rule::Bind),
    ("socket() failed", Rule::Own(Cause::NginxResources)),
    ("the new socket has number ", Rule::Own(Cause::NginxResources)),
    ("no live upstreams", Rule::Own(Cause::NoLiveUpstreams)),
    // Names.
    ("no resolver defined to resolve ", Rule::Own(Cause::DnsFailure)),
    ("host not found in upstream ", Rule::Own(Cause::DnsFailure)),
    // The upstream's answer, most frequent first.
    ("upstream timed out", Rule::TimedOut),
    ("recv() failed", Rule::Read),
    ("FastCGI sent in stderr: \"", Rule::Stderr),
    ("upstream prematurely closed stream", Rule::Upstream(Cause::InvalidResponse)),
    ("upstream prematurely closed", Rule::Upstream(Cause::ClosedPrematurely)),
    ("upstream prematurely sent response", Rule::Own(Cause::TlsFailure)),
    ("upstream sent too big header", Rule::Upstream(Cause::HeaderTooBig)),
    ("upstream sent no valid HTTP/1.0 header", Rule::Upstream(Cause::ProtocolMismatch)),
    ("upstream sent unsupported FastCGI protocol version", Rule::Upstream(Cause::ProtocolMismatch)),
    ("upstream sent invalid FastCGI record type", Rule::Upstream(Cause::ProtocolMismatch)),
    ("upstream sent unexpected FastCGI request id", Rule::Upstream(Cause::ProtocolMismatch)),
    ("upstream sent HTTP/1.0 response with early hints", Rule::Upstream(Cause::InvalidResponse)),
    ("upstream sent more data", Rule::Nothing),
    ("upstream sent data after", Rule::Nothing),
    ("upstream sent too big early hints", Rule::Nothing),
    ("upstream server temporarily disabled", Rule::Nothing),
    ("upstream sent ", Rule::Upstream(Cause::InvalidResponse)),
    ("upstream violated ", Rule::Upstream(Cause::InvalidResponse)),
    ("upstream rejected request with error ", Rule::Upstream(Cause::InvalidResponse)),
    ("upstream SSL certificate ", Rule::Own(Cause::TlsFailure)),
    ("readv() failed", Rule::Read),
    ("SSL_read() failed", Rule::Read),
    ("kevent() reported about an closed connection", Rule::Read),
    ("WSARecv() failed", Rule::Read),
    ("writev() failed", Rule::Write),
    ("sendfile() failed", Rule::Write),
    ("send() failed", Rule::Write),
    ("SSL_write() failed", Rule::Write),
    ("SSL_sendfile() failed", Rule::Write),
    ("WSASend() failed", Rule::Write),
    // TLS. The same words are written for clients' handshakes; the action tells.
    ("peer closed connection in SSL handshake", Rule::Tls),
    ("SSL_do_handshake() failed", Rule::Tls),
    ("SSL_set_tlsext_host_name(", Rule::Tls),
    ("SSL_set_alpn_protos(", Rule::Tls),
    ("cannot load certificate", Rule::Tls),
    ("SSL_", Rule::Tls),
    // Other protocols.
    ("memcached sent invalid ", Rule::Upstream(Cause::InvalidResponse)),
    ("invalid header after joining FastCGI records", Rule::Upstream(Cause::InvalidResponse)),
    ("no connection data found for keepalive http2 connection", Rule::Upstream(Cause::InvalidResponse)),
    ("unexpected status code ", Rule::Upstream(Cause::ResponseTruncated)),
    ("unexpected range in slice response", Rule::Upstream(Cause::ResponseTruncated)),
    ("etag mismatch in slice response", Rule::Upstream(Cause::ResponseTruncated)),
    ("inflate() failed", Rule::Inflate),
    ("inflate() returned ", Rule::Inflate),
    // nginx's own.
    ("limiting requests, excess: ", Rule::Own(Cause::NginxLimit)),
    ("limiting connections by zone ", Rule::Own(Cause::NginxLimit)),
    ("auth request unexpected status", Rule::AuthRequest),
    ("rewrite or internal redirection cycle", Rule::Own(Cause::NginxConfig)),
    ("subrequests cycle", Rule::Own(Cause::NginxConfig)),
    ("could not find named location ", Rule::Own(Cause::NginxConfig)),
    ("invalid URL prefix in ", Rule::Own(Cause::NginxConfig)),
    ("zero length URI to proxy", Rule::Own(Cause::NginxConfig)),
    ("no upstream configuration", Rule::Own(Cause::NginxConfig)),
    ("no port in upstream ", Rule::Own(Cause::NginxConfig)),
    ("no host in upstream ", Rule::Own(Cause::NginxConfig)),
    ("invalid host in upstream ", Rule::Own(Cause::NginxConfig)),
    ("invalid port in upstream ", Rule::Own(Cause::NginxConfig)),
    ("too long path in the unix domain socket in upstream ", Rule::Own(Cause::NginxConfig)),
    ("too long http2 ", Rule::Own(Cause::NginxConfig)),
    ("the \"$memcached_key\" variable is not set", Rule::Own(Cause::NginxConfig)),
    ("fastcgi request record is too big", Rule::Own(Cause::NginxConfig)),
    ("fastcgi request length mismatch", Rule::Own(Cause::NginxConfig)),
    ("scgi request length mismatch", Rule::Own(Cause::NginxConfig)),
    ("uwsgi request length mismatch", Rule::Own(Cause::NginxConfig)),
    ("uwsgi request is too ", Rule::Own(Cause::NginxConfig)),
    ("no buffer space in ", Rule::Own(Cause::NginxConfig)),
    ("cannot add new server to upstream ", Rule::Own(Cause::NginxResources)),
    ("thread operation took too long", Rule::Own(Cause::NginxResources)),
    ("recycled buffer in pipe out chain", Rule::Own(Cause::NginxResources)),
    ("open() \"", Rule::File),
    ("pwrite() \"", Rule::File),
    ("pwritev() \"", Rule::File),
    ("write() \"", Rule::File),
    ("writev() \"", Rule::File),
    ("mkdir() \"", Rule::File),
    ("rename() \"", Rule::File),
    ("pread() \"", Rule::File),
    // Frequent and without a word of a client's: they are here because they end at their line feed.
    ("access forbidden by rule", Rule::Nothing),
    ("an upstream response is buffered to a temporary file ", Rule::Nothing),
    ("a client request body is buffered to a temporary file ", Rule::Nothing),
    ("client closed ", Rule::Nothing),
    ("client prematurely closed connection", Rule::Nothing),
    ("client timed out", Rule::Nothing),
    ("client intended to send too large body: ", Rule::Nothing),
    ("client sent plain HTTP request to HTTPS port", Rule::Nothing),
    ("epoll_wait() reported that client prematurely closed connection", Rule::Nothing),
    ("kevent() reported that client prematurely closed connection", Rule::Nothing),
    ("no user/password was provided for basic authentication", Rule::Nothing),
];

/// A message that was recognised by its first bytes.
#[derive(Clone, Copy, Debug)]
pub struct Recognised(Rule);

/// Recognises a message, before its entry is taken apart. `None`: nothing about a gateway.
pub fn recognise(level: Level, body: &[u8]) -> Option<Recognised> {
    if level < Level::Error {
        return None;
    }
    let rule = rule(body).or_else(|| starts_with_variable(body)).map(Recognised)?;
    (!matches!(rule.0, Rule::Nothing)).then_some(rule)
}

type Row = (&'static [u8], Rule);

/// The first rule whose words the message begins with.
pub(super) fn rule(body: &[u8]) -> Option<Rule> {
    /// The rows of the table by their first byte, in its order.
    static BY_FIRST: LazyLock<Vec<Vec<Row>>> = LazyLock::new(|| {
        let mut rows = vec![Vec::new(); 256];
        for (head, rule) in TABLE {
            rows[usize::from(head.as_bytes()[0])].push((head.as_bytes(), *rule));
        }
        rows
    });
    let rows = &BY_FIRST[usize::from(*body.first()?)];
    // Beyond "upstream ", where most heads begin alike, one byte tells nearly all of them apart.
    const TELLING: usize = 9;
    let telling = body.get(TELLING);
    let may_be = |head: &[u8]| head.get(TELLING).is_none_or(|byte| Some(byte) == telling);
    rows.iter().find(|(head, _)| may_be(head) && scan::begins(body, head)).map(|(_, rule)| *rule)
}

/// Messages that begin with a name or a number out of the configuration.
pub(super) fn starts_with_variable(body: &[u8]) -> Option<Rule> {
    let digits = body.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits > 0 && body[digits..].starts_with(b" worker_connections are not enough") {
        return Some(Rule::Own(Cause::NginxResources));
    }
    // `NAME could not be resolved (3: Host not found)`, `service S of NAME could not be resolved (…)`.
    let at = search::find(body, b" could not be resolved (")?;
    let name = body[..at].rsplit(|b| *b == b' ').next()?;
    let service = body[..at].strip_prefix(b"service ").is_some();
    (name.len() == at || service).then_some(Rule::Own(Cause::DnsFailure))
}

/// What an entry means. `connected`: it carries a connection number.
pub fn meaning(
    recognised: Recognised,
    level: Level,
    connected: bool,
    context: &Context<'_>,
    body: &[u8],
) -> Meaning {
    let rule = recognised.0;
    let action = context.action;
    let failure = |cause, errno, root| Meaning::Failure(Failure { cause, errno, root });
    let upstream = |cause, errno| {
        let cause = if action.after_header() { Cause::ResponseTruncated } else { cause };
        let cause = if action == Action::TlsHandshaking { Cause::TlsFailure } else { cause };
        failure(cause, errno, None)
    };
    // Without a connection nginx speaks of its own sockets: the resolver's, syslog's, a listener's.
    if !connected && !matches!(rule, Rule::Own(Cause::DnsFailure | Cause::NginxResources)) {
        return Meaning::Nothing;
    }
    match rule {
        Rule::Own(cause) => match cause {
            Cause::NginxResources if !connected && !body.starts_with(b"cannot add new server") => {
                Meaning::Nothing
            }
            Cause::DnsFailure if body.starts_with(b"no resolver") => {
                failure(cause, None, Some(RootCause::Nginx))
            }
            Cause::NginxResources if body.starts_with(b"socket()") => failure(cause, context.number, None),
            _ => failure(cause, None, None),
        },
        Rule::Upstream(cause) => upstream(refine(cause, body), None),
        Rule::Connect if matches!(action, Action::Connecting | Action::TlsHandshaking | Action::None) => {
            match context.number {
                Some(errno) => upstream(connect_cause(errno), Some(errno)),
                None => upstream(Cause::ConnectFailed, None),
            }
        }
        Rule::Bind if matches!(action, Action::Connecting) => match context.number {
            Some(errno) if is_one_of(errno, ADDRNOTAVAIL) => {
                failure(Cause::LocalPortsExhausted, Some(errno), None)
            }
            errno => failure(Cause::NginxConfig, errno, None),
        },
        Rule::Read => match action {
            Action::Connecting | Action::SendingRequest | Action::ReadingHeader | Action::TlsHandshaking => {
                upstream(Cause::ConnectionReset, context.number)
            }
            Action::ReadingBody | Action::Upgraded | Action::SendingToClient
                if context.upstream.is_some() =>
            {
                upstream(Cause::ConnectionReset, context.number)
            }
            Action::ReadingBody => upstream(Cause::ConnectionReset, context.number),
            _ => Meaning::Nothing,
        },
        Rule::Write => match action {
            Action::Connecting | Action::SendingRequest | Action::ReadingHeader | Action::TlsHandshaking => {
                upstream(Cause::SendFailed, context.number)
            }
            _ => Meaning::Nothing,
        },
        Rule::TimedOut => match action {
            Action::Connecting => failure(Cause::ConnectTimeout, context.number, None),
            _ => upstream(Cause::ResponseTimeout, context.number),
        },
        Rule::Tls => match action {
            Action::TlsHandshaking | Action::Connecting => {
                failure(Cause::TlsFailure, tls_errno(body, context), None)
            }
            _ => Meaning::Nothing,
        },
        Rule::File => file(level, context),
        Rule::Inflate if action == Action::SendingToClient || action == Action::ReadingBody => {
            failure(Cause::ResponseTruncated, None, None)
        }
        Rule::Stderr => Meaning::Stderr,
        Rule::AuthRequest => Meaning::AuthRequest,
        Rule::Connect | Rule::Bind | Rule::Inflate | Rule::Nothing => Meaning::Nothing,
    }
}

/// `peer closed connection in SSL handshake (104: …)` carries an errno; OpenSSL's own codes are none.
fn tls_errno(body: &[u8], context: &Context<'_>) -> Option<i32> {
    context.number.filter(|_| body.starts_with(b"peer closed"))
}

/// A temp or cache file that could not be written. Static files use the same words at level error; only
/// a severe entry about the disk, the descriptors or nginx's own directories is a gateway's failure.
fn file(level: Level, context: &Context<'_>) -> Meaning {
    // EMFILE, ENFILE, ENOSPC, EDQUOT, EIO, and EACCES and EROFS on nginx's own directories.
    const ERRNOS: &[i32] = &[24, 23, 28, 122, 5, 13, 30];
    match context.number {
        Some(errno) if level >= Level::Crit && ERRNOS.contains(&errno) => {
            Meaning::Failure(Failure { cause: Cause::NginxResources, errno: Some(errno), root: None })
        }
        _ => Meaning::Nothing,
    }
}

/// A frame of HTTP/2 whose length bytes are text is no frame: the peer speaks HTTP/1, or anything else.
fn refine(cause: Cause, body: &[u8]) -> Cause {
    let Some(rest) = body.strip_prefix(b"upstream sent too large http2 frame: ") else { return cause };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    match crate::record::stamp::number(&rest[..digits]) {
        Some(length) if length.to_be_bytes()[5..].iter().all(|b| b.is_ascii_graphic() || *b == b' ') => {
            Cause::ProtocolMismatch
        }
        _ => cause,
    }
}

/// Numbers of one errno: Linux, BSD and macOS, Windows (`WSAE…`).
const REFUSED: &[i32] = &[111, 61, 10061];
const TIMEDOUT: &[i32] = &[110, 60, 10060];
const AGAIN: &[i32] = &[11, 35, 10035];
const ACCES: &[i32] = &[13, 10013];
/// EHOSTUNREACH, ENETUNREACH, ENETDOWN, EHOSTDOWN.
const UNREACHABLE: &[i32] = &[113, 101, 100, 112, 65, 51, 50, 64, 10065, 10051, 10050, 10064];
const ADDRNOTAVAIL: &[i32] = &[99, 49, 10049];

fn is_one_of(errno: i32, set: &[i32]) -> bool {
    set.contains(&errno)
}

fn connect_cause(errno: i32) -> Cause {
    match errno {
        _ if is_one_of(errno, REFUSED) => Cause::ConnectionRefused,
        2 => Cause::SocketMissing,
        _ if is_one_of(errno, ACCES) => Cause::PermissionDenied,
        _ if is_one_of(errno, AGAIN) => Cause::BacklogFull,
        1 => Cause::FirewallDenied,
        _ if is_one_of(errno, UNREACHABLE) => Cause::HostUnreachable,
        _ if is_one_of(errno, ADDRNOTAVAIL) => Cause::LocalPortsExhausted,
        _ if is_one_of(errno, TIMEDOUT) => Cause::ConnectTimeout,
        _ => Cause::ConnectFailed,
    }
}

/// What a script's own words say about an answer of 500 (`FastCGI sent in stderr: "PHP message: …`).
pub fn php_root(message: &[u8]) -> Option<RootCause> {
    let fatal = search::find(message, b"PHP Fatal error:")?;
    let text = message[fatal + 16..].trim_ascii_start();
    Some(match () {
        () if text.starts_with(b"Allowed memory size of") || text.starts_with(b"Out of memory") => {
            RootCause::PhpMemoryLimit
        }
        () if text.starts_with(b"Maximum execution time of") => RootCause::PhpTimeLimit,
        () => RootCause::PhpFatal,
    })
}

#[cfg(test)]
mod tests;
