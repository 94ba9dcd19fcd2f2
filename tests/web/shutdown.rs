//! SIGTERM ends the process whatever its clients do, and the state is closed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::support::{Serve, text};
use super::wide_log;

/// From the signal to the end of the process.
const DEADLINE: Duration = Duration::from_secs(5);

/// Connects and behaves badly; the connection is kept until the test is over.
fn bad_client(serve: &Serve, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(serve.address()).unwrap();
    stream.write_all(sent.as_bytes()).unwrap();
    stream
}

fn ends_in_time(sent: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let (log, state) = (dir.path().join("access.log"), dir.path().join("state"));
    wide_log(&log, 400);
    let args = ["--access-log", text(&log), "--read-from", "start", "--state.dir", text(&state)];
    let serve = Serve::start(&args);
    let before = serve.sum("badgateway_http_responses_total", &[]);
    let clients: Vec<_> = sent.iter().map(|sent| bad_client(&serve, sent)).collect();
    // They are accepted, and their requests are under way, when a later one has been answered.
    assert_eq!(serve.get("/-/healthy", "").0, 200);
    let started = Instant::now();
    assert_eq!(serve.terminate(), Some(0));
    let took = started.elapsed();
    assert!(took <= DEADLINE, "it took {took:?} with {sent:?}");
    drop(clients);
    let again = Serve::start(&args);
    assert_eq!(again.sum("badgateway_http_responses_total", &[]), before);
    assert!(!again.log().contains("older"), "the state was not closed: {}", again.log());
}

#[test]
fn sigterm_ends_it_with_half_a_request_open() {
    ends_in_time(&["GET /met", "GET /metrics HTTP/1.1\r\nHost: x\r\n", "", "\r\n"]);
}

#[test]
fn sigterm_ends_it_with_an_answer_that_nobody_reads() {
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    ends_in_time(&[request, &request.repeat(20), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"]);
}

#[test]
fn a_scrape_under_way_is_answered_before_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    wide_log(&log, 400);
    let serve = Serve::start(&["--access-log", text(&log), "--read-from", "start"]);
    let mut stream = bad_client(&serve, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut answer = vec![0; 1];
    stream.read_exact(&mut answer).unwrap();
    let ending = std::thread::spawn(move || serve.terminate());
    stream.read_to_end(&mut answer).unwrap();
    let head = String::from_utf8_lossy(&answer[..answer.len().min(400)]).into_owned();
    let length =
        head.to_lowercase().split("content-length: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let start = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(answer.len() - start, length.parse::<usize>().unwrap(), "the whole answer came");
    assert_eq!(ending.join().unwrap(), Some(0));
}
