//! The parsers of logs.

use crate::attribute::paste;
use crate::fuzz::{seeds, target};
use crate::record::entries::Entries;
use crate::record::envelope::{Envelope, LogEnvelope};
use crate::record::error::{self, Head};
use crate::record::format::{Field, Format, RECOMMENDED, RECOMMENDED_JSON, names};
use crate::record::parts::Parts;
use crate::record::{fpm, search, stamp, tail};

const LOG: &[&str] = &[
    "2026/11/20 15:00:28 [error] 7#7: *128 ",
    " while reading response header from upstream, client: ",
    " while connecting to upstream, client: 1.1.1.1, server: s, request: \"GET /x HTTP/1.1\", upstream: \"fastcgi://b:2\", host: \"v\"",
    ", server: ",
    ", request: \"",
    ", upstream: \"fastcgi://unix:",
    ", host: \"",
    ", referrer: \"",
    "FastCGI sent in stderr: \"",
    "PHP message: ",
    "subrequest: \"",
    "connect() to unix:/run/x.sock failed (11: Resource temporarily unavailable)",
    "recv() failed (104: Connection reset by peer)",
    "upstream prematurely closed connection",
    "no live upstreams",
    "message repeated 3 times: [ ",
    "...",
    "\n",
    "\r\n",
    "<30>Nov 20 15:00:28 h nginx[12]: ",
    "2026-11-20T15:00:00.1Z stdout P ",
    "{\"log\":\"",
    "nginx-1  | ",
    "\u{1b}[31m",
    "> ",
];

const ACCESS: &[&str] = &[
    "[26/Nov/2026:21:43:45 +0000]",
    "2026-11-26T21:43:45+00:00",
    "\"GET /a?b=c HTTP/1.1\"",
    " 502 ",
    "\\x22",
    "\\u0000",
    "\\ud800",
    " : ",
    ", ",
    "upstream_addr=\"",
    "unix:/run/x.sock",
    "\"status\":\"",
    "status:502\t",
    "msec=",
    "{\"",
    "\":\"",
    "\",\"",
    "[::1]:9000",
];

fn read_access(format: &Format, line: &[u8]) {
    let _ = (format.quick(line), format.followed(line), format.quick_connection(line));
    let Ok(access) = format.access(line) else { return };
    let _ = (access.status(), access.written(), access.millis(), access.duration(), access.pid());
    let _ = (access.connection(), access.asked().target(), access.client(), access.server(), access.cache());
    let _ = (access.attempts(), access.failed_attempts(), access.last_attempt());
    assert!(access.each_attempt().count() <= line.len() + 1);
    access.times().each(|_, _| {});
    let _ = access.field(Field::Status).map(|value| format.decode(value));
}

#[test]
fn access_line() {
    let formats: Vec<_> = ["combined", RECOMMENDED, RECOMMENDED_JSON, "escape=none $status $request $msec"]
        .iter()
        .map(|text| Format::new(text).unwrap())
        .collect();
    let mut lines = seeds::lines("access");
    lines.extend(seeds::members("formats/lines.jsonl", "line"));
    target("access_line", lines, ACCESS, |line| {
        formats.iter().for_each(|format| read_access(format, line));
    });
}

#[test]
fn access_detection() {
    let lines = seeds::members("formats/lines.jsonl", "line");
    target("access_detection", lines, ACCESS, |line| {
        if let Ok(format) = Format::detect(line) {
            read_access(&format, line);
        }
    });
}

#[test]
fn log_format() {
    const WORDS: &[&str] = &[
        "log_format x '",
        "escape=json ",
        "escape=none ",
        "$status",
        "${status}",
        "$upstream_addr",
        "$request",
        "$msec",
        "$time_local",
        "$$",
        "';",
        "\\n",
        "\"",
    ];
    let mut formats: Vec<Vec<u8>> = [RECOMMENDED, RECOMMENDED_JSON].map(|text| text.into()).into();
    formats.extend(names().map(|name| name.as_bytes().to_vec()));
    formats.push(
        b"log_format main '$remote_addr [$time_local] \"$request\" ' '$status \"${http_referer}\"';".to_vec(),
    );
    let line = b"127.0.0.1 - - [26/Nov/2026:21:43:45 +0000] \"GET /a HTTP/1.1\" 502 157 \"-\" \"-\"";
    target("log_format", formats, WORDS, |text| {
        if let Ok(format) = Format::new(&String::from_utf8_lossy(text)) {
            read_access(&format, line);
        }
    });
}

#[test]
fn error_line() {
    target("error_line", seeds::lines("error"), LOG, |line| {
        for text in [error::head(line).map_or(line, |head| head.body), line] {
            for cut in [false, true] {
                let _ = error::context(text, cut);
                let _ = error::upstream(text, cut);
            }
            let _ = (tail::is_whole_tail(text), tail::is_closed_tail(text), tail::last_request(text));
        }
    });
}

fn closed(head: &Head<'_>) -> bool {
    search::find(head.body, error::TAIL).is_some_and(|at| tail::is_closed_tail(&head.body[at..]))
}

#[test]
fn error_entries() {
    target("error_entries", seeds::runs("error"), LOG, |text| {
        let (mut entries, mut given, mut lines) = (Entries::new(closed), 0, 0);
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            lines = number;
            let mut each = |entry: crate::record::entries::Entry<'_>| {
                let _ = (entry.context(), entry.is_ambiguous());
                given += 1;
            };
            entries.line(number, line, &mut each);
            entries.peek(&mut |_| {});
        }
        entries.flush(&mut |_| given += 1);
        assert!(given <= lines && entries.open().is_none(), "{given} entries of {lines} lines");
    });
}

#[test]
fn fpm_log() {
    const WORDS: &[&str] = &[
        "[20-Nov-2026 15:00:09] WARNING: [pool www] ",
        "[20-Nov-2026 15:00:09.123456] NOTICE: pid 1, fpm_main(), line 3: ",
        "child 7, script '/p/x.php' (request: \"GET /x.php\") executing too slow (2.1 sec), logging",
        "child 7 exited on signal 11 (SIGSEGV - core dumped) after 3.1 seconds from start",
        "child 7 said into stderr: \"",
        "server reached pm.max_children setting (5), consider raising it",
        "execution timed out (2.1 sec), terminating",
        "Terminating ...",
        "seems busy",
        "\"",
    ];
    let latest = stamp::error_log(b"2026/11/20 15:00:09").unwrap();
    target("fpm_log", seeds::lines("fpm"), WORDS, |line| {
        let _ = (fpm::line(line), fpm::without_stamp(line, latest), fpm::old(line, latest));
        let _ = (fpm::is_access(line), fpm::event(line));
    });
}

#[test]
fn envelopes() {
    let mut wrapped: Vec<Vec<u8>> = [
        "Nov 20 15:13:54 vm nginx[12]: x",
        "<30>1 2026-11-20T15:13:54Z h nginx 12 - - x",
        "2026-11-20T15:00:00.1Z stdout P one ",
        "2026-11-20T15:00:00.1Z stderr F one ",
        "{\"log\":\"a \\\"b\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-20T15:00:00.1Z\"}",
        "{\"message\": \"x\", \"@timestamp\": \"2026-11-20T15:00:00Z\"}",
        "nginx-1  | 2026-11-20T15:13:54Z x",
        "Fri 2026-11-20 15:00:00 CET h x",
    ]
    .map(|line| line.as_bytes().to_vec())
    .into();
    wrapped.extend(seeds::lines("error").into_iter().take(20));
    target("envelopes", wrapped, LOG, |line| {
        for envelope in Envelope::ALL {
            let inner = envelope.open(line);
            inner.iter().for_each(|inner| _ = envelope.keeps_apart(line, inner));
            let _ = (envelope.stream(line), envelope.taken(line));
        }
        assert!(LogEnvelope::default().open(line).count() <= Envelope::ALL.len());
        let mut parts = Parts::default();
        for half in line.split(|byte| *byte == b'\n') {
            let _ = (parts.whole(None, half), parts.is_empty());
        }
    });
}

#[test]
fn pastes() {
    let mut lines = seeds::members("pastes/lines.jsonl", "line");
    lines.extend(seeds::lines("error").into_iter().take(50));
    target("pastes", lines, LOG, |line| _ = paste::read(line).cause());
}
