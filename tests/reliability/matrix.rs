//! Every way in which a log is rotated, at every speed: each line once, whole, in order.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use badgateway::source::{Buffer, Follower, ReadFrom, Upto};

use crate::soak;
use crate::traffic::{pace, rotate};

/// How a log is rotated.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// Renamed; nginx makes the new file when it handles USR1, so many ms later, and writes to the old one until
    /// then.
    Rename(u64),
    /// logrotate makes the new file at once; nginx opens it so many ms later.
    Create(u64),
    /// Copied, then truncated. What is written between the two is lost to everybody, so nothing is.
    Copytruncate,
    /// Renamed twice within a second.
    Twice,
}

const WAYS: [Way; 8] = [
    Way::Rename(0),
    Way::Rename(20),
    Way::Rename(50),
    Way::Rename(300),
    Way::Create(50),
    Way::Create(300),
    Way::Copytruncate,
    Way::Twice,
];

/// Lines a second, and lines a write: nginx's default, and `access_log buffer=`.
const RATES: [u64; 3] = [2_000, 10_000, 100_000];
const BATCHES: [u64; 2] = [1, 150];

/// One field of the matrix.
#[derive(Debug, Clone, Copy)]
struct Case {
    way: Way,
    rate: u64,
    batch: u64,
}

struct Writer {
    file: File,
    batch: u64,
    next: u64,
    block: Vec<u8>,
}

/// Lines of many lengths, so that reads end anywhere in them.
fn line(number: u64) -> String {
    format!("line {number} {}", "x".repeat(20 + number as usize % 150))
}

impl Writer {
    fn open(path: &Path) -> File {
        OpenOptions::new().append(true).create(true).open(path).unwrap()
    }

    fn write(&mut self) {
        self.block.clear();
        for _ in 0..self.batch {
            self.block.extend_from_slice(line(self.next).as_bytes());
            self.block.push(b'\n');
            self.next += 1;
        }
        self.file.write_all(&self.block).unwrap();
    }

    fn write_for(&mut self, time: Duration, rate: u64) {
        let (start, first) = (Instant::now(), self.next);
        while start.elapsed() < time {
            self.write();
            pace(start, self.next - first, rate);
        }
    }
}

fn write(log: &Path, case: Case, rotations: u32) -> u64 {
    let mut writer = Writer { file: Writer::open(log), batch: case.batch, next: 0, block: Vec::new() };
    let between = Duration::from_millis(700);
    writer.write_for(between, case.rate);
    for _ in 0..rotations {
        match case.way {
            Way::Rename(hold) => {
                rotate(log, 30);
                writer.write_for(Duration::from_millis(hold), case.rate);
                writer.file = Writer::open(log);
            }
            Way::Create(hold) => {
                rotate(log, 30);
                drop(Writer::open(log));
                writer.write_for(Duration::from_millis(hold), case.rate);
                writer.file = Writer::open(log);
            }
            Way::Copytruncate => {
                let copy = log.with_extension("log.1");
                let _ = fs::rename(&copy, log.with_extension("log.2"));
                fs::copy(log, copy).unwrap();
                writer.file.set_len(0).unwrap();
            }
            Way::Twice => {
                rotate(log, 30);
                writer.write_for(Duration::from_millis(30), case.rate);
                writer.file = Writer::open(log);
                writer.write_for(Duration::from_millis(400), case.rate);
                rotate(log, 30);
                writer.file = Writer::open(log);
            }
        }
        writer.write_for(between, case.rate);
    }
    writer.next
}

/// Reads as `serve` does and demands the lines in order.
fn read(log: &Path, done: &AtomicBool, case: Case) -> u64 {
    let mut follower = Follower::new(log.to_owned(), ReadFrom::Start, Instant::now());
    let (mut buffer, mut next) = (Buffer::new(), 0);
    loop {
        let last = done.load(Ordering::Relaxed);
        follower.check(Instant::now());
        while let Some(block) = follower.read_block(&mut buffer, Upto::End).unwrap() {
            for line in block.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n') {
                let got = String::from_utf8_lossy(line);
                assert_eq!(got, self::line(next), "{case:?}: lost, doubled or torn at line {next}");
                next += 1;
            }
        }
        if last {
            let status = follower.status();
            assert_eq!((status.lost_bytes, status.gaps), (0, 0), "{case:?}");
            return next;
        }
        thread::sleep(Duration::from_millis(250));
    }
}

fn run(case: Case, rotations: u32) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let (log, done) = (dir.path().join("access.log"), AtomicBool::new(false));
    thread::scope(|scope| {
        let reader = scope.spawn(|| read(&log, &done, case));
        let written = write(&log, case, rotations);
        done.store(true, Ordering::Relaxed);
        assert_eq!(reader.join().unwrap(), written, "{case:?}: lines written and not read");
        written
    })
}

#[test]
fn every_line_once_whatever_the_rotation() {
    let all = WAYS.iter().flat_map(|way| RATES.map(|rate| (*way, rate)));
    let all = all.flat_map(|(way, rate)| BATCHES.map(|batch| Case { way, rate, batch }));
    // The short form takes each way once, with speeds and batches in turn.
    let cases: Vec<_> =
        all.enumerate().filter(|(n, _)| soak() || n % 6 == n / 6 % 6).map(|(_, case)| case).collect();
    let rotations = if soak() { 8 } else { 2 };
    let ways = WAYS.iter().filter(|way| cases.iter().any(|case| case.way == **way)).count();
    assert_eq!(ways, WAYS.len());
    let start = Instant::now();
    // Mostly they sleep.
    let lines: u64 = thread::scope(|scope| {
        let runs: Vec<_> = cases.chunks(cases.len().div_ceil(4)).collect();
        let runs = runs
            .into_iter()
            .map(|cases| scope.spawn(move || cases.iter().map(|case| run(*case, rotations)).sum::<u64>()));
        runs.collect::<Vec<_>>().into_iter().map(|run| run.join().unwrap()).sum()
    });
    println!(
        "rotation: {} cases of {rotations} rotations, {lines} lines: 0 lost, 0 doubled, 0 torn ({:?})",
        cases.len(),
        start.elapsed()
    );
}
