//! Several requests on one connection: one `*number` in the error log, many causes.

use super::{Case, Error, Send};

/// The same seven requests over HTTP/1.1 keepalive and as HTTP/2 streams.
const MIXED_ERRORS: &[Error] = &[
    ("502", "connection_refused", "@closed@", 2),
    ("502", "socket_missing", "@nosuch@", 1),
    ("502", "closed_prematurely", "@http@", 1),
    ("502", "nginx_return", "", 1),
    ("502", "upstream_status", "@http@", 1),
];

/// What `combined` cannot know of them.
const MIXED_PLAIN: &[Error] = &[
    ("502", "connection_refused", "@closed@", 2),
    ("502", "socket_missing", "@nosuch@", 1),
    ("502", "closed_prematurely", "@http@", 1),
    ("502", "unknown", "", 2),
];

pub(super) const CASES: &[Case] = &[
    Case {
        name: "keepalive_mixed",
        server: "location /mixed/refused { proxy_pass http://@closed@; }\n\
                 location /mixed/missing { fastcgi_pass @nosuch@; }\n\
                 location /mixed/close { proxy_pass http://@http@/close; }\n\
                 location /mixed/return { return 502; }\n\
                 location /mixed/own { proxy_pass http://@http@/status/502; }\n\
                 location /mixed/fine { fastcgi_pass @www@; }",
        send: Send::Keepalive(&[
            "/mixed/refused",
            "/mixed/fine",
            "/mixed/missing",
            "/mixed/return",
            "/mixed/close",
            "/mixed/own",
            "/mixed/refused",
        ]),
        seen: &[("200", 1), ("502", 6)],
        errors: MIXED_ERRORS,
        plain: Some(MIXED_PLAIN),
        failures: Some(&[
            ("@closed@", "connection_refused", "failed", 2),
            ("@nosuch@", "socket_missing", "failed", 1),
            ("@http@", "closed_prematurely", "failed", 1),
        ]),
        ..Case::BASE
    },
    Case {
        name: "http2_mixed",
        send: Send::Streams(&[
            "/mixed/refused?1",
            "/mixed/fine?2",
            "/mixed/missing?3",
            "/mixed/return?4",
            "/mixed/close?5",
            "/mixed/own?6",
            "/mixed/refused?7",
        ]),
        seen: &[("200", 1), ("502", 6)],
        errors: MIXED_ERRORS,
        plain: Some(MIXED_PLAIN),
        failures: Some(&[
            ("@closed@", "connection_refused", "failed", 2),
            ("@nosuch@", "socket_missing", "failed", 1),
            ("@http@", "closed_prematurely", "failed", 1),
        ]),
        ..Case::BASE
    },
    Case {
        name: "http2_same_path",
        send: Send::Streams(&[
            "/mixed/refused",
            "/mixed/refused",
            "/mixed/refused",
            "/mixed/refused",
            "/mixed/missing",
            "/mixed/missing",
        ]),
        seen: &[("502", 6)],
        errors: &[("502", "connection_refused", "@closed@", 4), ("502", "socket_missing", "@nosuch@", 2)],
        ..Case::BASE
    },
];
