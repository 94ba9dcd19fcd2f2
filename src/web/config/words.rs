//! The words of a web configuration: Go's names of versions, cipher suites, curves and client policies.

use std::time::Duration;

use rustls::SupportedCipherSuite;
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::{cipher_suite as suite, kx_group};
use serde::Deserialize;

/// `cipher_suites`: one that Go has; `None`: that rustls has not.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Cipher {
    pub(super) name: String,
    pub(super) suite: Option<SupportedCipherSuite>,
}

impl TryFrom<String> for Cipher {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let suite = match name.as_str() {
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" => Some(suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" => Some(suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" => {
                Some(suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)
            }
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" => Some(suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" => Some(suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" => {
                Some(suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)
            }
            // Always offered: the list is for TLS 1.2.
            "TLS_AES_128_GCM_SHA256" | "TLS_AES_256_GCM_SHA384" | "TLS_CHACHA20_POLY1305_SHA256" => None,
            // CBC, which rustls leaves out.
            "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
            | "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"
            | "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
            | "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA" => None,
            _ => return Err(format!("unknown cipher: {name:?}")),
        };
        Ok(Self { name, suite })
    }
}

impl Cipher {
    pub(super) fn is_cbc(&self) -> bool {
        self.name.ends_with("_CBC_SHA")
    }

    /// One of the two that RFC 7540 asks for.
    pub(super) fn is_required_by_http2(&self) -> bool {
        ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]
            .contains(&self.name.as_str())
    }
}

/// `curve_preferences`; `None`: P-521, which rustls has not.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Curve(pub(super) Option<&'static dyn SupportedKxGroup>);

impl TryFrom<String> for Curve {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.as_str() {
            "CurveP256" => Ok(Self(Some(kx_group::SECP256R1))),
            "CurveP384" => Ok(Self(Some(kx_group::SECP384R1))),
            "CurveP521" => Ok(Self(None)),
            "X25519" => Ok(Self(Some(kx_group::X25519))),
            _ => Err(format!("unknown curve: {name:?}")),
        }
    }
}

/// `min_version`, `max_version`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
pub(super) enum Version {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.as_str() {
            "TLS10" => Ok(Self::Tls10),
            "TLS11" => Ok(Self::Tls11),
            "TLS12" => Ok(Self::Tls12),
            "TLS13" => Ok(Self::Tls13),
            _ => Err(format!("unknown TLS version: {name:?}")),
        }
    }
}

/// `client_auth_type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ClientAuth {
    /// A certificate is asked for.
    pub(super) ask: bool,
    /// Without one there is no connection.
    pub(super) require: bool,
    /// It must be of the CA.
    pub(super) verify: bool,
}

impl ClientAuth {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (ask, require, verify) = match name {
            "" | "NoClientCert" => (false, false, false),
            "RequestClientCert" => (true, false, false),
            // The second is an old name of the first.
            "RequireAnyClientCert" | "RequireClientCert" => (true, true, false),
            "VerifyClientCertIfGiven" => (true, false, true),
            "RequireAndVerifyClientCert" => (true, true, true),
            _ => return None,
        };
        Some(Self { ask, require, verify })
    }
}

/// A duration as Go writes it: `1s`, `1m30s`, `0.5s`, or nanoseconds without a unit.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "String")]
pub(super) struct GoDuration(pub(super) Duration);

impl TryFrom<String> for GoDuration {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no duration: write 100ms, 1s or 1m30s");
        if let Ok(nanoseconds) = text.parse::<u64>() {
            return Ok(Self(Duration::from_nanos(nanoseconds)));
        }
        let units =
            [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
        let (mut rest, mut seconds) = (text.as_str(), 0.0);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
            let (_, factor) = units.iter().find(|(unit, _)| *unit == &rest[..end]).ok_or_else(wrong)?;
            seconds += number * factor;
            rest = &rest[end..];
        }
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| wrong())
    }
}
