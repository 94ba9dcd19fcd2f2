//! One access-log line, as far as the attribution reads it.

use std::borrow::Cow;

use super::escape::Escape;
use super::format::field::{Field, Values};
use super::list;
use super::request;
use super::scan;
use super::stamp::{self, Local};

/// A parsed line. Accessors give `None` when the format does not carry the field.
#[derive(Clone, Debug)]
pub struct Access<'a> {
    values: Values<'a>,
    escape: Escape,
}

/// What the client asked for, as far as a format has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The method, where it is the one that was sent for certain.
    pub method: Option<Cow<'a, [u8]>>,
    /// The URI as it was sent: `$request_uri`.
    pub uri: Option<Cow<'a, [u8]>>,
    /// `$server_protocol`
    pub protocol: Option<Cow<'a, [u8]>>,
    /// The path of `$uri`, which nginx decodes and changes.
    pub path: Option<Cow<'a, [u8]>>,
    /// The method, as it was logged.
    pub sent_method: Option<Cow<'a, [u8]>>,
}

impl<'a> Asked<'a> {
    fn of_line(line: &'a [u8]) -> Self {
        let parts = request::split(line);
        let method = Some(Cow::Borrowed(parts.method));
        Self {
            uri: Some(Cow::Borrowed(parts.uri)),
            protocol: Some(Cow::Borrowed(parts.protocol.unwrap_or_default())),
            path: None,
            sent_method: method.clone(),
            method,
        }
    }

    fn into_owned<'b>(self) -> Asked<'b> {
        let owned = |part: Option<Cow<'_, [u8]>>| part.map(|part| Cow::Owned(part.into_owned()));
        Asked {
            method: owned(self.method),
            uri: owned(self.uri),
            protocol: owned(self.protocol),
            path: owned(self.path),
            sent_method: owned(self.sent_method),
        }
    }

    /// `METHOD URI`, as PHP-FPM's log has it.
    pub fn target(&self) -> Vec<u8> {
        let (method, uri) = (self.sent_method.as_deref(), self.uri.as_deref().or(self.path.as_deref()));
        [method.unwrap_or_default(), b" ", uri.unwrap_or_default()].concat()
    }
}

fn cut_args(uri: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match uri {
        Cow::Borrowed(uri) => Cow::Borrowed(request::path(uri)),
        Cow::Owned(uri) => Cow::Owned(request::path(&uri).to_owned()),
    }
}

/// When a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Local time with its zone; one second of resolution.
    Zoned(stamp::Zoned),
    /// Milliseconds since the epoch.
    Epoch(i64),
}

/// One attempt of `$upstream_addr` and its siblings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// The peer, or the group's name when no peer was left; empty when none was reached.
    pub addr: &'a [u8],
    /// What the peer answered, or the 502/504 that nginx put there itself.
    pub status: &'a [u8],
    /// Seconds to connect; `-` when the request was never written.
    pub connect: Option<&'a [u8]>,
    /// Seconds to a complete header; `-` on every answer that nginx made itself.
    pub header: Option<&'a [u8]>,
    /// Seconds to the end.
    pub response: Option<&'a [u8]>,
    /// Bytes the peer sent.
    pub bytes: Option<&'a [u8]>,
}

/// The upstreams of a line and how long they took: lists of one element for each attempt, as logged. `None`: the
/// format does not have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times<'a> {
    /// `$upstream_addr`
    pub address: Option<&'a [u8]>,
    /// `$upstream_connect_time`
    pub connect: Option<&'a [u8]>,
    /// `$upstream_header_time`
    pub header: Option<&'a [u8]>,
    /// `$upstream_response_time`
    pub response: Option<&'a [u8]>,
}

impl<'a> Times<'a> {
    /// Gives each attempt's peer and its times to connect, to a header and to the end, in seconds.
    #[inline]
    pub fn each(&self, mut each: impl FnMut(&'a [u8], [Option<f64>; 3])) {
        let Some(address) = self.address else { return };
        let times = [self.connect, self.header, self.response];
        // Both separators hold a space. Nearly always there is one attempt, whose values are the lists themselves.
        if !scan::holds(address, b' ') {
            if !list::missing(address) {
                each(address, times.map(|list| stamp::duration(list::first(list?))));
            }
            return;
        }
        let mut times = times.map(|list| list.map(list::elements));
        for address in list::elements(address) {
            let now = times.each_mut().map(|list| stamp::duration(list.as_mut()?.next()?));
            if !list::missing(address) {
                each(address, now);
            }
        }
    }
}

impl<'a> Access<'a> {
    pub(super) fn new(values: Values<'a>, escape: Escape) -> Self {
        Self { values, escape }
    }

    /// The raw value of a field.
    pub fn field(&self, field: Field) -> Option<&'a [u8]> {
        self.values[field as usize]
    }

    fn number(&self, field: Field) -> Option<u64> {
        self.field(field).and_then(stamp::number)
    }

    /// `$status`, 0 to 999.
    pub fn status(&self) -> u16 {
        self.number(Field::Status).and_then(|n| u16::try_from(n).ok()).unwrap_or_default()
    }

    /// When nginx wrote the line: the end of the request. A zone is preferred to milliseconds.
    pub fn written(&self) -> Option<Written> {
        let zoned = self.field(Field::TimeLocal).and_then(stamp::time_local);
        let zoned = zoned.or_else(|| self.field(Field::TimeIso8601).and_then(stamp::time_iso8601));
        zoned.map(Written::Zoned).or_else(|| self.millis().map(Written::Epoch))
    }

    /// `$msec`, in milliseconds since the epoch.
    pub fn millis(&self) -> Option<i64> {
        self.field(Field::Msec).and_then(stamp::msec)
    }

    /// `$request_time` in seconds.
    pub fn duration(&self) -> Option<f64> {
        self.field(Field::RequestTime).and_then(stamp::duration)
    }

    /// `$pid`.
    pub fn pid(&self) -> Option<u64> {
        self.number(Field::Pid)
    }

    /// `$connection`, the `*N` of the error log.
    pub fn connection(&self) -> Option<u64> {
        self.number(Field::Connection)
    }

    /// What was asked for, decoded, as far as the format has it.
    pub fn asked(&self) -> Asked<'a> {
        let part = |field| self.field(field).map(|value| self.escape.decode(value));
        match part(Field::Request) {
            Some(Cow::Borrowed(line)) => Asked::of_line(line),
            Some(Cow::Owned(line)) => Asked::of_line(&line).into_owned(),
            None => Asked {
                // For the page of error_page nginx calls every method but HEAD a GET.
                method: part(Field::RequestMethod).filter(|method| **method != *b"GET"),
                uri: part(Field::RequestUri),
                protocol: part(Field::ServerProtocol),
                path: part(Field::Uri).map(cut_args),
                sent_method: part(Field::RequestMethod),
            },
        }
    }

    /// `$remote_addr`, the `client:` of the error log.
    pub fn client(&self) -> Option<&'a [u8]> {
        self.field(Field::RemoteAddr)
    }

    /// `$server_name`, decoded.
    pub fn server(&self) -> Option<Cow<'a, [u8]>> {
        let value = self.field(Field::ServerName)?;
        // A server block without server_name logs `-` here and nothing in the error log.
        Some(if value == b"-" { Cow::Borrowed(&[]) } else { self.escape.decode(value) })
    }

    /// Whether the format tells about upstreams at all.
    pub fn knows_upstream(&self) -> bool {
        self.field(Field::UpstreamStatus).is_some() || self.field(Field::UpstreamAddr).is_some()
    }

    /// How many attempts there were; `None` when the format does not tell.
    pub fn attempts(&self) -> Option<usize> {
        let of = |field| self.field(field).map(list::attempts);
        // EMFILE leaves an empty address beside a status of `-`: an attempt all the same.
        of(Field::UpstreamAddr).max(of(Field::UpstreamResponseTime)).or_else(|| of(Field::UpstreamStatus))
    }

    /// The attempts in order.
    pub fn each_attempt(&self) -> impl Iterator<Item = Attempt<'a>> + use<'a> {
        let lists = [
            Field::UpstreamAddr,
            Field::UpstreamStatus,
            Field::UpstreamConnectTime,
            Field::UpstreamHeaderTime,
            Field::UpstreamResponseTime,
            Field::UpstreamBytesReceived,
        ]
        .map(|field| self.field(field));
        let count = self.attempts().unwrap_or_default();
        let mut elements = lists.map(|list| list.map(list::elements));
        (0..count).map(move |_| {
            let mut next = |i: usize| elements[i].as_mut().map(|list| list.next().unwrap_or_default());
            Attempt {
                addr: next(0).unwrap_or_default(),
                status: next(1).unwrap_or_default(),
                connect: next(2),
                header: next(3),
                response: next(4),
                bytes: next(5),
            }
        })
    }

    /// The upstreams and their times.
    pub fn times(&self) -> Times<'a> {
        Times {
            address: self.field(Field::UpstreamAddr),
            connect: self.field(Field::UpstreamConnectTime),
            header: self.field(Field::UpstreamHeaderTime),
            response: self.field(Field::UpstreamResponseTime),
        }
    }

    /// How many attempts failed in nginx's eyes: those that left no complete header. `None` when the format
    /// does not tell.
    pub fn failed_attempts(&self) -> Option<usize> {
        self.attempts()?;
        let failed = |attempt: &Attempt<'_>| match attempt.header {
            Some(header) => list::missing(header),
            None => matches!(attempt.status, b"502" | b"504" | b"-" | b""),
        };
        Some(self.each_attempt().filter(failed).count())
    }

    /// The attempt that decided the answer.
    pub fn last_attempt(&self) -> Option<Attempt<'a>> {
        self.each_attempt().last()
    }

    /// `$upstream_cache_status`.
    pub fn cache(&self) -> Option<&'a [u8]> {
        self.field(Field::UpstreamCacheStatus).filter(|value| !list::missing(value))
    }
}

impl Written {
    /// Whole local seconds; `offset` is the local zone (seconds east of UTC) for a line without one.
    pub fn local(self, offset: i32) -> Local {
        match self {
            Written::Zoned(zoned) => zoned.local,
            Written::Epoch(millis) => millis.div_euclid(1000) + i64::from(offset),
        }
    }
}
