//! Access-log lines: the two formats that Badgateway recommends, and `combined`.

use std::io::Write;

use super::{Attempt, Request, World};

/// A log format.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Combined,
}

impl World {
    /// Appends the line of the present request.
    pub(crate) fn access_line(&self, format: Format, out: &mut Vec<u8>) {
        let written = match format {
            Format::Json => self.json(out),
            Format::Combined => self.combined(out),
            Format::Text => self.combined(out).and_then(|()| self.more(out)),
        };
        written.expect("writing to memory");
        out.push(b'\n');
    }

    fn combined(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        let (now, time) = (&self.now, &self.clock.local);
        let Request { connection, line, status, sent, referer, .. } = now;
        let (client, agent) = (connection.client, connection.agent);
        write!(out, "{client} - - [{time}] \"{line}\" {status} {sent} \"{referer}\" \"{agent}\"")
    }

    fn more(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        let now = &self.now;
        let (pid, number) = (now.connection.pid, now.connection.number);
        write!(out, " server=\"{}\" pid={pid} connection={number} msec={}", now.server, seconds(now.millis))?;
        write!(out, " request_time={} upstream_", seconds(now.took.into()))?;
        lists(now, "=\"", "\" upstream_", "-", out)?;
        let cache = if now.cache.is_empty() { "-" } else { now.cache };
        write!(out, "\" upstream_cache_status=\"{cache}\"")
    }

    fn json(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        let (now, clock) = (&self.now, &self.clock);
        let Request { connection, line, status, sent, server, .. } = now;
        write!(out, "{{\"time_iso8601\":\"{}\",\"msec\":\"{}\"", clock.iso, seconds(now.millis))?;
        write!(out, ",\"remote_addr\":\"{}\",\"request\":\"{line}\"", connection.client)?;
        write!(out, ",\"status\":\"{status}\",\"body_bytes_sent\":\"{sent}\"")?;
        write!(out, ",\"request_time\":\"{}\",\"server_name\":\"{server}\"", seconds(now.took.into()))?;
        write!(out, ",\"pid\":\"{}\",\"connection\":\"{}\",\"upstream_", connection.pid, connection.number)?;
        lists(now, "\":\"", "\",\"upstream_", "", out)?;
        let referer = if now.referer == "-" { "" } else { now.referer };
        write!(out, "\",\"upstream_cache_status\":\"{}\"", now.cache)?;
        write!(out, ",\"http_referer\":\"{referer}\",\"http_user_agent\":\"{}\"}}", connection.agent)
    }
}

/// One element of a list.
type Element = fn(&Attempt, &mut Vec<u8>) -> std::io::Result<()>;

/// `$upstream_addr` and its siblings, in the order that both formats have.
fn lists(now: &Request, is: &str, next: &str, missing: &str, out: &mut Vec<u8>) -> std::io::Result<()> {
    const LISTS: [(&str, Element); 6] = [
        ("addr", |a, out| out.write_all(a.address.as_bytes())),
        ("status", |a, out| write!(out, "{}", a.status)),
        ("connect_time", |a, out| time(a.connect, out)),
        ("header_time", |a, out| time(a.header, out)),
        ("response_time", |a, out| time(Some(a.response), out)),
        ("bytes_received", |a, out| write!(out, "{}", a.bytes)),
    ];
    for (i, (name, element)) in LISTS.iter().enumerate() {
        let before = if i == 0 { "" } else { next };
        write!(out, "{before}{name}{is}")?;
        if now.attempts.is_empty() {
            write!(out, "{missing}")?;
        }
        for (i, attempt) in now.attempts.iter().enumerate() {
            if i > 0 {
                out.write_all(b", ")?;
            }
            element(attempt, out)?;
        }
    }
    Ok(())
}

fn time(millis: Option<u32>, out: &mut Vec<u8>) -> std::io::Result<()> {
    match millis {
        Some(millis) => write!(out, "{}", seconds(millis.into())),
        None => out.write_all(b"-"),
    }
}

/// Milliseconds as nginx writes them.
fn seconds(millis: i64) -> impl std::fmt::Display {
    struct Seconds(i64);
    impl std::fmt::Display for Seconds {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
        }
    }
    Seconds(millis)
}
