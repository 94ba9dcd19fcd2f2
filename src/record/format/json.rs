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
mod tests;
