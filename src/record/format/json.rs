//! JSON access logs that describe themselves: keys named like nginx's variables.
//!
//! The first line is turned into a format of literals and variables, so that the lines after it are
//! matched as fast as those of a format that was given. nginx writes raw bytes above 0x7f into JSON
//! strings, so a strict parser would refuse real lines.

use super::compile::{assemble, json_part};
use super::field::Field;
use super::{Format, Part};
use crate::record::escape::Escape;
use crate::record::stamp;

/// Keys in common use that are not the variable's own name.
const ALIASES: &[(&str, Field)] = &[
    ("client", Field::RemoteAddr),
    ("client_ip", Field::RemoteAddr),
    ("clientip", Field::RemoteAddr),
    ("remote_ip", Field::RemoteAddr),
    ("method", Field::RequestMethod),
    ("server", Field::ServerName),
    ("status_code", Field::Status),
    ("path", Field::Uri),
    ("url", Field::Uri),
    ("protocol", Field::ServerProtocol),
    ("proto", Field::ServerProtocol),
    ("upstream", Field::UpstreamAddr),
    ("worker_pid", Field::Pid),
];

/// A format from one line; `None` when it is no JSON object or no key is known to hold the status.
pub(super) fn derive(line: &[u8]) -> Option<Format> {
    if line.first() != Some(&b'{') || line.last() != Some(&b'}') {
        return None;
    }
    let mut parts = Vec::new();
    let mut seen = [false; Field::COUNT];
    let (mut at, mut literal_from) = (0, 0);
    let mut key: Option<&[u8]> = None;
    let mut value_next = false;
    // Whether each object around is one about TLS: its `server_name` is what a client asked for (SNI).
    let mut tls = Vec::new();
    while at < line.len() {
        match line[at] {
            b'"' => {
                let end = Escape::Json.quote(line, at + 1)?;
                if value_next {
                    let key =
                        key.filter(|key| !key.eq_ignore_ascii_case(b"server_name") || !tls.contains(&true));
                    push(&mut parts, &mut seen, &line[literal_from..=at], key, &line[at + 1..end]);
                    literal_from = end;
                } else {
                    key = Some(&line[at + 1..end]);
                }
                value_next = false;
                at = end + 1;
            }
            b':' => {
                value_next = true;
                at += 1;
            }
            b',' | b'{' | b'}' | b'[' | b']' | b' ' => {
                match line[at] {
                    b'{' => tls.push(value_next && matches!(key, Some(b"ssl" | b"tls"))),
                    b'}' => drop(tls.pop()),
                    _ => {}
                }
                value_next &= line[at] == b' ';
                at += 1;
            }
            _ if value_next => {
                let end = unquoted_end(line, at)?;
                push(&mut parts, &mut seen, &line[literal_from..at], key, &line[at..end]);
                literal_from = end;
                value_next = false;
                at = end;
            }
            _ => return None,
        }
    }
    parts.push(Part::Literal(line[literal_from..].into()));
    assemble(parts, Escape::Json).ok()
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

fn push(
    parts: &mut Vec<Part>,
    seen: &mut [bool; Field::COUNT],
    literal: &[u8],
    key: Option<&[u8]>,
    value: &[u8],
) {
    parts.push(Part::Literal(literal.into()));
    let field = key.and_then(|key| field(key, value)).filter(|field| !seen[*field as usize]);
    if let Some(field) = field {
        seen[field as usize] = true;
    }
    parts.push(json_part(field));
}

fn field(key: &[u8], value: &[u8]) -> Option<Field> {
    let key = std::str::from_utf8(key).ok()?.to_ascii_lowercase();
    if let Some(field) = Field::of_variable(&key) {
        return Some(field);
    }
    if let Some((_, field)) = ALIASES.iter().find(|(alias, _)| *alias == key) {
        return Some(*field);
    }
    // `time`, `ts`, `@timestamp`: the value tells which of nginx's clocks it is.
    let named_time = key.contains("time") && !key.ends_with("_time") || matches!(key.as_str(), "ts" | "date");
    match () {
        () if !named_time => None,
        () if stamp::time_iso8601(value).is_some() => Some(Field::TimeIso8601),
        () if stamp::time_local(value).is_some() => Some(Field::TimeLocal),
        () if stamp::msec(value).is_some() => Some(Field::Msec),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
