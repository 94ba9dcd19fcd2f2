//! What is broken, and the one notification that must come of it.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::{e2e_stack::E2eStack, harness::Result};

/// How trouble begins and ends.
pub(crate) enum Trouble {
    /// The visitors of a broken place come, and go away.
    Visits,
    /// Visitors come all the time; something is broken and mended.
    Breaks(fn(&mut E2eStack) -> Result<()>, fn(&mut E2eStack) -> Result<()>),
}
use Trouble::{Breaks, Visits};

/// One failure.
pub(crate) struct Failure {
    /// The alert that must come, and no other for this upstream.
    pub(crate) alert: &'static str,
    /// Who must get it.
    pub(crate) receiver: &'static str,
    /// Tried in the short form, too.
    pub(crate) short: bool,
    /// nginx's configuration for it.
    pub(crate) http: &'static str,
    pub(crate) server: &'static str,
    /// Visitors: path, how many at a time, how often each in a second.
    pub(crate) path: &'static str,
    pub(crate) lanes: usize,
    pub(crate) per_second: f64,
    /// The upstream in the alert's labels: a place, or empty.
    pub(crate) upstream: &'static str,
    /// What the page must say.
    pub(crate) says: &'static str,
    pub(crate) trouble: Trouble,
    /// Needs a memory cgroup.
    pub(crate) needs_cgroup: bool,
    /// Seconds from the first failed request to the notification.
    pub(crate) within: u64,
}

/// A page must be there this soon, in seconds.
const PAGE: u64 = 60;

/// A ticket looks at now and five minutes ago, is evaluated and grouped.
const TICKET: u64 = 660;

const BASE: Failure = Failure {
    alert: "",
    receiver: "pager",
    short: false,
    http: "",
    server: "",
    path: "",
    lanes: 1,
    per_second: 4.0,
    upstream: "",
    says: "",
    trouble: Visits,
    needs_cgroup: false,
    within: PAGE,
};

const TICKETS: Failure = Failure { receiver: "tickets", within: TICKET, ..BASE };

fn nothing(_: &mut E2eStack) -> Result<()> {
    Ok(())
}

fn set_mode(stack: &E2eStack, place: &str, mode: u32) -> Result<()> {
    let path = stack.names.fill(place)?;
    Ok(fs::set_permissions(path.trim_start_matches("unix:"), fs::Permissions::from_mode(mode))?)
}

/// All of them.
pub(crate) const TABLE: &[Failure] = &[
    Failure {
        alert: "PhpFpmDown",
        short: true,
        server: "location /alpha/ { fastcgi_pass @alpha@; }",
        path: "/alpha/ok.php",
        upstream: "@alpha@",
        says: "does not run or does not listen",
        trouble: Breaks(
            |stack| {
                stack.alpha.signal("TERM");
                stack.alpha.wait_gone()
            },
            |stack| stack.alpha.launch(),
        ),
        ..BASE
    },
    Failure {
        alert: "PhpFpmDown",
        server: "location /beta/ { fastcgi_pass @beta@; }",
        path: "/beta/ok.php",
        upstream: "@beta@",
        says: "does not run or does not listen",
        trouble: Breaks(
            |stack| {
                stack.beta.signal_all("KILL");
                stack.beta.wait_gone()
            },
            |stack| stack.beta.launch(),
        ),
        ..BASE
    },
    Failure {
        alert: "Nginx502WrongAddress",
        short: true,
        server: "location /wrong/ { fastcgi_pass @nosuch@; }",
        path: "/wrong/ok.php",
        upstream: "@nosuch@",
        says: "does not listen there",
        ..BASE
    },
    Failure {
        alert: "Nginx502WrongAddress",
        server: "location /mismatch/ { fastcgi_pass @plain@; }",
        path: "/mismatch/ok.php",
        upstream: "@plain@",
        says: "protocol_mismatch",
        ..BASE
    },
    Failure {
        alert: "Nginx502PermissionDenied",
        short: true,
        server: "location /locked/ { fastcgi_pass @locked@; }",
        path: "/locked/ok.php",
        upstream: "@locked@",
        says: "refused by the system",
        trouble: Breaks(
            |stack| set_mode(stack, "@locked@", 0o000),
            |stack| set_mode(stack, "@locked@", 0o666),
        ),
        ..BASE
    },
    Failure {
        alert: "PhpFpmPoolExhausted",
        short: true,
        server: "location /tiny/ { fastcgi_pass @tiny@; fastcgi_read_timeout 20s; }",
        path: "/tiny/slow.php?s=1",
        lanes: 6,
        upstream: "@tiny@",
        says: "has no free worker",
        ..BASE
    },
    Failure {
        alert: "PhpFpmWorkersDying",
        short: true,
        server: "location /crash/ { fastcgi_pass @crash@; }",
        path: "/crash/kill.php?sig=11",
        upstream: "@crash@",
        says: "crashed",
        ..BASE
    },
    Failure {
        alert: "PhpFpmWorkersDying",
        server: "location /kill/ { fastcgi_pass @kill@; }",
        path: "/kill/kill.php?sig=9",
        upstream: "@kill@",
        says: "worker_killed",
        ..BASE
    },
    Failure {
        alert: "PhpFpmOomKill",
        server: "location /delta/ { fastcgi_pass @delta@; fastcgi_read_timeout 20s; }",
        path: "/delta/oom.php",
        per_second: 1.0,
        upstream: "@delta@",
        says: "OOM killer",
        needs_cgroup: true,
        ..BASE
    },
    Failure {
        alert: "Nginx502PermissionDenied",
        server: "location /picky/ { fastcgi_pass @picky@; }",
        path: "/picky/ok.php",
        upstream: "@picky@",
        says: "listen.allowed_clients",
        ..BASE
    },
    Failure {
        alert: "NginxCannotConnect",
        server: "location /refused/ { proxy_pass http://@closed@; }",
        path: "/refused/",
        upstream: "@closed@",
        says: "nothing listens there",
        ..BASE
    },
    Failure {
        alert: "Nginx502ConnectionLost",
        server: "location /lost/ { proxy_pass http://@lost@/; }",
        path: "/lost/close",
        upstream: "@lost@",
        says: "closed_prematurely",
        ..BASE
    },
    Failure {
        alert: "Nginx502TlsFailure",
        server: "location /tls/ { proxy_pass https://@tls_close@; }",
        path: "/tls/",
        upstream: "@tls_close@",
        says: "TLS handshake",
        ..BASE
    },
    Failure {
        alert: "NginxCannotConnect",
        short: true,
        server: "location /dns/ { set $host_name x.lab.test; proxy_pass http://$host_name; }",
        path: "/dns/",
        // It belongs to no upstream, so it is measured against all requests of this nginx.
        lanes: 4,
        upstream: "",
        says: "dns_failure",
        ..BASE
    },
    Failure {
        alert: "NginxCannotConnect",
        server: "location /full/ { proxy_pass http://@full@; }",
        path: "/full/",
        lanes: 3,
        upstream: "@full@",
        says: "connect_timeout",
        ..BASE
    },
    Failure {
        // The server's own failure pages, not what is left when it is out. nginx asks it once in fail_timeout (10 s) and
        // worker, so five failures take longer.
        alert: "NginxCannotConnect",
        http: "upstream dead { server @closed3@; server @closed4@ down; }",
        server: "location /dead/ { proxy_pass http://dead; }",
        path: "/dead/",
        lanes: 2,
        upstream: "@closed3@",
        says: "nothing listens there",
        within: 75,
        ..BASE
    },
    Failure {
        alert: "Nginx502PhpFpmReloaded",
        receiver: "tickets",
        server: "location /gamma/ { fastcgi_pass @gamma@; fastcgi_read_timeout 20s; }",
        path: "/gamma/slow.php?s=3",
        lanes: 8,
        upstream: "@gamma@",
        says: "process_control_timeout",
        trouble: Breaks(
            |stack| {
                stack.gamma.signal("USR2");
                Ok(())
            },
            nothing,
        ),
        within: 75,
        ..BASE
    },
    Failure {
        alert: "Nginx504SlowUpstream",
        server: "location /term/ { fastcgi_pass @term@; fastcgi_read_timeout 20s; }",
        path: "/term/slow.php?s=9",
        lanes: 2,
        upstream: "@term@",
        says: "request_terminate_timeout",
        ..TICKETS
    },
    Failure {
        alert: "Nginx502InvalidResponse",
        server: "location /big/ { fastcgi_pass @big@; }",
        path: "/big/bigheader.php",
        upstream: "@big@",
        says: "fastcgi_buffer_size",
        ..TICKETS
    },
    Failure {
        alert: "Nginx502InvalidResponse",
        server: "location /invalid/ { proxy_pass http://@invalid@/; }",
        path: "/invalid/space-in-header",
        upstream: "@invalid@",
        says: "cannot accept",
        ..TICKETS
    },
    Failure {
        alert: "Nginx504SlowUpstream",
        server: "location /slow/ { fastcgi_pass @slow@; }",
        path: "/slow/slow.php?s=2",
        lanes: 2,
        per_second: 1.0,
        upstream: "@slow@",
        says: "longer than nginx waits",
        ..TICKETS
    },
    Failure {
        alert: "NginxApplicationErrors",
        server: "location /app/ { fastcgi_pass @app@; }",
        path: "/app/status.php?code=502",
        upstream: "@app@",
        says: "by the application",
        ..TICKETS
    },
    Failure {
        alert: "NginxApplicationErrors",
        server: "location /fatal/ { fastcgi_pass @fatal@; }",
        path: "/fatal/fatal.php",
        upstream: "@fatal@",
        says: "php_fatal",
        ..TICKETS
    },
    Failure {
        alert: "NginxReturnsErrors",
        server: "location /return/ { return 502; }",
        path: "/return/",
        lanes: 2,
        upstream: "",
        says: "by nginx itself",
        ..TICKETS
    },
    Failure {
        alert: "NginxTruncatedResponses",
        server: "location /cut/ { proxy_pass http://@cut@/; }",
        path: "/cut/short-body",
        upstream: "@cut@",
        says: "the access log says 200",
        ..TICKETS
    },
    Failure {
        alert: "NginxRetriesMaskFailures",
        http: "upstream spare { server @closed2@ max_fails=0; server @good@ backup; }",
        server: "location /spare/ { proxy_pass http://spare; }",
        path: "/spare/",
        upstream: "@closed2@",
        says: "saved by a retry",
        ..TICKETS
    },
];
