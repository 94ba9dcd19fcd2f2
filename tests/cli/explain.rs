//! `explain`: its outputs, its inputs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use badgateway_harness::programs::badgateway;

use super::support::{json, run, text};

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/nginx-1.22.1").join(name)
}

fn logs(name: &str) -> (String, String, String) {
    let of = |file: &str| text(&case(name).join(file)).to_owned();
    (of("access.log"), of("error.default.log"), of("fpm.log"))
}

#[test]
fn the_text_says_what_failed_why_and_what_to_do() {
    let (access, error, fpm) = logs("fpm_restart_under_load");
    let output = run(&["explain", "--access-log", &access, "--error-log", &error, "--fpm-log", &fpm]);
    let said = String::from_utf8(output.stdout).unwrap();
    for wanted in [
        "360 responses, 108 of them failed (30.0 %)",
        "   96  502   socket_missing",
        "fpm_stopped",
        "Fix: ",
        "More: badgateway runbook PhpFpmDown",
    ] {
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn gz_and_stdin_are_read_like_files() {
    let (access, error, _) = logs("retry_bad");
    let dir = tempfile::tempdir().unwrap();
    let packed = dir.path().join("access.log.1.gz");
    let mut encoder =
        flate2::write::GzEncoder::new(std::fs::File::create(&packed).unwrap(), flate2::Compression::fast());
    encoder.write_all(&std::fs::read(&access).unwrap()).unwrap();
    encoder.finish().unwrap();
    let plain = json(&run(&["explain", "--format", "json", "--access-log", &access, "--error-log", &error]));
    let gz =
        json(&run(&["explain", "--format", "json", "--access-log", text(&packed), "--error-log", &error]));
    assert_eq!(plain, gz);
    let mut child = Command::new(badgateway().unwrap())
        .args(["explain", "--format", "json", "--access-log", "-", "--error-log", &error])
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(&access).unwrap()).unwrap();
    assert_eq!(plain, json(&child.wait_with_output().unwrap()));
}

/// Ten minutes of failures in logs that were rotated twice, the newest files named first.
#[test]
fn how_logs_are_cut_and_named_changes_no_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&dir.path().join(name)).to_owned();
    let (mut access, mut error) = (Vec::new(), Vec::new());
    for second in 0..600 {
        let (minute, second) = (second / 60, second % 60);
        for n in 0..80 {
            let connection = (minute * 60 + second) * 80 + n;
            error.push(format!(
                "2026/11/20 15:{minute:02}:{second:02} [crit] 7#7: *{connection} connect() to unix:/run/x.sock failed (2: No such file or \
                 directory) while connecting to upstream, client: 192.0.2.1, server: a.test, request: \"GET /{n} HTTP/1.1\", \
                 upstream: \"fastcgi://unix:/run/x.sock:\", host: \"a.test\"\n"
            ));
            access.push(format!(
                "192.0.2.1 - - [20/Nov/2026:15:{minute:02}:{second:02} +0000] \"GET /{n} HTTP/1.1\" 502 157 \"-\" \"-\"\n"
            ));
        }
    }
    let (access_parts, error_parts) = (access.len() / 3, error.len() / 3);
    std::fs::write(at("access"), access.concat()).unwrap();
    std::fs::write(at("error"), error.concat()).unwrap();
    let mut args = vec!["explain".to_owned(), "--format".to_owned(), "json".to_owned()];
    for (flag, lines, size) in [("--access-log", &access, access_parts), ("--error-log", &error, error_parts)]
    {
        for (number, part) in lines.chunks(size).enumerate().collect::<Vec<_>>().into_iter().rev() {
            let path = at(&format!("{}.{number}", &flag[2..]));
            std::fs::write(&path, part.concat()).unwrap();
            args.extend([flag.to_owned(), path]);
        }
    }
    let whole = json(&run(&[
        "explain",
        "--format",
        "json",
        "--access-log",
        &at("access"),
        "--error-log",
        &at("error"),
    ]));
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let parts = json(&run(&args));
    assert_eq!(whole["responses"], parts["responses"]);
    assert_eq!(whole["responses"][0]["cause"], "socket_missing");
    assert_eq!(whole["responses"][0]["count"], 48_000);
}

#[test]
fn every_transport_s_envelope_is_opened() {
    let (access, error, _) = logs("retry_bad");
    let plain = json(&run(&["explain", "--format", "json", "--access-log", &access, "--error-log", &error]));
    let dir = tempfile::tempdir().unwrap();
    type Envelope = fn(&str) -> String;
    let envelopes: [(&str, Envelope); 4] = [
        ("syslog", |line| format!("<190>Nov 20 15:13:54 host nginx: {line}")),
        ("cri", |line| format!("2026-11-20T15:26:10.389870674+00:00 stderr F {line}")),
        ("docker", |line| {
            serde_json::json!({"log": format!("{line}\n"), "stream": "stdout", "time": "2026-11-20T15:26:10Z"}).to_string()
        }),
        ("compose", |line| format!("nginx-1  | {line}")),
    ];
    for (name, envelope) in envelopes {
        let wrap = |path: &str, to: &str| {
            let text = std::fs::read_to_string(path).unwrap();
            let wrapped: String = text.split_terminator('\n').map(|line| envelope(line) + "\n").collect();
            let to = dir.path().join(to);
            std::fs::write(&to, wrapped).unwrap();
            text_of(&to)
        };
        let (access, error) = (wrap(&access, "access.log"), wrap(&error, "error.log"));
        let report =
            json(&run(&["explain", "--format", "json", "--access-log", &access, "--error-log", &error]));
        assert_eq!(report, plain, "{name}");
    }
}

fn text_of(path: &Path) -> String {
    text(path).to_owned()
}

#[test]
fn several_logs_are_one_story() {
    let (access, error, _) = logs("nolive");
    let (other, more, _) = logs("backlog_full_unix");
    let report = json(&run(&[
        "explain",
        "--format",
        "json",
        "--access-log",
        &other,
        "--access-log",
        &access,
        "--error-log",
        &error,
        "--error-log",
        &more,
    ]));
    let causes: Vec<_> =
        report["responses"].as_array().unwrap().iter().map(|r| r["cause"].as_str().unwrap()).collect();
    assert_eq!(causes, ["connection_refused", "backlog_full", "no_live_upstreams"]);
}

#[test]
fn an_error_log_alone_has_no_responses() {
    let (_, error, _) = logs("nolive");
    let report = json(&run(&["explain", "--format", "json", "--error-log", &error]));
    assert_eq!(report["responses"].as_array().unwrap().len(), 0);
    let failures = report["failures"].as_array().unwrap();
    assert!(failures.iter().all(|f| f["outcome"] == "unmatched"));
    assert_eq!(failures.iter().map(|f| f["count"].as_u64().unwrap()).sum::<u64>(), 5);
}

#[test]
fn lines_are_entries() {
    let error = case("fcgi_stderrinject502").join("error.default.log");
    let output = run(&["explain", "--lines", "--error-log", text(&error)]);
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> =
        said.split_terminator('\n').map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert_eq!(lines[0]["cause"], serde_json::Value::Null);
    assert_eq!((&lines[1]["line"], &lines[1]["cause"]), (&4.into(), &"closed_prematurely".into()));
    assert_eq!(lines[1]["upstream"], "unix:/srv/webhost/labo/run/fx_stderrinject502.sock");
}

#[test]
fn times_are_rfc_3339_in_the_log_s_own_zone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    std::fs::write(&path, "1.1.1.1 - - [20/Nov/2026:15:08:28 -0530] \"GET / HTTP/1.1\" 502 1 \"-\" \"-\"\n")
        .unwrap();
    let report = json(&run(&["explain", "--format", "json", "--access-log", text(&path)]));
    assert_eq!(report["responses"][0]["first"], "2026-11-20T15:08:28-05:30");
}

/// `connect_failed` is two things, and the text says which.
#[test]
fn what_could_not_connect_says_whether_its_errno_was_read() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        text(&path).to_owned()
    };
    let line = |n: u32| {
        format!(
            "1.2.3.4 - - [20/Nov/2026:12:00:00 +0000] \"GET /{n} HTTP/1.1\" 502 157 \"-\" \"c\" server=\"s\" pid=7 connection={n} msec=1795176000.000 request_time=0.000 upstream_addr=\"a:1\" upstream_status=\"502\" upstream_connect_time=\"-\" upstream_header_time=\"-\" upstream_response_time=\"0.000\" upstream_bytes_received=\"0\" upstream_cache_status=\"-\"\n"
        )
    };
    let entry = "2026/11/20 12:00:00 [crit] 7#7: *1 connect() to unix:/x failed (91: Protocol wrong type for socket) while connecting to upstream, client: 1.2.3.4, server: s, request: \"GET /1 HTTP/1.1\", upstream: \"fastcgi://a:1\", host: \"h\"\n";
    let one = write("one.log", line(1));
    let three = write("three.log", line(1) + &line(2) + &line(3));
    let (with, without) = (write("error.log", entry.to_owned()), write("crit.log", String::new()));
    let said = |access: &str, error: &str| {
        let output = run(&["explain", "--access-log", access, "--error-log", error]);
        String::from_utf8(output.stdout).unwrap()
    };
    let (rare, unread) =
        ("the errno in the error log is a rare one", "no entry of the error log that names the errno");
    let both = said(&three, &with);
    assert!(both.contains(rare) && both.contains("connect_failed (2)") && both.contains(unread), "{both}");
    let only = said(&one, &with);
    assert!(only.contains(rare) && !only.contains(unread) && only.contains("91"), "{only}");
    let none = said(&one, &without);
    assert!(none.contains(unread) && !none.contains(rare) && none.contains("set error_log"), "{none}");
}
