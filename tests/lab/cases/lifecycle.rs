//! PHP-FPM as a whole is stopped, reloaded or killed while visitors are there.
//!
//! For nginx all of these look like a crash; only FPM's own log tells them apart. Each case leaves FPM running.

use std::{fs, thread, time::Duration};

use super::{Case, Send};
use crate::{
    full_lab::Lab,
    harness::{
        Result,
        client::{Answer, Http1},
        fpm::Fpm,
        wait_for,
    },
};

pub(super) const RESET: &str = "recv() failed (104:";

pub(super) const CASES: &[Case] = &[
    Case {
        name: "fpm_stopped_idle",
        server: "location /stopped_idle { fastcgi_pass @brittle@; }",
        send: Send::Do(|lab| {
            lab.brittle.signal("TERM");
            lab.brittle.wait_gone()?;
            let port = lab.nginx.port;
            let answers = vec![Http1::new(port).get("/stopped_idle"), Http1::new(port).get("/stopped_idle")];
            lab.brittle.launch()?;
            Ok(answers)
        }),
        seen: &[("502", 2)],
        says: &["failed (2:"],
        errors: &[("502", "socket_missing", "@brittle@", 2)],
        root: Some("fpm_stopped"),
        ..Case::BASE
    },
    Case {
        name: "fpm_term_in_flight",
        server: "location /term_in_flight { fastcgi_pass @brittle@; fastcgi_read_timeout 5s; }",
        send: Send::Do(|lab| in_flight(lab, 2, "/term_in_flight", restart)),
        seen: &[("502", 2)],
        says: &[RESET],
        errors: &[("502", "connection_reset", "@brittle@", 2)],
        root: Some("fpm_stopped"),
        ..Case::BASE
    },
    Case {
        name: "fpm_quit_in_flight",
        server: "location /quit_in_flight { fastcgi_pass @brittle@; fastcgi_read_timeout 5s; }",
        send: Send::Do(|lab| {
            in_flight(lab, 2, "/quit_in_flight", |fpm| {
                fpm.signal("QUIT");
                fpm.wait_gone()?;
                fpm.launch()
            })
        }),
        seen: &[("502", 2)],
        says: &[RESET],
        errors: &[("502", "connection_reset", "@brittle@", 2)],
        root: Some("fpm_stopped"),
        ..Case::BASE
    },
    Case {
        name: "fpm_reload_in_flight",
        server: "location /reload_in_flight { fastcgi_pass @brittle@; fastcgi_read_timeout 5s; }",
        send: Send::Do(|lab| in_flight(lab, 2, "/reload_in_flight", reload)),
        seen: &[("502", 2)],
        says: &[RESET],
        errors: &[("502", "connection_reset", "@brittle@", 2)],
        root: Some("fpm_reloaded"),
        ..Case::BASE
    },
    Case {
        name: "fpm_killed_all",
        server: "location /killed_all { fastcgi_pass @brittle@; }",
        send: Send::Do(|lab| {
            lab.brittle.signal_all("KILL");
            lab.brittle.wait_gone()?;
            // The socket file is still there and nobody listens.
            let answers = vec![Http1::new(lab.nginx.port).get("/killed_all")];
            // An FPM that is back before anybody saw it gone was restarted.
            for exporter in [&lab.rich, &lab.plain] {
                wait_for("the pool to be seen down", Duration::from_secs(20), || {
                    let up = exporter.scrape().ok()?.value("badgateway_fpm_up", &[("pool", "brittle")]);
                    (up == Some(0.0)).then_some(())
                })?;
            }
            lab.brittle.launch()?;
            Ok(answers)
        }),
        seen: &[("502", 1)],
        says: &["connect() to unix:", "failed (111:"],
        errors: &[("502", "connection_refused", "@brittle@", 1)],
        // It left no word in its log; only the kernel can tell.
        root: Some("fpm_not_running"),
        ..Case::BASE
    },
];

/// Returns when PHP-FPM has started its workers anew.
pub(super) fn reload(fpm: &mut Fpm) -> Result<()> {
    let before = fpm.ready_count();
    fpm.signal("USR2");
    wait_for("FPM to be back", Duration::from_secs(10), || (fpm.ready_count() > before).then_some(()))
}

/// Stops and starts PHP-FPM.
pub(super) fn restart(fpm: &mut Fpm) -> Result<()> {
    fpm.signal("TERM");
    fpm.wait_gone()?;
    fpm.launch()
}

/// So many requests that PHP is working on when `during` happens.
pub(super) fn in_flight(
    lab: &mut Lab,
    requests: usize,
    path: &str,
    during: impl FnOnce(&mut Fpm) -> Result<()>,
) -> Result<Vec<Answer>> {
    let port = lab.nginx.port;
    let mut threads = Vec::new();
    for number in 0..requests {
        let mark = lab.names.fill(&format!("@marks@{path}-{number}").replace("@/", "@/mark-"))?;
        let url = format!("{path}/slow.php?s=4&mark={mark}");
        threads.push(thread::spawn(move || Http1::new(port).get(&url)));
        wait_for("PHP to begin", Duration::from_secs(5), || fs::exists(&mark).ok().filter(|is| *is))?;
    }
    during(&mut lab.brittle)?;
    threads.into_iter().map(|thread| thread.join().map_err(|_| "a client panicked".into())).collect()
}
