//! The twenty kinds of entries: what nginx writes, what it means, and mtail's pattern for it.

/// How an upstream is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Unix,
    Fastcgi,
    Http,
    Https,
    /// No peer of the group was left, so the group's name stands for it.
    Group,
    Nobody,
}

impl Peer {
    pub(crate) fn addresses(self) -> &'static [&'static str] {
        match self {
            Peer::Unix => &["unix:/run/php/php8.4-fpm.sock", "unix:/run/php/shop.sock"],
            Peer::Fastcgi => &["10.0.3.11:9000", "10.0.3.12:9000"],
            Peer::Http => &["10.0.4.21:8080", "10.0.4.22:8080", "10.0.4.23:8080", "10.0.4.24:8080"],
            Peer::Https => &["10.0.5.31:8443", "10.0.5.32:8443"],
            Peer::Group => &["backend"],
            Peer::Nobody => &[],
        }
    }

    /// The schema of `upstream: "…"`.
    pub(super) fn schema(self) -> &'static str {
        match self {
            Peer::Unix | Peer::Fastcgi => "fastcgi://",
            Peer::Http | Peer::Group | Peer::Nobody => "http://",
            Peer::Https => "https://",
        }
    }
}

/// How far an attempt came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Nowhere,
    Connecting,
    Connected,
    /// A timeout.
    Waiting,
    Answered,
}

/// A kind of entry.
pub(crate) struct Kind {
    pub(crate) level: &'static str,
    /// `{peer}` and `{uri}` are filled in.
    pub(crate) message: &'static str,
    pub(crate) action: &'static str,
    pub(crate) peer: Peer,
    pub(crate) stage: Stage,
    pub(crate) status: u16,
    /// Badgateway's word; empty: no failure.
    pub(crate) cause: &'static str,
    /// What mtail recognises it by; empty: nothing.
    pub(crate) pattern: &'static str,
    pub(crate) weight: u64,
}

const CONNECTING: &str = " while connecting to upstream";
const READING: &str = " while reading response header from upstream";

/// The common fields of a failure.
const fn failure(
    weight: u64,
    cause: &'static str,
    message: &'static str,
    pattern: &'static str,
    peer: Peer,
    stage: Stage,
) -> Kind {
    let action = match stage {
        Stage::Connecting | Stage::Nowhere => CONNECTING,
        _ => READING,
    };
    Kind { level: "error", message, action, peer, stage, status: 502, cause, pattern, weight }
}

const fn severe(kind: Kind) -> Kind {
    Kind { level: "crit", ..kind }
}

const fn timeout(kind: Kind, action: &'static str) -> Kind {
    Kind { status: 504, action, ..kind }
}

/// Failed responses with an entry each.
#[rustfmt::skip]
pub(crate) const FAILURES: &[Kind] = &[
    failure(24, "connection_refused", "connect() failed (111: Connection refused)", r"connect\(\) .*failed \(111: ", Peer::Fastcgi, Stage::Connecting),
    severe(failure(8, "socket_missing", "connect() to {peer} failed (2: No such file or directory)", r"connect\(\) .*failed \(2: ", Peer::Unix, Stage::Connecting)),
    severe(failure(3, "permission_denied", "connect() to {peer} failed (13: Permission denied)", r"connect\(\) .*failed \(13: ", Peer::Unix, Stage::Connecting)),
    failure(14, "backlog_full", "connect() to {peer} failed (11: Resource temporarily unavailable)", r"connect\(\) .*failed \(11: ", Peer::Unix, Stage::Connecting),
    failure(3, "host_unreachable", "connect() failed (113: No route to host)", r"connect\(\) .*failed \(113: ", Peer::Http, Stage::Connecting),
    timeout(failure(5, "connect_timeout", "upstream timed out (110: Connection timed out)", r"upstream timed out .* while connecting", Peer::Http, Stage::Nowhere), CONNECTING),
    timeout(failure(14, "response_timeout", "upstream timed out (110: Connection timed out)", r"upstream timed out .* while reading response header", Peer::Fastcgi, Stage::Waiting), READING),
    failure(12, "connection_reset", "recv() failed (104: Connection reset by peer)", r"recv\(\) failed .* while reading response header", Peer::Fastcgi, Stage::Connected),
    failure(14, "closed_prematurely", "upstream prematurely closed connection", r"upstream prematurely closed .* while reading response header", Peer::Http, Stage::Connected),
    failure(4, "header_too_big", "upstream sent too big header", r"upstream sent too big header", Peer::Fastcgi, Stage::Connected),
    failure(2, "protocol_mismatch", "upstream sent unsupported FastCGI protocol version: 72", r"upstream sent unsupported FastCGI protocol", Peer::Fastcgi, Stage::Connected),
    failure(4, "no_live_upstreams", "no live upstreams", r"no live upstreams", Peer::Group, Stage::Nowhere),
    Kind { action: "", ..failure(3, "dns_failure", "backend.internal could not be resolved (3: Host not found)", r"could not be resolved", Peer::Nobody, Stage::Nowhere) },
    Kind { action: " while SSL handshaking to upstream", ..failure(3, "tls_failure", "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number)", r"SSL_do_handshake\(\) failed", Peer::Https, Stage::Connecting) },
];

/// Half an answer: the status was out already.
pub(crate) const TRUNCATED: Kind = Kind {
    action: " while reading upstream",
    status: 200,
    ..failure(
        0,
        "response_truncated",
        "readv() failed (104: Connection reset by peer)",
        r"failed .* while reading upstream",
        Peer::Http,
        Stage::Answered,
    )
};

/// A failure that the next peer makes good.
pub(crate) const RETRIED: Kind = Kind {
    ..failure(
        0,
        "connection_refused",
        "connect() failed (111: Connection refused)",
        "",
        Peer::Http,
        Stage::Connecting,
    )
};

/// A script's last words, over several lines; the answer of 500 is the script's own.
pub(crate) const PHP: Kind = Kind {
    status: 500,
    ..failure(
        0,
        "",
        concat!(
            "FastCGI sent in stderr: \"PHP message: PHP Warning:  Undefined array key \"total\" in /var/www/shop/src/Cart.php on line 218\n",
            "PHP message: PHP Fatal error:  Uncaught RuntimeException: no such item in /var/www/shop/src/Cart.php:231\n",
            "Stack trace:\n#0 /var/www/shop/public/index.php(12): Shop\\Cart->total()\n#1 {main}\n",
            "  thrown in /var/www/shop/src/Cart.php on line 231\""
        ),
        r"FastCGI sent in stderr",
        Peer::Fastcgi,
        Stage::Answered,
    )
};

const fn noise(level: &'static str, message: &'static str) -> Kind {
    Kind {
        level,
        message,
        action: "",
        peer: Peer::Nobody,
        stage: Stage::Nowhere,
        status: 404,
        cause: "",
        pattern: "",
        weight: 1,
    }
}

/// Entries that say nothing about a gateway.
pub(crate) const NOISE: &[Kind] = &[
    noise("error", "open() \"/var/www/shop{uri}\" failed (2: No such file or directory)"),
    noise("info", "client closed keepalive connection"),
    noise("error", "access forbidden by rule"),
    noise("warn", "a client request body is buffered to a temporary file /var/lib/nginx/body/0000014711"),
];
