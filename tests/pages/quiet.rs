//! Times in which nothing is wrong: visitors, deploys, rotations, an upgrade. Nobody may hear of them.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    all, alone,
    e2e_stack::E2eStack,
    harness::{client::Http1, wait_for},
    say,
    visitors::Visitors,
};

const SERVER: &str = "\
    location /alpha/ { fastcgi_pass @alpha@; fastcgi_read_timeout 20s; }\n\
    location /beta/ { fastcgi_pass @beta@; fastcgi_read_timeout 20s; }\n\
    location /gamma/ { fastcgi_pass @gamma@; fastcgi_read_timeout 20s; }\n\
    location /good/ { proxy_pass http://@good@; }\n\
    location /seldom/ { proxy_pass http://@good@; }\n\
    location /new/ { proxy_pass http://@closed@; }\n";

/// A new place fails its first two visitors, after so many chores: five minutes in the long form.
const NEW_AFTER: usize = 6;

/// What an operator does on a quiet day.
const CHORES: usize = 4;

fn chore(stack: &mut E2eStack, number: usize) -> &'static str {
    match number % CHORES {
        0 => {
            let before = stack.gamma.ready_count();
            stack.gamma.signal("USR2");
            let ready = || (stack.gamma.ready_count() > before).then_some(());
            wait_for("PHP-FPM to be back", Duration::from_secs(15), ready).expect("a reload");
            "PHP-FPM reload"
        }
        1 => {
            stack.nginx.reload().expect("a reload");
            "nginx reload"
        }
        2 => {
            stack.nginx.logrotate("create").expect("a rotation");
            "log rotation"
        }
        _ => {
            stack.restart_exporter().expect("a restart");
            "Badgateway restart"
        }
    }
}

#[test]
fn a_healthy_site_pages_nobody() {
    let _alone = alone();
    // Three reloads of PHP-FPM: more of them in half an hour are a loop, and worth a ticket.
    let (length, pause) = if all() { (600, 50) } else { (24, 6) };
    let (length, pause) = (Duration::from_secs(length), Duration::from_secs(pause));
    let mut stack = E2eStack::start("", SERVER, "process_control_timeout = 10s").expect("everything starts");
    let port = stack.nginx.port;
    let visitors = [
        Visitors::of(port, "/alpha/ok.php", 2, 5.0),
        Visitors::of(port, "/beta/ok.php", 2, 5.0),
        Visitors::of(port, "/gamma/slow.php?s=0.5", 3, 2.0),
        Visitors::of(port, "/good/", 2, 5.0),
        // One every half minute.
        Visitors::of(port, "/seldom/", 1, 1.0 / 30.0),
    ];
    let (start, mut done) = (Instant::now(), Vec::new());
    while start.elapsed() < length {
        let next = Instant::now() + pause;
        done.push(chore(&mut stack, done.len()));
        if done.len() == NEW_AFTER {
            let status = [0, 1].map(|_| Http1::new(port).get("/new/").status);
            assert_eq!(status, [Some(502); 2]);
        }
        while Instant::now() < next {
            // What may be seen here is a matter of the machine, not of the site.
            for watcher in &stack.watchers {
                let firing = watcher
                    .prometheus
                    .query("ALERTS{alertname!=\"BadgatewayCannotObserve\"}")
                    .expect("Prometheus answers");
                assert!(firing.is_empty(), "{}: after {done:?}: {firing:?}", watcher.name);
            }
            thread::sleep(Duration::from_millis(500));
        }
    }
    let (failed, answered) = (
        visitors.iter().map(Visitors::failed).sum::<u64>(),
        visitors.iter().map(Visitors::answered).sum::<u64>(),
    );
    let told = stack.notices();
    assert!(told.is_empty(), "{:?}", told.iter().map(|notice| notice.line()).collect::<Vec<_>>());
    assert_eq!(failed, 0, "of {answered} visitors");
    assert!(done.len() >= CHORES, "only {done:?}");
    for watcher in &stack.watchers {
        let broken = watcher.prometheus.broken_rules().unwrap();
        assert!(broken.is_empty(), "{}: {broken:?}", watcher.name);
    }
    say(&format!(
        "ok   {:.0?}: {answered} visitors, {} deploys and chores, no alert",
        start.elapsed(),
        done.len()
    ));
    drop(visitors);
    stack.finish().expect("everything stops");
}
