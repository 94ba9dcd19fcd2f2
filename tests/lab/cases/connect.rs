//! nginx does not get as far as a connection.

use std::{fs, thread};

use super::{ALL, Case, Send};
use crate::{
    full_lab::Lab,
    harness::{
        Result,
        client::{Answer, Http1},
        wait_for,
    },
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "fine_unix",
        server: "location /fine_unix { fastcgi_pass @www@; }",
        send: Send::Get(&["/fine_unix", "/fine_unix"]),
        seen: &[("200", 2)],
        ..Case::BASE
    },
    Case {
        name: "fine_tcp",
        server: "location /fine_tcp { fastcgi_pass @tcp@; }",
        send: Send::Get(&["/fine_tcp"]),
        seen: &[("200", 1)],
        ..Case::BASE
    },
    Case {
        name: "refused_http",
        server: "location /refused_http { proxy_pass http://@closed@; }",
        send: Send::Get(&["/refused_http", "/refused_http"]),
        seen: &[("502", 2)],
        says: &["connect() failed (111:"],
        errors: &[("502", "connection_refused", "@closed@", 2)],
        ..Case::BASE
    },
    Case {
        name: "refused_fastcgi",
        server: "location /refused_fastcgi { fastcgi_pass @closed2@; }",
        send: Send::Get(&["/refused_fastcgi"]),
        seen: &[("502", 1)],
        says: &["connect() failed (111:", "upstream: \"fastcgi://"],
        errors: &[("502", "connection_refused", "@closed2@", 1)],
        root: Some("wrong_address"),
        ..Case::BASE
    },
    Case {
        name: "refused_post",
        server: "location /refused_post { proxy_pass http://@closed@; }",
        send: Send::Do(|lab| {
            Ok(vec![Http1::new(lab.nginx.port).send("POST", "/refused_post", &[], b"a body")])
        }),
        seen: &[("502", 1)],
        says: &["connect() failed (111:", "request: \"POST "],
        errors: &[("502", "connection_refused", "@closed@", 1)],
        ..Case::BASE
    },
    Case {
        name: "socket_missing",
        server: "location /socket_missing { fastcgi_pass @nosuch@; }",
        send: Send::Get(&["/socket_missing", "/socket_missing"]),
        seen: &[("502", 2)],
        says: &["failed (2:"],
        errors: &[("502", "socket_missing", "@nosuch@", 2)],
        ..Case::BASE
    },
    Case {
        name: "not_a_directory",
        server: "location /not_a_directory { fastcgi_pass @notdir@; }",
        send: Send::Get(&["/not_a_directory"]),
        seen: &[("502", 1)],
        says: &["failed (20:"],
        errors: &[("502", "connect_failed", "@notdir@", 1)],
        ..Case::BASE
    },
    Case {
        name: "permission_denied",
        server: "location /permission_denied { fastcgi_pass @locked@; }",
        send: Send::Get(&["/permission_denied"]),
        seen: &[("502", 1)],
        says: &["failed (13:"],
        errors: &[("502", "permission_denied", "@locked@", 1)],
        ..Case::BASE
    },
    Case {
        name: "backlog_full",
        server: "location /backlog_full { fastcgi_pass @tiny@; fastcgi_read_timeout 5s; }",
        send: Send::Do(overfill),
        seen: &[("200", ALL), ("502", ALL)],
        says: &["failed (11:"],
        errors: &[("502", "backlog_full", "@tiny@", ALL)],
        ..Case::BASE
    },
    Case {
        name: "tcp_queue_full",
        server: "location /tcp_queue_full { proxy_pass http://@full@; }",
        send: Send::Get(&["/tcp_queue_full"]),
        seen: &[("504", 1)],
        says: &["upstream timed out (110:", "while connecting to upstream"],
        errors: &[("504", "connect_timeout", "@full@", 1)],
        ..Case::BASE
    },
];

/// Keeps the pool's only worker busy, then sends six more at once: two find room in the queue of 1.
fn overfill(lab: &mut Lab) -> Result<Vec<Answer>> {
    let port = lab.nginx.port;
    let mark = lab.names.fill("@marks@/backlog")?;
    let path = format!("/backlog_full/slow.php?s=0.7&mark={mark}");
    let busy = thread::spawn(move || Http1::new(port).get(&path));
    wait_for("the worker to be busy", std::time::Duration::from_secs(5), || {
        fs::exists(&mark).ok().filter(|is| *is)
    })?;
    let others: Vec<_> =
        (0..6).map(|_| thread::spawn(move || Http1::new(port).get("/backlog_full/ok.php"))).collect();
    std::iter::once(busy)
        .chain(others)
        .map(|thread| thread.join().map_err(|_| "a client panicked".into()))
        .collect()
}
