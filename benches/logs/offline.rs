//! `badgateway explain` beside `wc -l` and mtail, in turn on the same files.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::files::{Logs, Truth};
use crate::goals::{self, Goals};
use crate::measure::{Program, median};
use crate::mtail::Mtail;

/// How long and how often is measured.
pub(crate) struct Effort {
    pub(crate) time: Duration,
    pub(crate) rounds: u32,
    pub(crate) mtail_lines: u64,
    pub(crate) mtail: bool,
}

/// The head of the table, with the goals.
pub(crate) fn print_header() {
    let (wc, mtail, memory) = (goals::MOST_TIMES_WC, goals::LEAST_MTAIL, goals::MOST_MEMORY >> 20);
    println!(
        "{:<19} {:>8} {:>7} | badgateway     x wc -l <= {wc:<3}| mtail takes >= {mtail:<6}| peak RSS <= {memory} MiB",
        "file", "lines", "MB"
    );
}

/// Measures and prints one row. Gives the peak of memory in bytes.
pub(crate) fn row(logs: &Logs, dir: &Path, effort: &Effort, goals: &mut Goals) -> u64 {
    let mut explain = explain(logs);
    let (found, peak) = explain.run_watched();
    for wrong in wrong(&found, logs) {
        goals.check(&format!("{}: {wrong}", logs.name), false);
    }
    let mut wc = Program::new("wc", ["-l".to_owned()].into_iter().chain(names(logs)));
    wc.calibrate(effort.time);
    explain.calibrate(effort.time);
    let mtail = if effort.mtail { Mtail::on(logs, dir, effort.mtail_lines) } else { None };

    let (mut ours, mut to_wc, mut to_mtail) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let (theirs, cpu) = (wc.cpu(), explain.cpu());
        ours.push(cpu * 1e9 / logs.lines() as f64);
        to_wc.push(cpu / theirs);
        if let Some(mtail) = &mtail {
            let per_line = mtail.program.cpu() / mtail.lines as f64;
            to_mtail.push(per_line / (cpu / logs.lines() as f64));
        }
    }
    let (ns, to_wc) = (median(ours), median(to_wc));
    print!("{:<19} {:>8} {:>7.1} |", logs.name, logs.lines(), logs.bytes() as f64 / 1e6);
    // The goal is the access log's. An entry of an error log costs more to understand than to count.
    let judged = match logs.error {
        None => goals.time(&format!("{}: {to_wc:.2} x wc -l", logs.name), to_wc <= goals::MOST_TIMES_WC),
        Some(_) => "",
    };
    print!(" {ns:>5.0} ns/line  {to_wc:>6.2} {judged:<6}|");
    if to_mtail.is_empty() {
        print!(" {:<21}|", "-");
    } else {
        let times = median(to_mtail);
        let judged =
            goals.time(&format!("{}: mtail takes {times:.0} x", logs.name), times >= goals::LEAST_MTAIL);
        print!(" {times:>5.0} x as much {judged:<6}|");
    }
    let mib = peak as f64 / f64::from(1 << 20);
    let judged = goals.check(&format!("{}: peak RSS {mib:.1} MiB", logs.name), peak <= goals::MOST_MEMORY);
    println!(" {mib:>5.1} MiB {judged}");
    peak
}

/// The text log four times over in one file: memory must not follow the file's size.
pub(crate) fn memory_of_four(logs: &Logs, dir: &Path, before: u64, goals: &mut Goals) {
    let path = dir.join("four.log");
    let mut file = std::fs::File::create(&path).expect("a new log");
    for _ in 0..4 {
        let mut one = std::fs::File::open(logs.access.as_ref().expect("an access log")).expect("a log");
        std::io::copy(&mut one, &mut file).expect("room for four logs");
    }
    let four = Logs { name: "four", access: Some(path), error: None, truth: Truth::default() };
    let (_, peak) = explain(&four).run_watched();
    let (then, now) = (before as f64 / f64::from(1 << 20), peak as f64 / f64::from(1 << 20));
    let judged = goals.check("memory grows with the file", peak.abs_diff(before) <= goals::MOST_GROWTH);
    println!("{} four times in one file: peak RSS {now:.1} MiB instead of {then:.1} MiB {judged}", logs.name);
}

fn names(logs: &Logs) -> impl Iterator<Item = String> {
    logs.paths().map(|path| path.display().to_string())
}

fn explain(logs: &Logs) -> Program {
    let mut arguments: Vec<_> = ["explain", "--format", "json"].map(str::to_owned).into();
    for (flag, path) in [("--access-log", &logs.access), ("--error-log", &logs.error)] {
        if let Some(path) = path {
            arguments.extend([flag.to_owned(), path.display().to_string()]);
        }
    }
    Program::new(env!("CARGO_BIN_EXE_badgateway"), arguments)
}

/// What the program under test got wrong: speed is worth nothing without the right answer.
fn wrong(output: &[u8], logs: &Logs) -> Vec<String> {
    let found: Value = serde_json::from_slice(output).expect("explain prints JSON");
    let truth = &logs.truth;
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let sum = |section: &str, key: &str, word: Option<&str>| -> u64 {
        let rows = found[section].as_array().into_iter().flatten();
        rows.filter(|row| word.is_none_or(|word| row[key] == word)).map(|row| number(&row["count"])).sum()
    };
    let failed = truth.failed.values().sum::<u64>();
    let mut facts = vec![
        ("access lines".to_owned(), number(&found["lines"]["access"]), truth.access_lines),
        ("error lines".to_owned(), number(&found["lines"]["error"]), truth.error_lines),
        ("lines not understood".to_owned(), number(&found["lines"]["unparsed"]), 0),
        ("failed responses".to_owned(), sum("responses", "", None), failed),
    ];
    if logs.error.is_some() {
        facts.push(("failed attempts".to_owned(), sum("failures", "", None), truth.attempts));
    }
    if logs.access.is_some() && logs.error.is_some() {
        facts.push((
            "failures without a response".to_owned(),
            sum("failures", "outcome", Some("unmatched")),
            0,
        ));
        for (cause, count) in &truth.failed {
            facts.push((format!("responses of {cause}"), sum("responses", "cause", Some(cause)), *count));
        }
    }
    let wrong = facts.into_iter().filter(|(_, found, truth)| found != truth);
    wrong.map(|(what, found, truth)| format!("{found} {what}, but there are {truth}")).collect()
}
