//! What a format does not have is not compared, and what an entry says is believed.

use super::*;
use crate::record::format::Format;

/// A world whose access log has this format, and what it counted of one failure each for `entries` and `lines`.
fn counted(format: &str, entries: &[String], lines: &[&str]) -> Seen {
    let mut world = World::new(false, false);
    world.access = AccessLog::new(Some(Format::new(format).unwrap()), false);
    entries.iter().for_each(|entry| world.error(entry));
    lines.iter().for_each(|line| world.access(line));
    world.finish()
}

const TIME: &str = "20/Nov/2026:12:00:00 +0000";

/// Without a protocol, without a method, without arguments; with a connection and without.
#[test]
fn formats_without_a_protocol_join_by_what_they_have() {
    let entries = |uri: &str| [refused(12, "1.2.3.4", uri, "a:1"), closed(13, "1.2.3.4", "/other", "b:2")];
    let proxy_manager = r#"[$time_local] $upstream_cache_status $upstream_status $status - $request_method $scheme $host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $server] "$http_user_agent" "$http_referer""#;
    for (format, line, uri) in [
        (
            proxy_manager,
            r#"[TIME] - 502 502 - GET http h "/a?b=c" [Client 1.2.3.4] [Length 1] [Gzip -] [Sent-to x] "-" "-""#,
            "/a?b=c",
        ),
        (
            "$remote_addr [$time_local] $request_method $request_uri $status",
            "1.2.3.4 [TIME] GET /a?b=c 502",
            "/a?b=c",
        ),
        ("$remote_addr [$time_local] $request_uri $status", "1.2.3.4 [TIME] /a?b=c 502", "/a?b=c"),
        ("$remote_addr [$time_local] \"$uri\" $status", "1.2.3.4 [TIME] \"/a\" 502", "/a"),
        ("$remote_addr [$time_local] \"$uri\" $status", "1.2.3.4 [TIME] \"/a\" 502", "/a?b=c"),
        ("$remote_addr [$time_local] \"$document_uri\" $status", "1.2.3.4 [TIME] \"/a\" 502", "/a?b=c"),
        (
            "$pid $connection [$time_local] $request_method $request_uri $status",
            "7 12 [TIME] GET /a 502",
            "/a",
        ),
        ("$pid $connection [$time_local] $request_uri $status", "7 12 [TIME] /a 502", "/a"),
        ("$pid $connection [$time_local] \"$uri\" $status", "7 12 [TIME] \"/index.php\" 502", "/blog"),
        ("$pid $connection [$time_local] $status", "7 12 [TIME] 502", "/a"),
    ] {
        let seen = counted(format, &entries(uri), &[&line.replace("TIME", TIME)]);
        assert_eq!(one(&seen.errors), ("502 connection_refused", 1), "{format}");
        assert_eq!(seen.failures["connection_refused failed"], 1, "{format}");
        assert_eq!(seen.failures["closed_prematurely unmatched"], 1, "{format}");
    }
}

#[test]
fn what_a_format_has_must_agree() {
    for (format, line) in [
        ("$remote_addr [$time_local] $request_method $request_uri $status", "1.2.3.4 [TIME] POST /a 502"),
        ("$remote_addr [$time_local] $request_method $request_uri $status", "1.2.3.4 [TIME] GET /b 502"),
        (
            "$remote_addr [$time_local] $request_uri $server_protocol $status",
            "1.2.3.4 [TIME] /a HTTP/2.0 502",
        ),
        ("$remote_addr [$time_local] \"$uri\" $status", "1.2.3.4 [TIME] \"/index.php\" 502"),
        ("$remote_addr [$time_local] $request_uri $status", "9.9.9.9 [TIME] /a 502"),
        ("$pid $connection [$time_local] $request_uri $status", "7 12 [TIME] /b 502"),
        ("$pid $connection [$time_local] $request_uri $status", "8 12 [TIME] /a 502"),
    ] {
        let seen = counted(format, &[refused(12, "1.2.3.4", "/a", "a:1")], &[&line.replace("TIME", TIME)]);
        assert_eq!(one(&seen.errors), ("502 unknown", 1), "{format}");
    }
}

/// `error_page 502 /50x.html` makes a GET of every method, in `$request_method` only.
#[test]
fn a_post_that_got_an_error_page_is_logged_as_a_get() {
    let entry = refused(12, "1.2.3.4", "/a", "a:1").replace("\"GET /a", "\"POST /a");
    let format = "$remote_addr [$time_local] $request_method $request_uri $status";
    let seen = counted(format, &[entry], &[&format!("1.2.3.4 [{TIME}] GET /a 502")]);
    assert_eq!(one(&seen.errors), ("502 connection_refused", 1));
}

#[test]
fn a_request_that_was_limited_is_refused_whatever_its_status() {
    for (status, outcome) in [("429", "failed"), ("444", "failed"), ("200", "rescued")] {
        let limited = |connection| {
            refused(connection, "1.2.3.4", "/a", "")
                .replace(
                    "connect() failed (111: Connection refused) while connecting to upstream",
                    "limiting requests, excess: 5.000 by zone \"z\"",
                )
                .replace(", upstream: \"fastcgi://\"", "")
        };
        let mut world = World::new(false, false);
        world.error(&limited(1));
        world.access(&rich(1, status, "/a", "-", "-", "-"));
        world.error(&limited(2));
        world.access(&combined("1.2.3.4", status.parse().unwrap(), "/a"));
        let seen = world.finish();
        assert_eq!(one(&seen.failures), (format!("nginx_limit {outcome}").as_str(), 2));
    }
}

/// Without a connection's number a line that did not fail may be of the same second, client and request: it takes no evidence
/// from the one that did.
#[test]
fn a_line_beside_it_that_did_not_fail_takes_no_evidence_away() {
    let entry = |what: &str| {
        refused(7, "1.2.3.4", "/a", "unix:/run/php.sock:")
            .replace("connect() failed (111: Connection refused) while connecting to upstream", what)
    };
    let stderr = "FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Allowed memory size of 1 bytes exhausted\" while \
                  reading response header from upstream";
    for other in [200, 304, 404, 429, 499] {
        for (what, status, cause, failure) in [
            (
                "limiting requests, excess: 1.000 by zone \"few\"",
                503,
                "503 nginx_limit",
                Some("nginx_limit failed"),
            ),
            ("limiting connections by zone \"few\"", 503, "503 nginx_limit", Some("nginx_limit failed")),
            (stderr, 500, "500 upstream_status", None),
            ("auth request unexpected status: 502 while sending to client", 500, "500 upstream_status", None),
            (
                "recv() failed (104: Connection reset by peer) while reading response header from upstream",
                502,
                "502 connection_reset",
                Some("connection_reset failed"),
            ),
        ] {
            let mut world = World::new(false, false);
            world.error(&entry(what));
            world.error.at_end(false, &mut world.attributor, &mut world.seen);
            world.access(&combined("1.2.3.4", other, "/a"));
            world.access(&combined("1.2.3.4", status, "/a"));
            let seen = world.finish();
            assert_eq!(one(&seen.errors), (cause, 1), "{other} {what}");
            match failure {
                Some(failure) => assert_eq!(one(&seen.failures), (failure, 1), "{other} {what}"),
                None => assert!(seen.failures.is_empty(), "{other} {what} {:?}", seen.failures),
            }
        }
    }
}

#[test]
fn an_authorising_backend_s_own_error_is_its_answer() {
    let entry = refused(2, "1.2.3.4", "/secret", "")
        .replace(
            "connect() failed (111: Connection refused) while connecting to upstream",
            "auth request unexpected status: 502 while sending to client",
        )
        .replace(", upstream: \"fastcgi://\"", "");
    let mut world = World::new(false, false);
    world.error(&entry);
    world.access(&rich(2, "500", "/secret", "", "", ""));
    world.error(&entry.replace("*2 ", "*3 "));
    world.access(&combined("1.2.3.4", 500, "/secret"));
    assert_eq!(one(&world.finish().errors), ("500 upstream_status", 2));
}

#[test]
fn a_fatal_error_has_the_upstream_that_its_entry_names() {
    let entry = refused(2, "1.2.3.4", "/a", "unix:/run/php.sock:")
        .replace("connect() failed (111: Connection refused) while connecting to upstream", "FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Allowed memory size of 1 bytes exhausted\" while reading response header from upstream");
    let mut world = World::new(false, false);
    world.error(&entry);
    world.error.at_end(false, &mut world.attributor, &mut world.seen);
    world.access(&combined("1.2.3.4", 500, "/a"));
    let name = world.seen.last_upstream.map(|id| world.attributor.names.upstreams.text(id).to_owned());
    assert_eq!(name.as_deref(), Some("unix:/run/php.sock"));
    assert_eq!(one(&world.finish().errors), ("500 upstream_status", 1));
}

#[test]
fn responses_of_a_log_that_names_no_server_have_one_server_in_all_families() {
    for (status, entry) in
        [(502, refused(2, "1.2.3.4", "/a", "a:1")), (504, closed(2, "1.2.3.4", "/a", "a:1"))]
    {
        for live in [true, false] {
            let mut world = World::new(live, false);
            world.error(&entry);
            world.access(&combined("1.2.3.4", status, "/a"));
            world.access(&combined("1.2.3.4", 200, "/a"));
            world.wait(200);
            // Where nothing is divided by all responses, the name that the entry has is told.
            let expected = if live { 1 } else { 2 };
            assert_eq!(world.seen.servers.len(), expected, "{status} {live}");
        }
    }
}

/// What stands around a line, with `LINE` for it.
const WRAPPERS: [&str; 27] = [
    "LINE\r",
    "<187>Nov 20 12:00:00 web1 nginx: LINE",
    "<187>Nov 20 12:00:00 nginx: LINE",
    "Nov 20 12:00:00 web1 nginx[31]: LINE",
    "d\u{e9}c. 20 12:00:00 web1 nginx[31]: LINE",
    "Thu 2026-11-20 12:00:00 CET web1 nginx[31]: LINE",
    "2026-11-20T12:00:00.123456+01:00 web1 nginx[31]: LINE",
    "<187>1 2026-11-20T12:00:00.003+00:00 web1 nginx 31 ERROR - LINE",
    "<187>1 2026-11-20T12:00:00Z - nginx - - [a@1 b=\"c\"] \u{feff}LINE",
    "2026-11-20T12:00:00.123456789Z stderr F LINE",
    "nginx-1  | LINE",
    "\u{1b}[36mnginx-1  |\u{1b}[0m LINE",
    "nginx-1  | 2026-11-20T12:00:00.123456789Z LINE",
    "web.1.x7abc@node-1    | LINE",
    "[pod/shop-7d9c/nginx] LINE",
    "[pod/shop-7d9c/nginx] 2026-11-20T12:00:00.123456789Z LINE",
    "2026-11-20T12:00:00.123456789Z LINE",
    "2026-11-20 12:00:00.123456789  LINE",
    "Thu Nov 20 12:00:00 2026 daemon.err nginx[31]: LINE",
    "83 <158>1 2026-11-20T12:00:00.123456+00:00 host app web.1 - LINE",
    "12:00:00 nginx.1    | LINE",
    "0|nginx    | LINE",
    "2026-11-20T12:00:00Z app[3d8d9e] ams [info]LINE",
    "2026-11-20T12:00:00.759276947Z [err]  LINE",
    "@400000006560f2d0123456ab LINE",
    "2026-11-20T12:00:00.123000+00:00 web/nginx/0af5 LINE",
    "shop-7d9c5b7f4-x2x7z nginx LINE",
];

#[test]
fn a_wrapper_changes_no_verdict() {
    let entries = [
        refused(2, "1.2.3.4", "/a", "a:1"),
        closed(3, "1.2.3.4", "/b?c=d", "b:2"),
        refused(4, "5.6.7.8", "/retried", "a:1"),
    ];
    let plain = [
        combined("1.2.3.4", 502, "/a"),
        combined("1.2.3.4", 200, "/a"),
        combined("1.2.3.4", 502, "/b?c=d"),
        combined("5.6.7.8", 200, "/retried"),
        combined("5.6.7.8", 502, "/unknown"),
    ];
    let exact = [
        rich(2, "502", "/a", "a:1", "502", "-"),
        rich(3, "502", "/b?c=d", "b:2", "502", "0.001"),
        rich(4, "200", "/retried", "a:1, b:2", "502, 200", "-, 0.001"),
    ];
    for lines in [&plain[..], &exact[..]] {
        let seen = |wrapper: &str| {
            let mut world = World::new(false, false);
            entries.iter().for_each(|entry| world.error(&wrapper.replace("LINE", entry)));
            lines.iter().for_each(|line| world.access(&wrapper.replace("LINE", line)));
            world.finish()
        };
        let expected = seen("LINE");
        assert!(expected.errors.len() > 1, "{expected:?}");
        for wrapper in WRAPPERS {
            assert_eq!(seen(wrapper), expected, "{wrapper}");
        }
    }
}

/// A container's log has its access lines between those of its error log.
#[test]
fn an_entry_does_not_go_on_in_the_line_of_another_stream() {
    let stderr =
        "FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Allowed memory size of 1 bytes exhausted";
    let entry = |n: u64| {
        let head = format!("2026/11/20 12:00:00 [error] 7#7: *{n} {stderr}");
        let tail = format!(
            "  thrown\" while reading response header from upstream, client: 1.2.3.4, server: s, request: \"GET /{n} HTTP/1.1\", upstream: \"fastcgi://a:1\", host: \"h\""
        );
        [head, tail]
    };
    for (error, access) in [
        ("2026-11-20T12:00:00.1Z stderr F LINE", "2026-11-20T12:00:00.1Z stdout F LINE"),
        ("nginx-1  | LINE", "other-1  | LINE"),
    ] {
        let mut mixed = World::new(false, false);
        let mut apart = World::new(false, false);
        for n in 2..5 {
            let [head, tail] = entry(n);
            let honest = combined("1.2.3.4", 200, "/x");
            for line in
                [error.replace("LINE", &head), access.replace("LINE", &honest), error.replace("LINE", &tail)]
            {
                mixed.error(&line);
            }
            mixed.error(&access.replace("LINE", &honest));
            apart.error(&head);
            apart.error(&tail);
        }
        for n in 2..5 {
            let line = combined("1.2.3.4", 500, &format!("/{n}"));
            mixed.access(&line);
            apart.access(&line);
        }
        assert_eq!(mixed.finish(), apart.finish(), "{error}");
    }
}

/// OpenResty's tracebacks, njs' exceptions and PHP's stacks belong to their entry: they count as read and leave it its cause.
#[test]
fn entries_of_several_lines_are_read_whole() {
    let tail = |n: u64| {
        format!(
            ", client: 1.2.3.4, server: s, request: \"GET /{n} HTTP/1.1\", upstream: \"fastcgi://a:1\", host: \"h\""
        )
    };
    let head = |n: u64| format!("2026/11/20 12:00:00 [error] 7#7: *{n} ");
    let several = [
        format!(
            "{}lua entry thread aborted: runtime error: /srv/a.lua:7: x\nstack traceback:\ncoroutine 0:\n\t/srv/a.lua: in function 'f'\n\t/srv/b.lua:1: in main chunk{}",
            head(2),
            tail(2)
        ),
        format!(
            "{}js exception: TypeError: cannot get property \"x\" of undefined\n    at main (/etc/nginx/main.js:12)\n    at native{}",
            head(3),
            tail(3)
        ),
        format!(
            "{}FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Uncaught Exception: x in /srv/a.php:1\nStack trace:\n#0 {{main}}\n  thrown in /srv/a.php on line 1\" while reading response header from upstream{}",
            head(4),
            tail(4)
        ),
    ];
    for wrapper in ["LINE", "2026-11-20T12:00:00.1Z stderr F LINE", "nginx-1  | LINE"] {
        let mut world = World::new(false, false);
        let mut lines = 0;
        for entry in &several {
            world.error(&wrapper.replace("LINE", &refused(9, "1.2.3.4", "/a", "a:1")));
            for line in entry.split('\n') {
                world.error(&wrapper.replace("LINE", line));
                lines += 1;
            }
        }
        assert_eq!((world.error.tally().parsed, world.error.tally().unparsed), (lines + 3, 0), "{wrapper}");
        world.access(&combined("1.2.3.4", 502, "/a"));
        world.access(&combined("1.2.3.4", 500, "/4"));
        let seen = world.finish();
        assert_eq!(seen.errors.get("502 connection_refused"), Some(&1), "{wrapper}: {seen:?}");
    }
}
