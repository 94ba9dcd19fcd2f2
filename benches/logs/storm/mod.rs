//! Storms: every request fails, at a hundred pairs of upstream and cause, each on a connection of its own. How many
//! failures a second until a label is lost, and in how much memory: read afterwards, caught up with, and followed.

mod catch_up;
mod judge;
mod writer;

use std::path::Path;

use crate::goals::Goals;
use crate::live::Exporter;
use crate::measure::{Program, peak_of};
use judge::{Counts, of_metrics, of_report};
use writer::{Logs, Storm};

/// With pid and connection in the format or without, failures in a second, most memory in MiB.
const RATES: [(bool, u64, u64); 4] =
    [(true, 25_000, 32), (true, 50_000, 32), (false, 5000, 64), (false, 10_000, 64)];

/// 2026-11-20 12:00:00 UTC.
const LONG_AGO: i64 = 1_795_176_000;

/// Each way of reading in turn, at each rate for so many seconds. `quick`: at the higher rates only, and live at a fifth of
/// them, for debug builds.
pub(crate) fn run(dir: &Path, seconds: u64, quick: bool, goals: &mut Goals) {
    let rates = || RATES.into_iter().skip(usize::from(quick)).step_by(1 + usize::from(quick));
    for (exact, rate, most) in rates() {
        let storm = Storm { exact, rate, seconds, begin: LONG_AGO };
        let logs = Logs::create(dir, &storm);
        logs.write(&storm, false);
        let program = Program::new(env!("CARGO_BIN_EXE_badgateway"), explain_args(&logs.args()));
        let (out, peak) = program.run_watched();
        judged("explain", &storm, of_report(&out), peak, most, goals);
        let exporter = Exporter::start(&logs.serve_args().iter().map(AsRef::as_ref).collect::<Vec<_>>());
        judged(
            "serve behind",
            &storm,
            of_metrics(&exporter, storm.all()),
            peak_of(exporter.pid()),
            most,
            goals,
        );
    }
    for (exact, rate, most) in rates() {
        let rate = if quick { rate / 5 } else { rate };
        let storm = Storm { exact, rate, seconds, begin: jiff::Timestamp::now().as_second() };
        let logs = Logs::create(dir, &storm);
        let exporter = Exporter::start(&logs.serve_args().iter().map(AsRef::as_ref).collect::<Vec<_>>());
        logs.write(&storm, true);
        judged(
            "serve live",
            &storm,
            of_metrics(&exporter, storm.all()),
            peak_of(exporter.pid()),
            most,
            goals,
        );
    }
    catch_up::run(dir, if quick { 100_000 } else { 1_000_000 }, goals);
}

/// The arguments of `explain` for these logs.
fn explain_args(logs: &[std::ffi::OsString]) -> Vec<String> {
    let logs = logs.iter().map(|word| word.to_str().expect("a path of text").to_owned());
    ["explain", "--format", "json"].into_iter().map(str::to_owned).chain(logs).collect()
}

fn judged(way: &str, storm: &Storm, counts: Counts, peak: u64, most: u64, goals: &mut Goals) {
    let format = if storm.exact { "with pid and connection" } else { "combined" };
    let (rate, all) = (storm.rate, storm.all());
    let what = format!("storm, {way}, {format}, {rate} failures/s");
    println!(
        "{what}: of {all} {} have the right cause, {} the right root cause {}, peak RSS {:.1} MiB {}",
        counts.causes,
        counts.roots,
        goals.check(&format!("{what}: labels lost"), counts.causes == all && counts.roots == all),
        peak as f64 / f64::from(1 << 20),
        goals.check(&format!("{what}: peak RSS"), peak <= most << 20),
    );
}
