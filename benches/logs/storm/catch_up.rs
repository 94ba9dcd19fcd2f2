//! Seven access logs side by side, one line in ten a failure: read afterwards, three of them packed, and caught up with.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use flate2::{Compression, write::GzEncoder};

use super::judge::{Counts, of_metrics, of_report};
use super::writer::Storm;
use super::{LONG_AGO, explain_args};
use crate::goals::{self, Goals};
use crate::live::Exporter;
use crate::measure::{Program, peak_of};

const FILES: u64 = 7;

/// Requests in a second.
const RATE: u64 = 2000;

/// Explains and catches up with so many lines.
pub(super) fn run(dir: &Path, lines: u64, goals: &mut Goals) {
    let place = dir.join("seven");
    std::fs::create_dir(&place).expect("a directory for the logs");
    write(&place, lines);
    let failed = lines / 10;
    let args = |packed: bool| -> Vec<OsString> {
        let access = |n| place.join(format!("access.{n}.log{}", if packed && n < 3 { ".gz" } else { "" }));
        let logs = (0..FILES).map(|n| ("--access-log", access(n)));
        let logs =
            logs.chain([("--error-log", place.join("error.log")), ("--fpm-log", place.join("fpm.log"))]);
        logs.flat_map(|(flag, path)| [flag.into(), path.into()]).collect()
    };
    let (out, peak) = Program::new(env!("CARGO_BIN_EXE_badgateway"), explain_args(&args(true))).run_watched();
    judged("explain, 3 of them packed", lines, of_report(&out), failed, peak, goals);
    let exporter = Exporter::start(&args(false).iter().map(AsRef::as_ref).collect::<Vec<_>>());
    let counts = of_metrics(&exporter, failed);
    judged("serve behind", lines, counts, failed, peak_of(exporter.pid()), goals);
    drop(exporter);
    // What stays goes with the directory.
    let _ = std::fs::remove_dir_all(place);
}

fn judged(way: &str, lines: u64, counts: Counts, failed: u64, peak: u64, goals: &mut Goals) {
    let what = format!("{lines} lines in {FILES} access logs, {way}");
    println!(
        "{what}: of {failed} failures {} have the right cause, {} the right root cause {}, peak RSS {:.1} MiB {}",
        counts.causes,
        counts.roots,
        goals.check(&format!("{what}: labels lost"), counts.causes == failed && counts.roots == failed),
        peak as f64 / f64::from(1 << 20),
        goals.check(&format!("{what}: peak RSS"), peak <= 2 * goals::MOST_MEMORY),
    );
}

fn write(dir: &Path, lines: u64) {
    let open = |name: &str| BufWriter::new(File::create(dir.join(name)).expect("a new log"));
    let mut access: Vec<_> = (0..FILES).map(|n| open(&format!("access.{n}.log"))).collect();
    let mut error = open("error.log");
    let storm = Storm { exact: true, rate: RATE, seconds: 1, begin: LONG_AGO };
    let (mut entry, mut line) = (Vec::new(), Vec::new());
    for n in 0..lines {
        let at = LONG_AGO + (n / RATE) as i64;
        storm.failure(n, at, &mut entry, &mut line);
        if n % 10 == 0 {
            error.write_all(&entry).expect("room for the logs");
        } else {
            line = String::from_utf8(std::mem::take(&mut line))
                .expect("text")
                .replace(" 502 ", " 200 ")
                .replace("upstream_status=\"502\"", "upstream_status=\"200\"")
                .into_bytes();
        }
        access[(n / 7 % FILES) as usize].write_all(&line).expect("room for the logs");
        entry.clear();
        line.clear();
    }
    drop(access);
    for n in 0..3 {
        let name = format!("access.{n}.log");
        let mut packed = GzEncoder::new(open(&format!("{name}.gz")), Compression::fast());
        let mut plain = File::open(dir.join(&name)).expect("a log");
        std::io::copy(&mut plain, &mut packed).expect("room for the logs");
        packed.finish().and_then(|mut file| file.flush()).expect("room for the logs");
    }
    // Each minute another stop: the evidence for what follows.
    let stop = |minute: u64| format!("[20-Nov-2026 12:{minute:02}:00] NOTICE: Terminating ...\n");
    let stops: String = (0..=lines / RATE / 60).map(stop).collect();
    std::fs::write(dir.join("fpm.log"), stops).expect("a log");
}
