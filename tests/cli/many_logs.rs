//! Thousands of logs.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use super::hostile::{FORMAT, failed, line};
use super::support::{Serve, text};

/// More logs than may be open: scrapes are answered, and rotation loses nothing.
#[test]
fn two_thousand_logs_are_followed_with_a_thousand_descriptors() {
    const LOGS: usize = 2000;
    let dir = tempfile::tempdir().unwrap();
    let path = |n: usize| dir.path().join(format!("site{n}.access.log"));
    let write = |path: std::path::PathBuf| {
        let mut log = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        log.write_all(line("a").as_bytes()).unwrap();
    };
    (0..LOGS).for_each(|n| write(path(n)));
    let (pattern, state) = (dir.path().join("*access.log"), dir.path().join("state"));
    let args = [
        "--read-from",
        "start",
        "--log-format",
        FORMAT,
        "--access-log",
        text(&pattern),
        "--state.dir",
        text(&state),
    ];
    let serve = Serve::start_limited(&args, 1024);
    serve.until(|serve| failed(serve) == LOGS as f64);
    let mut expected = LOGS;
    for round in 0..3 {
        (0..LOGS).step_by(3).for_each(|n| write(path(n)));
        expected += LOGS.div_ceil(3);
        for n in (round..LOGS).step_by(2) {
            let old = dir.path().join(format!("site{n}.access.log.{round}"));
            fs::rename(path(n), &old).unwrap();
            // Before nginx opens the new one.
            write(old);
            write(path(n));
            expected += 2;
        }
        let begun = Instant::now();
        serve.scrape();
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        serve.until(|serve| failed(serve) == expected as f64);
    }
    let open = fs::read_dir(format!("/proc/{}/fd", serve.pid())).unwrap().count();
    assert!(open < 1024, "{open}");
    assert_eq!(serve.sum("badgateway_log_gaps_total", &[]), 0.0);
    assert_eq!(serve.sum("badgateway_log_bytes_lost_total", &[]), 0.0);
    assert_eq!(serve.sum("badgateway_log_readable", &[]), LOGS as f64);
    assert_eq!(serve.terminate(), Some(0));
    // And over a restart.
    (0..LOGS).for_each(|n| write(path(n)));
    let serve = Serve::start_limited(&args, 1024);
    serve.until(|serve| failed(serve) == (expected + LOGS) as f64);
    assert_eq!(serve.sum("badgateway_log_gaps_total", &[]), 0.0);
}

/// Names in one directory, each a log. Gives how long a step took.
fn many(count: usize) -> [Duration; 3] {
    let dir = tempfile::tempdir().unwrap();
    let path = |n: usize| dir.path().join(format!("site{n}.access.log"));
    for n in 0..count {
        fs::write(path(n), line("a")).unwrap();
    }
    let pattern = dir.path().join("*access.log");
    let begun = Instant::now();
    let serve =
        Serve::start(&["--read-from", "start", "--log-format", FORMAT, "--access-log", text(&pattern)]);
    serve.until(|serve| failed(serve) == count as f64);
    let first = begun.elapsed();
    for n in 0..count {
        let rotated = dir.path().join(format!("site{n}.access.log.1"));
        fs::rename(path(n), &rotated).unwrap();
        fs::OpenOptions::new().append(true).open(&rotated).unwrap().write_all(line("b").as_bytes()).unwrap();
        fs::write(path(n), line("c")).unwrap();
    }
    let begun = Instant::now();
    serve.scrape();
    let scrape = begun.elapsed();
    serve.until(|serve| failed(serve) == 3.0 * count as f64);
    let rotation = begun.elapsed();
    assert_eq!(serve.terminate(), Some(0));
    [first, scrape, rotation]
}

/// When each log looked at all others, the first look took 34 s, and there was no scrape in 41 s.
#[test]
fn nine_thousand_logs_are_read_and_rotated_in_time() {
    let steps = many(9000);
    println!("9,000 logs: first look, scrape after rotation, all counted: {steps:?}");
    assert!(steps.iter().all(|step| *step < Duration::from_secs(20)), "{steps:?}");
}
