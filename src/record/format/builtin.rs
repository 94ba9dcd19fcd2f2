//! Formats known by name.

use std::sync::LazyLock;

use super::Format;

/// nginx's own `combined`.
const COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;

/// `main` as nginx.org's packages configure it.
const MAIN: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#;

/// What the README recommends: `combined`, so that other tools still read it, and then the fields that
/// make attribution exact.
pub const RECOMMENDED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" server="$server_name" pid=$pid connection=$connection msec=$msec request_time=$request_time upstream_addr="$upstream_addr" upstream_status="$upstream_status" upstream_connect_time="$upstream_connect_time" upstream_header_time="$upstream_header_time" upstream_response_time="$upstream_response_time" upstream_bytes_received="$upstream_bytes_received" upstream_cache_status="$upstream_cache_status""#;

/// The same fields as JSON.
pub const RECOMMENDED_JSON: &str = r#"escape=json {"time_iso8601":"$time_iso8601","msec":"$msec","remote_addr":"$remote_addr","request":"$request","status":"$status","body_bytes_sent":"$body_bytes_sent","request_time":"$request_time","server_name":"$server_name","pid":"$pid","connection":"$connection","upstream_addr":"$upstream_addr","upstream_status":"$upstream_status","upstream_connect_time":"$upstream_connect_time","upstream_header_time":"$upstream_header_time","upstream_response_time":"$upstream_response_time","upstream_bytes_received":"$upstream_bytes_received","upstream_cache_status":"$upstream_cache_status","http_referer":"$http_referer","http_user_agent":"$http_user_agent"}"#;

/// ingress-nginx's `upstreaminfo`.
const INGRESS: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"#;

/// `combined` with anything behind it, with or without a blank (nginx's admin guide has none): better than nothing when the tail is not known. Only this format has
/// a value that may hold quotes.
const COMBINED_AND_MORE: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"$badgateway_rest"#;

const TABLE: &[(&str, &str)] = &[
    ("combined", COMBINED),
    ("main", MAIN),
    ("badgateway", RECOMMENDED),
    ("badgateway_json", RECOMMENDED_JSON),
    ("ingress-nginx", INGRESS),
];

/// The names that `--log-format` accepts.
pub const NAMES: &[&str] = &["combined", "main", "badgateway", "badgateway_json", "ingress-nginx"];

pub(super) fn by_name(name: &str) -> Option<&'static str> {
    TABLE.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The formats tried on a line of an unknown log, the most telling first.
pub(super) fn detectable() -> &'static [Format] {
    static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
        [RECOMMENDED, INGRESS, COMBINED, MAIN, COMBINED_AND_MORE]
            .iter()
            .filter_map(|text| Format::new(text).ok())
            .collect()
    });
    &FORMATS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_compiles() {
        assert_eq!(NAMES.to_vec(), TABLE.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for name in NAMES {
            Format::new(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        assert_eq!(detectable().len(), 5);
    }
}
