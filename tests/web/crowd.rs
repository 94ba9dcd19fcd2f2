//! Thousands of connections that never finish: every honest scrape is answered, and memory stays.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{Serve, text};
use super::{soak, wide_log};

/// No honest scrape may take longer. Prometheus gives up after 10 s, a person much earlier: the long form, whose build is
/// optimised, is judged by the latter.
fn longest() -> Duration {
    Duration::from_secs(if soak() { 1 } else { 10 })
}

/// What the crowd may add to the resident memory, in bytes.
const MEMORY: u64 = 8 << 20;

/// How a client misbehaves.
#[derive(Clone, Copy)]
enum Kind {
    /// Sends its request a byte at a time.
    Slow,
    /// Sends one request, reads the answer, and stays.
    Idle,
    /// Asks for a large answer and does not read it.
    NeverReads,
    /// Connects and sends nothing; connects again when it is dropped.
    Silent,
}

async fn misbehave(kind: Kind, address: SocketAddr, stop: Arc<AtomicBool>, connections: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        connections.fetch_add(1, Ordering::Relaxed);
        let mut room = [0; 512];
        match kind {
            Kind::Slow => {
                for byte in b"GET /metrics HTTP/1.1\r\nHost: slow\r\n".iter().cycle().take(4000) {
                    if stop.load(Ordering::Relaxed) || stream.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
            Kind::Idle => {
                let _ = stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await;
                while matches!(stream.read(&mut room).await, Ok(1..)) {}
            }
            Kind::NeverReads => {
                let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
                while !stop.load(Ordering::Relaxed) && stream.write_all(b"").await.is_ok() {
                    if stream.ready(tokio::io::Interest::ERROR).await.is_ok_and(|ready| ready.is_error()) {
                        break;
                    }
                }
            }
            Kind::Silent => while matches!(stream.read(&mut room).await, Ok(1..)) {},
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Scrapes one after the other; gives how long each took, in order of their length.
fn scrape(serve: &Serve, times: usize) -> Vec<Duration> {
    let mut took: Vec<_> = (0..times)
        .map(|n| {
            let path = ["/metrics", "/-/healthy", "/metrics", "/"][n % 4];
            let started = Instant::now();
            let (status, ..) = serve.get(path, "");
            assert_eq!(status, 200, "{path}");
            started.elapsed()
        })
        .collect();
    took.sort();
    took
}

fn p99(took: &[Duration]) -> Duration {
    took[took.len() * 99 / 100]
}

fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn every_honest_scrape_is_answered_among_thousands_that_never_finish() {
    let (each, silent, scrapes) = if soak() { (1000, 10_000, 400) } else { (100, 500, 60) };
    // The crowd needs descriptors of its own.
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let limit = rustix::process::Rlimit { current: most, maximum: most };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    let wanted = 3 * each + silent + 100;
    assert!(
        most.is_none_or(|most| most > wanted),
        "this test needs {wanted} open files; ulimit -Hn says {most:?}"
    );
    for descriptors in [1024, 8192] {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("access.log");
        wide_log(&log, 100);
        let serve = Serve::start_limited(&["--access-log", text(&log), "--read-from", "start"], descriptors);
        let address = serve.address().parse().unwrap();
        let quiet = scrape(&serve, scrapes);
        let before = resident(serve.pid());

        let (stop, connections) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let crowd =
            [(Kind::Slow, each), (Kind::Idle, each), (Kind::NeverReads, each), (Kind::Silent, silent)];
        for (kind, count) in crowd {
            for _ in 0..count {
                runtime.spawn(misbehave(kind, address, stop.clone(), connections.clone()));
            }
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while connections.load(Ordering::Relaxed) < (3 * each + silent) {
            assert!(Instant::now() < deadline, "the crowd did not gather");
            std::thread::park_timeout(Duration::from_millis(10));
        }
        let took = scrape(&serve, scrapes);
        let grown = resident(serve.pid()).saturating_sub(before);
        stop.store(true, Ordering::Relaxed);
        runtime.shutdown_background();
        println!(
            "web: {descriptors} descriptors, {} connections made; scrapes p99 {:?} (quiet {:?}, {:.1} x), longest {:?}; RSS +{} KiB",
            connections.load(Ordering::Relaxed),
            p99(&took),
            p99(&quiet),
            p99(&took).as_secs_f64() / p99(&quiet).as_secs_f64(),
            took[took.len() - 1],
            grown / 1024
        );
        assert!(took[took.len() - 1] <= longest(), "the longest scrape took {:?}", took[took.len() - 1]);
        // A ratio is judged where there is time for enough scrapes.
        assert!(!soak() || p99(&took) <= 20 * p99(&quiet), "p99 {:?}, quiet {:?}", p99(&took), p99(&quiet));
        assert!(grown <= MEMORY, "the crowd took {grown} bytes of memory");
    }
}

#[test]
fn requests_that_are_abandoned_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    wide_log(&log, 400);
    let serve = Serve::start(&["--access-log", text(&log), "--read-from", "start"]);
    for _ in 0..160 {
        let mut stream = std::net::TcpStream::connect(serve.address()).unwrap();
        std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    }
    let started = Instant::now();
    assert_eq!(serve.get("/metrics", "").0, 200);
    assert!(started.elapsed() <= longest(), "{:?}", started.elapsed());
}
