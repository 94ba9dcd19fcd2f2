//! Storms: many failures in little time, and nothing of it is lost.

use std::collections::BTreeMap;

use super::*;
use crate::attribute::root_cause::LogId;
use crate::record::fpm::{Event, Line};

/// Counts by upstream, cause and root cause.
#[derive(Default)]
struct Counts {
    errors: BTreeMap<(Id, Cause), u64>,
    roots: BTreeMap<(Id, Cause, RootCause), u64>,
    failures: BTreeMap<(Id, Cause, Outcome), u64>,
}

impl Sink for Counts {
    fn response(&mut self, _: Id, _: u16) {}
    fn error(&mut self, verdict: &Verdict) {
        *self.errors.entry((verdict.upstream, verdict.cause)).or_default() += 1;
    }
    fn root(&mut self, verdict: &Verdict, root: RootCause, count: u64) {
        *self.roots.entry((verdict.upstream, verdict.cause, root)).or_default() += count;
    }
    fn failure(&mut self, upstream: Id, cause: Cause, outcome: Outcome, _: Local) {
        *self.failures.entry((upstream, cause, outcome)).or_default() += 1;
    }
    fn exit(&mut self, _: Id, _: Id, _: ExitReason, _: Local) {}
    fn seconds(&mut self, _: Id, _: Phase, _: f64) {}
    fn pair(&mut self, _: Id, _: Id) {}
}

/// nginx's logs of a storm: `rate` failures in each of `seconds`, at 10 upstreams with one cause each, every request
/// on a connection of its own.
struct Storm {
    rate: u64,
    seconds: u64,
    combined: bool,
}

impl Storm {
    const CAUSES: [(&'static str, Cause); 2] = [
        ("connect() failed (111: Connection refused) while connecting to upstream", Cause::ConnectionRefused),
        (
            "connect() to unix:/x failed (2: No such file or directory) while connecting to upstream",
            Cause::SocketMissing,
        ),
    ];

    fn clock(n: u64) -> String {
        format!("12:{:02}:{:02}", n / 60, n % 60)
    }

    fn entry(second: u64, n: u64) -> String {
        let (message, _) = Self::CAUSES[n as usize % 2];
        let (clock, client) = (Self::clock(second), Self::client(n));
        format!(
            "2026/11/20 {clock} [error] 7#7: *{n} {message}, client: {client}, server: s, request: \"GET /{n} HTTP/1.1\", upstream: \"fastcgi://u{}:1\", host: \"h\"",
            n % 10
        )
    }

    fn client(n: u64) -> String {
        format!("10.0.{}.{}", n / 250 % 250, n % 250)
    }

    fn line(&self, second: u64, n: u64) -> String {
        let (clock, client) = (Self::clock(second), Self::client(n));
        let combined =
            format!("{client} - - [20/Nov/2026:{clock} +0000] \"GET /{n} HTTP/1.1\" 502 157 \"-\" \"c\"");
        if self.combined {
            return combined;
        }
        let addr = format!("u{}:1", n % 10);
        format!(
            "{combined} server=\"s\" pid=7 connection={n} msec=1.000 request_time=0.000 upstream_addr=\"{addr}\" upstream_status=\"502\" upstream_connect_time=\"-\" upstream_header_time=\"-\" upstream_response_time=\"0.000\" upstream_bytes_received=\"0\" upstream_cache_status=\"-\""
        )
    }

    /// Reads the error log `ahead` seconds ahead of the access log, as catching up does.
    fn run(&self, ahead: u64) -> (Counts, usize) {
        let options = Options {
            live: false,
            access_log: true,
            window: 90,
            error_log: true,
            fpm: true,
            timings: false,
            offset: 0,
        };
        let mut attributor = Attributor::new(options);
        let (mut access, mut error) = (AccessLog::new(None, false), ErrorLog::default());
        let (mut counts, mut most) = (Counts::default(), 0);
        let log: LogId = 1;
        let told = |attributor: &mut Attributor, second: Local, event| {
            attributor.fpm(&Line { at: NOON + second, event: Some(event) }, log, &mut Counts::default());
        };
        told(&mut attributor, 0, Event::Stopping);
        for second in 0..self.seconds + ahead {
            if second < self.seconds {
                for n in 0..self.rate {
                    let line = Self::entry(second, second * self.rate + n) + "\n";
                    error.block(line.as_bytes(), &mut attributor, &mut counts);
                }
            }
            most = most.max(attributor.pending.uncounted());
            let Some(second) = second.checked_sub(ahead) else { continue };
            for n in 0..self.rate {
                let line = self.line(second, second * self.rate + n) + "\n";
                access.block(line.as_bytes(), &mut attributor, &mut counts);
            }
            attributor.reached(NOON + second as Local, &mut counts);
            // Ten kinds in a second, however many failures.
            assert!(attributor.roots.kinds() <= 2048, "{}", attributor.roots.kinds());
        }
        error.flush(&mut attributor, &mut counts);
        attributor.finish(&mut counts);
        (counts, most)
    }

    fn assert_right(&self, ahead: u64) {
        let (counts, most) = self.run(ahead);
        let all = self.rate * self.seconds;
        let each = all / 10;
        assert_eq!(counts.errors.len(), 10, "{:?}", counts.errors);
        assert!(counts.errors.values().all(|count| *count == each), "{:?}", counts.errors);
        let right = |(_, _, root): &(Id, Cause, RootCause)| *root == RootCause::FpmStopped;
        assert!(counts.roots.keys().all(right), "{:?}", counts.roots);
        assert_eq!(counts.roots.values().sum::<u64>(), all);
        let failed = |(_, _, outcome): &(Id, Cause, Outcome)| *outcome == Outcome::Failed;
        assert!(counts.failures.keys().all(failed), "{:?}", counts.failures);
        assert!(most as u64 <= (ahead + 1) * self.rate);
    }
}

#[test]
fn two_hundred_thousand_failures_in_eight_seconds_are_all_right() {
    for combined in [false, true] {
        Storm { rate: 25_000, seconds: 8, combined }.assert_right(3);
    }
}

#[test]
fn fifty_thousand_a_second_are_all_right_three_seconds_ahead() {
    Storm { rate: 50_000, seconds: 5, combined: false }.assert_right(3);
}

#[test]
fn the_rate_never_changes_the_shares() {
    for combined in [false, true] {
        let shares = |rate: u64| {
            let (counts, _) = Storm { rate, seconds: 6, combined }.run(2);
            let roots = counts.roots.into_iter().map(|(key, count)| (key, count * 1000 / rate));
            roots.collect::<BTreeMap<_, _>>()
        };
        assert_eq!(shares(20), shares(20_000));
    }
}

/// One connection and one second: whoever walks past what is taken walks 60,000 times 60,000 steps.
#[test]
fn sixty_thousand_equal_failures_of_one_connection_are_joined_at_once() {
    let started = std::time::Instant::now();
    let mut world = World::new(false, false);
    let (entry, line) = (closed(9, "1.2.3.4", "/a", "a:1"), rich(9, "502", "/a", "a:1", "502", "-"));
    (0..60_000).for_each(|_| world.error(&entry));
    (0..60_000).for_each(|_| world.access(&line));
    let seen = world.finish();
    assert_eq!(one(&seen.errors), ("502 closed_prematurely", 60_000));
    assert_eq!(one(&seen.failures), ("closed_prematurely failed", 60_000));
    assert!(
        started.elapsed().as_secs() < 5,
        "9 s before; under 1 s on a machine of its own: {:?}",
        started.elapsed()
    );
}
