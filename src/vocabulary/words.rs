//! The closed sets of words, as tables: parser, metrics, `explain`, docs and runbooks all read them here.
//!
//! A word never changes its meaning and is never removed within a major version: alerts stand on it.

use std::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An enum whose variants carry columns of one table.
macro_rules! words {
    (
        $(#[$doc:meta])* $name:ident { $($column:ident: $type:ty),* }
        $($variant:ident $word:literal { $($value:expr),* })*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "each variant's word and meaning stand beside it in the table")]
        pub enum $name { $($variant,)* }

        impl $name {
            /// All, in the order of the table.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word, as in labels and JSON.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

            words!(@columns $name [$($column: $type),*] $($variant [$($value),*])*);
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.word())
            }
        }

        impl<'d> Deserialize<'d> for $name {
            fn deserialize<D: Deserializer<'d>>(from: D) -> Result<Self, D::Error> {
                let word = Cow::<str>::deserialize(from)?;
                let found = Self::ALL.iter().find(|known| known.word() == word);
                found.copied().ok_or_else(|| D::Error::custom(format!("{word:?} is no {}", stringify!($name))))
            }
        }
    };
    (@columns $name:ident [] $($variant:ident [])*) => {};
    (@columns $name:ident [$column:ident: $type:ty $(, $more:ident: $mtype:ty)*] $($variant:ident [$value:expr $(, $rest:expr)*])*) => {
        #[allow(missing_docs, reason = "a column of the table")]
        pub const fn $column(self) -> $type {
            match self { $($name::$variant => $value,)* }
        }
        words!(@columns $name [$($more: $mtype),*] $($variant [$($rest),*])*);
    };
}

words! {
    /// What nginx saw. `codes` are the statuses it usually leads to: they start at 0 for each upstream.
    /// `root` is the root cause that the cause itself is evidence of; `alert` names the alert, and the runbook, that
    /// covers it.
    Cause { codes: &'static [u16], root: RootCause, alert: &'static str, meaning: &'static str, fix: &'static str }

    ConnectionRefused "connection_refused" { &[502], RootCause::Unknown, "NginxCannotConnect",
        "nothing listens at the upstream's address",
        "start PHP-FPM (systemctl status 'php*-fpm'), or make fastcgi_pass equal to its listen address" }
    SocketMissing "socket_missing" { &[502], RootCause::Unknown, "NginxCannotConnect",
        "the unix socket does not exist",
        "start PHP-FPM, or correct the path: fastcgi_pass must be the pool's `listen` (ls -l /run/php/)" }
    PermissionDenied "permission_denied" { &[502], RootCause::SocketPermissions, "Nginx502PermissionDenied",
        "nginx may not open the upstream's socket",
        "set listen.owner and listen.group of the pool to nginx's user, or check SELinux (ausearch -m avc)" }
    BacklogFull "backlog_full" { &[502], RootCause::PoolSaturated, "PhpFpmPoolExhausted",
        "the socket's accept queue is full: every PHP worker is busy and no more requests may wait",
        "raise pm.max_children if memory allows, find what is slow (request_slowlog_timeout), then listen.backlog" }
    FirewallDenied "firewall_denied" { &[502], RootCause::Network, "NginxCannotConnect",
        "the local firewall or a security module forbids the connection",
        "look at nft list ruleset / iptables -S OUTPUT on nginx's host" }
    HostUnreachable "host_unreachable" { &[502], RootCause::Network, "NginxCannotConnect",
        "no route to the upstream's host, or it rejects with an ICMP error",
        "check that the host is up and that routes and firewalls let nginx through (ip route get ADDRESS)" }
    LocalPortsExhausted "local_ports_exhausted" { &[502, 500], RootCause::Nginx, "NginxOutOfResources",
        "nginx has no local port left for the upstream",
        "use keepalive to the upstream, widen net.ipv4.ip_local_port_range, or add upstream addresses" }
    ConnectFailed "connect_failed" { &[502], RootCause::Unknown, "NginxCannotConnect",
        "could not connect: the errno is a rare one, or the error log that names it could not be read",
        "look for `connect()` in error.log: 91 and 20 mean a wrong kind of socket or path, 104 a reset on connect; without such a line set error_log to level error, readable by Badgateway" }
    ConnectTimeout "connect_timeout" { &[504, 502], RootCause::Network, "NginxCannotConnect",
        "the upstream did not take the connection in time: host down, packets dropped, or a full TCP backlog",
        "check host and firewall; for PHP-FPM over TCP look at ListenOverflows (nstat -az TcpExtListenOverflows)" }
    DnsFailure "dns_failure" { &[502], RootCause::Network, "NginxCannotConnect",
        "the upstream's name could not be resolved",
        "check the resolver directive and the name itself (dig NAME @RESOLVER)" }
    NoLiveUpstreams "no_live_upstreams" { &[502], RootCause::Unknown, "Nginx502NoLiveUpstreams",
        "every server of the upstream group is out: failed within fail_timeout, down, or at max_conns",
        "repair the servers: their own failures are counted beside this one" }
    TlsFailure "tls_failure" { &[502, 504], RootCause::Tls, "Nginx502TlsFailure",
        "TLS to the upstream failed",
        "compare proxy_ssl_* with the upstream's certificate and protocols (openssl s_client -connect ADDRESS)" }
    SendFailed "send_failed" { &[502], RootCause::Unknown, "Nginx502ConnectionLost",
        "the upstream closed the connection while nginx sent the request",
        "look for a body limit or an early answer in the application, and in its log" }
    ConnectionReset "connection_reset" { &[502], RootCause::Unknown, "Nginx502ConnectionLost",
        "the upstream closed the connection without an answer: worker killed, crashed, timed out, reloaded or stopped",
        "read PHP-FPM's log at that second (exited on signal, terminating, reloading); dmesg for the OOM killer" }
    ClosedPrematurely "closed_prematurely" { &[502], RootCause::Unknown, "Nginx502ConnectionLost",
        "the upstream ended the connection before its header was complete",
        "check the application's log; for PHP-FPM over TCP listen.allowed_clients; for keepalive its idle timeout" }
    ResponseTimeout "response_timeout" { &[504], RootCause::SlowRequest, "Nginx504SlowUpstream",
        "the upstream took longer than nginx waits",
        "find the slow request (request_slowlog_timeout, slowlog) before raising fastcgi_read_timeout" }
    HeaderTooBig "header_too_big" { &[502], RootCause::BuffersTooSmall, "Nginx502InvalidResponse",
        "the response header does not fit into nginx's buffer",
        "set fastcgi_buffer_size 32k; fastcgi_buffers 8 32k; fastcgi_busy_buffers_size 64k; (for proxy_pass: proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k;), and look for oversized cookies" }
    InvalidResponse "invalid_response" { &[502, 500], RootCause::Unknown, "Nginx502InvalidResponse",
        "the upstream's answer breaks its protocol: header, status, length or framing",
        "read the rejected header in error.log and correct it in the application" }
    ProtocolMismatch "protocol_mismatch" { &[502, 9], RootCause::WrongAddress, "Nginx502WrongAddress",
        "the peer speaks another protocol than nginx expects",
        "use fastcgi_pass for PHP-FPM and proxy_pass for HTTP, and check that the port is the right one" }
    ResponseTruncated "response_truncated" { &[], RootCause::Unknown, "NginxTruncatedResponses",
        "the upstream failed after the header was sent: the client got half an answer with status 200",
        "treat it like connection_reset or response_timeout: PHP-FPM's log says which" }
    UpstreamStatus "upstream_status" { &[500, 502, 503, 504], RootCause::Application, "NginxApplicationErrors",
        "the application itself answered with this status",
        "read the application's own log; nginx and PHP-FPM did their part" }
    CachedError "cached_error" { &[500, 502, 503, 504], RootCause::Unknown, "NginxReturnsErrors",
        "a stored error was served from nginx's cache",
        "purge it, and do not cache errors (proxy_cache_valid without 5xx)" }
    NginxReturn "nginx_return" { &[500, 502, 503, 504], RootCause::Nginx, "NginxReturnsErrors",
        "nginx made this status itself, without an upstream: return, error_page or try_files",
        "look for `return 502` and `error_page … =502` in nginx's configuration (nginx -T)" }
    NginxLimit "nginx_limit" { &[503], RootCause::Nginx, "NginxLimitsRequests",
        "limit_req or limit_conn refused the request",
        "raise the limit if these clients are wanted (limit_req burst=, limit_conn)" }
    NginxResources "nginx_resources" { &[500, 502], RootCause::Nginx, "NginxOutOfResources",
        "nginx itself ran out of connections, descriptors, disk or memory",
        "raise worker_connections and worker_rlimit_nofile; check df -h and the temp directories' owner" }
    NginxConfig "nginx_config" { &[500], RootCause::Nginx, "NginxReturnsErrors",
        "nginx's configuration cannot serve this request",
        "read the message in error.log: a rewrite cycle, a bad URL in proxy_pass, a missing port" }
    Unknown "unknown" { &[500, 502, 503, 504, 9], RootCause::Unknown, "Nginx502Unexplained",
        "no evidence was found for this response",
        "log the recommended log_format and error_log at level error, both readable by Badgateway" }
}

words! {
    /// What broke it. `codes` are the statuses it usually leads to; `alert` names the alert, and the runbook, that covers it.
    RootCause { codes: &'static [u16], alert: &'static str, meaning: &'static str, fix: &'static str }

    FpmNotRunning "fpm_not_running" { &[502], "PhpFpmDown", "PHP-FPM is not running", "systemctl start php8.2-fpm; then journalctl -u 'php*-fpm' -n 50" }
    WrongAddress "wrong_address" { &[502, 9], "Nginx502WrongAddress", "nginx connects to another address than the one meant", "make fastcgi_pass and the pool's listen the same" }
    SocketPermissions "socket_permissions" { &[502], "Nginx502PermissionDenied", "the socket's owner, group or mode keeps nginx out", "listen.owner = www-data, listen.group = www-data, listen.mode = 0660" }
    PoolSaturated "pool_saturated" { &[502, 504], "PhpFpmPoolExhausted", "all workers of the pool are busy", "find the slow requests, then raise pm.max_children within memory" }
    WorkerOomKilled "worker_oom_killed" { &[502], "PhpFpmOomKill", "the kernel's OOM killer ended the worker", "lower pm.max_children or memory_limit, or give more memory" }
    WorkerKilled "worker_killed" { &[502], "PhpFpmWorkersDying", "a worker was ended by a signal from outside", "look who sent it: dmesg for the OOM killer, deploy scripts, monitoring" }
    WorkerCrashed "worker_crashed" { &[502], "PhpFpmWorkersDying", "a worker crashed", "update PHP and its extensions; get a core dump (rlimit_core) for the stack" }
    RequestTerminated "request_terminated" { &[502], "Nginx504SlowUpstream", "request_terminate_timeout ended the request", "speed the script up, or raise request_terminate_timeout" }
    SlowRequest "slow_request" { &[504], "Nginx504SlowUpstream", "the script is slower than nginx's timeout", "slowlog shows where; then the timeouts" }
    FpmReloaded "fpm_reloaded" { &[502], "Nginx502PhpFpmReloaded", "PHP-FPM was reloaded and dropped running requests", "set process_control_timeout = 10s so that a reload waits" }
    FpmStopped "fpm_stopped" { &[502], "PhpFpmDown", "PHP-FPM was stopped or restarted", "start it; reload instead of restart in deploys" }
    ClientNotAllowed "client_not_allowed" { &[502], "Nginx502PermissionDenied", "listen.allowed_clients refuses nginx's address", "add nginx's address to listen.allowed_clients" }
    PhpMemoryLimit "php_memory_limit" { &[500], "NginxApplicationErrors", "a script used more than memory_limit", "find the script in error.log; raise memory_limit if it needs it" }
    PhpFatal "php_fatal" { &[500], "NginxApplicationErrors", "a PHP fatal error", "read the message in error.log and repair the code" }
    PhpTimeLimit "php_time_limit" { &[500], "NginxApplicationErrors", "a script ran longer than max_execution_time", "speed it up, or raise max_execution_time" }
    StaleKeepalive "stale_keepalive" { &[502], "Nginx502StaleKeepalive", "a kept connection had been closed by the upstream", "let the upstream keep connections longer than nginx does" }
    Application "application" { &[500, 502, 503, 504], "NginxApplicationErrors", "the application answered with an error", "read its log" }
    BuffersTooSmall "buffers_too_small" { &[502], "Nginx502InvalidResponse", "nginx's buffers are smaller than the header", "fastcgi_buffer_size 32k; fastcgi_buffers 8 32k; fastcgi_busy_buffers_size 64k; (for proxy_pass: proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k;)" }
    Tls "tls" { &[502, 504], "Nginx502TlsFailure", "TLS between nginx and the upstream", "certificate, name, protocol versions" }
    Network "network" { &[502, 504], "NginxCannotConnect", "the network between nginx and the upstream", "routes, firewall, DNS" }
    Nginx "nginx" { &[500, 502, 503, 504], "NginxReturnsErrors", "nginx's own configuration or limits", "nginx -T" }
    Unknown "unknown" { &FAILED_CODES, "Nginx502Unexplained", "no evidence", "give Badgateway PHP-FPM's log" }
}

words! {
    /// What became of a failed attempt.
    Outcome { meaning: &'static str }

    Failed "failed" { "the client got an error" }
    Rescued "rescued" { "a retry, a fallback page or a stale copy saved it" }
    Truncated "truncated" { "the header was out already: the client got half an answer" }
    Background "background" { "outside of any response: a subrequest whose answer was not needed, a name resolved in the background, or a start or reload of nginx that failed" }
    Unmatched "unmatched" { "no access line for it was seen" }
}

words! {
    /// How a PHP-FPM worker ended.
    ExitReason { meaning: &'static str }

    Oom "oom" { "killed by the OOM killer" }
    Sigkill "sigkill" { "SIGKILL, no OOM seen" }
    Crash "crash" { "SIGSEGV, SIGBUS, SIGABRT and other fatal signals" }
    Terminated "terminated" { "SIGTERM, as request_terminate_timeout sends it" }
    ExitCode "exit_code" { "ended with a code other than 0" }
    Recycled "recycled" { "ended with code 0, as pm.max_requests does" }
}

words! {
    /// A part of an upstream's time.
    Phase { variable: &'static str }

    Connect "connect" { "$upstream_connect_time" }
    Header "header" { "$upstream_header_time" }
    Response "response" { "$upstream_response_time" }
}

/// The statuses that are failed responses. `009` is what nginx logs for an answer without a status line.
pub const FAILED_CODES: [u16; 5] = [500, 502, 503, 504, 9];

/// Whether a status is a failed response.
pub fn is_failed(status: u16) -> bool {
    FAILED_CODES.contains(&status)
}

/// A status as nginx logs it: three digits.
pub fn code(status: u16) -> String {
    format!("{status:03}")
}

impl Cause {
    /// Meaning and fix, where it is known whether the error log had an entry: `connect_failed` is two things.
    pub const fn advice(self, has_entry: bool) -> (&'static str, &'static str) {
        match (self, has_entry) {
            (Cause::ConnectFailed, true) => (
                "could not connect, and the errno in the error log is a rare one",
                "read the number behind `connect()` in error.log: 91 and 20 mean a wrong kind of socket or path, 104 a reset on connect",
            ),
            (Cause::ConnectFailed, false) => (
                "could not connect, and no entry of the error log that names the errno was found",
                "set error_log to level error (not crit) and let Badgateway read it: then the cause has its name",
            ),
            _ => (self.meaning(), self.fix()),
        }
    }

    /// The root cause that this cause shows by itself; a socket file's permissions cannot be meant when
    /// the upstream is no socket file.
    pub fn own_root(self, upstream: &str) -> RootCause {
        match self {
            Cause::PermissionDenied if !upstream.starts_with("unix:") && !upstream.is_empty() => {
                RootCause::Network
            }
            _ => self.root(),
        }
    }

    /// The runbook for failures of this cause behind which there is this root cause: that of the root cause, unless
    /// it says less than the cause does.
    pub const fn runbook(self, root: RootCause) -> &'static str {
        if root.says_more() { root.alert() } else { self.alert() }
    }
}

impl RootCause {
    /// Whether its fix and runbook say more than those of the causes that it is behind.
    pub const fn says_more(self) -> bool {
        !matches!(self, RootCause::Network | RootCause::Nginx | RootCause::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn check(words: &[&str]) {
        let unique: HashSet<_> = words.iter().collect();
        assert_eq!(unique.len(), words.len());
        for word in words {
            assert!(!word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{word}");
        }
    }

    #[test]
    fn words_are_unique_label_values() {
        check(&Cause::ALL.iter().map(|c| c.word()).collect::<Vec<_>>());
        check(&RootCause::ALL.iter().map(|c| c.word()).collect::<Vec<_>>());
        check(&Outcome::ALL.iter().map(|c| c.word()).collect::<Vec<_>>());
        check(&ExitReason::ALL.iter().map(|c| c.word()).collect::<Vec<_>>());
        check(&Phase::ALL.iter().map(|c| c.word()).collect::<Vec<_>>());
    }

    #[test]
    fn every_cause_has_a_meaning_a_fix_and_failed_codes() {
        for cause in Cause::ALL {
            assert!(!cause.meaning().is_empty() && !cause.fix().is_empty(), "{cause:?}");
            assert!(cause.codes().iter().all(|code| is_failed(*code)), "{cause:?}");
        }
    }

    #[test]
    fn what_could_not_connect_says_whether_the_errno_was_read() {
        let (rare, unread) = (Cause::ConnectFailed.advice(true), Cause::ConnectFailed.advice(false));
        assert!(rare.0.contains("rare") && rare.1.contains("91"));
        assert!(unread.0.contains("no entry") && unread.1.contains("error_log"));
        let other = Cause::ConnectionReset;
        assert_eq!(other.advice(true), (other.meaning(), other.fix()));
        assert_eq!(other.advice(true), other.advice(false));
    }

    #[test]
    fn the_runbook_is_the_one_that_says_more() {
        assert_eq!(Cause::SocketMissing.runbook(RootCause::FpmStopped), "PhpFpmDown");
        assert_eq!(Cause::SocketMissing.runbook(RootCause::Unknown), "NginxCannotConnect");
        assert_eq!(Cause::DnsFailure.runbook(RootCause::Network), "NginxCannotConnect");
    }

    #[test]
    fn the_root_of_a_denied_socket_depends_on_what_it_is() {
        assert_eq!(Cause::PermissionDenied.own_root("unix:/x"), RootCause::SocketPermissions);
        assert_eq!(Cause::PermissionDenied.own_root("10.0.0.1:80"), RootCause::Network);
    }
}
