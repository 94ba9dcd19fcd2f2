//! The seven ways in which PHP is broken, each by what people really do.

use std::{fs, thread, time::Duration};

use super::{
    site::Site,
    visitors::{Extra, Visitors},
};
use crate::harness::{
    Result,
    client::{Answer, Http1},
    proc::kill,
    wait_for,
};

/// One act.
pub(super) struct Act {
    /// For the summary.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What is done, as one would type it.
    pub(super) did: &'static str,
    /// What Badgateway must say about every request that fails.
    pub(super) code: &'static str,
    pub(super) cause: &'static str,
    /// Breaks it; returns the visitors who come on top of the usual ones.
    pub(super) provoke: fn(&mut Site, &Visitors) -> Result<Extra>,
    pub(super) repair: fn(&mut Site, &Visitors) -> Result<()>,
}

/// Nothing has to be repaired: the visitors leave by themselves.
const LEAVE: fn(&mut Site, &Visitors) -> Result<()> = |_, _| Ok(());

pub(super) const ACTS: &[Act] = &[
    Act {
        name: "FPM stopped",
        title: "PHP-FPM is stopped",
        did: "kill -TERM (PHP-FPM's master), started again a few seconds later",
        code: "502",
        cause: "socket_missing",
        provoke: |site, visitors| {
            visitors.pause(|| {
                site.fpm.signal("TERM");
                site.fpm.wait_gone()
            })?;
            Ok(Extra::none())
        },
        repair: |site, visitors| visitors.pause(|| site.fpm.launch()),
    },
    Act {
        name: "queue full",
        title: "Every PHP worker is busy and the queue is full",
        did: "10 visitors ask for a slow page; 4 workers, listen.backlog = 3",
        code: "502",
        cause: "backlog_full",
        provoke: |site, visitors| {
            let port = site.port();
            // The usual visitors wait until the queue is full: it shows in the first who are turned away.
            visitors.pause(|| {
                let slow =
                    visitors.also((0..10).map(|_| {
                        move |tell: &dyn Fn(&Answer)| tell(&Http1::new(port).get("/slow.php?s=2.5"))
                    }));
                wait_for("a full queue", Duration::from_secs(5), || {
                    (!visitors.tally().failed().is_empty()).then_some(())
                })?;
                Ok(slow)
            })
        },
        repair: LEAVE,
    },
    Act {
        name: "worker killed",
        title: "PHP workers are killed in the middle of a request",
        did: "kill -9 (a worker), 5 times, 0.7 s apart",
        code: "502",
        cause: "connection_reset",
        provoke: |site, visitors| {
            let (port, marks) = (site.port(), site.marks());
            Ok(visitors.also([move |tell: &dyn Fn(&Answer)| {
                for number in 0..5 {
                    let mark = marks.join(format!("victim-{number}"));
                    let path = format!("/slow.php?s=3&mark={}", mark.display());
                    let victim = thread::spawn(move || Http1::new(port).get(&path));
                    let pid = wait_for("the worker", Duration::from_secs(5), || {
                        fs::read_to_string(&mark).ok().filter(|pid| !pid.is_empty())
                    });
                    if let Ok(pid) = pid {
                        kill("KILL", &pid);
                    }
                    if let Ok(answer) = victim.join() {
                        tell(&answer);
                    }
                    thread::sleep(Duration::from_millis(700));
                }
            }]))
        },
        repair: LEAVE,
    },
    Act {
        name: "wrong socket",
        title: "nginx is told the wrong socket",
        did: "fastcgi_pass unix:…/php-fpm-typo.sock; nginx -s reload",
        code: "502",
        cause: "socket_missing",
        provoke: |site, visitors| {
            visitors.pause(|| site.configure("@typo@"))?;
            Ok(Extra::none())
        },
        repair: |site, visitors| visitors.pause(|| site.configure("@php_fpm@")),
    },
    Act {
        name: "no permission",
        title: "nginx may not open PHP's socket",
        did: "chmod 000 php-fpm.sock",
        code: "502",
        cause: "permission_denied",
        provoke: |site, visitors| {
            visitors.pause(|| site.chmod_socket(0o000))?;
            Ok(Extra::none())
        },
        repair: |site, visitors| visitors.pause(|| site.chmod_socket(0o666)),
    },
    Act {
        name: "big header",
        title: "A script sends 20 kB of headers",
        did: "a page sets cookies that have grown too large for nginx's buffer",
        code: "502",
        cause: "header_too_big",
        provoke: |site, visitors| {
            let port = site.port();
            Ok(visitors.also([move |tell: &dyn Fn(&Answer)| {
                repeat(tell, port, "/bigheader.php", 27, Duration::from_millis(150));
            }]))
        },
        repair: LEAVE,
    },
    Act {
        name: "slow script",
        title: "A script is slower than nginx waits",
        did: "a report takes 2 s, fastcgi_read_timeout is 1 s",
        code: "504",
        cause: "response_timeout",
        provoke: |site, visitors| {
            let port = site.port();
            Ok(visitors.also([move |tell: &dyn Fn(&Answer)| {
                repeat(tell, port, "/report/slow.php?s=2", 4, Duration::from_millis(50));
            }]))
        },
        repair: LEAVE,
    },
];

/// The same page again and again.
fn repeat(tell: &dyn Fn(&Answer), port: u16, path: &str, times: usize, pause: Duration) {
    let mut client = Http1::new(port);
    for _ in 0..times {
        thread::sleep(pause);
        tell(&client.get(path));
    }
}
