//! One colour for each family of causes, the same on both of Grafana's themes.
//!
//! Each has a contrast of at least 3 : 1 on white and on #181B1F, and any two of them a distance (CIEDE2000) of 12 for usual
//! eyes and of 10 for those who lack a cone. A cause that had no colour of its own would take that of its place in the list,
//! another one each time.

use serde_json::{Value, json};

/// What a colour stands for, its value, and its causes and root causes.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) colour: &'static str,
    pub(crate) causes: &'static [&'static str],
    pub(crate) root_causes: &'static [&'static str],
}

/// In the order in which they are stacked.
pub(crate) const FAMILIES: &[Family] = &[
    Family {
        name: "down",
        colour: "#E46433",
        causes: &["connection_refused", "socket_missing", "no_live_upstreams"],
        root_causes: &["fpm_not_running", "fpm_stopped", "fpm_reloaded"],
    },
    Family {
        name: "denied or miswired",
        colour: "#A83AA3",
        causes: &["permission_denied", "firewall_denied", "protocol_mismatch", "nginx_config"],
        root_causes: &["wrong_address", "socket_permissions", "client_not_allowed"],
    },
    Family {
        name: "saturated",
        colour: "#A85206",
        causes: &[
            "backlog_full",
            "connect_timeout",
            "local_ports_exhausted",
            "nginx_limit",
            "nginx_resources",
        ],
        root_causes: &["pool_saturated"],
    },
    Family {
        name: "died at work",
        colour: "#0B97D1",
        causes: &["connection_reset", "closed_prematurely", "send_failed", "response_truncated"],
        root_causes: &["worker_oom_killed", "worker_killed", "worker_crashed", "request_terminated"],
    },
    Family {
        name: "slow",
        colour: "#1C5BEE",
        causes: &["response_timeout"],
        root_causes: &["slow_request", "php_time_limit"],
    },
    Family {
        name: "bad answer",
        colour: "#188B68",
        causes: &["header_too_big", "invalid_response"],
        root_causes: &["php_memory_limit", "php_fatal", "buffers_too_small"],
    },
    Family {
        name: "network",
        colour: "#876044",
        causes: &["dns_failure", "host_unreachable", "tls_failure", "connect_failed"],
        root_causes: &["network", "tls", "stale_keepalive"],
    },
    Family {
        name: "own or unknown",
        colour: "#797F88",
        causes: &["upstream_status", "cached_error", "nginx_return", "unknown", "other"],
        root_causes: &["application", "nginx"],
    },
];

/// For what is no cause: a limit that is drawn beside the data.
pub(crate) const LIMIT: &str = "#797F88";

/// The overrides that colour series named after causes or root causes.
pub(crate) fn overrides() -> Vec<Value> {
    FAMILIES
        .iter()
        .map(|family| {
            let words = [family.causes, family.root_causes].concat().join("|");
            json!({
                "matcher": { "id": "byRegexp", "options": format!("/^({words})$/") },
                "properties": [{ "id": "color", "value": { "mode": "fixed", "fixedColor": family.colour } }]
            })
        })
        .collect()
}
