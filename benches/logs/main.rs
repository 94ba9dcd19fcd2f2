//! What reading logs costs, in the real binary: `cargo bench --bench logs`, or `make bench`.
//!
//! Machines differ and are busy with other things, so times are never judged by themselves: each is measured
//! in turn with `wc -l`, the least that reading a file can cost, and with mtail, the tool that is used today.
//! What is judged is the ratio. The exit code is 1 when a goal is missed. `-- --quick` is ten times smaller,
//! a smoke test: it checks the counts and the memory, and shows times without judging them. `-- --write DIR`
//! only writes the logs, to be looked at with `perf` and the like.

#![allow(clippy::disallowed_methods, reason = "programs are started to be measured")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that cannot go on should say so and stop"
)]

mod files;
mod goals;
mod idle;
mod live;
mod measure;
mod mtail;
mod offline;
mod scrape;
mod storm;
mod world;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use files::Logs;
use goals::Goals;
use offline::Effort;
use world::access::Format;

fn main() -> ExitCode {
    // `cargo bench` says `--bench`; without it this runs among the tests.
    let quick =
        std::env::args().any(|word| word == "--quick") || !std::env::args().any(|word| word == "--bench");
    let (lines, errors, live) = match quick {
        false => (1_000_000, 200_000, Duration::from_secs(10)),
        true => (100_000, 20_000, Duration::from_secs(1)),
    };
    let mut words = std::env::args().skip_while(|word| word != "--write").skip(1);
    if let Some(dir) = words.next() {
        write(Path::new(&dir), lines, errors);
        return ExitCode::SUCCESS;
    }
    let effort = Effort {
        time: Duration::from_millis(if quick { 100 } else { 400 }),
        rounds: if quick { 3 } else { 5 },
        mtail_lines: lines / 5,
        mtail: mtail::is_installed(),
    };
    let mut goals = Goals::new(quick);
    println!("{}", measure::machine());
    if !effort.mtail {
        println!("\n*** mtail is not installed: nothing is compared with it (apt-get install mtail) ***\n");
    }
    let place = tempfile::tempdir().expect("a directory for the logs");
    let dir = place.path();

    offline::print_header();
    let text = Logs::access("access, text", dir, Format::Text, lines);
    let peak = offline::row(&text, dir, &effort, &mut goals);
    offline::memory_of_four(&text, dir, peak, &mut goals);
    drop(text);
    offline::row(&Logs::access("access, JSON", dir, Format::Json, lines), dir, &effort, &mut goals);
    offline::row(&Logs::access("access, combined", dir, Format::Combined, lines), dir, &effort, &mut goals);
    offline::row(&Logs::error("error", dir, errors), dir, &effort, &mut goals);
    offline::row(&Logs::pair("access and error", dir, lines), dir, &effort, &mut goals);
    storm::run(dir, if quick { 2 } else { 10 }, quick, &mut goals);
    live::run(dir, live, &mut goals);
    idle::run(if quick { 1 } else { 20 }, &mut goals);
    scrape::run(dir, if quick { &[1, 100] } else { &[1, 100, 1000] }, &mut goals);

    for missed in goals.missed() {
        println!("MISSED {missed}");
    }
    match goals.missed().is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Leaves the logs in a directory for each.
fn write(dir: &Path, lines: u64, errors: u64) {
    let made = |name: &str| {
        let dir = dir.join(name);
        std::fs::create_dir_all(&dir).expect("a directory for the logs");
        dir
    };
    Logs::access("access, text", &made("text"), Format::Text, lines).keep();
    Logs::access("access, JSON", &made("json"), Format::Json, lines).keep();
    Logs::access("access, combined", &made("combined"), Format::Combined, lines).keep();
    Logs::error("error", &made("error"), errors).keep();
    Logs::pair("access and error", &made("pair"), lines).keep();
}
