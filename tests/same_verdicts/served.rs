//! `serve` follows the logs while they are written, in pieces of any length, and ends with what `explain` says of them.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use badgateway_harness::exporter::{Exporter, JOIN_WINDOW};
use badgateway_harness::programs::badgateway;
use badgateway_harness::wait_for;

use super::cases::{self, Case, clock};
use super::verdict::{Verdict, explain_texts};

/// Exporters at a time. Most of the time they wait until nothing more can come.
const AT_ONCE: usize = 12;

const BETWEEN_SCRAPES: Duration = Duration::from_millis(200);

/// Each line with its log, as nginx and PHP-FPM write them: an entry before the access line of its second.
fn in_order(case: &Case) -> Vec<(usize, &str)> {
    let mut lines = Vec::new();
    // The error log first, the access log last.
    for (rank, log) in [(0, 1), (1, 2), (2, 0)] {
        let mut latest = 0;
        for line in case.logs()[log].1.split_inclusive('\n') {
            // A line of a script may name any time: it stays behind the line before it.
            latest = latest.max(clock(line).unwrap_or(0));
            lines.push((latest, rank, log, line));
        }
    }
    lines.sort_by_key(|(at, rank, ..)| (*at, *rank));
    lines.into_iter().map(|(_, _, log, line)| (log, line)).collect()
}

/// Writes the logs of a case, one in five lines in two pieces.
fn write(case: &Case, logs: &mut [File]) {
    for (number, (log, line)) in in_order(case).into_iter().enumerate() {
        // A number that looks random, and is the same in each run.
        let random = number.wrapping_mul(2_654_435_761) >> 7;
        let cut = if random.is_multiple_of(5) { random % (line.len() + 1) } else { line.len() };
        let (begin, end) = line.as_bytes().split_at(cut);
        logs[log].write_all(begin).unwrap();
        if !end.is_empty() {
            std::thread::sleep(Duration::from_millis(random as u64 % 4));
            logs[log].write_all(end).unwrap();
        }
    }
}

fn serve(case: &Case, dir: &Path) -> Option<String> {
    let expected = explain_texts(&case.logs());
    let path = |kind: &str| dir.join(format!("{kind}.log"));
    let open =
        |(kind, _): (&str, &str)| OpenOptions::new().create_new(true).append(true).open(path(kind)).unwrap();
    let mut files = case.logs().map(open);
    // The machine that this runs on has nothing to do with the recorded one.
    let machine = dir.join("proc");
    fs::create_dir(&machine).unwrap();
    let mut args: Vec<String> =
        ["--read-from", "start", "--path.procfs"].into_iter().map(str::to_owned).collect();
    args.push(machine.display().to_string());
    args.extend(["--join-window".to_owned(), format!("{JOIN_WINDOW}s")]);
    for (kind, _) in case.logs() {
        args.extend([format!("--{kind}-log"), path(kind).display().to_string()]);
    }
    let exporter = Exporter::start(&badgateway().unwrap(), &args, dir.join("stderr")).unwrap();
    write(case, &mut files);
    let mut got = Verdict::default();
    let same = wait_for("the verdicts of explain", Duration::from_secs(30), || {
        std::thread::sleep(BETWEEN_SCRAPES);
        got = Verdict::of_scrape(&exporter.scrape().unwrap());
        (got == expected).then_some(())
    });
    same.err().map(|_| format!("{}: serve {got:#?}\nexplain {expected:#?}", case.name))
}

#[test]
fn serve_says_what_explain_says() {
    let cases = cases::all();
    // A third of them, of both formats.
    let cases: Vec<_> = cases.iter().step_by(3).collect();
    let (queue, faults) = (Mutex::new(cases.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(case) = queue.lock().unwrap().next() else { return };
                    let dir = tempfile::tempdir().unwrap();
                    let fault = serve(case, dir.path());
                    faults.lock().unwrap().extend(fault);
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} of {} differ:\n{}", faults.len(), cases.len(), faults.join("\n"));
}
