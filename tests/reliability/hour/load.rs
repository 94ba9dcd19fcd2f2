//! Clients, and what they are to get.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use badgateway_harness::client::Http1;

use crate::traffic::pace;

/// Answers by code.
pub(super) type Counts = BTreeMap<String, u64>;

/// Codes that Badgateway names a cause for.
pub(super) const FAILED: [&str; 4] = ["500", "502", "503", "504"];

pub(super) const CLIENTS: u64 = 6;

/// Requests a second of each client. Those of the last two take a second and more, unless PHP-FPM is not there.
const RATE: u64 = 60;
const SLOW_RATE: u64 = 5;

pub(super) const HTTP: &str = "\
    upstream rescued { server @nosuch@ max_fails=0; server @www@ backup; }\n\
    upstream both { server @nosuch@; server @closed@; }\n";

pub(super) const SERVER: &str = "\
    location /www/ { fastcgi_pass @www@; }\n\
    location /tcp/ { fastcgi_pass @tcp@; }\n\
    location /tiny/ { fastcgi_pass @tiny@; }\n\
    location /slow/ { fastcgi_pass @slow@; fastcgi_read_timeout 5s; }\n\
    location /refused { proxy_pass http://@closed@; }\n\
    location /missing { fastcgi_pass @nosuch@; }\n\
    location /rescued { fastcgi_pass rescued; }\n\
    location /both { fastcgi_pass both; }\n\
    location /return { return 503; }\n";

/// Whatever PHP-FPM is doing at that moment, each gets one answer of nginx.
const MIXED: &[&str] = &[
    "/www/ok.php",
    "/tcp/ok.php",
    "/refused",
    "/www/fatal.php",
    "/missing",
    "/rescued",
    "/www/kill.php?sig=11",
    "/tcp/status.php?code=503",
    "/tiny/ok.php",
    "/both",
    "/www/complain.php",
    "/return",
    "/www/memory.php",
    "/tcp/log.php?m=one%0A[20-Nov-2026+15:00:09]+WARNING:+[pool+www]+child+7+exited+on+signal+9+(SIGKILL)+after+1.0+seconds+from+start",
    "/www/ok.php",
];

/// A timeout of nginx, one of PHP-FPM, and a pool that is full.
const SLOW: &[&str] = &["/www/slow.php?s=1.3", "/slow/slow.php?s=3", "/tiny/slow.php?s=0.8"];

/// Asks until it is told to stop.
pub(super) fn client(number: u64, port: u16, stop: &AtomicBool) -> Counts {
    let (begun, mut counts, mut connection) = (Instant::now(), Counts::new(), Http1::new(port));
    let is_slow = number >= CLIENTS - 2;
    let mut asked = 0;
    while !stop.load(Ordering::Relaxed) {
        let paths = if is_slow { SLOW } else { MIXED };
        let path = paths[(asked + number * 4) as usize % paths.len()];
        let more = if path.contains('?') { '&' } else { '?' };
        let path = if asked % 2 == 0 { path.to_owned() } else { format!("{path}{more}n={number}-{asked}") };
        *counts.entry(connection.get(&path).code()).or_default() += 1;
        asked += 1;
        pace(begun, asked, if is_slow { SLOW_RATE } else { RATE });
    }
    counts
}

pub(super) fn add(mut counts: Counts, more: Counts) -> Counts {
    for (code, count) in more {
        *counts.entry(code).or_default() += count;
    }
    counts
}
