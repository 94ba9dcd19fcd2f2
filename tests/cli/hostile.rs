//! What strangers do to the exporter by what they name, close and send.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use badgateway_harness::proc::kill;
use badgateway_harness::programs::badgateway;

use super::support::{Serve, get, run, stderr, text};

pub(super) fn line(server: &str) -> String {
    format!(
        "2026-11-20T15:08:28+00:00 status=502 request_time=0.1 server={server} request=\"GET / HTTP/1.1\" upstream=127.0.0.1:9000\n"
    )
}

pub(super) const FORMAT: &str = "$time_iso8601 status=$status request_time=$request_time server=$server_name request=\"$request\" upstream=$upstream_addr";

pub(super) fn failed(serve: &Serve) -> f64 {
    serve.sum("badgateway_http_errors_total", &[])
}

#[test]
fn names_that_are_not_utf_8_are_followed_beside_a_pattern_at_the_start_and_later() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &[u8]| dir.path().join(OsStr::from_bytes(name));
    fs::write(path(b"a.access.log"), line("a")).unwrap();
    fs::write(path(b"\xff\xfe.access.log"), line("b")).unwrap();
    fs::create_dir(path(b"\xfd")).unwrap();
    let pattern = dir.path().join("*access.log");
    let named = path(b"named \xc3(.log");
    fs::write(&named, line("c")).unwrap();
    let mut args = vec!["--read-from", "start", "--log-format", FORMAT, "--access-log", text(&pattern)];
    let deeper = dir.path().join("*/*.log");
    args.extend(["--access-log", text(&deeper)]);
    let serve = Serve::start(&args);
    assert_eq!(failed(&serve), 2.0);
    for (count, name) in
        [&b"\xc3\x28.access.log"[..], b"\xed\xa0\x80.access.log", b"\xfd/\xfc.log", b"\n\x1b[2J.access.log"]
            .into_iter()
            .enumerate()
    {
        fs::write(path(name), line("d")).unwrap();
        serve.until(|serve| failed(serve) == 3.0 + count as f64);
    }
    let page = serve.scrape();
    assert!(page.contains("\u{fffd}\u{fffd}.access.log"), "it is shown repaired");
    assert!(!page.contains('\u{1b}'), "and moves no cursor");
    assert_eq!(serve.terminate(), Some(0));
    // A path that is named outright, as bytes.
    let out = Command::new(badgateway().unwrap())
        .args(["explain", "--log-format", FORMAT, "--access-log"])
        .arg(&named)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", stderr(&out));
    assert!(String::from_utf8(out.stdout).unwrap().contains("502"));
}

#[test]
fn explain_shows_control_characters_of_every_name_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let hostile: String =
        ['\u{1b}', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2028}', '\u{7}', '\u{feff}'].iter().collect();
    let log = dir.path().join(format!("x{hostile}.log"));
    fs::write(&log, format!("{}no line {hostile}\n{hostile}\n", line(&format!("s{hostile}")))).unwrap();
    let missing = dir.path().join(format!("none{hostile}"));
    let explain = |log: &Path| run(&["explain", "--log-format", FORMAT, "--access-log", text(log)]);
    for out in [explain(&log), explain(&missing)] {
        let shown = String::from_utf8([out.stdout, out.stderr].concat()).unwrap();
        assert!(shown.contains("\\u{1b}"), "{shown}");
        let raw = shown.chars().find(|c| hostile.contains(*c));
        assert_eq!(raw, None, "{shown:?}");
    }
}

/// Started without anybody who reads, on a port that was free.
fn unread(stdout: Stdio, log_level: &str, log: &Path) -> (Child, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut child = Command::new(badgateway().unwrap())
        .args([
            "serve",
            "--access-log",
            text(log),
            "--log.level",
            log_level,
            "--web.listen-address",
            &address,
        ])
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    (child, address)
}

#[test]
fn readers_that_went_away_end_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("missing.log");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    for level in ["debug", "info"] {
        let (mut child, address) = unread(writer.try_clone().unwrap().into(), level, &log);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !get(&address, "/-/ready", "").is_ok_and(|(status, ..)| status == 200) {
            assert!(child.try_wait().unwrap().is_none(), "it ended");
            assert!(Instant::now() < deadline);
            std::thread::park_timeout(Duration::from_millis(20));
        }
        // Each of them has something to say of it.
        for signal in ["USR1", "HUP"] {
            kill(signal, &child.id().to_string());
        }
        assert_eq!(get(&address, "/metrics", "").unwrap().0, 200);
        kill("TERM", &child.id().to_string());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    for args in [&["runbook"][..], &["explain", "--access-log", "/dev/null/x"], &["--help"], &["--nonsense"]]
    {
        let out = Command::new(badgateway().unwrap())
            .args(args)
            .stdout(writer.try_clone().unwrap())
            .stderr(writer.try_clone().unwrap())
            .status()
            .unwrap();
        assert!(out.code().is_some_and(|code| code <= 2), "{args:?}: {out}");
    }
    let log = dir.path().join("access.log");
    fs::write(&log, line("a").repeat(1000)).unwrap();
    for format in ["text", "json"] {
        let args = ["explain", "--log-format", FORMAT, "--format", format, "--access-log", text(&log)];
        let mut child = Command::new(badgateway().unwrap())
            .args(args)
            .stdout(writer.try_clone().unwrap())
            .spawn()
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "as `head` expects");
    }
}

#[test]
fn signals_that_are_sent_by_habit_end_nothing_and_are_answered_once() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    fs::write(&log, "").unwrap();
    let serve = Serve::start(&["--log-format", FORMAT, "--access-log", text(&log)]);
    let pid = serve.pid().to_string();
    for signal in ["HUP", "USR1", "USR2", "ALRM"] {
        for _ in 0..3 {
            kill(signal, &pid);
            kill("PIPE", &pid);
            serve.scrape();
        }
        serve.until(|serve| serve.log().matches(&format!("SIG{signal} is ignored")).count() == 1);
    }
    fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(line("a").as_bytes()).unwrap();
    serve.until(|serve| failed(serve) == 1.0);
    assert_eq!(serve.terminate(), Some(0));
}

#[test]
fn signals_that_ask_for_the_end_close_the_state() {
    for signal in ["TERM", "INT", "QUIT"] {
        let dir = tempfile::tempdir().unwrap();
        let (log, state) = (dir.path().join("access.log"), dir.path().join("state"));
        fs::write(&log, "").unwrap();
        let mut child = Command::new(badgateway().unwrap())
            .args(["serve", "--access-log", text(&log), "--state.dir", text(&state)])
            .args(["--web.listen-address", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut first = [0];
        child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
        kill(signal, &child.id().to_string());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
        let mut records = fs::read_dir(&state).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
        let is_clean = |record: Vec<u8>| String::from_utf8_lossy(&record).contains(" clean yes ");
        assert!(records.any(is_clean), "{signal}");
    }
}

#[test]
fn a_line_without_end_keeps_nobody_waiting() {
    for (bytes, kind) in [(10_u64 << 30, "--error-log"), (1 << 40, "--access-log"), (1 << 40, "--error-log")]
    {
        let dir = tempfile::tempdir().unwrap();
        let (endless, log) = (dir.path().join("endless.log"), dir.path().join("access.log"));
        fs::write(&log, "").unwrap();
        fs::write(&endless, "").unwrap();
        let args = [
            "--read-from",
            "start",
            "--log-format",
            FORMAT,
            "--access-log",
            text(&log),
            kind,
            text(&endless),
        ];
        let serve = Serve::start(&args);
        fs::File::options().write(true).open(&endless).unwrap().set_len(bytes).unwrap();
        let begun = Instant::now();
        for count in 1..=20 {
            fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(line("a").as_bytes()).unwrap();
            assert_eq!(failed(&serve), f64::from(count), "a scrape has what was written before it");
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        // The line that follows it is read.
        fs::OpenOptions::new()
            .append(true)
            .open(&endless)
            .unwrap()
            .write_all(format!("\n{}", line("b")).as_bytes())
            .unwrap();
        if kind == "--access-log" {
            serve.until(|serve| failed(serve) == 21.0);
        }
        let begun = Instant::now();
        assert_eq!(serve.terminate(), Some(0));
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
