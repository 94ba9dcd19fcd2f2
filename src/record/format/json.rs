//! JSON access logs that describe themselves: keys named like nginx's variables.
//!
//! The first line is turned into a format of literals and variables, so that the lines after it are
//! matched as fast as those of a format that was given. nginx writes raw bytes above 0x7f into JSON
//! strings, so a strict parser would refuse real lines.

use super::compile::{assemble, json_part};
use super::field::Field;
use super::{Format, Mismatch, Part};
use crate::record::escape::Escape;
use crate::record::stamp;

/// Keys in common use that are not the variable's own name.
const ALIASES: &[(&str, Field)] = &[
    ("client", Field::RemoteAddr),
    ("client_ip", Field::RemoteAddr),
    ("clientip", Field::RemoteAddr),
    ("remote_ip", Field::RemoteAddr),
    ("remote_address", Field::RemoteAddr),
    ("source_ip", Field::RemoteAddr),
    ("method", Field::RequestMethod),
    ("verb", Field::RequestMethod),
    ("server", Field::ServerName),
    ("status_code", Field::Status),
    ("response", Field::Status),
    ("path", Field::Uri),
    ("request_path", Field::Uri),
    ("url", Field::Uri),
    ("protocol", Field::ServerProtocol),
    ("proto", Field::ServerProtocol),
    ("upstream", Field::UpstreamAddr),
    ("upstream_host", Field::UpstreamAddr),
    ("upstream_address", Field::UpstreamAddr),
    ("upstream_status_code", Field::UpstreamStatus),
    ("upstream_time", Field::UpstreamResponseTime),
    ("upstreamhost", Field::UpstreamAddr),
    ("upstreamstatus", Field::UpstreamStatus),
    ("upstreamtime", Field::UpstreamResponseTime),
    ("up_addr", Field::UpstreamAddr),
    ("responsetime", Field::RequestTime),
    ("worker_pid", Field::Pid),
];

/// Objects around a key that say nothing more of it: `"http": {"status": 502}` is `$status`, `"upstream": {"status": 502}`
/// is not.
const NEUTRAL: &[&str] = &[
    "nginx",
    "access",
    "access_log",
    "nginx_access",
    "http",
    "request",
    "req",
    "response",
    "res",
    "log",
    "data",
    "fields",
    "@fields",
    "attributes",
    "event",
];

/// Objects around a key about other machines and other ends of a connection.
const FOREIGN: &[&str] = &[
    "upstream",
    "backend",
    "origin",
    "proxy",
    "ssl",
    "tls",
    "cache",
    "geoip",
    "geo",
    "user_agent",
    "host",
    "process",
];

/// A value that may be a field: its part, the field, and whether its key is only another name of that.
struct Candidate {
    part: usize,
    field: Field,
    alias: bool,
}

/// A format from one line; `None` when it is no JSON object or no key is known to hold the status.
pub(super) fn derive(line: &[u8]) -> Option<Format> {
    let object = line.trim_ascii();
    if object.first() != Some(&b'{') || object.last() != Some(&b'}') {
        return None;
    }
    let mut keys = Keys::default();
    let (mut at, mut literal_from) = (0, 0);
    let mut value_next = false;
    while at < line.len() {
        match line[at] {
            b'"' => {
                let end = Escape::Json.quote(line, at + 1)?;
                let text = &line[at + 1..end];
                if value_next {
                    keys.value(&line[literal_from..=at], text);
                    literal_from = end;
                } else {
                    keys.key = Some(text);
                }
                value_next = false;
                at = end + 1;
            }
            b':' => {
                value_next = true;
                at += 1;
            }
            b',' | b'}' if value_next => {
                // escape=json writes nothing for a missing value.
                keys.value(&line[literal_from..at], b"");
                (literal_from, value_next) = (at, false);
            }
            byte @ (b',' | b'{' | b'}' | b'[' | b']' | b' ' | b'\t') => {
                match byte {
                    b'{' => keys.around.push(keys.key.take().filter(|_| value_next)),
                    b'}' => drop(keys.around.pop()),
                    _ => {}
                }
                value_next &= byte.is_ascii_whitespace();
                at += 1;
            }
            _ => {
                let end = unquoted_end(line, at)?;
                if value_next {
                    keys.value(&line[literal_from..at], &line[at..end]);
                } else {
                    // A number in a list.
                    keys.unread(&line[literal_from..at]);
                }
                literal_from = end;
                value_next = false;
                at = end;
            }
        }
    }
    keys.format(&line[literal_from..])
}

/// What a line that begins like JSON lacks; `None`: it does not.
pub(super) fn complaint(line: &[u8]) -> Option<Mismatch> {
    line.trim_ascii_start().starts_with(b"{").then(|| {
        match serde_json::from_slice::<serde::de::IgnoredAny>(line) {
            Err(error) => Mismatch { column: error.column().max(1), wanted: format!("other JSON ({error})") },
            Ok(_) => Mismatch { column: 1, wanted: "a key for $status, such as \"status\"".to_owned() },
        }
    })
}

/// Where a value without quotes ends. nginx joins several attempts with `, ` and internal redirects with ` : `, which makes
/// such a value no JSON, but it can be told from the next key: that has a quote.
fn unquoted_end(line: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += line[at..].iter().position(|b| matches!(b, b',' | b'}' | b']' | b' '))?;
        let rest = &line[at..];
        let joined = [&b", "[..], b" : "].into_iter().find(|join| rest.starts_with(join));
        match joined.and_then(|join| Some((join.len(), *rest.get(join.len())?))) {
            Some((length, next)) if next.is_ascii_alphanumeric() || next == b'-' => at += length,
            _ => return Some(at),
        }
    }
}

/// The keys of a line, and the parts of its format so far.
#[derive(Default)]
struct Keys<'l> {
    parts: Vec<Part>,
    candidates: Vec<Candidate>,
    key: Option<&'l [u8]>,
    /// The keys of the objects around; `None` for one in a list.
    around: Vec<Option<&'l [u8]>>,
}

impl Keys<'_> {
    fn unread(&mut self, literal: &[u8]) {
        self.parts.push(Part::Literal(literal.into()));
        self.parts.push(json_part(None));
    }

    fn value(&mut self, literal: &[u8], value: &[u8]) {
        self.unread(literal);
        if let Some((field, alias)) = self.field(value) {
            self.candidates.push(Candidate { part: self.parts.len() - 1, field, alias });
        }
    }

    /// A variable's own name is preferred to another name of it, wherever they stand.
    fn format(mut self, rest: &[u8]) -> Option<Format> {
        self.parts.push(Part::Literal(rest.into()));
        let mut seen = [false; Field::COUNT];
        self.candidates.sort_by_key(|candidate| candidate.alias);
        for Candidate { part, field, .. } in self.candidates {
            if !std::mem::replace(&mut seen[field as usize], true) {
                self.parts[part] = json_part(Some(field));
            }
        }
        assemble(self.parts, Escape::Json).ok()
    }

    /// The field that the key at hand names, and whether by another name.
    fn field(&self, value: &[u8]) -> Option<(Field, bool)> {
        let plain = |key: &[u8]| Some(std::str::from_utf8(key).ok()?.to_ascii_lowercase().replace('-', "_"));
        // `"upstream.status"` is a path, too.
        let mut path: Vec<String> = Vec::new();
        for key in self.around.iter().copied().flatten().chain([self.key?]) {
            path.extend(plain(key)?.split('.').map(str::to_owned));
        }
        let (key, around) = path.split_last()?;
        // What a client asked for by SNI is no server.
        if key == "server_name" && around.iter().any(|object| matches!(object.as_str(), "ssl" | "tls")) {
            return None;
        }
        let Some(object) = around.last() else { return named(key, value) };
        if let Some(found) = named(&format!("{object}_{key}"), value) {
            return Some(found);
        }
        if around.iter().any(|object| FOREIGN.contains(&object.as_str())) {
            return None;
        }
        // A name of one word may be anything there.
        let is_clear = key.contains('_') || NEUTRAL.contains(&object.as_str());
        named(key, value).filter(|_| is_clear)
    }
}

fn named(key: &str, value: &[u8]) -> Option<(Field, bool)> {
    // `time`, `ts`, `@timestamp`, and `time_local` as some call it: the value tells which of nginx's clocks it is.
    let is_time = matches!(key, "ts" | "date" | "msec" | "time_local" | "time_iso8601")
        || key.contains("time") && !key.ends_with("_time");
    let time = match () {
        () if !is_time => None,
        () if stamp::time_iso8601(value).is_some() => Some(Field::TimeIso8601),
        () if stamp::time_local(value).is_some() => Some(Field::TimeLocal),
        () if stamp::msec(value).is_some() => Some(Field::Msec),
        () => None,
    };
    let alias = || ALIASES.iter().find(|(alias, _)| *alias == key).map(|(_, field)| *field);
    let own = time.or_else(|| Field::of_variable(key));
    let (field, alias) = own.map(|field| (field, false)).or_else(|| alias().map(|field| (field, true)))?;
    match field {
        // `"status": "info"` is the record's, `"path": "/var/log/nginx/x.json"` the file's.
        Field::Status if value.len() != 3 || !value.iter().all(u8::is_ascii_digit) => None,
        Field::Uri if value.ends_with(b".log") || value.ends_with(b".json") => None,
        Field::Request if value.starts_with(b"/") => Some((Field::RequestUri, alias)),
        field => Some((field, alias)),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Line {
        format: String,
        /// It has `$upstream_addr`.
        upstream: bool,
        line: String,
    }

    /// Written by a real nginx with each of these formats: a 502 whose upstream refused the connection, and a 200.
    const LINES: &str = include_str!("../../../tests/formats/json.jsonl");

    #[test]
    fn json_of_tools_and_guides_is_read() {
        let lines: Vec<Line> = LINES.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.len() >= 26);
        for pair in lines.chunks(2) {
            let [failed, good] = pair else { panic!("two of each") };
            let name = &failed.format;
            let format = derive(failed.line.as_bytes()).unwrap_or_else(|| panic!("{name}"));
            let access = format.access(failed.line.as_bytes()).unwrap();
            assert_eq!(access.status(), 502, "{name}");
            let client = access.client();
            assert!(
                client == Some(b"127.0.0.1") || client.is_none() && name == "logstash_fields_ip",
                "{name}"
            );
            assert!(access.written().is_some(), "{name}");
            assert!(access.server().is_none_or(|server| *server == *b"shop.test"), "{name}");
            let upstream = access.field(Field::UpstreamAddr);
            assert_eq!(upstream, failed.upstream.then_some(&b"127.0.0.1:21334"[..]), "{name}");
            // One format for the log, whichever line it begins with.
            assert_eq!(format.access(good.line.as_bytes()).unwrap().status(), 200, "{name}");
            let format = derive(good.line.as_bytes()).unwrap();
            assert_eq!(format.access(failed.line.as_bytes()).unwrap().status(), 502, "{name}");
        }
    }

    #[test]
    fn a_list_without_quotes_is_one_value() {
        for (value, next) in [("0.001", "1"), ("0.001, 0.002", "1"), ("0.001, - : 0.002", "1")] {
            let line = format!(
                "{{\"status\":502,\"upstream_response_time\":{value}, \"x\":{next},\"request\":\"GET / HTTP/1.1\"}}"
            );
            let format = derive(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
            let access = format.access(line.as_bytes()).unwrap();
            let times: Vec<_> =
                access.each_attempt().map(|attempt| attempt.response.map(<[u8]>::to_vec)).collect();
            assert_eq!((access.status(), times.len()), (502, value.split([',', ':']).count()), "{line}");
        }
    }

    #[test]
    fn a_key_is_read_with_the_objects_around_it() {
        let line = br#" { "http": {"status": 502, "request": {"method": "POST", "uri": "/a"}}, "upstream": {"addr": "a:1, b:2", "status": "502, 504", "header_time": , "server": "x"}, "codes": [1, 2], "ssl": {"protocol": "TLSv1.3"}, "client": {"ip": "1.2.3.4"}, "timestamp": "2026-11-20T15:08:28+00:00",} "#;
        let format = derive(line).unwrap();
        let access = format.access(line).unwrap();
        assert_eq!(
            (access.status(), access.client(), access.attempts()),
            (502, Some(&b"1.2.3.4"[..]), Some(2))
        );
        assert_eq!(access.each_attempt().last().unwrap().status, b"504");
        assert_eq!(access.field(Field::RequestMethod), Some(&b"POST"[..]));
        assert_eq!((access.field(Field::ServerProtocol), access.server()), (None, None));
        assert!(access.written().is_some());
        let other =
            String::from_utf8_lossy(line).replace("1, 2", "3, 4").replace("_time\": ,", "_time\": 0.001,");
        let access = format.access(other.as_bytes()).unwrap();
        assert_eq!(access.each_attempt().last().unwrap().header, Some(&b""[..]));
        let flat = br#"{"upstream.status": "502", "http.status": "200", "upstream.addr": "a:1"}"#;
        let access = derive(flat).unwrap();
        let access = access.access(flat).unwrap();
        assert_eq!((access.status(), access.field(Field::UpstreamStatus)), (200, Some(&b"502"[..])));
        assert!(
            derive(br#"{"upstream": {"status": 502}, "x": 1}"#).is_none(),
            "$upstream_status is not $status"
        );
    }

    #[test]
    fn a_variable_s_own_name_comes_before_others() {
        let line = br#"{"client_ip": "6.6.6.6", "remote_addr": "1.2.3.4", "status": "502", "time_local": "2026-11-20T15:08:28+00:00"}"#;
        let format = derive(line).unwrap();
        let access = format.access(line).unwrap();
        assert_eq!(access.client(), Some(&b"1.2.3.4"[..]));
        assert!(access.written().is_some());
    }

    #[test]
    fn values_tell_what_a_key_cannot_be() {
        let line = br#"{"path":"/var/log/nginx/access.json","status":"info","http":{"status_code":502},"request":"/a?b","verb":"GET","time":"1795187308.227"}"#;
        let format = derive(line).unwrap();
        let access = format.access(line).unwrap();
        assert_eq!((access.status(), access.millis()), (502, Some(1_795_187_308_227)));
        assert_eq!(access.asked().uri.as_deref(), Some(&b"/a?b"[..]));
        assert_eq!(access.field(Field::Uri), None);
    }

    #[test]
    fn what_is_wrong_with_the_json_is_told() {
        let wanted = |line: &str| complaint(line.as_bytes()).map(|mismatch| mismatch.wanted);
        assert!(wanted(r#"{"a": 1, "b"}"#).unwrap().contains("expected `:`"));
        assert!(wanted(r#"{"a": 1}"#).unwrap().contains("$status"));
        assert_eq!(wanted("1.2.3.4 - -"), None);
    }

    #[test]
    fn keys_tell_the_fields() {
        let line = br#"{"time": "2026-11-20T15:08:28+00:00", "status": 502, "n":{"upstream_addr":"a:1, b:2"}, "request":"GET /\"x\" HTTP/1.1"}"#;
        let format = derive(line).unwrap();
        let access = format.access(line).unwrap();
        assert_eq!(access.status(), 502);
        assert_eq!(access.field(Field::UpstreamAddr), Some(&b"a:1, b:2"[..]));
        assert_eq!(access.asked().uri.as_deref(), Some(&b"/\"x\""[..]));
        assert!(format.has(Field::TimeIso8601));
        let other = br#"{"time": "2026-11-20T15:08:29+00:00", "status": 200, "n":{"upstream_addr":""}, "request":"\u0016"}"#;
        assert_eq!(format.access(other).unwrap().status(), 200);
    }

    #[test]
    fn what_a_client_asked_for_is_no_server() {
        for line in [
            r#"{"status": 502, "vhost": "c.example", "request": "GET / HTTP/1.1"}"#,
            r#"{"status": 502, "ssl": {"v": "TLSv1.3", "server_name": "c.example"}, "request": "GET / HTTP/1.1"}"#,
            r#"{"status": 502, "tls": {"a": [{"server_name": "c.example"}]}, "host": "c.example"}"#,
        ] {
            assert_eq!(
                derive(line.as_bytes()).unwrap().access(line.as_bytes()).unwrap().server(),
                None,
                "{line}"
            );
        }
        let own = r#"{"ssl": {"server_name": "c.example"}, "server_name": "s.example", "status": 502}"#;
        let access = derive(own.as_bytes()).unwrap();
        assert_eq!(access.access(own.as_bytes()).unwrap().server().as_deref(), Some(&b"s.example"[..]));
    }

    #[test]
    fn a_line_of_another_shape_does_not_match() {
        let short = derive(br#"{"status":"502","request":"GET /a HTTP/1.1"}"#).unwrap();
        assert!(
            short.access(br#"{"status":"502","request":"GET /b HTTP/1.1","upstream_status":"502"}"#).is_err()
        );
    }

    #[test]
    fn what_is_no_log_line_is_none() {
        for bad in [&b"{"[..], b"{}", br#"{"a":"b"}"#, br#"{"status":"x"#, b"[1]", b"\xff{}"] {
            assert!(derive(bad).is_none());
        }
    }
}
