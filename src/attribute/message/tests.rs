//! Every message of nginx that leads to a 5xx, with the cause it must get.

use super::*;
use crate::record::error;

fn meaning_of(line: &str) -> Meaning {
    let head = error::head(line.as_bytes()).unwrap();
    let context = error::context(head.body, false);
    match recognise(head.level, head.body) {
        Some(recognised) => meaning(recognised, head.level, head.connection.is_some(), &context, head.body),
        None => Meaning::Nothing,
    }
}

fn cause_at(level: &str, text: &str) -> Option<Cause> {
    match meaning_of(&format!("2026/11/20 15:08:28 [{level}] 7#7: *9 {text}")) {
        Meaning::Failure(failure) => Some(failure.cause),
        _ => None,
    }
}

fn while_(action: &str) -> String {
    let action = if action.is_empty() { String::new() } else { format!(" while {action}") };
    format!(
        "{action}, client: 127.0.0.1, server: s, request: \"GET / HTTP/1.1\", upstream: \"fastcgi://127.0.0.1:9000\", host: \"h\""
    )
}

#[track_caller]
fn is(message: &str, action: &str, cause: Cause) {
    assert_eq!(
        cause_at("error", &format!("{message}{}", while_(action))),
        Some(cause),
        "{message} while {action}"
    );
}

#[track_caller]
fn is_none(level: &str, message: &str, action: &str) {
    assert_eq!(cause_at(level, &format!("{message}{}", while_(action))), None, "{message} while {action}");
}

const CONNECTING: &str = "connecting to upstream";
const HEADER: &str = "reading response header from upstream";
const SENDING: &str = "sending request to upstream";
const BODY: &str = "reading upstream";
const TLS: &str = "SSL handshaking to upstream";

#[test]
fn connect_by_errno_on_every_system() {
    for (errnos, cause) in [
        (&[111, 61, 10061][..], Cause::ConnectionRefused),
        (&[2], Cause::SocketMissing),
        (&[13, 10013], Cause::PermissionDenied),
        (&[11, 35, 10035], Cause::BacklogFull),
        (&[1], Cause::FirewallDenied),
        (&[113, 101, 100, 112, 65, 51, 10065, 10051], Cause::HostUnreachable),
        (&[99, 49, 10049], Cause::LocalPortsExhausted),
        (&[110, 60, 10060], Cause::ConnectTimeout),
        (&[91, 20, 104, 22], Cause::ConnectFailed),
    ] {
        for errno in errnos {
            is(&format!("connect() failed ({errno}: whatever libc says)"), CONNECTING, cause);
            is(
                &format!("connect() to unix:/run/x.sock failed ({errno}: Operation timed out)"),
                CONNECTING,
                cause,
            );
            is(&format!("kevent() reported that connect() failed ({errno}: x)"), CONNECTING, cause);
        }
    }
    is("bind(10.0.0.1) failed (99: Address not available)", CONNECTING, Cause::LocalPortsExhausted);
    is("upstream timed out (110: Connection timed out)", CONNECTING, Cause::ConnectTimeout);
    is("no live upstreams", CONNECTING, Cause::NoLiveUpstreams);
}

#[test]
fn before_connecting() {
    is("no resolver defined to resolve x.test", "", Cause::DnsFailure);
    is("x.test could not be resolved (3: Host not found)", "", Cause::DnsFailure);
    is("x.test could not be resolved (110: Operation timed out)", "", Cause::DnsFailure);
    is("host not found in upstream \"x\"", "", Cause::DnsFailure);
    for message in [
        "no port in upstream \"x\"",
        "invalid URL prefix in \"nothing\"",
        "zero length URI to proxy",
        "no upstream configuration",
        "invalid port in upstream \"x:y\"",
        "no host in upstream \":80\"",
        "fastcgi request record is too big: 99999",
        "uwsgi request is too big: 70000",
        "scgi request length mismatch",
        "could not find named location \"@x\"",
        "subrequests cycle while processing \"/x\"",
        "the \"$memcached_key\" variable is not set",
        "no buffer space in grpc create request",
        "rewrite or internal redirection cycle while internally redirecting to \"/x\"",
    ] {
        is(message, "", Cause::NginxConfig);
    }
    is("socket() failed (24: Too many open files)", CONNECTING, Cause::NginxResources);
    is("512 worker_connections are not enough", CONNECTING, Cause::NginxResources);
    is("the new socket has number 9, but only 8 files are available", CONNECTING, Cause::NginxResources);
    is("limiting requests, excess: 0.500 by zone \"z\"", "", Cause::NginxLimit);
    is("limiting connections by zone \"z\"", "", Cause::NginxLimit);
}

#[test]
fn tls_to_the_upstream() {
    for message in [
        "peer closed connection in SSL handshake",
        "peer closed connection in SSL handshake (104: Connection reset by peer)",
        "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number)",
        "upstream SSL certificate verify error: (18:self-signed certificate)",
        "upstream SSL certificate does not match \"wrong.test\"",
        "upstream timed out (110: Connection timed out)",
        "upstream prematurely sent response",
        "recv() failed (104: Connection reset by peer)",
    ] {
        is(message, TLS, Cause::TlsFailure);
    }
    is("SSL_set_tlsext_host_name(\"x\") failed", CONNECTING, Cause::TlsFailure);
    is_none("error", "SSL_do_handshake() failed (SSL: x)", "SSL handshaking");
    is_none("error", "peer closed connection in SSL handshake", "SSL handshaking");
}

#[test]
fn sending_and_reading_the_header() {
    for call in ["writev()", "sendfile()", "send()", "SSL_write()"] {
        is(&format!("{call} failed (32: Broken pipe)"), SENDING, Cause::SendFailed);
    }
    is("upstream timed out (110: Operation timed out)", SENDING, Cause::ResponseTimeout);
    is("upstream timed out (110: Connection timed out)", HEADER, Cause::ResponseTimeout);
    is("recv() failed (104: Connection reset by peer)", HEADER, Cause::ConnectionReset);
    is("recv() failed (110: Connection timed out)", HEADER, Cause::ConnectionReset);
    is("SSL_read() failed (SSL: error)", HEADER, Cause::ConnectionReset);
    is("WSARecv() failed (10054: x)", HEADER, Cause::ConnectionReset);
    is("upstream prematurely closed connection", HEADER, Cause::ClosedPrematurely);
    is("upstream prematurely closed FastCGI stdout", HEADER, Cause::ClosedPrematurely);
    is("upstream sent too big header", HEADER, Cause::HeaderTooBig);
    for message in [
        "upstream sent invalid header: \"Foo\\x20...\"",
        "upstream sent invalid status \"abc\"",
        "upstream sent duplicate header line: \"Content-Length: 2\", previous value: \"Content-Length: 2\"",
        "upstream sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time",
        "upstream sent invalid \"Content-Length\" header: \"Content-Length: abc\"",
        "upstream sent unknown \"Transfer-Encoding\": \"gzip, chunked\"",
        "upstream sent HTTP/1.0 response with early hints",
        "upstream sent unexpected FastCGI record: 3",
        "memcached sent invalid response: \"x\"",
        "memcached sent invalid key in response \"x\" for key \"y\"",
        "invalid header after joining FastCGI records",
        "upstream sent unexpected http2 frame: 9",
        "upstream rejected request with error 7",
        "upstream sent goaway with error 1",
        "upstream prematurely closed stream",
        "upstream violated stream flow control, received 9 data frame with window 1",
        "no connection data found for keepalive http2 connection",
        "upstream sent no :status header",
        "upstream sent too large http2 frame: 16777000",
    ] {
        is(message, HEADER, Cause::InvalidResponse);
    }
    for message in [
        "upstream sent no valid HTTP/1.0 header",
        "upstream sent unsupported FastCGI protocol version: 72",
        "upstream sent invalid FastCGI record type: 99",
        "upstream sent unexpected FastCGI request id high byte: 3",
        "upstream sent unexpected FastCGI request id low byte: 3",
        "upstream sent too large http2 frame: 4740180",
    ] {
        is(message, HEADER, Cause::ProtocolMismatch);
    }
}

#[test]
fn after_the_header_the_response_is_truncated() {
    for message in [
        "upstream prematurely closed connection",
        "readv() failed (104: Connection reset by peer)",
        "recv() failed (104: Connection reset by peer)",
        "upstream timed out (110: Connection timed out)",
        "upstream prematurely closed FastCGI request",
        "upstream sent invalid chunked response",
        "upstream sent too big trailers",
        "upstream sent unexpected http2 frame: 9",
        "memcached sent invalid trailer",
        "upstream sent unsupported FastCGI protocol version: 9",
    ] {
        is(message, BODY, Cause::ResponseTruncated);
    }
    is("upstream prematurely closed connection", "sending to client", Cause::ResponseTruncated);
    is("inflate() failed: 0, -3", "sending to client", Cause::ResponseTruncated);
    is(
        "upstream timed out (110: Connection timed out)",
        "proxying upgraded connection",
        Cause::ResponseTruncated,
    );
    is("etag mismatch in slice response", BODY, Cause::ResponseTruncated);
}

#[test]
fn what_is_no_failure_of_a_gateway() {
    for (level, message, action) in [
        ("warn", "upstream sent more data than specified in \"Content-Length\" header", BODY),
        ("warn", "upstream server temporarily disabled", CONNECTING),
        ("warn", "an upstream response is buffered to a temporary file /x", BODY),
        ("warn", "limiting requests, excess: 0.5 by zone \"z\"", ""),
        ("warn", "512 worker_connections are not enough, reusing connections", ""),
        (
            "info",
            "epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too",
            SENDING,
        ),
        ("error", "limiting requests, dry run, excess: 0.5 by zone \"z\"", ""),
        ("error", "auth request unexpected status: 502", "sending to client"),
        ("error", "FastCGI sent in stderr: \"connect() failed (111: x)\"", HEADER),
        ("error", "open() \"/x failed (24: Too many open files)\" failed (2: No such file or directory)", ""),
        ("error", "directory index of \"/x\" is forbidden", ""),
        ("error", "recv() failed (104: Connection reset by peer)", "reading client request headers"),
        ("error", "send() failed (32: Broken pipe)", "sending to client"),
        ("error", "invalid local address \"x\"", CONNECTING),
        ("crit", "accept4() failed (24: Too many open files)", ""),
        ("error", "access forbidden by rule", ""),
        ("error", "a path of /x could not be resolved (3: x)", ""),
    ] {
        is_none(level, message, action);
    }
    is_none("error", "open() \"/x\" failed (13: Permission denied)", "");
    assert_eq!(
        cause_at(
            "crit",
            &format!(
                "pwrite() \"/var/lib/nginx/proxy/1\" failed (28: No space left on device){}",
                while_(BODY)
            )
        ),
        Some(Cause::NginxResources)
    );
}

#[test]
fn without_a_connection_nginx_speaks_of_its_own_sockets() {
    for text in [
        "connect() failed (111: Connection refused)",
        "send() failed (111: Connection refused) while logging to syslog, server: unix:/dev/log",
        "recv() failed (111: Connection refused) while resolving, resolver: 127.0.0.1:53",
        "socket() failed (24: Too many open files)",
    ] {
        assert_eq!(
            meaning_of(&format!("2026/11/20 15:08:28 [error] 7#7: {text}")),
            Meaning::Nothing,
            "{text}"
        );
    }
}

#[test]
fn php_speaks_for_itself() {
    assert_eq!(
        php_root(b"PHP message: PHP Fatal error:  Allowed memory size of 8388608 bytes"),
        Some(RootCause::PhpMemoryLimit)
    );
    assert_eq!(
        php_root(b"PHP message: PHP Fatal error:  Maximum execution time of 1 second"),
        Some(RootCause::PhpTimeLimit)
    );
    assert_eq!(
        php_root(b"PHP message: x; PHP message: PHP Fatal error:  Uncaught Exception"),
        Some(RootCause::PhpFatal)
    );
    assert_eq!(php_root(b"PHP message: PHP Warning:  x"), None);
}
