//! Whatever is put in: a clear message or a counter, never a panic, never silence.

use std::io::Write;

use super::support::{json, run, stderr, text};

#[track_caller]
fn refused(args: &[&str], words: &[&str]) {
    let output = run(args);
    let said = stderr(&output);
    assert!(matches!(output.status.code(), Some(1 | 2)), "{:?} {said}", output.status);
    assert!(!said.contains("panicked"), "{said}");
    for word in words {
        assert!(said.contains(word), "{args:?} does not say {word:?}: {said}");
    }
}

#[test]
fn paths_that_are_no_logs() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.log");
    let fifo = dir.path().join("fifo.log");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    refused(&["explain", "--access-log", text(&missing)], &["missing.log", "does not exist"]);
    refused(&["explain", "--error-log", text(dir.path())], &["no file is in", "nothing could be read"]);
    refused(&["explain", "--access-log", text(&fifo)], &["FIFO"]);
    refused(&["serve", "--access-log", text(&fifo)], &["FIFO"]);
    refused(&["serve", "--access-log", text(dir.path())], &["is a directory"]);
    refused(&["explain", "--lines"], &["--error-log"]);
}

#[test]
fn log_formats_that_cannot_work() {
    refused(&["explain", "--access-log", "x", "--log-format", "$request"], &["$status"]);
    refused(&["explain", "--access-log", "x", "--log-format", "combind"], &["combind", "combined"]);
    refused(&["explain", "--access-log", "x", "--log-format", "$status $"], &["column 9"]);
}

#[test]
fn addresses_that_cannot_be_listened_on() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    std::fs::write(&log, "").unwrap();
    let serve = |address: &str, words: &[&str]| {
        refused(&["serve", "--access-log", text(&log), "--web.listen-address", address], words);
    };
    serve("nonsense", &["nonsense", "HOST:PORT"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    serve(&taken.local_addr().unwrap().to_string(), &["cannot listen on"]);
}

#[test]
fn a_format_that_does_not_match_is_said_with_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    std::fs::write(&log, "127.0.0.1 [20/Nov/2026:15:08:28 +0000] 502\n".repeat(5)).unwrap();
    let output = run(&["explain", "--access-log", text(&log), "--log-format", "combined"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("5 of 5 lines") && said.contains("column 10") && said.contains("127.0.0.1 ["),
        "{said}"
    );
}

#[test]
fn binary_garbage_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let garbage: Vec<u8> = (0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let path = dir.path().join("garbage");
    std::fs::write(&path, &garbage).unwrap();
    let args = [
        "explain",
        "--format",
        "json",
        "--access-log",
        text(&path),
        "--error-log",
        text(&path),
        "--fpm-log",
        text(&path),
    ];
    let output = run(&args);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["lines"]["access"], 0);
    let lines =
        garbage.iter().filter(|b| **b == b'\n').count() as u64 + u64::from(garbage.last() != Some(&b'\n'));
    assert_eq!(report["lines"]["unparsed"], 3 * lines);
    let output = run(&["explain", "--lines", "--error-log", text(&path)]);
    assert!(output.status.success() && output.stdout.is_empty());
}

#[test]
fn an_endless_line_is_skipped_and_the_next_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    let mut file = std::fs::File::create(&path).unwrap();
    // Sparse: a gigabyte of NUL without a newline costs no disk.
    file.set_len(1 << 30).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).unwrap();
    file.write_all(b"\n127.0.0.1 - - [20/Nov/2026:15:08:28 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"c\"\n")
        .unwrap();
    let report = json(&run(&["explain", "--format", "json", "--access-log", text(&path)]));
    assert_eq!(report["lines"]["unparsed"], 1);
    assert_eq!(report["lines"]["access"], 1);
    assert_eq!(report["responses"][0]["count"], 1);
}

#[test]
fn invalid_utf8_is_just_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (access, error) = (dir.path().join("a"), dir.path().join("e"));
    std::fs::write(
        &access,
        b"1.2.3.4 - - [20/Nov/2026:15:08:28 +0000] \"GET /caf\\xE9 HTTP/1.1\" 502 1 \"-\" \"\xff\xfe\"\n",
    )
    .unwrap();
    std::fs::write(
        &error,
        b"2026/11/20 15:08:28 [error] 7#7: *9 connect() failed (111: Connection refused) while connecting to upstream, client: 1.2.3.4, server: \xff\xfe, request: \"GET /caf\xe9 HTTP/1.1\", upstream: \"fastcgi://127.0.0.1:9000\", host: \"\xff\"\n",
    )
    .unwrap();
    let args = ["explain", "--format", "json", "--access-log", text(&access), "--error-log", text(&error)];
    let report = json(&run(&args));
    assert_eq!(report["responses"][0]["cause"], "connection_refused");
    assert_eq!(report["responses"][0]["server"], "\u{fffd}\u{fffd}");
}
