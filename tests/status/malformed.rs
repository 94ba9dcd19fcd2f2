//! Ten thousand answers that no PHP-FPM gives: each question ends in time, with an error or a page, and with a bound.

use std::time::{Duration, Instant};

use badgateway::address::Listener;
use badgateway::sample::status::fastcgi::MAX_REPLY;
use badgateway::sample::status::poller::{Target, once};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

const JSON: &str = r#"{"pool":"www","process manager":"static","start time":1763700000,"start since":12,"accepted conn":7,"listen queue":1,"max listen queue":2,"listen queue len":4096,"idle processes":2,"active processes":1,"total processes":3,"max active processes":3,"max children reached":0,"slow requests":4}"#;
const DEADLINE: Duration = Duration::from_millis(250);

struct Rng(u64);

impl Rng {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

fn record(out: &mut Vec<u8>, kind: u8, content: &[u8], padding: u8) {
    let [high, low] = (content.len() as u16).to_be_bytes();
    out.extend([1, kind, 0, 1, high, low, padding, 0]);
    out.extend_from_slice(content);
    out.extend(vec![0; usize::from(padding)]);
}

const END: [u8; 8] = [0; 8];

fn good(rng: &mut Rng, head: &str, body: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let text = format!("{head}\r\n\r\n{body}");
    for chunk in text.as_bytes().chunks(rng.below(300) + 1) {
        record(&mut out, 6, chunk, rng.below(8) as u8);
        if rng.below(3) == 0 {
            record(&mut out, 7, b"PHP message: PHP Warning: \"x\"", 3);
        }
    }
    record(&mut out, 3, &END, 0);
    out
}

/// One answer, and whether the other side goes on sending or stays silent instead of closing.
fn answer(rng: &mut Rng, number: usize) -> (Vec<u8>, bool, bool) {
    let json = "Content-Type: application/json";
    let mut bytes = good(rng, json, JSON);
    match number % 10 {
        0 => bytes.truncate(rng.below(bytes.len())),
        1 => bytes[0] = rng.below(256) as u8,
        2 => bytes.truncate(bytes.len() - 16),
        3 => bytes = good(rng, json, &JSON.replace("www", "a\",\"x\":\"")),
        4 => {
            bytes =
                good(rng, "Content-type: text/html; charset=UTF-8", "<!DOCTYPE html><html>\0\u{ffff}</html>");
        }
        5 => bytes = good(rng, "Status: 200 OK\r\nContent-Length: 1073741824", "x"),
        6 => bytes = (0..rng.below(500)).map(|_| rng.below(256) as u8).collect(),
        _ => {
            for _ in 0..=rng.below(6) {
                let at = rng.below(bytes.len());
                bytes[at] = rng.below(256) as u8;
            }
        }
    }
    // Rare, because each takes its time: an endless stream, and silence.
    let endless = number % 100 == 17;
    if endless {
        bytes.clear();
        (0..20).for_each(|_| record(&mut bytes, [6, 7][number / 100 % 2], &[b'x'; 60_000], 0));
    }
    (bytes, endless, number % 500 == 42)
}

#[tokio::test]
async fn ten_thousand_malformed_replies_end_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move {
        let mut rng = Rng(0x2545_f491_4f6c_dd1d);
        let mut silent = Vec::new();
        for number in 0_usize.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (bytes, endless, hangs) = answer(&mut rng, number);
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let mut sent = 0_usize;
            while let Ok(()) = stream.write_all(&bytes).await {
                sent += bytes.len();
                if !endless {
                    break;
                }
            }
            // The cap, what the kernel buffers, and what was under way.
            assert!(sent < MAX_REPLY * 4, "{sent} bytes were taken");
            if hangs {
                silent.push(stream);
            }
        }
    });
    let target = Target { address: Listener::Unix(path), path: "/status".to_owned() };
    let (mut pages, mut errors, mut slowest) = (0, 0, Duration::ZERO);
    for number in 0..10_000 {
        let begun = Instant::now();
        match once(&target, DEADLINE).await {
            Ok(_) => pages += 1,
            Err(error) => {
                assert!(error.ends_with(['.', '"']) && error.len() < 400, "{number}: {error}");
                errors += 1;
            }
        }
        slowest = slowest.max(begun.elapsed());
    }
    server.abort();
    println!("10000 answers: {pages} pages, {errors} errors, the slowest took {slowest:?}");
    assert!(
        slowest >= DEADLINE && slowest < DEADLINE + Duration::from_secs(20),
        "{slowest:?}: silence was not tried, or it was waited for"
    );
    assert!(errors > 5_000 && pages > 50, "{pages} pages, {errors} errors");
}
