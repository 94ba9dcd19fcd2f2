//! A FastCGI peer that breaks the protocol, byte by byte; and peers that speak another one.

use super::{Case, Send};

/// A row of this table: location and request differ by the fault only.
macro_rules! fault {
    ($name:literal, $fault:literal, $code:literal, $cause:literal, $says:literal) => {
        Case {
            name: concat!("fastcgi_", $name),
            server: concat!(
                "location = /fastcgi_",
                $name,
                " { fastcgi_pass @fastcgi@; fastcgi_param FAULT ",
                $fault,
                "; ",
                "fastcgi_param TEXT \"PHP message: only words\"; }"
            ),
            send: Send::Get(&[concat!("/fastcgi_", $name)]),
            seen: &[($code, 1)],
            says: &[$says],
            errors: &[($code, $cause, "@fastcgi@", 1)],
            ..Case::BASE
        }
    };
}

pub(super) const CASES: &[Case] = &[
    fault!("close", "close", "502", "closed_prematurely", "upstream prematurely closed connection"),
    fault!(
        "half_record",
        "half-record",
        "502",
        "closed_prematurely",
        "upstream prematurely closed connection"
    ),
    fault!(
        "half_header",
        "half-header",
        "502",
        "closed_prematurely",
        "upstream prematurely closed connection"
    ),
    fault!("empty_stdout", "empty-stdout", "502", "closed_prematurely", "prematurely closed FastCGI stdout"),
    fault!("stderr_close", "stderr-then-close", "502", "closed_prematurely", "FastCGI sent in stderr"),
    fault!("stderr_end", "stderr-then-end", "502", "invalid_response", "unexpected FastCGI record: 3"),
    fault!("early_end", "early-end", "502", "invalid_response", "unexpected FastCGI record: 3"),
    fault!("bad_header", "space-in-header", "502", "invalid_response", "upstream sent invalid header"),
    fault!("bad_status", "bad-status", "502", "invalid_response", "upstream sent invalid status"),
    fault!("big_header", "big-header", "502", "header_too_big", "upstream sent too big header"),
    fault!(
        "bad_version",
        "bad-version",
        "502",
        "protocol_mismatch",
        "unsupported FastCGI protocol version: 9"
    ),
    fault!("bad_type", "bad-type", "502", "protocol_mismatch", "invalid FastCGI record type: 99"),
    fault!("bad_id", "bad-request-id", "502", "protocol_mismatch", "unexpected FastCGI request id"),
    fault!("http_answer", "http", "502", "protocol_mismatch", "unsupported FastCGI protocol version: 72"),
    fault!("stall", "stall", "504", "response_timeout", "upstream timed out (110:"),
    Case {
        name: "fastcgi_to_http_port",
        server: "location = /fastcgi_to_http { fastcgi_pass @plain@; }",
        send: Send::Get(&["/fastcgi_to_http"]),
        seen: &[("502", 1)],
        says: &["unsupported FastCGI protocol version: 72"],
        errors: &[("502", "protocol_mismatch", "@plain@", 1)],
        ..Case::BASE
    },
    Case {
        name: "http_to_fastcgi_port",
        server: "location = /http_to_fastcgi { proxy_pass http://@tcp@; }",
        send: Send::Get(&["/http_to_fastcgi"]),
        seen: &[("502", 1)],
        says: &["while reading response header from upstream"],
        errors: &[("502", "connection_reset", "@tcp@", 1)],
        ..Case::BASE
    },
    Case {
        name: "fastcgi_stall_in_body",
        server: "location = /fastcgi_stall_in_body { fastcgi_pass @fastcgi@; fastcgi_param FAULT stall-in-body; }",
        send: Send::Get(&["/fastcgi_stall_in_body"]),
        seen: &[("200", 1)],
        cut: 1,
        says: &["upstream timed out (110:", "while reading upstream"],
        failures: Some(&[("@fastcgi@", "response_truncated", "truncated", 1)]),
        ..Case::BASE
    },
    Case {
        name: "fastcgi_short_body",
        server: "location = /fastcgi_short_body { fastcgi_pass @fastcgi@; fastcgi_param FAULT short-body; }",
        send: Send::Get(&["/fastcgi_short_body"]),
        seen: &[("200", 1)],
        cut: 1,
        says: &["upstream prematurely closed FastCGI"],
        failures: Some(&[("@fastcgi@", "response_truncated", "truncated", 1)]),
        ..Case::BASE
    },
];
