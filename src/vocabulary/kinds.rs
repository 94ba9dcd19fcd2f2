//! Kinds of failure: what people see as one thing. Each has a colour, the same on the page and on dashboards.
//!
//! There are eight, because more colours are not told apart by everybody; those of a column were chosen to be far from each
//! other (CIEDE2000) for normal sight, protanopia, deuteranopia and tritanopia. Each has at least 3 : 1 against its ground
//! (WCAG 1.4.11).

use super::words::{Cause, RootCause};

/// A kind of failure.
#[derive(Debug, PartialEq, Eq)]
pub struct FailureKind {
    /// Its word, as in CSS classes.
    pub word: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What nginx saw.
    pub causes: &'static [Cause],
    /// What broke it.
    pub roots: &'static [RootCause],
    /// Colour on [`LIGHT`].
    pub light: &'static str,
    /// Colour on [`DARK`].
    pub dark: &'static str,
    /// Colour on both of Grafana's grounds.
    pub dashboard: &'static str,
}

/// The page's ground where people want it light.
pub const LIGHT: &str = "#FFFFFF";
/// The page's ground where they want it dark.
pub const DARK: &str = "#14181D";

/// All, in the order in which charts stack them: the application's own failures on top.
pub const FAILURE_KINDS: [FailureKind; 8] = [
    FailureKind {
        word: "down",
        title: "not running or not listening",
        causes: &[Cause::ConnectionRefused, Cause::SocketMissing, Cause::NoLiveUpstreams],
        roots: &[RootCause::FpmNotRunning, RootCause::FpmStopped, RootCause::FpmReloaded],
        light: "#A62D00",
        dark: "#FE6820",
        dashboard: "#E46433",
    },
    FailureKind {
        word: "denied",
        title: "denied or wrongly connected",
        causes: &[
            Cause::PermissionDenied,
            Cause::FirewallDenied,
            Cause::ProtocolMismatch,
            Cause::NginxConfig,
        ],
        roots: &[RootCause::WrongAddress, RootCause::SocketPermissions, RootCause::ClientNotAllowed],
        light: "#8C1FA7",
        dark: "#DAA6FF",
        dashboard: "#A83AA3",
    },
    FailureKind {
        word: "saturated",
        title: "saturated",
        causes: &[
            Cause::BacklogFull,
            Cause::ConnectTimeout,
            Cause::LocalPortsExhausted,
            Cause::NginxLimit,
            Cause::NginxResources,
        ],
        roots: &[RootCause::PoolSaturated],
        light: "#B57C15",
        dark: "#FFF13F",
        dashboard: "#A85206",
    },
    FailureKind {
        word: "died",
        title: "died while working",
        causes: &[
            Cause::ConnectionReset,
            Cause::ClosedPrematurely,
            Cause::SendFailed,
            Cause::ResponseTruncated,
        ],
        roots: &[
            RootCause::WorkerOomKilled,
            RootCause::WorkerKilled,
            RootCause::WorkerCrashed,
            RootCause::RequestTerminated,
        ],
        light: "#1E94C9",
        dark: "#D2E9EC",
        dashboard: "#0B97D1",
    },
    FailureKind {
        word: "slow",
        title: "too slow",
        causes: &[Cause::ResponseTimeout],
        roots: &[RootCause::SlowRequest, RootCause::PhpTimeLimit],
        light: "#1E394C",
        dark: "#556FE3",
        dashboard: "#1C5BEE",
    },
    FailureKind {
        word: "answer",
        title: "bad answer",
        causes: &[Cause::HeaderTooBig, Cause::InvalidResponse],
        roots: &[RootCause::PhpMemoryLimit, RootCause::PhpFatal, RootCause::BuffersTooSmall],
        light: "#277753",
        dark: "#31D39A",
        dashboard: "#188B68",
    },
    FailureKind {
        word: "network",
        title: "network",
        causes: &[Cause::DnsFailure, Cause::HostUnreachable, Cause::TlsFailure, Cause::ConnectFailed],
        roots: &[RootCause::Network, RootCause::Tls, RootCause::StaleKeepalive],
        light: "#3F3026",
        dark: "#8F7262",
        dashboard: "#876044",
    },
    FailureKind {
        word: "own",
        title: "the application itself, or unknown",
        causes: &[Cause::UpstreamStatus, Cause::CachedError, Cause::NginxReturn, Cause::Unknown],
        roots: &[RootCause::Application, RootCause::Nginx, RootCause::Unknown],
        light: "#7A7F87",
        dark: "#90959F",
        dashboard: "#797F88",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_and_root_cause_is_of_one_kind() {
        for cause in Cause::ALL {
            assert_eq!(
                FAILURE_KINDS.iter().filter(|kind| kind.causes.contains(cause)).count(),
                1,
                "{cause:?}"
            );
        }
        for root in RootCause::ALL {
            assert_eq!(FAILURE_KINDS.iter().filter(|kind| kind.roots.contains(root)).count(), 1, "{root:?}");
        }
    }

    /// Relative luminance by WCAG 2.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_colour_stands_out_from_its_ground() {
        // Grafana's panels are on these.
        let grounds = ["#FFFFFF", "#181B1F"];
        for kind in &FAILURE_KINDS {
            assert!(contrast(kind.light, LIGHT) >= 3.0, "{kind:?}");
            assert!(contrast(kind.dark, DARK) >= 3.0, "{kind:?}");
            for ground in grounds {
                assert!(contrast(kind.dashboard, ground) >= 3.0, "{kind:?} on {ground}");
            }
        }
        assert!(contrast("#E69F00", LIGHT) < 3.0, "an orange that many use");
    }
}
