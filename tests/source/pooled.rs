//! More logs than may be open: what is closed and opened again loses no line and gives none twice.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use badgateway::source::files::{Files, Os};
use badgateway::source::pooled::Pooled;
use badgateway::source::{Buffer, Follower, ReadFrom, Upto};

/// Numbers that look chosen and are the same in each run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// A log with its writer, which keeps its file open over a rename until it is told, as nginx does.
struct Log {
    path: PathBuf,
    writer: File,
    written: usize,
    follower: Follower,
    read: Vec<usize>,
}

fn append(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

impl Log {
    fn write(&mut self) {
        writeln!(self.writer, "{} of {}", self.written, self.path.display()).unwrap();
        self.written += 1;
    }

    fn rotated(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    /// Makes room for a new `.1`.
    fn shift(&self) {
        let last = (1..).find(|number| !self.rotated(*number).exists()).unwrap();
        for number in (1..last).rev() {
            fs::rename(self.rotated(number), self.rotated(number + 1)).unwrap();
        }
    }

    fn poll(&mut self, now: Instant, buffer: &mut Buffer) {
        self.follower.check(now);
        self.follower.mark();
        while let Some(block) = self.follower.read_block(buffer, Upto::End).unwrap() {
            let lines = std::str::from_utf8(block).unwrap().lines();
            self.read.extend(lines.map(|line| line.split(' ').next().unwrap().parse::<usize>().unwrap()));
        }
    }
}

fn open_below(dir: &Path) -> usize {
    let links = fs::read_dir("/proc/self/fd").unwrap().flatten();
    links.filter(|link| fs::read_link(link.path()).is_ok_and(|target| target.starts_with(dir))).count()
}

fn scenario(seed: u64, most: usize) {
    const LOGS: usize = 8;
    let dir = tempfile::tempdir().unwrap();
    let files: Arc<dyn Files> = Arc::new(Pooled::new(Arc::new(Os::default()), most));
    let (mut now, mut dice, mut buffer) = (Instant::now(), Dice(seed), Buffer::new());
    let mut logs: Vec<Log> = (0..LOGS)
        .map(|n| {
            let path = dir.path().join(format!("{n}.log"));
            let writer = append(&path);
            let follower = Follower::with(files.clone(), path.clone(), ReadFrom::Start, now);
            Log { path, writer, written: 0, follower, read: Vec::new() }
        })
        .collect();
    for step in 0..400 {
        let log = &mut logs[dice.roll(LOGS as u64) as usize];
        match dice.roll(12) {
            0..=5 => (0..=dice.roll(4)).for_each(|_| log.write()),
            6 => {
                log.shift();
                fs::rename(&log.path, log.rotated(1)).unwrap();
                // Written before nginx opens the new one.
                (0..dice.roll(3)).for_each(|_| log.write());
                log.writer = append(&log.path);
                (0..dice.roll(3)).for_each(|_| log.write());
            }
            7 if log.written > 0 => {
                log.shift();
                fs::copy(&log.path, log.rotated(1)).unwrap();
                log.writer.set_len(0).unwrap();
                (0..dice.roll(3)).for_each(|_| log.write());
            }
            _ => {
                now += Duration::from_secs(dice.roll(3));
                logs.iter_mut().for_each(|log| log.poll(now, &mut buffer));
                let writers = LOGS;
                // Those that were rotated away twice between two looks are not among those that are counted.
                assert!(open_below(dir.path()) <= writers + most + 40, "step {step}");
            }
        }
    }
    for _ in 0..3 {
        now += Duration::from_secs(1);
        logs.iter_mut().for_each(|log| log.poll(now, &mut buffer));
    }
    for log in &mut logs {
        let status = log.follower.status();
        log.read.sort_unstable();
        assert_eq!(
            log.read,
            (0..log.written).collect::<Vec<_>>(),
            "seed {seed}, {}: {status:?}",
            log.path.display()
        );
        assert_eq!((status.lost_bytes, status.gaps), (0, 0), "seed {seed}");
    }
}

#[test]
fn nothing_is_lost_or_doubled_over_rotation_while_closed() {
    for seed in 1..=60 {
        scenario(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15), 1 + seed as usize % 3);
    }
}

#[test]
fn as_many_are_open_as_may_be_and_one_that_is_gone_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let files: Arc<dyn Files> = Arc::new(Pooled::new(Arc::new(Os::default()), 3));
    let (now, mut buffer) = (Instant::now(), Buffer::new());
    let paths: Vec<PathBuf> = (0..50).map(|n| dir.path().join(format!("{n}.log"))).collect();
    let mut followers: Vec<Follower> = paths
        .iter()
        .map(|path| {
            fs::write(path, "a\n").unwrap();
            Follower::with(files.clone(), path.clone(), ReadFrom::Start, now)
        })
        .collect();
    let mut poll = |followers: &mut [Follower], now: Instant| {
        let mut lines = 0;
        for follower in followers {
            follower.check(now);
            while let Some(block) = follower.read_block(&mut buffer, Upto::End).unwrap() {
                lines += block.split(|byte| *byte == b'\n').count() - 1;
            }
            assert!(open_below(dir.path()) <= 3);
        }
        lines
    };
    assert_eq!(poll(&mut followers, now), 50);
    for path in &paths {
        append(path).write_all(b"b\nc\n").unwrap();
    }
    assert_eq!(poll(&mut followers, now), 100);
    assert!(followers.iter().all(|follower| follower.status().open));
    // Deleted and written anew while it is closed: what was written before that is not known.
    fs::remove_file(&paths[0]).unwrap();
    fs::write(&paths[0], "d\n").unwrap();
    assert_eq!(poll(&mut followers, now + Duration::from_secs(1)), 1);
    assert_eq!(followers[0].status().gaps, 1);
    assert!(followers[1..].iter().all(|follower| follower.status().gaps == 0));
}
