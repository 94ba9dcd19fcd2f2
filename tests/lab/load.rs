//! Everything at once: thousands of requests over keepalive and HTTP/2, every kind of failure mixed with success.
//!
//! The clients count what they were given, per location. Badgateway must arrive at the same numbers: exactly one cause
//! for each failed response, and the cause of its location.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    cases::{
        ANY,
        compare::{Row, differences},
        run::codes_in,
    },
    full_lab::Lab,
    harness::{
        client::{Http1, Http2},
        nginx::{Setup, all_of},
        wait_for,
    },
    say, share_machine,
};

/// A location, the status it answers with, the cause, the peer, and the cause on the `combined` log.
struct Location {
    path: &'static str,
    code: &'static str,
    cause: &'static str,
    upstream: &'static str,
    plain: &'static str,
}

/// Half of the requests succeed, two of them only because of a retry.
const LOCATIONS: &[Location] = &[
    location("/load/fine", "200", "", "", ""),
    location("/load/refused", "502", "connection_refused", "@closed@", "connection_refused"),
    location("/load/php", "200", "", "", ""),
    location("/load/missing", "502", "socket_missing", "@nosuch@", "socket_missing"),
    location("/load/rescued", "200", "", "", ""),
    location("/load/close", "502", "closed_prematurely", "@http@", "closed_prematurely"),
    location("/load/fine", "200", "", "", ""),
    location("/load/reset", "502", "connection_reset", "@http@", "connection_reset"),
    location("/load/php", "200", "", "", ""),
    location("/load/big", "502", "header_too_big", "@http@", "header_too_big"),
    location("/load/rescued_php", "200", "", "", ""),
    location("/load/both/close", "502", "closed_prematurely", "@http@", "closed_prematurely"),
    location("/load/fine", "200", "", "", ""),
    location("/load/own/502", "502", "upstream_status", "@http@", "unknown"),
    location("/load/php", "200", "", "", ""),
    location("/load/return", "503", "nginx_return", "", "unknown"),
    location("/load/fine", "200", "", "", ""),
    location("/load/broken", "502", "invalid_response", "@http@", "invalid_response"),
    location("/load/bad_fastcgi", "502", "protocol_mismatch", "@fastcgi@", "protocol_mismatch"),
];

const fn location(
    path: &'static str,
    code: &'static str,
    cause: &'static str,
    upstream: &'static str,
    plain: &'static str,
) -> Location {
    Location { path, code, cause, upstream, plain }
}

const HTTP: &str = "\
    upstream load_rescued { server @closed@ max_fails=0; server @good@ backup; }\n\
    upstream load_rescued_php { server @nosuch@ max_fails=0; server @www@ backup; }\n\
    upstream load_both { server @closed@ max_fails=0; server @http@ max_fails=0 backup; }\n\
    upstream load_good { server @good@; keepalive 8; }\n";

const SERVER: &str = "\
    location /load/fine { proxy_pass http://load_good; proxy_http_version 1.1; proxy_set_header Connection ''; }\n\
    location /load/php { fastcgi_pass @www@; fastcgi_read_timeout 20s; }\n\
    location /load/refused { proxy_pass http://@closed@; }\n\
    location /load/missing { fastcgi_pass @nosuch@; }\n\
    location /load/rescued { proxy_pass http://load_rescued; }\n\
    location /load/rescued_php { fastcgi_pass load_rescued_php; fastcgi_read_timeout 20s; }\n\
    location /load/close { proxy_pass http://@http@/close; }\n\
    location /load/reset { proxy_pass http://@http@/reset; }\n\
    location /load/big { proxy_pass http://@http@/big-header; }\n\
    location /load/both/ { proxy_pass http://load_both/; }\n\
    location /load/own/ { proxy_pass http://@http@/status/; }\n\
    location /load/return { return 503; }\n\
    location /load/broken { proxy_pass http://@http@/space-in-header; }\n\
    location /load/bad_fastcgi { fastcgi_pass @fastcgi@; fastcgi_param FAULT bad-version; }\n";

/// How long requests come while logrotate runs again and again.
const BURSTS: Duration = Duration::from_secs(2);

const KEEPALIVE_CLIENTS: usize = 4;
const KEEPALIVE_REQUESTS: usize = 250;
const STREAM_CLIENTS: usize = 2;
const STREAM_ROUNDS: usize = 14;
const STREAMS: usize = 20;

/// Who rotates the logs meanwhile.
#[derive(Clone, Copy, PartialEq)]
enum Rotation {
    Nobody,
    /// The names go, nginx follows at once.
    Renamed,
    /// The real logrotate, again and again while requests come: it makes the new file, then nginx gets USR1.
    Create,
    /// The real logrotate, between two bursts: what nginx writes between copy and truncation is lost to everybody.
    Copytruncate,
}

#[test]
fn every_response_is_counted_once_under_load() {
    under_load("every line written at once", "", Rotation::Nobody);
}

#[test]
fn every_response_is_counted_once_with_a_buffered_access_log() {
    under_load("buffer=32k flush=1s, rotated half way", "buffer=32k flush=1s", Rotation::Renamed);
}

#[test]
fn every_response_is_counted_once_while_logrotate_creates() {
    under_load("buffer=64k flush=1s, logrotate create", "buffer=64k flush=1s", Rotation::Create);
}

#[test]
fn every_response_is_counted_once_when_logrotate_copies_and_truncates() {
    under_load("logrotate copytruncate", "", Rotation::Copytruncate);
}

fn under_load(title: &str, buffer: &str, rotation: Rotation) {
    let setup = Setup { http: HTTP, server: SERVER, workers: 2, buffer, ..Setup::default() };
    let _held = share_machine();
    let lab = Lab::start(&setup).expect("the lab starts");
    let began = Instant::now();
    let mut counts = send_all(&lab);
    let mut rotations = 0;
    if rotation != Rotation::Nobody {
        let stop = AtomicBool::new(false);
        let more = thread::scope(|scope| {
            match rotation {
                Rotation::Renamed => lab.nginx.rotate_logs().expect("logs can be rotated"),
                Rotation::Copytruncate => lab.nginx.logrotate("copytruncate").expect("logrotate works"),
                _ => {}
            }
            let rotator = scope.spawn(|| {
                let mut done = 0;
                while rotation == Rotation::Create && !stop.load(Ordering::Relaxed) {
                    lab.nginx.logrotate("create").expect("logrotate works");
                    done += 1;
                    thread::sleep(Duration::from_millis(100));
                }
                done
            });
            let mut more = send_all(&lab);
            while rotation == Rotation::Create && !rotator.is_finished() && began.elapsed() < BURSTS {
                add(&mut more, send_all(&lab));
            }
            stop.store(true, Ordering::Relaxed);
            rotations = rotator.join().expect("the rotator");
            more
        });
        add(&mut counts, more);
    }
    if rotation == Rotation::Create {
        assert!(rotations >= 2, "logrotate ran only {rotations} times while requests came");
    }
    let took = began.elapsed();
    let total: u64 = counts.values().sum();
    assert!(total >= 1500, "only {total} requests were answered");
    for ((number, code), count) in &counts {
        let location = &LOCATIONS[*number];
        assert_eq!(code, location.code, "{count} answers of {}", location.path);
    }

    let mut by_code: BTreeMap<String, u64> = BTreeMap::new();
    for ((_, code), count) in &counts {
        *by_code.entry(code.clone()).or_default() += count;
    }
    let log = lab.nginx.combined_log();
    let written = || {
        let rotated = all_of(&log);
        let texts = rotated.into_iter().map(|path| std::fs::read_to_string(path).unwrap_or_default());
        codes_in(&texts.collect::<String>())
    };
    let logged =
        wait_for("nginx's own count", Duration::from_secs(8), || (written() == by_code).then_some(()));
    assert!(logged.is_ok(), "clients saw {by_code:?}, the access log has {:?}", written());

    for (name, exporter) in [("rich", &lab.rich), ("combined", &lab.plain)] {
        let rows: Vec<Row> = counts
            .iter()
            .filter(|((number, _), _)| !LOCATIONS[*number].cause.is_empty())
            .map(|((number, code), count)| {
                let location = &LOCATIONS[*number];
                let rich = name == "rich";
                let cause = if rich { location.cause } else { location.plain };
                let upstream = if rich {
                    lab.names.fill(location.upstream).expect("an address")
                } else {
                    ANY.to_owned()
                };
                Row {
                    key: vec![code.clone(), cause.to_owned(), upstream],
                    count: *count,
                    from: location.path,
                }
            })
            .collect();
        let mut found = Vec::new();
        let settled = wait_for(name, Duration::from_secs(12), || {
            let page = exporter.scrape().ok()?;
            found = differences(
                &rows,
                &page.sums("badgateway_http_errors_total", &["code", "cause", "upstream"]),
            );
            let responses: BTreeMap<String, u64> = page
                .sums("badgateway_http_responses_total", &["code"])
                .into_iter()
                .map(|(key, count)| (key.concat(), count))
                .collect();
            if responses != by_code {
                found.push(format!("http_responses_total is {responses:?} instead of {by_code:?}"));
            }
            found.is_empty().then_some(())
        });
        let verdict = if settled.is_ok() { "ok  " } else { "FAIL" };
        say(&format!("{verdict} load, {title}, {name} log: {total} requests in {took:.1?}, {by_code:?}"));
        assert!(settled.is_ok(), "{title}, {name} log:\n{}\n{}", found.join("\n"), exporter.complaints());
    }
    lab.finish().expect("everything stops");
}

/// Answers by location and status.
type Counts = BTreeMap<(usize, String), u64>;

fn add(counts: &mut Counts, more: Counts) {
    for (key, count) in more {
        *counts.entry(key).or_default() += count;
    }
}

/// All clients at once.
fn send_all(lab: &Lab) -> Counts {
    let (port, h2_port) = (lab.nginx.port, lab.nginx.h2_port);
    let mut clients = Vec::new();
    for client in 0..KEEPALIVE_CLIENTS {
        clients.push(thread::spawn(move || {
            let mut connection = Http1::new(port);
            (0..KEEPALIVE_REQUESTS)
                .map(|request| {
                    let (location, path) = pick(client * 5 + request, request);
                    (location, connection.get(&path).code())
                })
                .collect::<Vec<_>>()
        }));
    }
    for client in 0..STREAM_CLIENTS {
        clients.push(thread::spawn(move || {
            let connection = Http2::connect(h2_port).expect("an HTTP/2 connection");
            (0..STREAM_ROUNDS)
                .flat_map(|round| {
                    let picked: Vec<_> =
                        (0..STREAMS).map(|stream| pick(client * 7 + round + stream, stream)).collect();
                    let paths: Vec<String> = picked.iter().map(|(_, path)| path.clone()).collect();
                    let answers = connection.get_all(&paths);
                    picked
                        .into_iter()
                        .zip(answers)
                        .map(|((location, _), answer)| (location, answer.code()))
                        .collect::<Vec<_>>()
                })
                .collect()
        }));
    }
    let mut counts = BTreeMap::new();
    for client in clients {
        for key in client.join().expect("a client") {
            *counts.entry(key).or_default() += 1;
        }
    }
    counts
}

/// The location for a step, and its path. Every second request has a query of its own, the others look all the same.
///
/// Where one request has two failed attempts every request has its own: streams of one HTTP/2 connection that ask for
/// the same path share `*number` and request line, so in `combined`, which does not tell the number of attempts, nobody
/// could say which second attempt belongs to which first.
fn pick(step: usize, request: usize) -> (usize, String) {
    let location = step % LOCATIONS.len();
    let path = LOCATIONS[location].path;
    let is_alike = request.is_multiple_of(2) && !path.starts_with("/load/both/");
    (location, if is_alike { path.to_owned() } else { format!("{path}?{step}-{request}") })
}
