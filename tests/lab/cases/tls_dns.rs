//! TLS to the upstream, and names that do not resolve.

use super::{Case, Send};

/// A row for one way in which TLS fails.
macro_rules! tls {
    ($name:literal, $place:literal, $settings:literal, $code:literal, $says:literal) => {
        Case {
            name: concat!("tls_", $name),
            server: concat!(
                "location = /tls_",
                $name,
                " { proxy_pass https://@",
                $place,
                "@; ",
                $settings,
                " }"
            ),
            send: Send::Get(&[concat!("/tls_", $name)]),
            seen: &[($code, 1)],
            says: &[$says, "while SSL handshaking to upstream"],
            errors: &[($code, "tls_failure", concat!("@", $place, "@"), 1)],
            ..Case::BASE
        }
    };
}

pub(super) const CASES: &[Case] = &[
    Case {
        name: "tls_fine",
        server: "location = /tls_fine { proxy_pass https://@tls@; proxy_ssl_verify on; proxy_ssl_name lab.test; \
                 proxy_ssl_trusted_certificate @certificate@; }",
        send: Send::Get(&["/tls_fine"]),
        seen: &[("200", 1)],
        ..Case::BASE
    },
    tls!("closes", "tls_close", "", "502", "peer closed connection in SSL handshake"),
    tls!("resets", "tls_reset", "", "502", "peer closed connection in SSL handshake (104:"),
    tls!("stalls", "tls_stall", "", "504", "upstream timed out (110:"),
    tls!("to_plain_port", "plain", "", "502", "SSL_do_handshake() failed"),
    tls!(
        "self_signed",
        "tls",
        "proxy_ssl_verify on; proxy_ssl_name lab.test; proxy_ssl_trusted_certificate @other_certificate@;",
        "502",
        "upstream SSL certificate verify error"
    ),
    tls!(
        "wrong_name",
        "tls",
        "proxy_ssl_verify on; proxy_ssl_name wrong.test; proxy_ssl_trusted_certificate @certificate@;",
        "502",
        "upstream SSL certificate does not match"
    ),
    tls!(
        "wrong_version",
        "tls",
        "proxy_ssl_protocols TLSv1.3; proxy_ssl_conf_command MaxProtocol TLSv1.2;",
        "502",
        "SSL_"
    ),
    Case {
        name: "dns_no_resolver",
        server: "location = /dns_no_resolver { set $host_name x.lab.test; proxy_pass http://$host_name; }",
        send: Send::Get(&["/dns_no_resolver"]),
        seen: &[("502", 1)],
        says: &["no resolver defined to resolve"],
        errors: &[("502", "dns_failure", "", 1)],
        root: Some("nginx"),
        ..Case::BASE
    },
    Case {
        name: "dns_resolver_down",
        server: "location = /dns_resolver_down { resolver @dns@; resolver_timeout 1s; \
                 set $host_name x.lab.test; proxy_pass http://$host_name; }",
        send: Send::Get(&["/dns_resolver_down"]),
        seen: &[("502", 1)],
        says: &["x.lab.test could not be resolved (110:", "while resolving, resolver:"],
        errors: &[("502", "dns_failure", "", 1)],
        ..Case::BASE
    },
];
