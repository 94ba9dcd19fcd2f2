//! Failures that nginx makes by itself, and those it hides: returns, limits, subrequests, caches.

use std::thread;

use super::{ALL, Case, Send};
use crate::harness::client::Http1;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "return_502",
        server: "location = /return_502 { return 502; }\nlocation = /return_503 { return 503 'closed today'; }",
        send: Send::Get(&["/return_502", "/return_502", "/return_503"]),
        seen: &[("502", 2), ("503", 1)],
        errors: &[("502", "nginx_return", "", 2), ("503", "nginx_return", "", 1)],
        plain: Some(&[("502", "unknown", "", 2), ("503", "unknown", "", 1)]),
        ..Case::BASE
    },
    Case {
        name: "error_page_makes_502",
        server: "location = /makes_502 { error_page 404 =502 /fallback.html; }",
        send: Send::Get(&["/makes_502"]),
        seen: &[("502", 1)],
        errors: &[("502", "nginx_return", "", 1)],
        plain: Some(&[("502", "unknown", "", 1)]),
        ..Case::BASE
    },
    Case {
        name: "auth_request",
        server: "location = /auth_request { auth_request /auth_check; }\n\
                 location = /auth_check { internal; proxy_pass http://@closed@; }",
        send: Send::Get(&["/auth_request"]),
        seen: &[("500", 1)],
        says: &["connect() failed (111:", "auth request unexpected status: 502"],
        errors: &[("500", "connection_refused", "@closed@", 1)],
        ..Case::BASE
    },
    Case {
        name: "mirror",
        server: "location = /mirror { mirror /mirror_copy; proxy_pass http://@good@; }\n\
                 location = /mirror_copy { internal; proxy_pass http://@closed@; }",
        send: Send::Get(&["/mirror"]),
        seen: &[("200", 1)],
        says: &["connect() failed (111:", "subrequest: \"/mirror_copy\""],
        failures: Some(&[("@closed@", "connection_refused", "background", 1)]),
        ..Case::BASE
    },
    Case {
        name: "access_log_off",
        server: "location = /access_log_off { access_log off; proxy_pass http://@closed@; }",
        send: Send::Get(&["/access_log_off"]),
        seen: &[("502", 1)],
        logged: Some(&[]),
        says: &["connect() failed (111:"],
        failures: Some(&[("@closed@", "connection_refused", "unmatched", 1)]),
        ..Case::BASE
    },
    Case {
        name: "limit_req",
        http: "limit_req_zone $server_name zone=slowly:64k rate=1r/m;",
        server: "location = /limit_req { limit_req zone=slowly; proxy_pass http://@good@; }",
        send: Send::Get(&["/limit_req", "/limit_req", "/limit_req"]),
        seen: &[("200", 1), ("503", 2)],
        says: &["limiting requests, excess: "],
        errors: &[("503", "nginx_limit", "", 2)],
        ..Case::BASE
    },
    Case {
        name: "limit_conn",
        http: "limit_conn_zone $server_name zone=few:64k;",
        server: "location = /limit_conn { limit_conn few 1; proxy_pass http://@http@/stall; \
                 proxy_intercept_errors on; error_page 504 =200 /fallback.html; }",
        send: Send::Do(|lab| {
            let port = lab.nginx.port;
            let both: Vec<_> =
                (0..2).map(|_| thread::spawn(move || Http1::new(port).get("/limit_conn"))).collect();
            both.into_iter().map(|client| client.join().map_err(|_| "a client panicked".into())).collect()
        }),
        seen: &[("200", 1), ("503", 1)],
        says: &["limiting connections by zone"],
        errors: &[("503", "nginx_limit", "", 1)],
        failures: Some(&[("@http@", "response_timeout", "rescued", 1)]),
        ..Case::BASE
    },
    Case {
        name: "redirect_cycle",
        server: "location /redirect_cycle { try_files /no-such-file /redirect_cycle/again?; }",
        send: Send::Get(&["/redirect_cycle"]),
        seen: &[("500", 1)],
        says: &["rewrite or internal redirection cycle"],
        errors: &[("500", "nginx_config", "", 1)],
        ..Case::BASE
    },
    Case {
        name: "bad_proxy_url",
        server: "location = /bad_proxy_url { set $target nothing; proxy_pass $target; }",
        send: Send::Get(&["/bad_proxy_url"]),
        seen: &[("500", 1)],
        says: &["invalid URL prefix in"],
        errors: &[("500", "nginx_config", "", 1)],
        ..Case::BASE
    },
    Case {
        name: "cached_502",
        http: "proxy_cache_path @dir@/cache keys_zone=errors:64k;",
        server: "location = /cached_502 { proxy_pass http://@http@/status/502; proxy_cache errors; \
                 proxy_cache_valid 502 1m; }",
        send: Send::Get(&["/cached_502", "/cached_502", "/cached_502"]),
        seen: &[("502", 3)],
        errors: &[("502", "upstream_status", "@http@", 1), ("502", "cached_error", "", 2)],
        plain: Some(&[("502", "unknown", "", 3)]),
        ..Case::BASE
    },
    Case {
        name: "intercepted_502_as_200",
        server: "location = /intercepted { proxy_pass http://@http@/status/502; proxy_intercept_errors on; \
                 error_page 502 =200 /fallback.html; }",
        send: Send::Get(&["/intercepted"]),
        seen: &[("200", 1)],
        failures: Some(&[]),
        ..Case::BASE
    },
    Case {
        name: "nginx_reload",
        server: "location = /after_reload { proxy_pass http://@closed@; }",
        send: Send::Do(|lab| {
            let mut client = Http1::new(lab.nginx.port);
            let before = client.get("/after_reload");
            lab.nginx.reload()?;
            // The kept connection is gone with the old worker; the new one goes on counting connections.
            Ok(vec![before, client.get("/after_reload"), client.get("/after_reload")])
        }),
        seen: &[("502", 3)],
        says: &["connect() failed (111:"],
        errors: &[("502", "connection_refused", "@closed@", 3)],
        ..Case::BASE
    },
    Case {
        name: "many_refused_at_once",
        server: "location /at_once { proxy_pass http://@closed2@; }",
        send: Send::Do(|lab| {
            let port = lab.nginx.port;
            let all: Vec<_> =
                (0..20).map(|_| thread::spawn(move || Http1::new(port).get("/at_once"))).collect();
            all.into_iter().map(|client| client.join().map_err(|_| "a client panicked".into())).collect()
        }),
        seen: &[("502", ALL)],
        says: &["connect() failed (111:"],
        errors: &[("502", "connection_refused", "@closed2@", ALL)],
        ..Case::BASE
    },
];
