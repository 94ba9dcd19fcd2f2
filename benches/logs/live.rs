//! `badgateway serve` on logs that are written at full speed, one `write()` for each line as nginx does.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::files;
use crate::goals::{self, Goals};
use crate::measure::{cpu_of, median, peak_of};
use crate::world::World;

/// Access lines in a second.
const RATE: u64 = 100_000;

/// What is written between two looks at the clock.
const BATCH: u64 = 100;

/// Follows the writer for this long and prints what that costs.
pub(crate) fn run(dir: &Path, time: Duration, goals: &mut Goals) {
    let alone = |name: &str| Writer::new(dir, name).write(time / 3);
    let before = alone("before");
    let mut writer = Writer::new(dir, "live");
    let (access, error) = (dir.join("live.access.log"), dir.join("live.error.log"));
    let logs = ["--access-log".as_ref(), access.as_os_str(), "--error-log".as_ref(), error.as_os_str()];
    let exporter = Exporter::start(&logs);
    let at_start = cpu_of(exporter.child.id());
    let written = writer.write(time);
    // The scrape drains the logs; so its own cost is in, and so is every line.
    let counted = exporter.responses();
    let cpu = cpu_of(exporter.child.id()) - at_start;
    let peak = peak_of(exporter.child.id());
    drop(exporter);
    let after = alone("after");

    let lines = written.access + written.error;
    let ns = cpu * 1e9 / lines as f64;
    println!(
        "live, {:.0} access lines/s, one write() each, {} s: {lines} lines followed, peak RSS {:.1} MiB {}",
        written.access as f64 / written.took.as_secs_f64(),
        time.as_secs(),
        peak as f64 / f64::from(1 << 20),
        goals.check("live: peak RSS", peak <= goals::MOST_MEMORY),
    );
    let judged = goals.time(&format!("live: {ns:.0} ns per line"), ns <= goals::MOST_LIVE_NS);
    println!("  the exporter takes {ns:.0} ns CPU per line {judged}");
    let judged = goals.check("live: lines lost or doubled", counted == written.access);
    println!("  /metrics has {counted} responses of {} written {judged}", written.access);
    let unwatched = (before.ns_per_write + after.ns_per_write) / 2.0;
    println!(
        "  a write() takes {:.0} ns, {unwatched:.0} ns without the exporter ({:.2} x)",
        written.ns_per_write,
        written.ns_per_write / unwatched
    );
}

/// Stands in for nginx.
struct Writer {
    access: File,
    error: File,
    world: World,
}

/// What was written, and how long a write took in the median batch.
struct Written {
    access: u64,
    error: u64,
    took: Duration,
    ns_per_write: f64,
}

impl Writer {
    fn new(dir: &Path, name: &str) -> Self {
        let open = |kind: &str| {
            let path = dir.join(format!("{name}.{kind}.log"));
            OpenOptions::new().create(true).append(true).open(path).expect("a new log")
        };
        let now = jiff::Timestamp::now().as_second();
        Self { access: open("access"), error: open("error"), world: World::new(now, RATE) }
    }

    fn write(&mut self, time: Duration) -> Written {
        let mut written = Written { access: 0, error: 0, took: Duration::ZERO, ns_per_write: 0.0 };
        let (mut costs, start) = (Vec::new(), Instant::now());
        let batches = RATE * time.as_millis() as u64 / 1000 / BATCH;
        // Made before they are timed: for each request its entry, often none, and its line.
        let mut batch: Vec<(Vec<u8>, Vec<u8>)> = vec![Default::default(); BATCH as usize];
        for number in 0..batches {
            for (line, entry) in &mut batch {
                line.clear();
                entry.clear();
                files::both(&mut self.world, line, entry);
            }
            let due = Duration::from_micros(number * BATCH * 1_000_000 / RATE);
            std::thread::sleep(due.saturating_sub(start.elapsed()));
            let (before, mut writes) = (Instant::now(), 0);
            for (line, entry) in &batch {
                if !entry.is_empty() {
                    self.error.write_all(entry).expect("room for the logs");
                    written.error += memchr::memchr_iter(b'\n', entry).count() as u64;
                    writes += 1;
                }
                self.access.write_all(line).expect("room for the logs");
                writes += 1;
            }
            costs.push(before.elapsed().as_nanos() as f64 / f64::from(writes));
            written.access += BATCH;
        }
        written.took = start.elapsed();
        written.ns_per_write = median(costs);
        written
    }
}

/// The running exporter; stopped when dropped.
pub(crate) struct Exporter {
    child: Child,
    address: String,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Exporter {
    pub(crate) fn start(args: &[&OsStr]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_badgateway"))
            .args(["serve", "--read-from", "start", "--web.listen-address", "127.0.0.1:0"])
            .args(args)
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("badgateway serve");
        let mut said = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut said).expect("its first line");
        let address = said.split_once("http://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
        let address = address.unwrap_or_else(|| panic!("an address in {said:?}")).trim().to_owned();
        let exporter = Self { child, address };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !exporter.get("/-/ready").starts_with("HTTP/1.1 200") {
            assert!(Instant::now() < deadline, "badgateway serve does not get ready");
            std::thread::sleep(Duration::from_millis(10));
        }
        exporter
    }

    /// The sum of `badgateway_http_responses_total`.
    pub(crate) fn responses(&self) -> u64 {
        let answer = self.get("/metrics");
        let samples = answer.lines().filter(|line| line.starts_with("badgateway_http_responses_total{"));
        samples
            .map(|line| line.rsplit(' ').next().and_then(|n| n.parse::<f64>().ok()).expect("a value") as u64)
            .sum()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn get(&self, path: &str) -> String {
        String::from_utf8(self.ask(path, "")).expect("text")
    }

    /// An answer with its head. `headers` are further lines of the request.
    pub(crate) fn ask(&self, path: &str, headers: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).expect("the exporter listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n{headers}\r\n")
            .expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        answer
    }
}
