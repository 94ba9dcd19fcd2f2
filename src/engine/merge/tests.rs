//! Logs whose lines are made up, in blocks of any size, without files.

mod blocks;
mod seen;

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use super::Streams;
use crate::attribute::logs::{AnyLog, Settings};
use crate::attribute::{Attributor, Options};
use crate::engine::stream::{Buffers, Reader, Stream};
use crate::engine::test_lines::{access, entry, fpm_line, php_fatal, timeless};
use crate::record::LogKind;
use blocks::FakeBlocks;
use seen::Seen;

/// A log, cut into blocks.
type Log = (LogKind, Vec<String>);

fn attributor() -> Attributor {
    Attributor::new(Options {
        live: false,
        access_log: true,
        window: 3600,
        error_log: true,
        fpm: true,
        timings: false,
        offset: 0,
    })
}

fn readers(logs: &[Log]) -> Vec<Reader> {
    let log = |kind: &LogKind| AnyLog::new(*kind, Path::new("x.log"), &Settings::default());
    logs.iter().map(|(kind, _)| Reader::new(log(kind))).collect()
}

/// Explains the logs, stopping after so many portions each time. Gives what was seen and the order of reads.
fn explain(logs: Vec<Log>, portions: usize) -> (Seen, Vec<usize>) {
    let (mut attributor, mut seen, order) = (attributor(), Seen::default(), Rc::new(RefCell::default()));
    let mut readers = readers(&logs);
    let logs = logs.into_iter().enumerate();
    let mut sources: Vec<_> =
        logs.map(|(at, (_, blocks))| FakeBlocks::new(at, blocks, Rc::clone(&order))).collect();
    let mut buffers = Buffers::default();
    loop {
        let pairs = sources.iter_mut().zip(&mut readers);
        let mut streams: Streams<'_> = pairs.map(|(source, reader)| Stream::new(source, reader)).collect();
        let mut left = portions;
        let mut go_on = || {
            left -= 1;
            left > 0
        };
        assert!(streams.pump(&mut buffers, &mut attributor, &mut seen, &mut go_on).is_empty());
        let stopped = left == 0;
        if !stopped {
            streams.flush(&mut attributor, &mut seen);
            break;
        }
    }
    attributor.finish(&mut seen);
    (seen, order.take())
}

/// One block for each line.
fn single(kind: LogKind, lines: impl IntoIterator<Item = String>) -> Log {
    (kind, lines.into_iter().collect())
}

/// Lines in blocks of about so many bytes.
fn blocks(kind: LogKind, lines: &[String], size: usize) -> Log {
    let mut blocks = vec![String::new()];
    for line in lines {
        if blocks.last().is_some_and(|block| block.len() >= size) {
            blocks.push(String::new());
        }
        blocks.last_mut().unwrap().push_str(line);
    }
    (kind, blocks.into_iter().filter(|block| !block.is_empty()).collect())
}

#[test]
fn lines_come_in_the_order_of_time_and_evidence_a_little_before() {
    let logs = vec![
        single(LogKind::Access, [10, 20, 30].map(|at| access(at, 200, 1))),
        single(LogKind::Access, [11, 21].map(|at| access(at, 200, 2))),
        single(LogKind::Error, [10, 21, 22, 40].map(|at| entry(at, 9))),
        single(LogKind::Fpm, [13, 33].map(|at| fpm_line(at, "NOTICE: ready to handle connections"))),
    ];
    let (seen, order) = explain(logs, usize::MAX);
    assert_eq!(order[..4], [0, 1, 2, 3], "each is looked at first");
    // Each further read is of a log whose line was just taken: E10 F13, since no zone is known, A10 B11 E21 A20 E22 B21 F33
    // A30 E40.
    assert_eq!(order[4..], [2, 3, 0, 1, 2, 0, 2, 1, 3, 0, 2]);
    assert_eq!(seen.responses, 5);
}

#[test]
fn what_is_not_taken_when_time_is_up_comes_again_once() {
    let lines: Vec<_> = (0..200).map(|at| access(at, 502, at as u64)).collect();
    let entries: Vec<_> = (0..200).map(|at| entry(at, at as u64)).collect();
    let logs = || vec![blocks(LogKind::Access, &lines, 9000), blocks(LogKind::Error, &entries, 700)];
    let (whole, _) = explain(logs(), usize::MAX);
    assert_eq!((whole.responses, whole.missing), (200, 200));
    for portions in [1, 2, 3, 7] {
        let (seen, _) = explain(logs(), portions);
        assert_eq!(seen, whole, "stopped every {portions} portions");
    }
}

#[test]
fn a_backlog_of_the_error_log_alone_asks_whether_to_go_on() {
    let logs = vec![
        single(LogKind::Access, [access(1000, 502, 1)]),
        single(LogKind::Error, (0..500).map(|at| entry(at, 7))),
    ];
    let mut readers = readers(&logs);
    let order = Rc::new(RefCell::default());
    let logs = logs.into_iter().enumerate();
    let mut sources: Vec<_> =
        logs.map(|(at, (_, blocks))| FakeBlocks::new(at, blocks, Rc::clone(&order))).collect();
    let pairs = sources.iter_mut().zip(&mut readers);
    let mut streams: Streams<'_> = pairs.map(|(source, reader)| Stream::new(source, reader)).collect();
    let (mut asked, mut seen) = (0, Seen::default());
    streams.pump(&mut Buffers::default(), &mut attributor(), &mut seen, &mut || {
        asked += 1;
        asked < 10
    });
    assert_eq!((asked, seen.responses), (10, 0));
    drop(streams);
    assert!(order.take().len() <= 12, "the rest of the error log is not read");
}

/// PHP-FPM is away for half of each minute: all requests of that time fail.
struct Outages {
    access: Vec<String>,
    error: Vec<String>,
    fpm: Vec<String>,
    failed: u64,
}

impl Outages {
    fn new(minutes: i64, rate: u64) -> Self {
        let mut all = Self { access: Vec::new(), error: Vec::new(), fpm: Vec::new(), failed: 0 };
        for at in 0..minutes * 60 {
            match at % 60 {
                10 => all.fpm.push(fpm_line(at, "NOTICE: Terminating ...")),
                40 => all.fpm.push(fpm_line(at, "NOTICE: ready to handle connections")),
                _ => {}
            }
            let down = (10..40).contains(&(at % 60));
            for n in 0..rate {
                let connection = at as u64 * rate + n;
                if down {
                    all.error.push(entry(at, connection));
                    all.failed += 1;
                }
                all.access.push(access(at, if down { 502 } else { 200 }, connection));
            }
        }
        all
    }

    fn assert_right(&self, what: &str, logs: Vec<Log>) {
        let (seen, _) = explain(logs, usize::MAX);
        assert_eq!(seen.right(), self.failed, "{what}: {:?}", seen.roots);
    }
}

const BLOCK: usize = 128 * 1024;

#[test]
fn however_lines_are_cut_into_files_the_verdicts_are_the_same() {
    // More entries than the join holds.
    let all = Outages::new(30, 300);
    assert!(all.failed > crate::attribute::pending::CAPACITY as u64);
    let fpm = || blocks(LogKind::Fpm, &all.fpm, BLOCK);
    for (parts, errors) in [(1, 1), (2, 1), (4, 4), (7, 3)] {
        let cut = |kind, lines: &[String], parts: usize| -> Vec<Log> {
            let part = lines.chunks(lines.len().div_ceil(parts));
            // The newest first.
            part.rev().map(|lines| blocks(kind, lines, BLOCK)).collect()
        };
        let mut logs = cut(LogKind::Access, &all.access, parts);
        logs.extend(cut(LogKind::Error, &all.error, errors));
        logs.push(fpm());
        all.assert_right(&format!("{parts} and {errors} files"), logs);
    }
    let quiet: Vec<_> = (0..30).map(|minute| access(minute * 60, 200, 0)).collect();
    for first in [true, false] {
        let mut logs = vec![blocks(LogKind::Access, &all.access, BLOCK)];
        logs.insert(usize::from(!first), blocks(LogKind::Access, &quiet, BLOCK));
        logs.extend([blocks(LogKind::Error, &all.error, BLOCK), fpm()]);
        all.assert_right("a quiet log beside it", logs);
    }
}

#[test]
fn lines_of_one_second_may_be_interleaved_anyhow() {
    let all = Outages::new(3, 20);
    for size in [1, 500, 5000] {
        let (even, odd): (Vec<_>, Vec<_>) =
            all.access.iter().cloned().enumerate().partition(|(n, _)| n % 2 == 0);
        let lines = |of: Vec<(usize, String)>| of.into_iter().map(|(_, line)| line).collect::<Vec<_>>();
        let logs = vec![
            blocks(LogKind::Access, &lines(even), size),
            blocks(LogKind::Access, &lines(odd), 3 * size),
            blocks(LogKind::Error, &all.error, size),
            blocks(LogKind::Fpm, &all.fpm, size),
        ];
        all.assert_right(&format!("blocks of {size} bytes"), logs);
    }
}

#[test]
fn buffers_of_workers_that_are_written_in_turn_lose_no_label() {
    let all = Outages::new(10, 4);
    // Each of four workers writes its buffer when it holds 100 lines.
    let mut buffers = vec![Vec::new(); 4];
    let mut access = Vec::new();
    for (n, line) in all.access.iter().enumerate() {
        buffers[n % 4].push(line.clone());
        if buffers[n % 4].len() == 100 {
            access.append(&mut buffers[n % 4]);
        }
    }
    access.extend(buffers.into_iter().flatten());
    for size in [2000, BLOCK] {
        let logs = vec![
            blocks(LogKind::Access, &access, size),
            blocks(LogKind::Error, &all.error, size),
            blocks(LogKind::Fpm, &all.fpm, size),
        ];
        all.assert_right(&format!("blocks of {size} bytes"), logs);
    }
}

#[test]
fn an_entry_that_may_go_on_is_given_before_its_line_is_judged() {
    let at = |n: u64| n as i64 * 40;
    let lines: Vec<_> = (1..200).map(|n| access(at(n), 500, n)).collect();
    let entries: Vec<_> = (1..200).map(|n| php_fatal(at(n), n)).collect();
    let logs = vec![blocks(LogKind::Access, &lines, BLOCK), blocks(LogKind::Error, &entries, BLOCK)];
    let (seen, _) = explain(logs, usize::MAX);
    assert_eq!(seen.php, 199, "{:?}", seen.roots);
}

#[test]
fn a_format_without_a_time_is_judged_when_all_entries_are_in() {
    let lines: Vec<_> = (0..300).map(timeless).collect();
    let entries: Vec<_> = (0..300).map(|n| entry(n as i64, n)).collect();
    let logs = vec![blocks(LogKind::Access, &lines, 5000), blocks(LogKind::Error, &entries, 3000)];
    let (seen, order) = explain(logs, usize::MAX);
    assert_eq!(seen.responses, 300);
    let taken = order[2..].iter().position(|log| *log == 0).unwrap();
    assert!(order[2 + taken..].iter().all(|log| *log == 0), "{order:?}");
}

#[test]
fn a_thousand_logs_hold_little_together() {
    for (logs, most) in [(3, 3 * BLOCK), (100, 5 << 20), (1000, 9 << 20)] {
        let mut buffers = Buffers::default();
        buffers.begin(logs);
        assert!(buffers.block() * logs <= most, "{logs} logs");
    }
}
