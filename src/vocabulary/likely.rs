//! What is usually behind a cause, for a line of which nothing else is known: where to look, not what was found.

use super::{Cause, RootCause};

impl Cause {
    /// The most frequent first.
    pub const fn likely(self) -> &'static [RootCause] {
        use RootCause::{
            Application, BuffersTooSmall, ClientNotAllowed, FpmNotRunning, FpmReloaded, FpmStopped, Network,
            Nginx, PoolSaturated, RequestTerminated, SlowRequest, SocketPermissions, StaleKeepalive, Tls,
            WorkerCrashed, WorkerKilled, WorkerOomKilled, WrongAddress,
        };
        match self {
            Cause::ConnectionRefused | Cause::SocketMissing => &[FpmNotRunning, WrongAddress, FpmStopped],
            Cause::PermissionDenied => &[SocketPermissions],
            Cause::BacklogFull => &[PoolSaturated, SlowRequest],
            Cause::FirewallDenied | Cause::HostUnreachable => &[Network, WrongAddress],
            Cause::LocalPortsExhausted => &[Nginx],
            Cause::ConnectFailed => &[WrongAddress, FpmNotRunning],
            Cause::ConnectTimeout => &[Network, PoolSaturated],
            Cause::DnsFailure => &[Network, Nginx],
            Cause::NoLiveUpstreams => &[FpmNotRunning, PoolSaturated, Network],
            Cause::TlsFailure => &[Tls],
            Cause::SendFailed => &[FpmStopped, Application],
            Cause::ConnectionReset => {
                &[WorkerOomKilled, WorkerCrashed, RequestTerminated, FpmReloaded, FpmStopped, WorkerKilled]
            }
            Cause::ClosedPrematurely => &[StaleKeepalive, ClientNotAllowed, Application],
            Cause::ResponseTimeout => &[SlowRequest, PoolSaturated],
            Cause::HeaderTooBig => &[BuffersTooSmall],
            Cause::InvalidResponse => &[Application, WrongAddress],
            Cause::ProtocolMismatch => &[WrongAddress],
            Cause::ResponseTruncated => &[WorkerOomKilled, RequestTerminated, SlowRequest],
            Cause::UpstreamStatus => &[Application],
            Cause::CachedError => &[Application],
            Cause::NginxReturn | Cause::NginxLimit | Cause::NginxResources | Cause::NginxConfig => &[Nginx],
            Cause::Unknown => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cause_shows_by_itself_is_the_likeliest() {
        for cause in Cause::ALL {
            let likely = cause.likely();
            assert_eq!(likely.is_empty(), *cause == Cause::Unknown, "{cause:?}");
            let own = cause.root();
            assert!(own == RootCause::Unknown || likely.first() == Some(&own), "{cause:?}: {own:?}");
            assert!(!likely.contains(&RootCause::Unknown), "{cause:?}");
        }
    }
}
