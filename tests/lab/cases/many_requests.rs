//! Many visitors at once, and several pools that break at once, each for a reason of its own.

use std::thread;

use super::{
    Case, Send,
    lifecycle::{RESET, in_flight, reload, restart},
};
use crate::harness::client::Http1;

/// Requests that are in flight; the pool has some more workers.
const IN_FLIGHT: u64 = 22;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "fpm_reload_crowd",
        server: "location /reload_crowd { fastcgi_pass @crowd@; fastcgi_read_timeout 9s; }",
        send: Send::Do(|lab| in_flight(lab, IN_FLIGHT as usize, "/reload_crowd", reload)),
        seen: &[("502", IN_FLIGHT)],
        says: &[RESET],
        errors: &[("502", "connection_reset", "@crowd@", IN_FLIGHT)],
        root: Some("fpm_reloaded"),
        ..Case::BASE
    },
    Case {
        name: "fpm_restart_crowd",
        server: "location /restart_crowd { fastcgi_pass @crowd@; fastcgi_read_timeout 9s; }",
        send: Send::Do(|lab| in_flight(lab, IN_FLIGHT as usize, "/restart_crowd", restart)),
        seen: &[("502", IN_FLIGHT)],
        says: &[RESET],
        errors: &[("502", "connection_reset", "@crowd@", IN_FLIGHT)],
        root: Some("fpm_stopped"),
        ..Case::BASE
    },
    Case {
        name: "three_pools_three_reasons",
        server: "location /three_brittle { fastcgi_pass @brittle@; fastcgi_read_timeout 9s; }
                 location /three_www { fastcgi_pass @www@; }
                 location /three_locked { fastcgi_pass @locked@; }",
        send: Send::Do(|lab| {
            let port = lab.nginx.port;
            let mut others = Vec::new();
            let mut answers = in_flight(lab, 2, "/three_brittle", |fpm| {
                for path in ["/three_www/kill.php?sig=11", "/three_locked", "/three_locked"] {
                    others.push(thread::spawn(move || Http1::new(port).get(path)));
                }
                restart(fpm)
            })?;
            for other in others {
                answers.push(other.join().map_err(|_| "a client panicked")?);
            }
            Ok(answers)
        }),
        seen: &[("502", 5)],
        says: &[RESET, "failed (13:"],
        errors: &[
            ("502", "connection_reset", "@brittle@", 2),
            ("502", "connection_reset", "@www@", 1),
            ("502", "permission_denied", "@locked@", 2),
        ],
        roots: &[
            ("@brittle@", "fpm_stopped"),
            ("@www@", "worker_crashed"),
            ("@locked@", "socket_permissions"),
        ],
        exits: &[("www", "crash", 1)],
        ..Case::BASE
    },
];
