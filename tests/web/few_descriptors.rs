//! With few descriptors, connections do not take those that the logs need.

use std::io::Write;
use std::net::TcpStream;

use super::support::{Serve, text};

const LINE: &str =
    "192.0.2.1 - - [20/Nov/2026:15:08:28 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl/7.88.1\"\n";

#[test]
fn a_log_rotates_on_while_half_open_connections_fill_all_places() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    std::fs::write(&log, LINE).unwrap();
    let serve = Serve::start_limited(&["--access-log", text(&log), "--read-from", "start"], 64);
    let mut crowd = Vec::new();
    for round in 0..4 {
        for _ in 0..70 {
            if let Ok(mut stream) = TcpStream::connect(serve.address()) {
                let _ = stream.write_all(b"GET /metr");
                crowd.push(stream);
            }
        }
        std::fs::rename(&log, dir.path().join(format!("access.log.{round}"))).unwrap();
        std::fs::write(&log, LINE).unwrap();
        let lines = f64::from(round + 2);
        serve.until(|serve| serve.sum("badgateway_http_responses_total", &["code=\"502\""]) == lines);
    }
    assert!(crowd.len() > 200);
}

#[test]
fn a_request_that_is_too_long_or_no_request_is_refused_and_the_next_one_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    std::fs::write(&log, LINE).unwrap();
    let serve = Serve::start(&["--access-log", text(&log)]);
    // More than the sockets hold, too: who is still sending gets the answer.
    for length in [17 * 1024, 64 * 1024, 16 * 1024 * 1024] {
        let long = format!("X-Long: {}\r\n", "a".repeat(length));
        assert_eq!(serve.get("/metrics", &long).0, 431, "{length}");
    }
    assert_eq!(serve.get("/nowhere", "").0, 404);
    let answer = |request: &str| {
        let mut stream = TcpStream::connect(serve.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(
        answer("POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        "405"
    );
    let body = "a".repeat(16 * 1024 * 1024);
    let head = "POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length";
    assert_eq!(answer(&format!("{head}: {}\r\n\r\n{body}", body.len())), "405");
    assert_eq!(answer("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n"), "400");
    assert_eq!(serve.get("/metrics", "").0, 200);
}
