//! An HTTP upstream that breaks off, stalls or answers nonsense.

use super::{ANY, Case, Send};
use crate::harness::client::Http1;

/// A row whose answer is an error: location and request differ by the fault only.
macro_rules! fault {
    ($name:literal, $fault:literal, $code:literal, $cause:literal, $says:literal) => {
        Case {
            name: concat!("http_", $name),
            server: concat!("location = /http_", $name, " { proxy_pass http://@http@/", $fault, "; }"),
            send: Send::Get(&[concat!("/http_", $name)]),
            seen: &[($code, 1)],
            says: &[$says],
            errors: &[($code, $cause, "@http@", 1)],
            ..Case::BASE
        }
    };
}

/// A row whose answer begins well and is cut off: the log says 200, and no response failed.
macro_rules! truncated {
    ($name:literal, $fault:literal, $seen:literal, $says:literal) => {
        Case {
            name: concat!("http_", $name),
            server: concat!("location = /http_", $name, " { proxy_pass http://@http@/", $fault, "; }"),
            send: Send::Get(&[concat!("/http_", $name)]),
            seen: &[($seen, 1)],
            cut: 1,
            logged: Some(&[("200", 1)]),
            says: &[$says],
            failures: Some(&[("@http@", "response_truncated", "truncated", 1)]),
            ..Case::BASE
        }
    };
}

pub(super) const CASES: &[Case] = &[
    fault!("close", "close", "502", "closed_prematurely", "upstream prematurely closed connection"),
    fault!(
        "close_in_header",
        "close-in-header",
        "502",
        "closed_prematurely",
        "upstream prematurely closed connection"
    ),
    fault!("reset", "reset", "502", "connection_reset", "recv() failed (104:"),
    fault!("reset_in_status_line", "reset-in-status-line", "502", "connection_reset", "recv() failed (104:"),
    fault!("space_in_header", "space-in-header", "502", "invalid_response", "upstream sent invalid header"),
    fault!("no_colon", "no-colon", "502", "invalid_response", "upstream sent invalid header"),
    fault!("big_header", "big-header", "502", "header_too_big", "upstream sent too big header"),
    fault!("stall", "stall", "504", "response_timeout", "upstream timed out (110:"),
    fault!("stall_in_header", "stall-in-header", "504", "response_timeout", "while reading response header"),
    truncated!(
        "short_body",
        "short-body",
        "200",
        "upstream prematurely closed connection while reading upstream"
    ),
    truncated!("reset_in_body", "reset-in-body", "200", "(104:"),
    truncated!("stall_in_body", "stall-in-body", "200", "upstream timed out (110:"),
    truncated!("bad_chunk", "bad-chunk", "000", "upstream sent invalid chunked response"),
    Case {
        name: "http_no_status_line",
        server: "location = /http_no_status_line { proxy_pass http://@http@/no-status-line; }\n\
                 location = /http_speaks_http2 { proxy_pass http://@http@/http2; }",
        send: Send::Get(&["/http_no_status_line", "/http_speaks_http2"]),
        seen: &[("000", 2)],
        cut: 2,
        logged: Some(&[("009", 2)]),
        says: &["upstream sent no valid HTTP/1.0 header"],
        errors: &[("009", "protocol_mismatch", "@http@", 2)],
        ..Case::BASE
    },
    Case {
        name: "http_own_502",
        server: "location /http_own { proxy_pass http://@http@/status; }",
        send: Send::Get(&["/http_own/502", "/http_own/500", "/http_own/503"]),
        seen: &[("500", 1), ("502", 1), ("503", 1)],
        errors: &[
            ("500", "upstream_status", "@http@", 1),
            ("502", "upstream_status", "@http@", 1),
            ("503", "upstream_status", "@http@", 1),
        ],
        plain: Some(&[("500", "unknown", "", 1), ("502", "unknown", "", 1), ("503", "unknown", "", 1)]),
        ..Case::BASE
    },
    Case {
        name: "http_reset_while_sending",
        server: "location = /http_reset_while_sending { proxy_pass http://@http@/reset; }",
        send: Send::Do(|lab| {
            let body = vec![b'x'; 8 << 20];
            let mut client = Http1::new(lab.nginx.port);
            Ok((0..4).map(|_| client.send("POST", "/http_reset_while_sending", &[], &body)).collect())
        }),
        seen: &[("502", 4)],
        says: &["(104:"],
        // Whether nginx notices while it writes (send_failed) or while it reads (connection_reset) is a race in nginx.
        errors: &[("502", ANY, "@http@", 4)],
        failures: Some(&[("@http@", ANY, "failed", 4)]),
        root: Some("unknown"),
        ..Case::BASE
    },
];
