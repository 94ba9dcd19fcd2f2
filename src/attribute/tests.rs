//! The join, driven with lines as nginx writes them.

use std::collections::{BTreeMap, BTreeSet};

mod forged;
mod formats;
mod mutated;
mod resets;
mod storms;

use super::logs::{AccessLog, ErrorLog, Log};
use super::*;
use crate::vocabulary::{FAILED_CODES, code};

/// Remembers what it is told, in words.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    responses: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
    failures: BTreeMap<String, u64>,
    roots: u64,
    servers: BTreeSet<Id>,
    last_upstream: Option<Id>,
}

impl Sink for Seen {
    fn response(&mut self, server: Id, status: u16) {
        self.servers.insert(server);
        *self.responses.entry(code(status)).or_default() += 1;
    }
    fn error(&mut self, verdict: &Verdict) {
        self.last_upstream = Some(verdict.upstream);
        self.servers.insert(verdict.server);
        *self.errors.entry(format!("{} {}", code(verdict.status), verdict.cause.word())).or_default() += 1;
    }
    fn root(&mut self, _: &Verdict, _: RootCause, count: u64) {
        self.roots += count;
    }
    fn failure(&mut self, _: Id, cause: Cause, outcome: Outcome, _: Local) {
        *self.failures.entry(format!("{} {}", cause.word(), outcome.word())).or_default() += 1;
    }
    fn exit(&mut self, _: Id, _: Id, _: ExitReason, _: Local) {}
    fn seconds(&mut self, _: Id, _: Phase, _: f64) {}
    fn pair(&mut self, _: Id, _: Id) {}
}

impl Seen {
    /// The invariant: every failed response once, under one cause, and once under a root cause.
    fn assert_exact(&self) {
        let failed: u64 = FAILED_CODES.iter().filter_map(|c| self.responses.get(&code(*c))).sum();
        assert_eq!(self.errors.values().sum::<u64>(), failed, "{self:?}");
        assert_eq!(self.roots, failed, "{self:?}");
    }
}

struct World {
    attributor: Attributor,
    access: AccessLog,
    error: ErrorLog,
    seen: Seen,
}

const NOON: Local = 1_795_176_000;

impl World {
    fn new(live: bool, unordered: bool) -> World {
        let options = Options {
            live,
            access_log: true,
            window: 90,
            error_log: true,
            fpm: false,
            timings: live,
            offset: 0,
        };
        let mut attributor = Attributor::new(options);
        attributor.set_clock(NOON);
        World {
            attributor,
            access: AccessLog::new(None, unordered),
            error: ErrorLog::default(),
            seen: Seen::default(),
        }
    }

    fn access(&mut self, line: &str) {
        self.access.block(format!("{line}\n").as_bytes(), &mut self.attributor, &mut self.seen);
    }

    fn error(&mut self, line: &str) {
        self.error.block(format!("{line}\n").as_bytes(), &mut self.attributor, &mut self.seen);
    }

    fn wait(&mut self, seconds: Local) {
        self.attributor.set_clock(self.attributor.now() + seconds);
        self.access.release(false, &mut self.attributor, &mut self.seen);
        self.attributor.settle(&mut self.seen);
    }

    fn finish(mut self) -> Seen {
        self.error.flush(&mut self.attributor, &mut self.seen);
        self.access.flush(&mut self.attributor, &mut self.seen);
        self.attributor.finish(&mut self.seen);
        self.seen.assert_exact();
        self.seen
    }
}

fn rich(connection: u64, status: &str, uri: &str, addr: &str, us: &str, header: &str) -> String {
    format!(
        "{{\"msec\":\"1795176000.500\",\"pid\":\"7\",\"connection\":\"{connection}\",\"remote_addr\":\"1.2.3.4\",\"status\":\"{status}\",\"request\":\"GET {uri} HTTP/1.1\",\"request_time\":\"0.010\",\"upstream_addr\":\"{addr}\",\"upstream_status\":\"{us}\",\"upstream_connect_time\":\"-\",\"upstream_header_time\":\"{header}\",\"upstream_bytes_received\":\"0\"}}"
    )
}

fn combined(client: &str, status: u16, uri: &str) -> String {
    format!("{client} - - [20/Nov/2026:12:00:00 +0000] \"GET {uri} HTTP/1.1\" {status:03} 157 \"-\" \"c\"")
}

fn refused(connection: u64, client: &str, uri: &str, addr: &str) -> String {
    format!(
        "2026/11/20 12:00:00 [error] 7#7: *{connection} connect() failed (111: Connection refused) while connecting to upstream, client: {client}, server: s, request: \"GET {uri} HTTP/1.1\", upstream: \"fastcgi://{addr}\", host: \"h\""
    )
}

fn closed(connection: u64, client: &str, uri: &str, addr: &str) -> String {
    refused(connection, client, uri, addr).replace(
        "connect() failed (111: Connection refused) while connecting to upstream",
        "upstream prematurely closed connection while reading response header from upstream",
    )
}

fn one(map: &BTreeMap<String, u64>) -> (&str, u64) {
    assert_eq!(map.len(), 1, "{map:?}");
    map.iter().next().map(|(k, v)| (k.as_str(), *v)).unwrap()
}

#[test]
fn a_retry_is_rescued_and_a_failed_one_fails_with_its_last_cause() {
    let mut world = World::new(false, false);
    world.error(&refused(1, "1.2.3.4", "/a", "a:1"));
    world.access(&rich(1, "200", "/a", "a:1, b:2", "502, 200", "-, 0.001"));
    world.error(&refused(2, "1.2.3.4", "/b", "a:1"));
    world.error(&closed(2, "1.2.3.4", "/b", "b:2"));
    world.access(&rich(2, "502", "/b", "a:1, b:2", "502, 502", "-, -"));
    let seen = world.finish();
    assert_eq!(one(&seen.errors), ("502 closed_prematurely", 1));
    assert_eq!(seen.failures["connection_refused rescued"], 1);
    assert_eq!(seen.failures["connection_refused failed"], 1);
    assert_eq!(seen.failures["closed_prematurely failed"], 1);
}

#[test]
fn an_application_s_own_502_after_a_failed_attempt_is_its_own() {
    let mut world = World::new(false, false);
    world.error(&refused(1, "1.2.3.4", "/a", "a:1"));
    world.access(&rich(1, "502", "/a", "a:1, b:2", "502, 502", "-, 0.001"));
    let seen = world.finish();
    assert_eq!(one(&seen.errors), ("502 upstream_status", 1));
    assert_eq!(one(&seen.failures), ("connection_refused failed", 1));
}

#[test]
fn passes_of_an_internal_redirect_are_one_request() {
    let mut world = World::new(false, false);
    world.error(&refused(1, "1.2.3.4", "/a", "b:2"));
    world.access(&rich(1, "502", "/a", "a:1 : b:2", "200 : 502", "0.001 : -"));
    world.error(&refused(2, "1.2.3.4", "/a", "a:1"));
    world.access(&rich(2, "200", "/a", "a:1 : b:2", "502 : 200", "- : 0.001"));
    let seen = world.finish();
    assert_eq!(one(&seen.errors), ("502 connection_refused", 1));
    assert_eq!(seen.failures["connection_refused rescued"], 1);
}

#[test]
fn a_line_that_comes_hours_late_still_gets_its_cause_and_nothing_is_counted_twice() {
    let mut world = World::new(true, false);
    world.error(&refused(1, "1.2.3.4", "/a", "a:1"));
    world.wait(3 * 3600);
    assert_eq!(one(&world.seen.failures), ("connection_refused unmatched", 1));
    world.access(&rich(1, "502", "/a", "a:1", "502", "-"));
    let seen = world.finish();
    assert_eq!(one(&seen.errors), ("502 connection_refused", 1));
    assert_eq!(one(&seen.failures), ("connection_refused unmatched", 1));
}

#[test]
fn where_order_is_not_kept_a_failed_line_waits_for_its_entry() {
    let mut world = World::new(true, true);
    world.access(&rich(1, "502", "/a", "a:1", "502", "-"));
    world.access(&rich(2, "502", "/own", "a:1", "502", "0.001"));
    assert_eq!(one(&world.seen.errors), ("502 upstream_status", 1));
    world.error(&refused(1, "1.2.3.4", "/a", "a:1"));
    world.wait(3);
    assert_eq!(world.seen.errors["502 connection_refused"], 1);
    world.finish();
}

#[test]
fn http2_streams_of_one_connection_are_told_apart_by_their_request() {
    let mut world = World::new(false, false);
    for uri in ["/a", "/b", "/a"] {
        let line =
            if uri == "/b" { closed(9, "1.2.3.4", uri, "b:2") } else { refused(9, "1.2.3.4", uri, "a:1") };
        world.error(&line);
    }
    for uri in ["/b", "/a", "/ok", "/a"] {
        let (status, addr) =
            if uri == "/ok" { ("200", "c:3") } else { ("502", if uri == "/b" { "b:2" } else { "a:1" }) };
        world.access(&rich(9, status, uri, addr, status, if status == "200" { "0.001" } else { "-" }));
    }
    let seen = world.finish();
    assert_eq!(seen.errors["502 connection_refused"], 2);
    assert_eq!(seen.errors["502 closed_prematurely"], 1);
}

#[test]
fn combined_pairs_by_client_and_request_in_either_order() {
    for swap in [false, true] {
        let mut world = World::new(false, false);
        let mut entries = [refused(1, "1.1.1.1", "/a", "a:1"), closed(2, "2.2.2.2", "/a", "a:1")];
        if swap {
            entries.reverse();
        }
        entries.iter().for_each(|line| world.error(line));
        world.access(&combined("2.2.2.2", 502, "/a"));
        world.access(&combined("3.3.3.3", 502, "/a"));
        world.access(&combined("1.1.1.1", 502, "/a"));
        let seen = world.finish();
        assert_eq!(seen.errors["502 connection_refused"], 1);
        assert_eq!(seen.errors["502 closed_prematurely"], 1);
        assert_eq!(seen.errors["502 unknown"], 1);
    }
}

#[test]
fn in_combined_a_success_does_not_take_a_failure_away() {
    let mut world = World::new(true, false);
    world.error(&refused(1, "1.1.1.1", "/a", "a:1"));
    world.access(&combined("1.1.1.1", 200, "/a"));
    world.access(&combined("1.1.1.1", 502, "/a"));
    world.error(&refused(2, "1.1.1.1", "/b", "a:1"));
    world.access(&combined("1.1.1.1", 200, "/b"));
    let seen = world.finish();
    assert_eq!(one(&seen.errors), ("502 connection_refused", 1));
    assert_eq!(seen.failures["connection_refused failed"], 1);
    assert_eq!(seen.failures["connection_refused rescued"], 1);
}

#[test]
fn in_combined_interleaved_streams_keep_their_last_cause() {
    let mut world = World::new(false, false);
    for _ in 0..2 {
        world.error(&refused(1, "1.1.1.1", "/a", "a:1"));
    }
    for _ in 0..2 {
        world.error(&closed(1, "1.1.1.1", "/a", "b:2"));
    }
    world.access(&combined("1.1.1.1", 502, "/a"));
    world.access(&combined("1.1.1.1", 502, "/a"));
    let seen = world.finish();
    assert_eq!(one(&seen.errors), ("502 closed_prematurely", 2));
    assert_eq!(seen.failures.values().sum::<u64>(), 4);
}

#[test]
fn a_mirror_is_background_and_auth_request_fails_the_request() {
    let mut world = World::new(false, false);
    let of = |connection, uri: &str| {
        refused(connection, "1.2.3.4", uri, "a:1")
            .replace(", upstream:", ", subrequest: \"/_sub\", upstream:")
    };
    world.error(&of(1, "/mirrored"));
    world.access(&rich(1, "200", "/mirrored", "b:2", "200", "0.001"));
    world.error(&of(2, "/secret"));
    world.access(&rich(2, "500", "/secret", "", "", ""));
    let seen = world.finish();
    assert_eq!(one(&seen.errors), ("500 connection_refused", 1));
    assert_eq!(seen.failures["connection_refused background"], 1);
    assert_eq!(seen.failures["connection_refused failed"], 1);
}

#[test]
fn entries_without_a_line_are_bounded_and_each_counted_once() {
    let mut world = World::new(true, false);
    let count = pending::CAPACITY as u64 + 20_000;
    for n in 0..count {
        world.error(&refused(n, "1.2.3.4", "/off", "a:1"));
    }
    assert_eq!(world.seen.failures["connection_refused unmatched"], count - pending::CAPACITY as u64);
    let seen = world.finish();
    assert_eq!(one(&seen.failures), ("connection_refused unmatched", count));
}

#[test]
fn a_long_keepalive_connection_of_failures_is_joined_line_by_line() {
    let mut world = World::new(true, false);
    for n in 0..20_000 {
        world.error(&refused(5, "1.2.3.4", "/same", "a:1"));
        if n >= 10_000 {
            world.access(&rich(5, "502", "/same", "a:1", "502", "-"));
        }
    }
    for _ in 0..10_000 {
        world.access(&rich(5, "502", "/same", "a:1", "502", "-"));
    }
    let seen = world.finish();
    assert_eq!(one(&seen.errors), ("502 connection_refused", 20_000));
    assert_eq!(one(&seen.failures), ("connection_refused failed", 20_000));
}

/// nginx cuts an entry at 2047 bytes and a newline, wherever that falls.
#[test]
fn every_length_of_uri_across_nginx_s_limit_keeps_its_cause() {
    for length in (0..300).chain(1500..2300).chain([8000]) {
        for rich_format in [true, false] {
            let uri = format!("/{}", "u".repeat(length));
            let mut entry = refused(1, "1.2.3.4", &uri, "a:1");
            entry.truncate(crate::record::error::MAX_ENTRY - 1);
            let mut world = World::new(false, false);
            world.error(&entry);
            match rich_format {
                true => world.access(&rich(1, "502", &uri, "a:1", "502", "-")),
                false => world.access(&combined("1.2.3.4", 502, &uri)),
            }
            let names: Vec<_> = world.attributor.names.upstreams.ids().collect();
            for id in names.into_iter().skip(2) {
                assert_eq!(world.attributor.names.upstreams.text(id), "a:1", "length {length}");
            }
            let seen = world.finish();
            assert_eq!(
                one(&seen.errors),
                ("502 connection_refused", 1),
                "length {length}, rich {rich_format}"
            );
            assert_eq!(one(&seen.failures), ("connection_refused failed", 1), "length {length}");
        }
    }
}

/// Whatever lines come in whatever order, forged ones among them: every failed line counts once.
#[test]
fn random_worlds_keep_the_invariant() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for round in 0..300 {
        let mut world = World::new(round % 2 == 0, round % 3 == 0);
        let mut lines = 0;
        for _ in 0..200 {
            let (connection, uri) = (random(4), format!("/{}", random(3)));
            let status = ["200", "502", "504", "500", "499", "009"][random(6) as usize];
            match random(9) {
                0..=2 => world.error(&refused(connection, "1.2.3.4", &uri, "a:1")),
                3 => world.error(&closed(connection, "1.2.3.4", &uri, "b:2")),
                4 => world.error("2026/11/20 12:00:00 [error] 7#7: *1 FastCGI sent in stderr: \"x"),
                5 => world.wait(random(40) as Local),
                6 => {
                    lines += 1;
                    world.access(&rich(connection, status, &uri, "a:1, b:2", "502, 502", "-, -"));
                }
                7 => {
                    lines += 1;
                    world.access(&rich(connection, status, &uri, "a:1", status, "0.001"));
                }
                _ => {
                    lines += 1;
                    world.access(&combined("1.2.3.4", status.parse().unwrap(), &uri));
                }
            }
        }
        let seen = world.finish();
        assert_eq!(seen.responses.values().sum::<u64>(), lines, "round {round}");
    }
}
