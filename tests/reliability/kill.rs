//! kill -9 in a loop, while the logs are written and rotated and somebody scrapes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::counters::{counters, fallen, responses, sum};
use crate::soak;
use crate::support::{Serve, get, text};
use crate::traffic::{FORMAT, Nginx, Written, pace, rotate};

/// Lines a second.
const RATE: u64 = 20_000;

/// Between two rotations, and how long nginx goes on writing to the renamed file.
const ROTATION: Duration = Duration::from_millis(2_500);
const USR1_AFTER: Duration = Duration::from_millis(60);

/// Between two scrapes.
const SCRAPE: Duration = Duration::from_millis(100);

/// Ready again after a kill. Judged in the long form, whose build is optimised; the short one only prints it.
const READY: Duration = Duration::from_millis(300);

/// What the scraper saw: the last page, and every counter that fell.
#[derive(Default)]
struct Seen {
    last: HashMap<String, f64>,
    scrapes: u64,
    fell: Vec<String>,
}

impl Seen {
    fn page(&mut self, page: &str) {
        let page = counters(page);
        self.fell.extend(fallen(&self.last, &page));
        self.last = page;
        self.scrapes += 1;
    }
}

fn write(dir: &Path, stop: &AtomicBool) -> Written {
    let mut nginx = Nginx::start(dir);
    let start = Instant::now();
    let mut rotated = start;
    let mut reopen_at = None;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..20 {
            nginx.request();
            nginx.flush();
        }
        let now = Instant::now();
        if reopen_at.is_some_and(|at| now >= at) {
            nginx.reopen();
            reopen_at = None;
        }
        if now - rotated >= ROTATION {
            rotate(&dir.join("access.log"), 20);
            rotate(&dir.join("error.log"), 20);
            (rotated, reopen_at) = (now, Some(now + USR1_AFTER));
        }
        pace(start, nginx.written.total, RATE);
    }
    nginx.written
}

#[test]
fn nothing_is_lost_or_doubled_and_no_counter_falls() {
    let kills = if soak() { 200 } else { 12 };
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (access, error, state) = (path("access.log"), path("error.log"), path("state"));
    let args = [
        "--access-log",
        text(&access),
        "--error-log",
        text(&error),
        "--log-format",
        FORMAT,
        "--state.dir",
        text(&state),
        "--read-from",
        "start",
    ];
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (dir, stop) = (dir.path().to_owned(), stop.clone());
        thread::spawn(move || write(&dir, &stop))
    };
    let address = Arc::new(Mutex::new(None::<String>));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let scraper = {
        let (address, seen, stop) = (address.clone(), seen.clone(), stop.clone());
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let to = address.lock().unwrap().clone();
                // Between a kill and the next start nobody answers.
                if let Some((200, _, body)) = to.and_then(|to| get(&to, "/metrics", "").ok()) {
                    seen.lock().unwrap().page(std::str::from_utf8(&body).unwrap());
                }
                thread::sleep(SCRAPE);
            }
        })
    };
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut ready = Vec::new();
    for _ in 0..kills {
        let begun = Instant::now();
        let serve = Serve::start(&args);
        ready.push(begun.elapsed());
        *address.lock().unwrap() = Some(serve.address().to_owned());
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_millis(50 + (random >> 33) % 1_000));
        // Dropped: SIGKILL.
        *address.lock().unwrap() = None;
    }
    stop.store(true, Ordering::Relaxed);
    let written = writer.join().unwrap();
    scraper.join().unwrap();
    let serve = Serve::start(&args);
    let mut seen = seen.lock().unwrap();
    serve.until(|serve| sum(&counters(&serve.scrape()), "log_lines_total", "access.log") >= written.total);
    seen.page(&serve.scrape());
    assert_eq!(seen.fell, Vec::<String>::new());
    assert_eq!(responses(&seen.last), written.lines, "lost or doubled lines\n{}", serve.log());
    assert_eq!(sum(&seen.last, "http_errors_total", ""), written.failed);
    assert_eq!(sum(&seen.last, "log_bytes_lost_total", "") + sum(&seen.last, "log_gaps_total", ""), 0);
    // A label may be missing when the kill came between an entry and its line; a response never is.
    let named = sum(&seen.last, "http_errors_total", "cause=\"backlog_full\"");
    assert_eq!(named, written.failed, "every entry was there before its line");
    ready.sort();
    let (median, slowest) = (ready[ready.len() / 2], ready[ready.len() - 1]);
    println!(
        "kill -9: {kills} kills, {} lines at {RATE}/s, {} scrapes: 0 lost, 0 doubled, 0 counters fell; ready again in {median:?} (median), {slowest:?} (slowest)",
        written.total, seen.scrapes
    );
    assert!(!soak() || median <= READY, "ready again only after {median:?}");
}
