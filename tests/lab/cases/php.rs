//! PHP-FPM is there, but a worker dies, is killed or gives up, or the script itself fails.

use super::{ANY, Case, Send};

const RESET: &str = "recv() failed (104:";

pub(super) const CASES: &[Case] = &[
    Case {
        name: "worker_sigkill",
        server: "location /worker_sigkill { fastcgi_pass @www@; }",
        send: Send::Get(&["/worker_sigkill/kill.php?sig=9"]),
        seen: &[("502", 1)],
        says: &[RESET],
        errors: &[("502", "connection_reset", "@www@", 1)],
        root: Some("worker_killed"),
        exits: &[("www", "sigkill", 1)],
        ..Case::BASE
    },
    Case {
        name: "worker_sigsegv",
        server: "location /worker_sigsegv { fastcgi_pass @www@; }",
        send: Send::Get(&["/worker_sigsegv/kill.php?sig=11", "/worker_sigsegv/kill.php?sig=11"]),
        seen: &[("502", 2)],
        says: &[RESET],
        errors: &[("502", "connection_reset", "@www@", 2)],
        root: Some("worker_crashed"),
        exits: &[("www", "crash", 2)],
        ..Case::BASE
    },
    Case {
        name: "worker_sigbus_tcp",
        server: "location /worker_sigbus_tcp { fastcgi_pass @tcp@; }",
        send: Send::Get(&["/worker_sigbus_tcp/kill.php?sig=7"]),
        seen: &[("502", 1)],
        says: &[RESET],
        errors: &[("502", "connection_reset", "@tcp@", 1)],
        root: Some("worker_crashed"),
        exits: &[("tcp", "crash", 1)],
        ..Case::BASE
    },
    Case {
        name: "worker_sigterm",
        server: "location /worker_sigterm { fastcgi_pass @www@; }",
        send: Send::Get(&["/worker_sigterm/kill.php?sig=15"]),
        seen: &[("502", 1)],
        says: &[RESET],
        errors: &[("502", "connection_reset", "@www@", 1)],
        root: Some("worker_killed"),
        exits: &[("www", "terminated", 1)],
        ..Case::BASE
    },
    Case {
        name: "complains_then_dies",
        // A small buffer: else the entry would be longer than nginx writes one.
        server: "location /complains { fastcgi_pass @www@; fastcgi_buffer_size 1k; }",
        send: Send::Get(&["/complains/complain.php"]),
        seen: &[("502", 1)],
        says: &["FastCGI sent in stderr: \"PHP message: about to crash", RESET],
        errors: &[("502", "connection_reset", "@www@", 1)],
        root: Some("worker_killed"),
        exits: &[("www", "sigkill", 1)],
        ..Case::BASE
    },
    Case {
        name: "dies_after_output",
        server: "location /half { fastcgi_pass @www@; }",
        send: Send::Get(&["/half/half.php?sig=11"]),
        seen: &[("200", 1)],
        cut: 1,
        says: &["readv() failed (104:"],
        failures: Some(&[("@www@", "response_truncated", "truncated", 1)]),
        exits: &[("www", "crash", 1)],
        ..Case::BASE
    },
    Case {
        name: "terminate_timeout",
        server: "location /terminated { fastcgi_pass @slow@; fastcgi_read_timeout 5s; }",
        send: Send::Get(&["/terminated/slow.php?s=4"]),
        seen: &[("502", 1)],
        says: &[RESET],
        errors: &[("502", "connection_reset", "@slow@", 1)],
        root: Some("request_terminated"),
        exits: &[("slow", "terminated", 1)],
        ..Case::BASE
    },
    Case {
        name: "client_not_allowed",
        server: "location /not_allowed { fastcgi_pass @picky@; }",
        send: Send::Get(&["/not_allowed"]),
        seen: &[("502", 1)],
        says: &["upstream: \"fastcgi://127.0.0.1:"],
        // FPM closes at once: whether nginx has written its request by then is a race (reset, or a plain close).
        errors: &[("502", ANY, "@picky@", 1)],
        failures: Some(&[("@picky@", ANY, "failed", 1)]),
        root: Some("client_not_allowed"),
        ..Case::BASE
    },
    Case {
        name: "read_timeout",
        server: "location /read_timeout { fastcgi_pass @www@; }",
        send: Send::Get(&["/read_timeout/slow.php?s=1.5"]),
        seen: &[("504", 1)],
        says: &["upstream timed out (110:", "while reading response header"],
        errors: &[("504", "response_timeout", "@www@", 1)],
        ..Case::BASE
    },
    Case {
        name: "big_header",
        server: "location /big_header { fastcgi_pass @www@; }",
        send: Send::Get(&["/big_header/bigheader.php"]),
        seen: &[("502", 1)],
        says: &["upstream sent too big header"],
        errors: &[("502", "header_too_big", "@www@", 1)],
        ..Case::BASE
    },
    Case {
        name: "bad_status",
        server: "location /bad_status { fastcgi_pass @www@; }",
        send: Send::Get(&["/bad_status/badstatus.php"]),
        seen: &[("502", 1)],
        says: &["upstream sent invalid status"],
        errors: &[("502", "invalid_response", "@www@", 1)],
        ..Case::BASE
    },
    Case {
        name: "application_502_504_503",
        server: "location /own_words { fastcgi_pass @www@; }",
        send: Send::Get(&[
            "/own_words/status.php?code=502",
            "/own_words/status.php?code=502",
            "/own_words/status.php?code=504",
            "/own_words/status.php?code=503",
        ]),
        seen: &[("502", 2), ("503", 1), ("504", 1)],
        errors: &[
            ("502", "upstream_status", "@www@", 2),
            ("503", "upstream_status", "@www@", 1),
            ("504", "upstream_status", "@www@", 1),
        ],
        plain: Some(&[("502", "unknown", "", 2), ("503", "unknown", "", 1), ("504", "unknown", "", 1)]),
        ..Case::BASE
    },
    Case {
        name: "php_fatal",
        server: "location /fatal { fastcgi_pass @www@; }",
        send: Send::Get(&["/fatal/fatal.php"]),
        seen: &[("500", 1)],
        says: &["PHP Fatal error:  Uncaught Error: Call to undefined function no_such_function()"],
        errors: &[("500", "upstream_status", "@www@", 1)],
        plain: Some(&[("500", "upstream_status", ANY, 1)]),
        root: Some("php_fatal"),
        ..Case::BASE
    },
    Case {
        name: "memory_limit",
        server: "location /memory { fastcgi_pass @www@; }",
        send: Send::Get(&["/memory/memory.php"]),
        seen: &[("500", 1)],
        says: &["Allowed memory size of 8388608 bytes exhausted"],
        errors: &[("500", "upstream_status", "@www@", 1)],
        plain: Some(&[("500", "upstream_status", ANY, 1)]),
        root: Some("php_memory_limit"),
        ..Case::BASE
    },
    Case {
        name: "time_limit",
        server: "location /time_limit { fastcgi_pass @www@; fastcgi_read_timeout 5s; }",
        send: Send::Get(&["/time_limit/time.php"]),
        seen: &[("500", 1)],
        says: &["Maximum execution time of 1 second exceeded"],
        errors: &[("500", "upstream_status", "@www@", 1)],
        plain: Some(&[("500", "upstream_status", ANY, 1)]),
        root: Some("php_time_limit"),
        ..Case::BASE
    },
    Case {
        name: "redirect_to_dead_upstream",
        server: "location /accel { fastcgi_pass @www@; }\n\
                 location /dead_end { internal; proxy_pass http://@closed@; }",
        send: Send::Get(&["/accel/redirect.php?to=/dead_end"]),
        seen: &[("502", 1)],
        says: &["connect() failed (111:"],
        errors: &[("502", "connection_refused", "@closed@", 1)],
        ..Case::BASE
    },
];
