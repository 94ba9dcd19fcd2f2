//! Formats known by name: what tools, panels and images configure by default, one row each.
//!
//! No stock format has `$pid`, and none that is on by default has `$connection`: only the recommended ones join exactly.

use std::sync::LazyLock;

use super::{Field, Format};

/// nginx's own `combined`.
const COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;

/// What the README recommends: `combined`, so that other tools still read it, and then the fields that
/// make attribution exact.
pub const RECOMMENDED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" server="$server_name" pid=$pid connection=$connection msec=$msec request_time=$request_time upstream_addr="$upstream_addr" upstream_status="$upstream_status" upstream_connect_time="$upstream_connect_time" upstream_header_time="$upstream_header_time" upstream_response_time="$upstream_response_time" upstream_bytes_received="$upstream_bytes_received" upstream_cache_status="$upstream_cache_status""#;

/// The same fields as JSON.
pub const RECOMMENDED_JSON: &str = r#"escape=json {"time_iso8601":"$time_iso8601","msec":"$msec","remote_addr":"$remote_addr","request":"$request","status":"$status","body_bytes_sent":"$body_bytes_sent","request_time":"$request_time","server_name":"$server_name","pid":"$pid","connection":"$connection","upstream_addr":"$upstream_addr","upstream_status":"$upstream_status","upstream_connect_time":"$upstream_connect_time","upstream_header_time":"$upstream_header_time","upstream_response_time":"$upstream_response_time","upstream_bytes_received":"$upstream_bytes_received","upstream_cache_status":"$upstream_cache_status","http_referer":"$http_referer","http_user_agent":"$http_user_agent"}"#;

/// A format that somebody's logs have without having been asked.
pub(super) struct Known {
    /// As `--log-format` and the docs call it.
    pub(super) name: &'static str,
    /// The text of its directive.
    text: &'static str,
    /// Who writes it.
    used_by: &'static str,
    /// Where the text was read.
    source: &'static str,
    /// What it is taken for when only lines are known, if that is less: a value that a client may send where the format
    /// has `$server_name` must not become a label.
    guess: Option<&'static str>,
}

macro_rules! known {
    ($($name:literal $used_by:literal from $source:literal $text:expr $(, as $guess:literal)?;)*) => {
        &[$(Known { name: $name, text: $text, used_by: $used_by, source: $source, guess: known!(@ $($guess)?) },)*]
    };
    (@) => { None };
    (@ $guess:literal) => { Some($guess) };
}

/// All, the most telling first. Lines are tried in this order; JSON is read by its keys.
pub(super) const TABLE: &[Known] = known! {
    "badgateway" "this README" from "README.md" RECOMMENDED;
    "badgateway_json" "this README" from "README.md" RECOMMENDED_JSON;
    "combined" "nginx wherever access_log names no format: Debian, Ubuntu, Arch, FreeBSD, OpenResty, Plesk, Hestia, aaPanel, Virtualmin, Heroku and others" from "nginx/nginx: src/http/modules/ngx_http_log_module.c" COMBINED;
    "main" "packages of nginx.org, Fedora, RHEL, Alpine, Tengine, Angie; the nginx images; Elastic Beanstalk, Trellis" from "nginx/pkg-oss: nginx.conf; alpinelinux/aports: main/nginx/nginx.conf" r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#;
    "ingress-nginx" "ingress-nginx (upstreaminfo)" from "kubernetes/ingress-nginx: internal/ingress/controller/config" r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"#;
    "upstream_time" "nginx's admin guide, and who has copied it" from "docs.nginx.com: admin guide, Configuring Logging" r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time""#;
    "main_ext" "CentminMod (main_ext), Webinoly (we_log_ext)" from "centminmod/centminmod: config/nginx/nginx.conf; QROkes/webinoly" r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" "$host" sn="$server_name" rt=$request_time ua="$upstream_addr" us="$upstream_status" ut="$upstream_response_time" ul="$upstream_response_length" cs=$upstream_cache_status"#;
    "centmin_ext" "CentminMod (main_ext, older)" from "centminmod/centminmod: config/nginx/nginx.conf" r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" rt=$request_time ua="$upstream_addr" us="$upstream_status" ut="$upstream_response_time" ul="$upstream_response_length" cs=$upstream_cache_status"#;
    "angie" "Angie's package (extended)" from "angie.conf of the package, as published by its users" r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" rt="$request_time" "$http_user_agent" "$http_x_forwarded_for" h="$host" sn="$server_name" ru="$request_uri" u="$uri" ucs="$upstream_cache_status" ua="$upstream_addr" us="$upstream_status" uct="$upstream_connect_time" urt="$upstream_response_time""#;
    "main_timed" "TrafeX/docker-php-nginx" from "TrafeX/docker-php-nginx: config/nginx.conf" r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" $request_time $upstream_response_time $pipe $upstream_cache_status"#;
    "serverpilot" "ServerPilot" from "serverpilot.io: docs/logs/nginx/access" r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" $request_length $request_time "$upstream_response_length" "$upstream_response_time" "$host""#;
    "laradock" "laradock's openresty" from "laradock/laradock" r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" "$host""#;
    "bitnami" "Bitnami to 1.21 (main)" from "bitnami/bitnami-docker-nginx: nginx.conf of 1.19 to 1.21" r#"$remote_addr - $remote_user [$time_local] "$request" $status  $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#;
    "centmin_ddos" "CentminMod (ddos-proxy)" from "centminmod/centminmod: config/nginx/nginx.conf" r#"$remote_addr for $http_x_real_ip - $remote_user [$time_local] $request "$status" $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" "$gzip_ratio" "$connection" "$connection_requests" "$request_time""#;
    "centmin" "CentminMod (main)" from "centminmod/centminmod: config/nginx/nginx.conf" r#"$remote_addr - $remote_user [$time_local] $request "$status" $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" "$gzip_ratio" "$connection" "$connection_requests" "$request_time""#;
    "hestia" "Hestia's and Vesta's panel (main)" from "hestiacp/hestiacp: src/deb/nginx/nginx.conf; serghey-rodin/vesta" r#"$remote_addr - $remote_user [$time_local] $request "$status" $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#;
    "cpanel_cache" "cPanel (cp_cache_log)" from "CpanelInc/ea-nginx: SOURCES/cpanel/ea-nginx/global-logging.tt" r#"[$time_local] [Cache:$upstream_cache_status] [$host] [Remote_Addr: $remote_addr] - $remote_user - $server_name to: $upstream_addr: "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
    "cpanel" "cPanel's ea-nginx (cp_combined)" from "CpanelInc/ea-nginx: SOURCES/cpanel/ea-nginx/global-logging.tt" r#"$server_name:$server_port $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#, as r#"$http_host:$server_port $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
    "cpanel_common" "cPanel's ea-nginx (cp_common)" from "CpanelInc/ea-nginx: SOURCES/cpanel/ea-nginx/global-logging.tt" r#"$server_name:$server_port $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#, as r#"$http_host:$server_port $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#;
    "npm_proxy" "Nginx Proxy Manager's proxy hosts" from "NginxProxyManager/nginx-proxy-manager: docker/rootfs/etc/nginx/conf.d/include/log-proxy.conf" r#"[$time_local] $upstream_cache_status $upstream_status $status - $request_method $scheme $host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $server] "$http_user_agent" "$http_referer""#;
    "npm_standard" "Nginx Proxy Manager's redirection and dead hosts" from "NginxProxyManager/nginx-proxy-manager: docker/rootfs/etc/nginx/conf.d/include/log-proxy.conf" r#"[$time_local] $status - $request_method $scheme $host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] "$http_user_agent" "$http_referer""#;
    "nginx-proxy" "nginx-proxy (vhost)" from "nginx-proxy/nginx-proxy: nginx.tmpl" r#"$host $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$upstream_addr""#;
    "nginx-proxy_json" "nginx-proxy with LOG_JSON" from "nginx-proxy/nginx-proxy: nginx.tmpl" r#"escape=json {"time_local":"$time_iso8601","client_ip":"$http_x_forwarded_for","remote_addr":"$remote_addr","request":"$request","status":"$status","body_bytes_sent":"$body_bytes_sent","request_time":"$request_time","upstream_response_time":"$upstream_response_time","upstream_addr":"$upstream_addr","http_referrer":"$http_referer","http_user_agent":"$http_user_agent","request_id":"$request_id"}"#;
    "vhost" "EasyEngine 4's proxy, nginx-proxy before 2020" from "EasyEngine/dockerfiles: nginx.conf" r#"$host $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
    "wordops" "WordOps (rt_cache)" from "WordOps/WordOps: wo/cli/templates/nginx-core.mustache" r#"$remote_addr $upstream_response_time $upstream_cache_status [$time_local] $host "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$server_protocol" "$http3""#;
    "rt_cache" "EasyEngine (rt_cache), WordOps' redis sites (rt_cache_redis)" from "EasyEngine/dockerfiles: nginx.conf" r#"$remote_addr $upstream_response_time $upstream_cache_status [$time_local] $host "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
    "webinoly" "Webinoly (we_log)" from "QROkes/webinoly" r#"$remote_addr $upstream_response_time $upstream_cache_status [$time_local] $host "$request" $status $body_bytes_sent $request_time "$http_referer" "$http_user_agent""#;
    "gridpane" "GridPane (we_log)" from "a script of a user of GridPane" r#"[$time_local] $remote_addr $upstream_response_time $upstream_cache_status $http_host "$request" $status $body_bytes_sent $request_time "$http_referer" "$http_user_agent""#;
    "gridpane_http3" "GridPane with HTTP/3" from "a script of a user of GridPane" r#"[$time_local] $remote_addr $upstream_response_time $upstream_cache_status $http_host "$request" $status $body_bytes_sent $request_time "$http_referer" "$http_user_agent" "$http3""#;
    "healthd" "Elastic Beanstalk's health agent" from "AWS: Elastic Beanstalk enhanced health log format" r#"$msec"$uri"$status"$request_time"$upstream_response_time"$http_x_forwarded_for"#;
    "aapanel_balancer" "aaPanel's load balancer (load_balancer_detailed)" from "aaPanel/BaoTa: mod/project/node/loadutil/nginx_utils.py" r#"$time_local,$remote_addr,$host,$request_method,"$request_uri","$upstream_addr","$upstream_response_time","$upstream_bytes_received","$upstream_status","$upstream_cache_status",$request_time,$body_bytes_sent,$bytes_sent,$status,"$http_user_agent","$http_referer",$http_x_forwarded_for,$http_x_real_ip"#;
    "common" "goaccess' COMMON, Apache's common" from "goaccess' COMMON" r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#;
};

/// `combined` with anything behind it, with or without a blank: better than nothing when the tail is not known. Only these
/// formats have a value that may hold quotes.
const AND_MORE: [&str; 2] = [
    r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"$badgateway_rest"#,
    r#"$host $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"$badgateway_rest"#,
];

/// The names that `--log-format` accepts.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|known| known.name)
}

pub(super) fn by_name(name: &str) -> Option<&'static str> {
    TABLE.iter().find(|known| known.name == name).map(|known| known.text)
}

/// The formats tried on a line of an unknown log, the most telling first. JSON is not among them.
pub(super) fn detectable() -> &'static [Format] {
    static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
        let named = TABLE.iter().map(|known| known.guess.unwrap_or(known.text));
        let texts = named.filter(|text| !text.starts_with("escape=json")).chain(AND_MORE);
        texts.filter_map(|text| Format::new(text).ok()).collect()
    });
    &FORMATS
}

/// How many of these are frequent: the recommended one, `combined`, `main` and ingress-nginx.
pub(super) const FREQUENT: usize = 4;

/// What an exact join wants, and what else is missed: variables in one cell of the docs.
const WANTED: &[&[Field]] = &[
    &[Field::Pid],
    &[Field::Connection],
    &[Field::UpstreamAddr],
    &[Field::UpstreamStatus],
    &[Field::UpstreamHeaderTime],
    &[Field::ServerName],
    &[Field::RemoteAddr],
    // The request line as it was sent, or its parts.
    &[Field::Request, Field::ServerProtocol],
    &[Field::TimeLocal, Field::TimeIso8601, Field::Msec],
];

/// docs/formats.md
pub fn markdown() -> String {
    let mut out = String::from(HEAD);
    for known in TABLE {
        let Ok(format) = Format::new(known.text) else { continue };
        let lacks = WANTED.iter().filter(|fields| !fields.iter().any(|field| format.has(*field)));
        let lacks: Vec<_> = lacks.map(|fields| format!("`${}`", fields[0].name())).collect();
        let lacks = if lacks.is_empty() { "nothing".to_owned() } else { lacks.join(" ") };
        let Known { name, used_by, source, .. } = known;
        out.push_str(&format!("| `{name}` | {used_by} | {lacks} | {source} |\n"));
    }
    out.push_str("\n## The strings\n\n```nginx\n");
    for known in TABLE {
        let (escape, text) = match known.text.strip_prefix("escape=json ") {
            Some(text) => (" escape=json", text),
            None => ("", known.text),
        };
        out.push_str(&format!("log_format {}{escape} '{text}';\n", known.name));
    }
    out.push_str("```\n");
    out.push_str(TAIL);
    out
}

const HEAD: &str = "# Access-log formats

Generated from the table in `src/record/format/builtin.rs` by `make docs`; a test keeps them in step.

Without `--log-format` the format of a log is found from its lines: one of these, JSON by its keys, LTSV by its labels, or `combined`
with anything behind it. `--log-format NAME` says which it is, `--log-format 'STRING'` takes the text of any `log_format` directive.

An entry of the error log is joined with its access line exactly by `$pid` and `$connection`. Without them the client, the request
and the second decide, which two requests can have in common; then the cause is still counted, on the upstream that the error log
names. Only the two recommended formats lack nothing.

| name | written by | lacks for an exact join | read in |
|---|---|---|---|
";

const TAIL: &str = "
`$http3`, `$req_id`, `$server`, `$proxy_upstream_name` and their like are variables of the tool, not of nginx; nothing is read from them.
Where a format is only guessed from lines, the first value of `cpanel` and `cpanel_common` is taken for the `Host` that a client sent, and
is no label; named by `--log-format` it is the server.

## What is no access log of requests

These have no `$status`, so no failed response can be seen in them; name another log of the same server:

| format | written by |
|---|---|
| `$body_bytes_sent` | Hestia, Vesta and CWP (`DOMAIN.bytes`) |
| `$msec_no_microseconds $bytes_sent .` | cPanel (`DOMAIN-bytes_log`) |
| `$date $server_protocol $ssl_protocol $host …` | cPanel (`traffic-nginx.log`) |
| `{\"upstreamAddress\":…, \"upstreamStatus\": …}` | F5's ingress controller (`response_time`, beside its `main`) |
| `[$time_local] [Client …] $protocol $status …` | `stream{}` of Nginx Proxy Manager and ingress-nginx: bytes, no requests |
| `%R - %u %t \"%m %r\" %s` | PHP-FPM's own access log |

## JSON

Keys are variables' names, in any order, flat or nested: `upstream.status` and `\"upstream\": {\"status\": …}` are `$upstream_status`,
never `$status`. OneinStack's and CentminMod's JSON, Datadog's and ELK's nested objects are read so. Well-known other names are taken where the variable's own is not there (`client_ip`, `method`, `status_code`,
`@timestamp` …). Numbers may stand without quotes, lists of several attempts too.

## LTSV

Labels are variables' names or those of ltsv.org: `host`, `time`, `req`, `method`, `uri`, `protocol`, `status`, `reqtime`, `apptime`.
";

#[cfg(test)]
mod tests;
