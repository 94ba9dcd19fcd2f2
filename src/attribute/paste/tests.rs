use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Line {
    line: String,
    /// Each that is right; `None`: no failure of an upstream or a gateway.
    cause: Vec<Option<String>>,
}

/// Lines as people have published them, each with what it should be called; names and addresses are replaced.
const LINES: &str = include_str!("../../../tests/pastes/lines.jsonl");

#[test]
fn pasted_lines_have_their_cause() {
    let lines: Vec<Line> = LINES.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() >= 50);
    let mut wrong = Vec::new();
    for Line { line, cause } in &lines {
        let got = read(line.as_bytes()).cause().map(|cause| cause.word().to_owned());
        if !cause.contains(&got) {
            wrong.push(format!("{got:?}, not {cause:?}: {line}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}

#[derive(Deserialize)]
struct Public {
    line: String,
    cause: Vec<Option<String>>,
    root_cause: Option<String>,
    /// Where a line of its kind was read.
    source: String,
}

/// More lines of public files, issues and pages, with what stood around them; names and addresses are replaced. A quarter
/// are no failure, or another program's.
const PUBLIC: &str = include_str!("../../../tests/pastes/public.jsonl");

#[test]
fn lines_of_public_files_have_their_cause_and_give_no_false_alarm() {
    let lines: Vec<Public> = PUBLIC.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() >= 140);
    let mut wrong = Vec::new();
    for Public { line, cause, root_cause, source } in &lines {
        let paste = read(line.as_bytes());
        let got = paste.cause().map(|cause| cause.word().to_owned());
        let root = if let Paste::Fpm(Some(root)) = &paste { Some(root.word().to_owned()) } else { None };
        if !cause.contains(&got) || root != *root_cause {
            wrong.push(format!("{got:?} {root:?}, not {cause:?} {root_cause:?}: {line} ({source})"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}

const ENTRY: &str = "connect() failed (111: Connection refused) while connecting to upstream";
const TAIL: &str = ", client: 1.2.3.4, server: s, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\", host: \"h\"";

/// What stands before, around and behind a line where people paste it.
#[test]
fn whatever_stands_around_an_entry_its_cause_is_found() {
    let before = [
        "",
        "    ",
        "\t",
        "> ",
        ">",
        "# ",
        "#",
        "// ",
        "* ",
        "- ",
        "1. ",
        "`",
        "\"",
        "$ ",
        "2026/11/20 15:00:00 [error] 31#31: *12 ",
        "15:00:00 [error] 31#0: *12 ",
        "2026/11/20 15:00:00 [crit] 31#31:*12 ",
        "[error] ",
        "[error] 31#31: ",
        "nginx: ",
        "nginx-1  | 2026/11/20 15:00:00 [error] 31#31: *12 ",
        "Nov 20 15:00:00 web1 nginx[31]: 2026/11/20 15:00:00 [error] 31#31: *12 ",
        "2026-11-20T15:00:00.1Z [err]  2026/11/20 15:00:00 [error] 31#31: *12 ",
        "\u{1b}[31m2026/11/20 15:00:00 [error] 31#31: *12 ",
        "I get this error: ",
        "error.log:12:",
    ];
    for before in before {
        for behind in
            ["", TAIL, ",", "...", "\"", "`", " -->", ", upstream: \"http://10.0.0.1:80/\"  <- old IP", "\r"]
        {
            let line = format!("{before}{ENTRY}{behind}");
            let Paste::Error(entry) = read(line.as_bytes()) else { panic!("{line}") };
            assert_eq!(
                entry.failure.map(|f| (f.cause, f.errno)),
                Some((Cause::ConnectionRefused, Some(111))),
                "{line}"
            );
            assert_eq!(entry.upstream.is_some(), behind.contains("upstream: "), "{line}");
            assert_eq!(
                entry.level.is_some(),
                before.contains("[error]") || before.contains("[crit]"),
                "{line}"
            );
            let misses = |word: &str| entry.missing.iter().any(|missing| missing.contains(word));
            assert_eq!(misses("time stamp"), !before.contains("15:00:00"), "{line}");
            assert_eq!(misses("`request:`"), behind != TAIL, "{line}");
        }
    }
}

/// Forms from articles, tickets and other programs.
#[test]
fn other_words_of_the_same_messages_are_known() {
    for (line, cause) in [
        ("connect() failed while connecting to upstream", Cause::ConnectFailed),
        ("connection refused while connecting to upstream", Cause::ConnectionRefused),
        ("nginx error connect to php-fpm.sock failed (13: Permission denied)", Cause::PermissionDenied),
        ("connect() to unix:/run/php-fpm.sock failed (13: Permission denied)", Cause::PermissionDenied),
        ("512 worker_connections are not enough while connecting to upstream", Cause::NginxResources),
        ("2025-09-16 09:12:03 [alert] 768 worker_connections are not enough", Cause::NginxResources),
        ("socket() failed (24: Too many open files) while connecting to upstream", Cause::NginxResources),
        ("api-broken could not be resolved (3: Host not found)", Cause::DnsFailure),
        ("upstream prematurely closed connection while reading response header", Cause::ClosedPrematurely),
        ("nginx: upstream timed out (10060)", Cause::ResponseTimeout),
        ("| `no live upstreams while connecting to upstream` | all are down |", Cause::NoLiveUpstreams),
        (
            "\"message\": \"upstream timed out (110: Connection timed out) while reading response header from upstream, client: 1.2.3.4, server: s, request: \\\"POST / HTTP/1.1\\\", upstream: \\\"http://127.0.0.1:80/\\\"\",",
            Cause::ResponseTimeout,
        ),
        (
            "2014/05/30 14:31:30 [crit] 1#0: *8 writev() \"/t/fastcgi_temp/9/66/1\" failed (28: No space left on device) while reading upstream, client: 1.2.3.4, server: ",
            Cause::NginxResources,
        ),
        (
            "upstream SSL certificate does not match \"s.local\" while SSL handshaking to upstream, upstream: \"https://10.244.0.132:8443/version\"",
            Cause::TlsFailure,
        ),
    ] {
        assert_eq!(read(line.as_bytes()).cause(), Some(cause), "{line}");
    }
}

#[test]
fn what_a_level_forbids_is_no_failure() {
    for level in ["debug", "info", "notice", "warn"] {
        let line = format!("2026/11/20 15:00:00 [{level}] 31#31: *12 {ENTRY}{TAIL}");
        assert_eq!(read(line.as_bytes()).cause(), None, "{level}");
    }
}

#[test]
fn ordinary_lines_are_no_alarm() {
    for line in [
        "",
        "Hello, my site shows 502 Bad Gateway since yesterday",
        "1.2.3.4 - - [20/Nov/2026:15:00:00 +0000] \"GET /a HTTP/1.1\" 200 157 \"-\" \"curl/8\"",
        "if (connect() == -1) { perror(\"connect() failed\"); }",
        "proxy_connect_timeout 60s; # upstream",
        "proxy_next_upstream error timeout http_502;",
        "recv() failed",
        "Jan  1 00:00:00 host sshd[1]: error: kex_exchange_identification: Connection closed by remote host",
        "mysql: [ERROR] could not be resolved",
        "socket() failed: Too many open files",
        "Error: upstream timed out (Cloudflare 524)",
        "504: upstream timed out (6s limit)",
        "the upstream sent a 500, so we retried",
        "fetch failed while connecting to upstream",
        "unexpected EOF while reading upstream response",
        "Timeout while reading upstream response",
        "TRADING_DAY_TIMEZONE could not be resolved (KeyError) - falling back to UTC",
        "fastcgi_read_timeout 60s; worker_connections 1024;",
        "[20-Nov-2026 15:00:18] NOTICE: ready to handle connections",
        "[20-Nov-2026 15:00:18] NOTICE: [pool www] child 8 exited with code 0 after 1.0 seconds from start",
        "2026/11/20 15:00:00 [error] 1#1: *1 open() \"/var/www/x\" failed (2: No such file or directory), client: 1.2.3.4, server: s",
        "2026/11/20 15:00:00 [error] 1#1: *1 access forbidden by rule, client: 1.2.3.4, server: s",
        "2026/11/20 15:00:00 [notice] 1#1: signal 1 (SIGHUP) received, reconfiguring",
    ] {
        let paste = read(line.as_bytes());
        assert!(paste.cause().is_none() && !paste.is_failure(), "{line}: {paste:?}");
    }
}

#[test]
fn lines_of_other_logs_are_told() {
    let access =
        "nginx-1  | 1.2.3.4 - - [20/Nov/2026:15:00:00 +0000] \"GET /a HTTP/1.1\" 502 157 \"-\" \"curl/8\"";
    assert_eq!(read(access.as_bytes()), Paste::Access { status: 502 });
    for (line, root) in [
        (
            "[20-Nov-2026 15:00:02] WARNING: [pool www] child 2 exited on signal 9 (SIGKILL) after 2.4 seconds from start",
            RootCause::WorkerKilled,
        ),
        (
            "> Nov 26 02:07:56 web1 php-fpm[4677]: [WARNING] [pool www] child 4679 exited on signal 11 (SIGSEGV) after 1.5 seconds from start",
            RootCause::WorkerCrashed,
        ),
        (
            "WARNING: [pool www] server reached pm.max_children setting (5), consider raising it",
            RootCause::PoolSaturated,
        ),
        ("[pool www] server reached max_children setting (5), consider raising it", RootCause::PoolSaturated),
        ("  [20-Nov-2026 15:05:52] NOTICE: Terminating ...", RootCause::FpmStopped),
        (
            "WARNING: [pool rtt] child 1, script 's' (request: \"GET /\") executing too slow (1.1 sec), logging",
            RootCause::SlowRequest,
        ),
        (
            "WARNING: [pool w] child 9 said into stderr: \"ERROR: Connection disallowed: IP address '127.0.0.1' has been dropped.\"",
            RootCause::ClientNotAllowed,
        ),
    ] {
        assert_eq!(read(line.as_bytes()), Paste::Fpm(Some(root)), "{line}");
    }
}

#[test]
fn a_nginx_that_did_not_start_is_told() {
    for line in [
        "nginx: [emerg] host not found in upstream \"backend\" in /etc/nginx/conf.d/default.conf:39",
        "2026/11/20 15:00:00 [emerg] 1#1: unknown directive \"x\" in /etc/nginx/nginx.conf:5",
        "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
    ] {
        let Paste::Error(entry) = read(line.as_bytes()) else { panic!("{line}") };
        assert!(entry.refused_to_start, "{line}");
    }
}
