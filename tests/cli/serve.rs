//! `serve`: what a scrape and a person get.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::support::{Serve, text};

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(bytes).unwrap();
}

fn access(status: u16, request: &str) -> String {
    format!("1.2.3.4 - - [20/Nov/2026:15:08:28 +0000] \"{request}\" {status} 157 \"-\" \"c\"\n")
}

fn refused(request: &str) -> String {
    format!(
        "2026/11/20 15:08:28 [error] 7#7: *9 connect() failed (111: Connection refused) while connecting to upstream, client: 1.2.3.4, server: s, request: \"{request}\", upstream: \"fastcgi://127.0.0.1:9000\", host: \"h\"\n"
    )
}

const GET: &str = "GET / HTTP/1.1";

#[test]
fn a_scrape_holds_what_was_written_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (a, e) = (dir.path().join("access.log"), dir.path().join("error.log"));
    append(&a, access(502, GET).as_bytes());
    append(&e, b"");
    let serve = Serve::start(&["--access-log", text(&a), "--error-log", text(&e)]);
    // What stood there before the start is history.
    assert_eq!(serve.sum("badgateway_http_responses_total", &[]), 0.0);
    for n in 1..=50 {
        append(&e, refused(GET).as_bytes());
        append(&a, access(502, GET).as_bytes());
        append(&a, access(200, GET).as_bytes());
        let (errors, responses) = (
            serve.sum(
                "badgateway_http_errors_total",
                &["cause=\"connection_refused\"", "upstream=\"127.0.0.1:9000\""],
            ),
            serve.sum("badgateway_http_responses_total", &[]),
        );
        assert_eq!((errors, responses), (f64::from(n), f64::from(2 * n)));
    }
    assert_eq!(serve.sum("badgateway_http_errors_total", &[]), 50.0);
    assert_eq!(serve.terminate(), Some(0));
}

#[test]
fn every_cause_starts_at_zero_and_promtool_accepts_the_scrape() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/nginx-1.22.1");
    let all = |file: &str| text(&case.join("*").join(file)).to_owned();
    let serve = Serve::start(&[
        "--read-from",
        "start",
        "--access-log",
        &all("access.log"),
        "--error-log",
        &all("error.default.log"),
        "--fpm-log",
        &all("fpm.log"),
    ]);
    serve.until(|s| {
        s.sum("badgateway_log_bytes_unread", &[]) == 0.0 && s.sum("badgateway_http_errors_total", &[]) > 0.0
    });
    let scrape = serve.scrape();
    let zero = |series: &str| assert!(scrape.contains(&format!("{series} 0\n")), "{series} is not 0");
    zero("badgateway_http_errors_total{server=\"\",upstream=\"\",code=\"502\",cause=\"nginx_return\"}");
    let socket = "server=\"lab.test\",upstream=\"unix:/srv/webhost/labo/run/rtt.sock\",code=\"502\"";
    zero(&format!("badgateway_http_errors_total{{{socket},cause=\"socket_missing\"}}"));
    let impossible =
        |line: &&str| line.contains("upstream=\"unix:") && line.ends_with("cause=\"tls_failure\"} 0");
    assert_eq!(scrape.lines().find(impossible), None, "no TLS on a unix socket");
    let failed = ["500", "502", "503", "504", "009"]
        .map(|code| serve.sum("badgateway_http_responses_total", &[&format!("code=\"{code}\"")]));
    assert_eq!(serve.sum("badgateway_http_errors_total", &[]), failed.iter().sum::<f64>());
    check_metrics(&scrape);
}

/// What promtool, which has Prometheus' own parser, says about a page.
pub(super) fn check_metrics(scrape: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: tests/setup.sh test installs it");
    promtool.stdin.take().unwrap().write_all(scrape.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A recorded machine (`tests/fixtures`), read instead of this one. `BADGATEWAY_WRITE_DOCS=1` writes the page anew.
#[test]
fn a_recorded_machine_is_shown_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    append(&log, b"");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let (proc, cgroup) = (fixtures.join("proc"), fixtures.join("cgroup"));
    let args = ["--access-log", text(&log), "--path.procfs", text(&proc), "--path.cgroup", text(&cgroup)];
    let serve = Serve::start(&args);
    serve.until(|serve| serve.scrape().contains("badgateway_fpm_up{fpm=\"8.2\",pool=\"www\"}"));
    let page = serve.scrape();
    check_metrics(&page);
    // What depends on this machine or on the moment is left out: netlink, installed PHP-FPM, time.
    let families =
        ["fpm_", "memory_", "oom_kills_", "cpu_throttled_", "pressure_", "tcp_listen_", "collector_success{"];
    let moving = ["saturated_seconds", "queue_limit", "collector_success{collector=\"backlogs\"}"];
    let lines = page.lines().filter(|line| {
        let name = line.strip_prefix("badgateway_").unwrap_or_default();
        families.iter().any(|family| name.starts_with(family))
            && !moving.iter().any(|part| name.contains(part))
    });
    let shown: String = lines.flat_map(|line| [line, "\n"]).collect();
    let golden = fixtures.join("page.txt");
    if std::env::var_os("BADGATEWAY_WRITE_DOCS").is_some() {
        std::fs::write(&golden, &shown).unwrap();
    }
    assert_eq!(shown, std::fs::read_to_string(&golden).unwrap());
}

/// A PHP-FPM whose master cannot be seen, and a state directory as systemd names it.
#[test]
fn a_configuration_may_be_named_and_the_state_directory_comes_from_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let (log, config) = (dir.path().join("a.log"), dir.path().join("shop/php-fpm.conf"));
    append(&log, b"");
    std::fs::create_dir(config.parent().unwrap()).unwrap();
    let pool = "[global]\nerror_log = /nowhere/fpm.log\n[named]\nuser = nobody\nlisten = /nowhere/named.sock\n\
                pm = static\npm.max_children = 7\n";
    append(&config, pool.as_bytes());
    let state = dir.path().join("state");
    let args = ["--access-log", text(&log), "--fpm-config", text(&config)];
    let serve = Serve::start_in(&args, &[("STATE_DIRECTORY", text(&state))]);
    serve.until(|serve| {
        serve.scrape().contains("badgateway_fpm_workers_limit{fpm=\"shop\",pool=\"named\"} 7\n")
    });
    let page = serve.scrape();
    assert!(page.contains("badgateway_fpm_up{fpm=\"shop\",pool=\"named\"} 0\n"), "it does not run");
    assert!(page.contains("badgateway_state_durable 1\n") && state.join("mark").exists());
}

#[test]
fn the_text_format_has_its_content_type_and_gzip() {
    let dir = tempfile::tempdir().unwrap();
    let a = dir.path().join("access.log");
    append(&a, b"");
    let serve = Serve::start(&["--access-log", text(&a)]);
    let (status, head, body) = serve.get("/metrics", "");
    assert_eq!(status, 200);
    assert!(head.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(!head.to_lowercase().contains("content-encoding"));
    let (_, head, packed) = serve.get("/metrics", "Accept-Encoding: gzip\r\n");
    assert!(head.to_lowercase().contains("content-encoding: gzip"), "{head}");
    let unpack = |packed: &[u8]| {
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed).read_to_end(&mut unpacked).unwrap();
        unpacked
    };
    assert!(unpack(&packed).starts_with(b"# HELP"));
    let names =
        |text: &[u8]| String::from_utf8_lossy(text).split('\n').filter(|l| l.starts_with("# TYPE")).count();
    // This machine's PHP-FPM may come or go between two scrapes, and families with it.
    serve.until(|serve| {
        let (_, _, packed) = serve.get("/metrics", "Accept-Encoding: gzip\r\n");
        names(&unpack(&packed)) == names(serve.scrape().as_bytes())
    });
    for (path, words) in [("/-/healthy", "healthy"), ("/-/ready", "ready"), ("/", "No failed response")] {
        let (status, _, body) = serve.get(path, "");
        assert!(status == 200 && String::from_utf8_lossy(&body).contains(words), "{path}");
    }
    assert_eq!(serve.get("/nowhere", "").0, 404);
    let scrape = String::from_utf8_lossy(&body).into_owned();
    for family in ["process_cpu_seconds_total", "process_resident_memory_bytes", "badgateway_build_info"] {
        assert!(scrape.contains(&format!("# TYPE {family}")), "{family} is missing");
    }
}

#[test]
fn a_log_that_does_not_match_is_counted_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let a = dir.path().join("access.log");
    append(&a, b"");
    let serve = Serve::start(&["--access-log", text(&a)]);
    append(&a, "something else entirely\n".repeat(12).as_bytes());
    assert_eq!(serve.sum("badgateway_log_lines_total", &["result=\"unparsed\""]), 12.0);
    serve.until(|serve| serve.log().contains("column 10") && serve.log().contains("something else entirely"));
}

#[test]
fn logs_may_come_later_rotate_and_match_globs() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { dir.path().join(name) };
    let pattern = text(&at("*.access.log")).to_owned();
    let missing = text(&at("error.log")).to_owned();
    let serve = Serve::start(&["--access-log", &pattern, "--error-log", &missing]);
    append(&at("error.log"), refused(GET).as_bytes());
    append(&at("one.access.log"), access(502, GET).as_bytes());
    serve.until(|s| s.sum("badgateway_http_errors_total", &["connection_refused"]) == 1.0);
    std::fs::rename(at("one.access.log"), at("one.access.log.1")).unwrap();
    append(&at("one.access.log.1"), access(200, GET).as_bytes());
    append(&at("one.access.log"), access(200, GET).as_bytes());
    append(&at("two.access.log"), access(200, GET).as_bytes());
    serve.until(|s| s.sum("badgateway_http_responses_total", &[]) == 4.0);
}

#[test]
fn standard_input_is_a_log_too() {
    let dir = tempfile::tempdir().unwrap();
    let a = dir.path().join("access.log");
    append(&a, b"");
    let (reader, mut writer) = std::io::pipe().unwrap();
    let serve = Serve::start_with(&["--access-log", text(&a), "--error-log", "-"], Stdio::from(reader));
    // The access line first: its entry comes later, through the pipe.
    append(&a, access(502, GET).as_bytes());
    writer.write_all(refused(GET).as_bytes()).unwrap();
    serve.until(|s| s.sum("badgateway_http_errors_total", &[]) == 1.0);
    assert_eq!(serve.sum("badgateway_http_errors_total", &["connection_refused"]), 1.0);
}
