//! Lines as nginx and PHP-FPM write them, seconds after 2026-11-20 00:00:00 UTC.

/// That moment in Unix time.
pub(super) const MIDNIGHT: u64 = 1_795_132_800;

fn clock(at: i64) -> String {
    format!("{:02}:{:02}:{:02}", at / 3600, at / 60 % 60, at % 60)
}

pub(super) fn access(at: i64, status: u16, connection: u64) -> String {
    let connect = if status == 502 { "-" } else { "0.000" };
    let header = if status == 502 { "-" } else { "0.001" };
    format!(
        "10.0.0.1 - - [20/Nov/2026:{} +0000] \"GET /{connection} HTTP/1.1\" {status} 157 \"-\" \"-\" server=\"s\" pid=7 connection={connection} msec={}.000 request_time=0.000 upstream_addr=\"unix:/x\" upstream_status=\"{status}\" upstream_connect_time=\"{connect}\" upstream_header_time=\"{header}\" upstream_response_time=\"0.000\" upstream_bytes_received=\"0\" upstream_cache_status=\"-\"\n",
        clock(at),
        MIDNIGHT as i64 + at
    )
}

/// A line of a JSON format without a time.
pub(super) fn timeless(connection: u64) -> String {
    format!(
        "{{\"status\":\"502\",\"request\":\"GET /{connection} HTTP/1.1\",\"remote_addr\":\"10.0.0.1\",\"pid\":\"7\",\"connection\":\"{connection}\",\"upstream_addr\":\"unix:/x\",\"upstream_status\":\"502\"}}\n"
    )
}

fn tail(connection: u64) -> String {
    format!(
        "client: 10.0.0.1, server: s, request: \"GET /{connection} HTTP/1.1\", upstream: \"fastcgi://unix:/x:\", host: \"s\"\n"
    )
}

pub(super) fn entry(at: i64, connection: u64) -> String {
    format!(
        "2026/11/20 {} [crit] 7#7: *{connection} connect() to unix:/x failed (2: No such file or directory) while connecting to upstream, {}",
        clock(at),
        tail(connection)
    )
}

/// A script's words: what follows may belong to them.
pub(super) fn php_fatal(at: i64, connection: u64) -> String {
    format!(
        "2026/11/20 {} [error] 7#7: *{connection} FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Uncaught Error: x in /a.php:1\" while reading response header from upstream, {}",
        clock(at),
        tail(connection)
    )
}

pub(super) fn fpm_line(at: i64, message: &str) -> String {
    format!("[20-Nov-2026 {}] {message}\n", clock(at))
}
