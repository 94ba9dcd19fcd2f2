//! Labelled tab-separated values (ltsv.org): `label:value`, with a tab between them.

use super::compile::{assemble, variable_part};
use super::field::Field;
use super::{Format, Part};
use crate::record::escape::Escape;
use crate::record::stamp;

/// Labels that are not the variable's own name, as ltsv.org and its examples for nginx have them.
const LABELS: &[(&str, &str)] = &[
    ("host", "remote_addr"),
    ("remotehost", "remote_addr"),
    ("req", "request"),
    ("method", "request_method"),
    ("uri", "request_uri"),
    ("protocol", "server_protocol"),
    ("reqtime", "request_time"),
    ("apptime", "upstream_response_time"),
    ("upstream", "upstream_addr"),
    ("upstatus", "upstream_status"),
    ("cache", "upstream_cache_status"),
];

/// A format from one line; `None` when it is no LTSV or no label holds the status.
pub(super) fn derive(line: &[u8]) -> Option<Format> {
    if !line.contains(&b'\t') {
        return None;
    }
    let (mut parts, mut seen) = (Vec::new(), [false; Field::COUNT]);
    let mut literal = String::new();
    for (at, item) in line.split(|b| *b == b'\t').enumerate() {
        let colon = memchr::memchr(b':', item)?;
        let (label, value) = (&item[..colon], &item[colon + 1..]);
        let label = std::str::from_utf8(label).ok().filter(|label| is_label(label))?;
        // ltsv.org has the time in brackets.
        let is_bracketed = value.starts_with(b"[") && value.ends_with(b"]");
        let value = if is_bracketed { &value[1..value.len() - 1] } else { value };
        let (open, close) = if is_bracketed { ("[", "]") } else { ("", "") };
        literal.push_str(&format!("{}{label}:{open}", if at > 0 { "\t" } else { "" }));
        parts.push(Part::Literal(std::mem::take(&mut literal).into_bytes().into()));
        let field = field(label, value).filter(|field| !std::mem::replace(&mut seen[*field as usize], true));
        parts.push(variable_part(field.map_or("", Field::name)));
        literal.push_str(close);
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal.into_bytes().into()));
    }
    assemble(parts, Escape::Default).ok()
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

fn field(label: &str, value: &[u8]) -> Option<Field> {
    if matches!(label, "time" | "datetime" | "timestamp") {
        return match () {
            () if stamp::time_iso8601(value).is_some() => Some(Field::TimeIso8601),
            () if stamp::time_local(value).is_some() => Some(Field::TimeLocal),
            () if stamp::msec(value).is_some() => Some(Field::Msec),
            () => None,
        };
    }
    let variable = LABELS.iter().find(|(known, _)| *known == label).map_or(label, |(_, variable)| variable);
    Field::of_variable(variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_tell_the_fields() {
        for (time, uri) in [("[20/Nov/2026:15:00:00 +0000]", "uri:/a"), ("2026-11-20T15:00:00+00:00", "x:/b")]
        {
            let line = format!(
                "time:{time}\thost:1.2.3.4\t{uri}\treq:GET /a HTTP/1.1\tstatus:502\tua:a:b\treqtime:0.002\tupstream:a:1, b:2\tupstatus:502, 502"
            );
            let format = derive(line.as_bytes()).unwrap();
            let access = format.access(line.as_bytes()).unwrap();
            assert_eq!((access.status(), access.client()), (502, Some(&b"1.2.3.4"[..])));
            assert_eq!((access.attempts(), access.duration()), (Some(2), Some(0.002)));
            assert!(access.written().is_some(), "{line}");
            let other = line.replace("ua:a:b", "ua:").replace("502", "200");
            assert_eq!(format.access(other.as_bytes()).unwrap().status(), 200);
        }
    }

    #[test]
    fn damaged_lines_do_not_panic() {
        let seed = b"time:[20/Nov/2026:15:00:00 +0000]\tstatus:502\turi:/".to_vec();
        crate::fuzz::target("ltsv", vec![seed], &["\t", ":", "status:"], |line| _ = derive(line));
    }

    #[test]
    fn what_is_no_ltsv_is_none() {
        for bad in
            ["", "status:502", "a\tb", "host:1\tua:b", "status 502\thost:a", "\t", "status:502\tstatus:200"]
        {
            assert!(derive(bad.as_bytes()).is_none() || bad.starts_with("status:502\t"), "{bad}");
        }
    }
}
