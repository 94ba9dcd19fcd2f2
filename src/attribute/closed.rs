//! Which entries end at their first line feed.

use super::message::{self, Rule};
use crate::record::error::{self, Head, Level, MAX_ENTRY};
use crate::record::{search, tail};
use crate::vocabulary::Cause;

/// Whether an entry ends at its first line feed: it has a message of the table without a word of a client's or a
/// script's, a whole tail, and no line feed can be in its request. What nginx says outside of a connection does so too.
pub fn is_closed(head: &Head<'_>) -> bool {
    if head.level == Level::Debug {
        return false;
    }
    if head.connection.is_none() {
        return true;
    }
    match fixed(head.body) {
        Some(tail) => tail::is_closed_tail(tail),
        None => is_keepalive_closed(head.body),
    }
}

/// `2026/11/20 15:00:28 [error] 1234567#1234567: *12345678901234567890 `
const LONGEST_HEAD: usize = 80;

/// Whether the message is nginx's own up to the tail.
pub fn is_fixed(body: &[u8]) -> bool {
    fixed(body).is_some()
}

/// The tail behind a message that is read from the left and is nginx's own.
fn fixed(body: &[u8]) -> Option<&[u8]> {
    let rule = message::rule(body).or_else(|| message::starts_with_variable(body))?;
    let (message, tail) = body.split_at(search::find(body, error::TAIL)?);
    let own = match rule {
        Rule::File | Rule::Stderr => false,
        // The name of a zone is the configuration's.
        Rule::Own(Cause::NginxLimit) => {
            let message = message.strip_suffix(b", dry run").unwrap_or(message);
            message.strip_suffix(b"\"").is_some_and(|rest| rest.iter().filter(|b| **b == b'"').count() == 1)
        }
        // A client's or an upstream's words stand in quotes. An upstream's, a header of it, hold no line feed.
        _ => match memchr::memrchr(b'"', message) {
            None => true,
            Some(at) if matches!(rule, Rule::Upstream(_) | Rule::Own(Cause::TlsFailure)) => {
                let own = &message[at + 1..];
                let own = own.strip_prefix(b" headers at the same time").unwrap_or(own);
                own.starts_with(b" while ") && body.len() + LONGEST_HEAD < MAX_ENTRY
            }
            Some(_) => false,
        },
    };
    own.then_some(tail)
}

/// `client 127.0.0.1 closed keepalive connection`, which has no tail.
fn is_keepalive_closed(body: &[u8]) -> bool {
    let address = body.strip_prefix(b"client ").and_then(|rest| {
        let at = search::find(rest, b" closed keepalive connection")?;
        let more = &rest[at + 28..];
        (more.is_empty() || more.starts_with(b" (") && more.ends_with(b")") && more.len() < 80)
            .then_some(&rest[..at])
    });
    address.is_some_and(|address| address.iter().all(|b| b.is_ascii_hexdigit() || b".:unix".contains(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str = ", client: 1.1.1.1, server: s, request: \"GET /x HTTP/1.1\", upstream: \"fastcgi://a:1\", host: \"h\"";

    fn closed(message: &str) -> bool {
        let line = format!("2026/11/20 15:00:28 [error] 7#7: *128 {message}");
        is_closed(&error::head(line.as_bytes()).unwrap())
    }

    #[test]
    fn nginx_s_own_words_are_closed() {
        for message in [
            "connect() failed (111: Connection refused) while connecting to upstream",
            "connect() to unix:/x.sock failed (2: No such file or directory) while connecting to upstream",
            "upstream timed out (110: Connection timed out) while reading response header from upstream",
            "no live upstreams while connecting to upstream",
            "limiting requests, excess: 0.500 by zone \"one\"",
            "limiting connections by zone \"one\", dry run",
            "x.test could not be resolved (3: Host not found)",
            "upstream sent invalid header: \"a\\x20...\" while reading response header from upstream",
            "upstream sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time while reading response header from upstream",
            "access forbidden by rule",
            "an upstream response is buffered to a temporary file /t/1 while reading upstream",
        ] {
            assert!(closed(&format!("{message}{TAIL}")), "{message}");
            assert!(!closed(message), "{message}: without its tail it is not whole");
            assert!(!closed(&format!("{message}{}", &TAIL[..TAIL.len() - 1])), "{message}: cut");
            for sent in ["%0a", "%0A", "%250a", "%25250A"] {
                let tail = TAIL.replace("/x", &format!("/x{sent}y"));
                assert!(!closed(&format!("{message}{tail}")), "{message}: a line end was sent");
            }
            let referrer = format!("{TAIL}, referrer: \"http://x/\", client: 6.6.6.6\"");
            assert!(!closed(&format!("{message}{referrer}")), "{message}: two tails");
        }
        for message in [
            "client 127.0.0.1 closed keepalive connection",
            "client ::1 closed keepalive connection (104: x)",
        ] {
            assert!(closed(message), "{message}");
        }
        let early = ", client: 1.1.1.1, server: 0.0.0.0:443";
        assert!(closed(&format!(
            "SSL_do_handshake() failed (SSL: error:0A00006C) while SSL handshaking{early}"
        )));
        assert!(is_closed(
            &error::head(b"2026/11/20 15:00:28 [notice] 7#7: signal process started").unwrap()
        ));
    }

    #[test]
    fn a_client_s_or_a_script_s_words_are_open() {
        for message in [
            "open() \"/x\" failed (2: No such file or directory)",
            "openat() \"/x\" failed (40: x)",
            "mkdir() \"/x\" failed (2: x)",
            "FastCGI sent in stderr: \"x\" while reading response header from upstream",
            "[lua] a.lua:1: x",
            "js: x",
            "user \"x\" was not found in \"/y\"",
            "rewrite or internal redirection cycle while processing \"/x\"",
            "could not find named location \"@x\"",
            "connect() to \"x\" failed",
            "limiting requests, excess: 0.5 by zone \"x\" failed \"y\"",
            "upstream sent invalid header: \"a\" failed (2: No such file or directory)",
            "something new",
        ] {
            assert!(!closed(&format!("{message}{TAIL}")), "{message}");
        }
        let debug = b"2026/11/20 15:00:28 [debug] 7#7: epoll add event";
        assert!(!is_closed(&error::head(debug).unwrap()));
        assert!(!closed("client 127.0.0.1, client: x closed keepalive connection"));
    }
}
