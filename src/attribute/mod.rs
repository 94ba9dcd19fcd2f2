//! Records in, one verdict for each failed response out. Pure: time is told, nothing is read.
//!
//! The access log is the only source of counts: each of its failed lines gives exactly one
//! [`Sink::error`]. Entries of the error log choose the label of that line; an entry that finds no line
//! is an unmatched failure, never a response.

mod closed;
mod decide;
pub mod entry;
pub mod join;
mod judge;
pub mod keepalive;
pub mod logs;
mod lookup;
pub mod message;
pub mod names;
pub mod paste;
pub mod pending;
mod read_logs;
pub mod root_cause;
mod saved;
mod shadow;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::record::access::{Access, Times, Written};
use crate::record::format::{Followed, Format};
use crate::record::fpm;
use crate::record::list;
use crate::record::stamp::Local;
use crate::sample::facts::Fact;

use serde::{Deserialize, Serialize};

use crate::vocabulary::{Cause, ExitReason, Outcome, Phase, RootCause, is_failed};
use decide::Decision;
use join::{Group, Keys};
pub use names::{Id, Names, Renamed};
use pending::Pending;
use root_cause::{LogId, Peers, RootCauseSink, Roots};
pub use saved::SavedAttribution;

/// The verdict on one failed response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Verdict {
    /// `$status`.
    pub status: u16,
    /// The cause.
    pub cause: Cause,
    /// Its `server_name`.
    pub server: Id,
    /// The peer that decided.
    pub upstream: Id,
    /// End of the request.
    pub at: Local,
}

/// Receives what the attribution decides: counts, verdicts, root causes.
pub trait Sink {
    /// A line of an access log. Its server is told where every line's is wanted ([`Options::timings`]).
    fn response(&mut self, server: Id, status: u16);
    /// A failed response and its cause: once for each.
    fn error(&mut self, verdict: &Verdict);
    /// The root cause of `count` failed responses that are alike: once for each, up to [`root_cause::GRACE`] seconds
    /// later.
    fn root(&mut self, verdict: &Verdict, root: RootCause, count: u64);
    /// A failed attempt, what became of it, and when: the end of its request, or the time of its entry.
    fn failure(&mut self, upstream: Id, cause: Cause, outcome: Outcome, at: Local);
    /// The end of a worker of a pool of the PHP-FPM master called `fpm`; [`Id::NONE`] when its log belongs to none that is
    /// known.
    fn exit(&mut self, fpm: Id, pool: Id, reason: ExitReason, at: Local);
    /// nginx did not start, or kept its old configuration: what it said. Its standard error has no time.
    fn not_started(&mut self, _at: Option<Local>, _message: &[u8]) {}
    /// How long an attempt took, in seconds.
    fn seconds(&mut self, upstream: Id, phase: Phase, seconds: f64);
    /// A server and an upstream belong together: their series may start at 0.
    fn pair(&mut self, server: Id, upstream: Id);
}

/// What the attribution is told about its world.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The logs are followed while they grow: the clock is the wall's. Else it is the logs' own.
    pub live: bool,
    /// There is an access log. Without one every failure is unmatched at once.
    pub access_log: bool,
    /// Seconds that an entry waits for its access line before it counts as unmatched.
    pub window: Local,
    /// There is an error log: a missing entry means something.
    pub error_log: bool,
    /// There is a PHP-FPM log, or somebody observes PHP-FPM: a root cause may still come.
    pub fpm: bool,
    /// Every line's server, upstream times and pairs are wanted, not only the failures'.
    pub timings: bool,
    /// Local zone of the logs, seconds east of UTC, until the logs themselves tell it.
    pub offset: i32,
}

/// Joins access lines with the entries of error logs and with PHP-FPM's evidence, and gives verdicts.
#[derive(Debug)]
pub struct Attributor {
    /// Label values.
    pub names: Names,
    options: Options,
    pending: Pending,
    roots: Roots,
    /// Which pool an upstream is.
    pub peers: Peers,
    /// The server whose responses all lines of an access log are, where the configuration says so.
    pub servers_of_logs: HashMap<LogId, Id>,
    /// Groups that another nginx has under the same name, by the logs of each nginx, with their labels.
    pub groups_of_logs: HashMap<LogId, Renamed>,
    /// The formats of an access log, where the configuration says so, and how often that was told.
    formats_of_logs: (HashMap<LogId, Vec<Format>>, u64),
    /// Access logs of whose failures a missing entry means nothing.
    pub logs_without_errors: HashSet<LogId>,
    /// The log whose lines are being read is one of them.
    without_errors: bool,
    /// Responses that ended at another time are joined and judged, but not counted as responses.
    pub within: Option<Range<Local>>,
    /// That of the log whose lines are being read.
    log_server: Id,
    kept: keepalive::PeerAnswers,
    now: Local,
    offset: i32,
    offset_known: bool,
}

impl Attributor {
    /// Starts with nothing seen.
    pub fn new(options: Options) -> Self {
        let names = Names::default();
        Self {
            names: if options.live { names.for_series() } else { names },
            options,
            pending: Pending::default(),
            roots: Roots::default(),
            peers: Peers::default(),
            servers_of_logs: HashMap::new(),
            groups_of_logs: HashMap::new(),
            formats_of_logs: (HashMap::new(), 0),
            logs_without_errors: HashSet::new(),
            without_errors: false,
            within: None,
            log_server: Id::NONE,
            kept: keepalive::PeerAnswers::default(),
            now: Local::MIN / 2,
            offset: options.offset,
            offset_known: false,
        }
    }

    /// The clock, as [`Attributor::set_clock`] set it.
    pub fn now(&self) -> Local {
        self.now
    }

    /// The moment on the clock that waiting is measured by: for followed logs one that runs evenly, so that
    /// a jump of the wall clock settles nothing too early; for files that of the lines.
    fn clock(&self, at: Local) -> Local {
        if self.options.live { self.now } else { at }
    }

    /// Seconds east of UTC of the logs' local time, as far as known.
    pub fn offset(&self) -> i32 {
        self.offset
    }

    /// Whether the logs have told their zone.
    pub fn is_zone_known(&self) -> bool {
        self.offset_known
    }

    /// Whether every line's server and upstream fields are wanted, also those of successes.
    #[inline]
    pub fn wants_every_line(&self) -> bool {
        self.options.timings
    }

    /// Whether a line is no failure and no entry can belong to it, so that nothing is to be joined. `connection`
    /// is asked only when entries wait; `None`: it is not known.
    #[inline]
    pub fn is_plain(&self, status: u16, connection: impl FnOnce() -> Option<u64>) -> bool {
        let none_waits =
            || self.pending.uncounted() == 0 || connection().is_some_and(|n| !self.pending.waits_for(n));
        !is_failed(status) && none_waits() && self.within.is_none()
    }

    /// Whether nginx keeps connections to one of these upstreams: then more is wanted of the line than is counted.
    #[inline]
    pub fn keeps(&mut self, addresses: Option<&[u8]>) -> bool {
        !self.peers.kept.is_empty()
            && addresses.is_some_and(|addresses| {
                let mut peers = list::elements(addresses).filter(|address| !list::missing(address));
                peers.any(|peer| self.peers.kept.contains_key(&self.names.upstreams.id(peer)))
            })
    }

    /// Counts a line that is no failure and that no entry can belong to.
    #[inline]
    pub fn followed(&mut self, followed: &Followed<'_>, sink: &mut impl Sink) {
        // A server block without server_name logs `-`.
        let server = match followed.server {
            b"-" => Id::NONE,
            b"" => self.log_server,
            name => self.names.servers.id(name),
        };
        sink.response(server, followed.status);
        if self.options.timings {
            self.timings(&followed.times, server, sink);
        }
        self.names.end_line();
    }

    /// A line of an access log.
    pub fn access(&mut self, access: &Access<'_>, sink: &mut impl Sink) {
        if self.is_plain(access.status(), || access.connection()) {
            return self.plain(access, sink);
        }
        let keys = self.keys(access);
        let group = self.group(access, &keys);
        self.judge(access, keys, group, sink);
    }

    /// The same for a line that may be read before its entries are (a transport that reorders). A failed
    /// line without an entry is not judged but handed back: judge it a little later.
    pub fn access_or_wait(&mut self, access: &Access<'_>, sink: &mut impl Sink) -> bool {
        if !is_failed(access.status()) {
            self.access(access, sink);
            return true;
        }
        let keys = self.keys(access);
        let group = self.group(access, &keys);
        let own_answer = matches!(
            decide::decide(access, &Group::default(), false),
            Decision::Line { cause: Cause::UpstreamStatus | Cause::CachedError, .. }
        );
        if group.entries.is_empty() && !own_answer && self.sees_errors() {
            return false;
        }
        self.judge(access, keys, group, sink);
        true
    }

    /// A line that is no failure and that no entry can belong to: only its server, status and upstream fields
    /// are read.
    pub fn plain(&mut self, access: &Access<'_>, sink: &mut impl Sink) {
        let server = access.server().map_or(self.log_server, |name| self.names.servers.id(&name));
        sink.response(server, access.status());
        if self.options.timings {
            self.timings(&access.times(), server, sink);
        }
        self.follow_kept(access);
        self.names.end_line();
    }

    /// Gives the peer if the line shows what a failure on a kept connection would.
    fn follow_kept(&mut self, access: &Access<'_>) -> Option<Id> {
        if self.peers.kept.is_empty() {
            return None;
        }
        self.kept.follow(access, &self.peers.kept, &mut self.names.upstreams)
    }

    fn keys<'a>(&mut self, access: &Access<'a>) -> Keys<'a> {
        if let Some(Written::Zoned(zoned)) = access.written() {
            (self.offset, self.offset_known) = (zoned.offset, true);
        }
        Keys::new(access, self.offset, self.now)
    }

    fn group(&mut self, access: &Access<'_>, keys: &Keys<'_>) -> Group {
        if self.pending.is_empty() {
            return Group::default();
        }
        let believed = |candidates| shadow::believed(candidates, access, keys, &self.names.upstreams);
        match keys.connection {
            Some(connection) => join::exact(&self.pending, keys, connection, believed),
            None => join::probable(&mut self.pending, keys, believed),
        }
    }

    fn judge(&mut self, access: &Access<'_>, keys: Keys<'_>, group: Group, sink: &mut impl Sink) {
        self.learn_offset(access, &group);
        let server = match access.server() {
            Some(name) => self.names.servers.id(&name),
            // Successes have no entry that names a server, and all of a log's lines must count under one.
            None if self.options.live || self.log_server != Id::NONE => self.log_server,
            None => group.entries.first().map_or(Id::NONE, |(_, entry)| entry.server),
        };
        if self.within.as_ref().is_none_or(|within| within.contains(&keys.end)) {
            sink.response(server, keys.status);
        }
        if self.options.timings {
            self.timings(&access.times(), server, sink);
        }
        let kept = self.follow_kept(access);
        if is_failed(keys.status) {
            self.failed(access, &keys, &group, (server, kept), sink);
        } else {
            self.succeeded(&keys, &group, sink);
        }
        self.names.end_line();
    }

    #[inline]
    fn timings(&mut self, times: &Times<'_>, server: Id, sink: &mut impl Sink) {
        times.each(|address, seconds| {
            let upstream = self.names.upstreams.id(address);
            sink.pair(server, upstream);
            for (phase, seconds) in [Phase::Connect, Phase::Header, Phase::Response].into_iter().zip(seconds)
            {
                if let Some(seconds) = seconds {
                    sink.seconds(upstream, phase, seconds);
                }
            }
        });
    }

    /// A line of the PHP-FPM log that `log` stands for.
    pub fn fpm(&mut self, line: &fpm::Line<'_>, log: LogId, sink: &mut impl Sink) {
        let Some(event) = line.event else { return };
        let pool = match event {
            fpm::Event::Exited { pool, .. } | fpm::Event::Terminating { pool, .. } => {
                self.names.pools.id(pool)
            }
            _ => Id::NONE,
        };
        let asked = self.clock(line.at);
        if let Some(reason) = self.roots.event(line.at, asked, log, pool, event) {
            sink.exit(self.peers.fpm_of(log), pool, reason, line.at);
        }
        self.names.end_line();
    }

    /// Something that was seen of PHP-FPM, in the logs' local time.
    pub fn observe(&mut self, at: Local, fact: Fact) {
        self.roots.observe(at, fact);
    }

    /// Moves the clock: the local time that the logs have reached, or one that runs evenly when they are
    /// followed live. It never runs backwards.
    pub fn set_clock(&mut self, now: Local) {
        self.now = self.now.max(now);
    }

    /// Seconds that an entry waits from now on.
    pub fn wait(&mut self, window: Local) {
        self.options.window = window;
    }

    /// Counts what has waited long enough. To be called when everything that was there has been read.
    pub fn settle(&mut self, sink: &mut impl Sink) {
        let now = self.now;
        self.pending.settle(now.saturating_sub(self.options.window), |entry| judge::settle(entry, sink));
        self.roots.answer(now.saturating_sub(root_cause::GRACE), &self.peers, &mut SinkAdapter(sink));
    }

    /// An access log has come to this time: the clock of logs that are not followed live.
    pub fn reached(&mut self, at: Local, sink: &mut impl Sink) {
        if !self.options.live {
            self.set_clock(at);
            self.settle(sink);
        }
    }

    /// The logs are at their end: everything that waits is counted.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        self.pending.settle(Local::MAX, |entry| judge::settle(entry, sink));
        self.roots.answer(Local::MAX, &self.peers, &mut SinkAdapter(sink));
    }
}

/// Hands the root causes that were found on to the sink.
struct SinkAdapter<'a, S>(&'a mut S);

impl<S: Sink> RootCauseSink for SinkAdapter<'_, S> {
    fn root(&mut self, verdict: &Verdict, root: RootCause, count: u64) {
        self.0.root(verdict, root, count);
    }

    fn killed(&mut self, fpm: Id, pool: Id, reason: ExitReason, at: Local) {
        self.0.exit(fpm, pool, reason, at);
    }
}

#[cfg(test)]
mod tests;
