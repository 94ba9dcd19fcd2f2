//! Which failures an upstream can have: only these begin at 0, so that no series is of an impossible thing.
//!
//! What happens all the same is counted; its series then begins above 0, which the recording rules allow for.

use super::{Cause, Outcome};

/// How nginx reaches an upstream, as its name in the logs tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `unix:/path`: no network, no names, and connect() never waits (net/unix/af_unix.c, `unix_stream_connect`).
    Unix,
    /// `ADDRESS:PORT`.
    Tcp,
    /// The name of a group, which the logs have only when none of its servers was left; or `other`.
    Group,
    /// No upstream took part.
    None,
}

impl Transport {
    /// Of a value of the label `upstream`.
    pub fn of(upstream: &str) -> Self {
        if upstream.is_empty() {
            Self::None
        } else if upstream.starts_with("unix:") {
            Self::Unix
        } else if upstream
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        {
            Self::Tcp
        } else {
            Self::Group
        }
    }
}

/// The statuses of failed responses of a cause that begin at 0.
pub fn codes(cause: Cause, transport: Transport) -> &'static [u16] {
    use Cause::*;
    use Transport::{Group, Tcp, Unix};
    match (cause, transport) {
        (ConnectionRefused | PermissionDenied | ConnectFailed, Unix | Tcp) => &[502],
        (SocketMissing | BacklogFull, Unix) => &[502],
        (FirewallDenied | HostUnreachable | LocalPortsExhausted | TlsFailure, Tcp) => &[502],
        (ConnectTimeout, Tcp) => &[504],
        (SendFailed | ConnectionReset | ClosedPrematurely, Unix | Tcp) => &[502],
        (HeaderTooBig | InvalidResponse | ProtocolMismatch | NginxResources, Unix | Tcp) => &[502],
        (ResponseTimeout, Unix | Tcp) => &[504],
        (UpstreamStatus, Unix | Tcp) => &[500, 502, 503, 504],
        (Unknown, Unix | Tcp) => &[502, 504],
        (NoLiveUpstreams | Unknown, Group) => &[502],
        (DnsFailure, Transport::None) => &[502],
        (NginxReturn | CachedError, Transport::None) => &[500, 502, 503, 504],
        (NginxLimit, Transport::None) => &[503],
        (NginxResources, Transport::None) => &[500, 502],
        (NginxConfig, Transport::None) => &[500],
        (Unknown, Transport::None) => &[500, 502, 503, 504, 9],
        _ => &[],
    }
}

/// Whether failed attempts of a cause and an outcome begin at 0. Those that a retry saved, that no client saw, or that came
/// in the middle of an answer are rare, and begin with their first.
pub fn attempts(cause: Cause, outcome: Outcome, transport: Transport) -> bool {
    // The answer of an application, or of nginx, is no failed attempt.
    let failed_attempt = !matches!(
        cause,
        Cause::UpstreamStatus
            | Cause::CachedError
            | Cause::NginxReturn
            | Cause::Unknown
            | Cause::ResponseTruncated
    );
    failed_attempt && outcome == Outcome::Failed && !codes(cause, transport).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::is_failed;

    #[test]
    fn the_name_tells_the_transport() {
        for (upstream, expected) in [
            ("", Transport::None),
            ("unix:/run/x.sock", Transport::Unix),
            ("127.0.0.1:9000", Transport::Tcp),
            ("[::1]:9000", Transport::Tcp),
            ("php:9000", Transport::Tcp),
            ("backend", Transport::Group),
            ("other", Transport::Group),
        ] {
            assert_eq!(Transport::of(upstream), expected, "{upstream}");
        }
    }

    #[test]
    fn nothing_impossible_begins_and_every_code_is_a_failure() {
        for cause in Cause::ALL {
            for transport in [Transport::Unix, Transport::Tcp, Transport::Group, Transport::None] {
                assert!(codes(*cause, transport).iter().all(|code| is_failed(*code)), "{cause:?}");
            }
        }
        for never in [Cause::TlsFailure, Cause::HostUnreachable, Cause::DnsFailure, Cause::ConnectTimeout] {
            assert!(codes(never, Transport::Unix).is_empty(), "{never:?} on a unix socket");
        }
        for never in [Cause::SocketMissing, Cause::BacklogFull] {
            assert!(codes(never, Transport::Tcp).is_empty(), "{never:?} on a port");
        }
        assert!(!attempts(Cause::UpstreamStatus, Outcome::Failed, Transport::Unix));
        assert!(attempts(Cause::BacklogFull, Outcome::Failed, Transport::Unix));
        assert!(!attempts(Cause::BacklogFull, Outcome::Rescued, Transport::Unix));
    }
}
