//! Upstream groups: retries that save a request or do not, dead groups, kept connections that were not kept.

use super::{ANY, Case, Send};
use crate::harness::client::Http1;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "retry_rescues",
        http: "upstream rescued { server @closed@ max_fails=0; server @good@ backup; }",
        server: "location /retry_rescues { proxy_pass http://rescued; }",
        send: Send::Get(&["/retry_rescues", "/retry_rescues"]),
        seen: &[("200", 2)],
        says: &["connect() failed (111:"],
        failures: Some(&[("@closed@", "connection_refused", "rescued", 2)]),
        ..Case::BASE
    },
    Case {
        name: "retry_rescues_fpm",
        http: "upstream spare { server @nosuch@ max_fails=0; server @www@ backup; }",
        server: "location /retry_fpm { fastcgi_pass spare; }",
        send: Send::Get(&["/retry_fpm"]),
        seen: &[("200", 1)],
        says: &["failed (2:"],
        failures: Some(&[("@nosuch@", "socket_missing", "rescued", 1)]),
        ..Case::BASE
    },
    Case {
        name: "retry_after_timeout",
        http: "upstream patient { server @full@ max_fails=0; server @good@ backup; }",
        server: "location /retry_timeout { proxy_pass http://patient; }",
        send: Send::Get(&["/retry_timeout"]),
        seen: &[("200", 1)],
        says: &["upstream timed out (110:"],
        failures: Some(&[("@full@", "connect_timeout", "rescued", 1)]),
        ..Case::BASE
    },
    Case {
        name: "retry_fails_too",
        http: "upstream hopeless { server @closed@ max_fails=0; server @http@ backup; }",
        server: "location /close { proxy_pass http://hopeless; }",
        send: Send::Get(&["/close"]),
        seen: &[("502", 1)],
        says: &["connect() failed (111:", "upstream prematurely closed connection"],
        errors: &[("502", "closed_prematurely", "@http@", 1)],
        failures: Some(&[
            ("@closed@", "connection_refused", "failed", 1),
            ("@http@", "closed_prematurely", "failed", 1),
        ]),
        ..Case::BASE
    },
    Case {
        name: "timeout_then_refused",
        http: "upstream twice { server @full@ max_fails=0; server @closed@ backup; }",
        server: "location /timeout_then_refused { proxy_pass http://twice; }",
        send: Send::Get(&["/timeout_then_refused"]),
        seen: &[("502", 1)],
        says: &["upstream timed out (110:", "connect() failed (111:"],
        errors: &[("502", "connection_refused", "@closed@", 1)],
        failures: Some(&[
            ("@full@", "connect_timeout", "failed", 1),
            ("@closed@", "connection_refused", "failed", 1),
        ]),
        ..Case::BASE
    },
    Case {
        name: "no_live_upstreams",
        http: "upstream dead { server @closed@ max_fails=1; server @closed2@ max_fails=1; }",
        server: "location /no_live { proxy_pass http://dead; }",
        send: Send::Get(&["/no_live", "/no_live", "/no_live"]),
        seen: &[("502", 3)],
        says: &["connect() failed (111:", "no live upstreams"],
        errors: &[("502", "connection_refused", ANY, 1), ("502", "no_live_upstreams", "dead", 2)],
        failures: Some(&[
            ("@closed@", "connection_refused", "failed", 1),
            ("@closed2@", "connection_refused", "failed", 1),
            ("dead", "no_live_upstreams", "failed", 2),
        ]),
        ..Case::BASE
    },
    Case {
        name: "all_marked_down",
        http: "upstream parked { server @closed@ down; server @closed2@ down; }",
        server: "location /parked { proxy_pass http://parked; }",
        send: Send::Get(&["/parked"]),
        seen: &[("502", 1)],
        says: &["no live upstreams"],
        errors: &[("502", "no_live_upstreams", "parked", 1)],
        ..Case::BASE
    },
    Case {
        name: "stale_keepalive_rescued",
        http: "upstream kept { server @stale@; keepalive 4; }",
        server: "location /stale { proxy_pass http://kept; proxy_http_version 1.1; proxy_set_header Connection ''; }",
        send: Send::Get(&["/stale", "/stale", "/stale"]),
        seen: &[("200", 3)],
        says: &["upstream prematurely closed connection"],
        failures: Some(&[("@stale@", "closed_prematurely", "rescued", 2)]),
        ..Case::BASE
    },
    Case {
        name: "stale_keepalive_post",
        http: "upstream kept_post { server @stale@; keepalive 4; }",
        server: "location /stale_post { proxy_pass http://kept_post; proxy_http_version 1.1; \
                 proxy_set_header Connection ''; }",
        send: Send::Do(|lab| {
            let mut client = Http1::new(lab.nginx.port);
            Ok(vec![client.get("/stale_post"), client.send("POST", "/stale_post", &[], b"not sent twice")])
        }),
        seen: &[("200", 1), ("502", 1)],
        says: &["upstream prematurely closed connection"],
        errors: &[("502", "closed_prematurely", "@stale@", 1)],
        root: Some("stale_keepalive"),
        plain_root: Some("unknown"),
        ..Case::BASE
    },
    Case {
        name: "fallback_location",
        server: "location /fallback_location { fastcgi_pass @nosuch@; error_page 502 = @spare; }\n\
                 location @spare { proxy_pass http://@good@; }",
        send: Send::Get(&["/fallback_location"]),
        seen: &[("200", 1)],
        says: &["failed (2:"],
        failures: Some(&[("@nosuch@", "socket_missing", "rescued", 1)]),
        ..Case::BASE
    },
    Case {
        name: "fallback_page_200",
        server: "location /fallback_page { fastcgi_pass @nosuch@; error_page 502 =200 /fallback.html; }",
        send: Send::Get(&["/fallback_page"]),
        seen: &[("200", 1)],
        says: &["failed (2:"],
        failures: Some(&[("@nosuch@", "socket_missing", "rescued", 1)]),
        ..Case::BASE
    },
    Case {
        name: "error_page_keeps_502",
        server: "location /error_page { fastcgi_pass @nosuch@; error_page 502 /fallback.html; }",
        send: Send::Get(&["/error_page"]),
        seen: &[("502", 1)],
        says: &["failed (2:"],
        errors: &[("502", "socket_missing", "@nosuch@", 1)],
        ..Case::BASE
    },
];
