//! What is broken, and what the page must say.

use crate::{harness::Result, site::Site};

/// One failure.
pub(crate) struct Failure {
    pub(crate) name: &'static str,
    /// nginx's configuration for it.
    pub(crate) http: &'static str,
    pub(crate) server: &'static str,
    /// Who comes: path, and how many at once.
    pub(crate) path: &'static str,
    pub(crate) visitors: usize,
    /// What is done to the site before they come.
    pub(crate) breaks: Option<fn(&mut Site) -> Result<()>>,
    /// What is done while they wait.
    pub(crate) meanwhile: Option<fn(&mut Site) -> Result<()>>,
    /// In the verdict.
    pub(crate) says: &'static str,
    /// Tried in the short form, too.
    pub(crate) short: bool,
}

const BASE: Failure = Failure {
    name: "",
    http: "",
    server: "",
    path: "",
    visitors: 3,
    breaks: None,
    meanwhile: None,
    says: "",
    short: false,
};

/// All. The last one stops PHP-FPM.
pub(crate) const TABLE: &[Failure] = &[
    Failure {
        name: "wrong_path",
        server: "location /nosuch/ { fastcgi_pass @nosuch@; }",
        path: "/nosuch/ok.php",
        says: "nginx connects to another address than the one meant; 3 requests failed with 502 since",
        ..BASE
    },
    Failure {
        name: "permission_denied",
        server: "location /locked/ { fastcgi_pass @locked@; }",
        path: "/locked/ok.php",
        says: "pool locked (@locked@): the socket's owner, group or mode keeps nginx out; 3 requests failed with 502",
        ..BASE
    },
    Failure {
        name: "backlog_full",
        server: "location /tiny/ { fastcgi_pass @tiny@; fastcgi_read_timeout 20s; }",
        path: "/tiny/slow.php?s=2",
        visitors: 8,
        says: "pool tiny (@tiny@): all workers of the pool are busy;",
        short: true,
        ..BASE
    },
    Failure {
        name: "crash",
        server: "location /crash/ { fastcgi_pass @crash@; }",
        path: "/crash/kill.php?sig=11",
        says: "pool crash (@crash@): a worker crashed; 3 requests failed with 502",
        short: true,
        ..BASE
    },
    Failure {
        name: "killed",
        server: "location /killed/ { fastcgi_pass @crash@; }",
        path: "/killed/kill.php?sig=9",
        says: "pool crash (@crash@): a worker was ended by a signal from outside; 3 requests failed with 502",
        ..BASE
    },
    Failure {
        name: "refused",
        server: "location /refused/ { proxy_pass http://@closed@; }",
        path: "/refused/",
        says: "@closed@: nothing listens at the upstream's address; 3 requests failed with 502",
        ..BASE
    },
    Failure {
        name: "not_allowed",
        server: "location /picky/ { fastcgi_pass @picky@; }",
        path: "/picky/ok.php",
        says: "pool picky (@picky@): listen.allowed_clients refuses nginx's address; 3 requests failed with 502",
        ..BASE
    },
    Failure {
        name: "dns",
        server: "location /dns/ { set $host_name x.lab.test; proxy_pass http://$host_name; }",
        path: "/dns/",
        says: "nginx's own configuration or limits; 3 requests failed with 502",
        ..BASE
    },
    Failure {
        name: "tls",
        server: "location /tls/ { proxy_pass https://@tls_close@; }",
        path: "/tls/",
        says: "@tls_close@: TLS between nginx and the upstream; 3 requests failed with 502",
        ..BASE
    },
    Failure {
        name: "connect_timeout",
        server: "location /full/ { proxy_pass http://@full@; }",
        path: "/full/",
        says: "@full@: ",
        ..BASE
    },
    Failure {
        name: "terminated",
        server: "location /term/ { fastcgi_pass @term@; fastcgi_read_timeout 20s; }",
        path: "/term/slow.php?s=9",
        says: "pool term (@term@): request_terminate_timeout ended the request; 3 requests failed with 502",
        ..BASE
    },
    Failure {
        name: "big_header",
        server: "location /big/ { fastcgi_pass @www@; }",
        path: "/big/bigheader.php",
        says: "pool www (@www@): nginx's buffers are smaller than the header; 3 requests failed with 502",
        ..BASE
    },
    Failure {
        name: "invalid",
        server: "location /invalid/ { proxy_pass http://@http@/; }",
        path: "/invalid/space-in-header",
        says: "@http@: the upstream's answer breaks its protocol",
        ..BASE
    },
    Failure {
        name: "slow",
        server: "location /slow/ { fastcgi_pass @www@; }",
        path: "/slow/slow.php?s=2",
        says: "pool www (@www@): the script is slower than nginx's timeout; 3 requests failed with 504",
        ..BASE
    },
    Failure {
        name: "application",
        server: "location /app/ { fastcgi_pass @www@; }",
        path: "/app/status.php?code=502",
        says: "pool www (@www@): the application answered with an error; 3 requests failed with 502",
        ..BASE
    },
    Failure {
        name: "fatal",
        server: "location /fatal/ { fastcgi_pass @www@; }",
        path: "/fatal/fatal.php",
        says: "pool www (@www@): a PHP fatal error; 3 requests failed with 500",
        ..BASE
    },
    Failure {
        name: "memory_limit",
        server: "location /memory/ { fastcgi_pass @www@; }",
        path: "/memory/memory.php",
        says: "pool www (@www@): a script used more than memory_limit; 3 requests failed with 500",
        ..BASE
    },
    Failure {
        name: "return",
        server: "location /return/ { return 502; }",
        path: "/return/",
        says: "nginx's own configuration or limits; 3 requests failed with 502",
        ..BASE
    },
    Failure {
        name: "wrong_protocol",
        server: "location /mismatch/ { fastcgi_pass @plain@; }",
        path: "/mismatch/ok.php",
        says: "@plain@: nginx connects to another address than the one meant; 3 requests failed with 502",
        ..BASE
    },
    Failure {
        name: "reloaded",
        server: "location /reloaded/ { fastcgi_pass @brittle@; fastcgi_read_timeout 20s; }",
        path: "/reloaded/slow.php?s=8",
        meanwhile: Some(|site| {
            site.brittle.signal("USR2");
            Ok(())
        }),
        says: "pool brittle (@brittle@): PHP-FPM was reloaded and dropped running requests; 3 requests failed with 502",
        ..BASE
    },
    Failure {
        name: "stopped",
        server: "location /stopped/ { fastcgi_pass @brittle@; }",
        path: "/stopped/ok.php",
        breaks: Some(|site| {
            site.brittle.signal("TERM");
            site.brittle.wait_gone()
        }),
        says: "pool brittle (@brittle@): PHP-FPM was stopped or restarted; 3 requests failed with 502",
        short: true,
        ..BASE
    },
];
