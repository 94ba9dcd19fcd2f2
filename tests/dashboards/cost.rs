//! What the fleet dashboard costs a Prometheus that has watched many machines for a day.
//!
//! The series that it asks for are written as they would be stored: recorded ones a sample a minute, as their group is
//! evaluated, scraped ones every 15 s for as far back as a query reaches. What the rules themselves cost is in tests/pages.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use badgateway::vocabulary::Cause;
use badgateway_harness::{
    Result,
    prometheus::{Pace, Prometheus},
    scratch_dir,
};

use crate::{
    live::{is_long, now, say},
    queries::{self, Filling},
    site::MASTERS,
};

const DAY: u64 = 24 * 3600;

/// For so long a query may take.
const LIMIT: Duration = Duration::from_secs(2);

/// A series of every machine: name, further labels, seconds between samples, seconds back, its value.
struct Series {
    name: &'static str,
    labels: &'static str,
    every: u64,
    back: u64,
    /// Of the machine's number and the sample's.
    value: fn(u64, u64) -> f64,
}

const fn series(
    name: &'static str,
    labels: &'static str,
    every: u64,
    back: u64,
    value: fn(u64, u64) -> f64,
) -> Series {
    Series { name, labels, every, back, value }
}

const KNOWN: &str = "instance:badgateway_known:bool";

const EVERYWHERE: &[Series] = &[
    series("up", "", 15, 600, |_, _| 1.0),
    series(KNOWN, "", 60, DAY, |_, _| 1.0),
    series("instance:badgateway_http_responses:increase1h", "", 60, 600, |_, _| 36000.0),
    series("instance:badgateway_fpm_saturation_ratio_peak:max", "", 60, DAY, |machine, number| {
        ((machine * 7 + number) % 100) as f64 / 100.0
    }),
    series("instance:badgateway_threshold:saturation_ratio", "", 60, DAY, |_, _| 0.9),
    series(
        "badgateway_log_last_read_timestamp_seconds",
        "log=\"/var/log/nginx/access.log\"",
        15,
        600,
        |_, _| 1.7e9,
    ),
    series(
        "badgateway_log_last_read_timestamp_seconds",
        "log=\"/var/log/nginx/error.log\"",
        15,
        600,
        |_, _| 1.7e9,
    ),
    series("badgateway_log_bytes_unread", "log=\"/var/log/nginx/access.log\"", 15, 600, |_, _| 0.0),
    series("badgateway_log_bytes_unread", "log=\"/var/log/nginx/error.log\"", 15, 600, |_, _| 0.0),
    series("badgateway_log_bytes_lost_total", "log=\"/var/log/nginx/access.log\"", 15, 3900, |_, _| 0.0),
    series("badgateway_log_bytes_lost_total", "log=\"/var/log/nginx/error.log\"", 15, 3900, |_, _| 0.0),
    series("badgateway_state_durable", "", 15, 600, |_, _| 1.0),
    series("badgateway_build_info", "version=\"0.1.0\"", 15, 600, |_, _| 1.0),
    // For the collapsed row.
    series("process_cpu_seconds_total", "", 15, DAY, |_, number| number as f64 * 0.1),
    series("process_resident_memory_bytes", "", 15, DAY, |_, _| 2e7),
    series("scrape_duration_seconds", "", 15, DAY, |_, _| 0.005),
];

/// Of the machines that fail: one in ten.
const FAILING: &[Series] = &[
    series("instance:badgateway_http_errors:increase4m", "", 60, DAY, |machine, _| machine as f64),
    series("instance:badgateway_http_errors:increase1h", "", 60, 600, |machine, _| machine as f64 * 15.0),
    series("instance:badgateway_fpm_down:count", "", 60, 600, |_, _| 1.0),
    series(
        "upstream_cause:badgateway_http_errors:increase4m",
        "upstream=\"unix:/run/php/www.sock\",cause=\"socket_missing\"",
        15,
        600,
        |machine, _| machine as f64,
    ),
    series(
        "ALERTS",
        "alertname=\"PhpFpmDown\",alertstate=\"firing\",severity=\"critical\"",
        15,
        DAY,
        |_, _| 1.0,
    ),
];

/// Writes it in the order that promtool wants: series by series, families together.
fn write(path: &Path, machines: u64, end: u64) -> Result<u64> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut count = 0;
    let mut samples = |series: &Series, labels: &str, machine: u64| -> Result<()> {
        let mut at = end - series.back;
        let mut number = 0;
        while at <= end {
            writeln!(
                out,
                "{}{{job=\"badgateway\"{labels}}} {} {at}",
                series.name,
                (series.value)(machine, number)
            )?;
            at += series.every;
            number += 1;
        }
        count += number;
        Ok(())
    };
    for (all, part) in [(EVERYWHERE, 1), (FAILING, 10)] {
        for one in all {
            for machine in (0..machines).filter(|machine| machine % part == 0) {
                let comma = if one.labels.is_empty() { "" } else { "," };
                let labels = format!(",instance=\"web{machine}:10502\"{comma}{}", one.labels);
                samples(one, &labels, machine)?;
            }
        }
    }
    for cause in Cause::ALL {
        let labels = format!(",cause=\"{}\"", cause.word());
        let one = series("cause:badgateway_http_errors:increase4m", "", 60, DAY, |_, _| 5.0);
        samples(&one, &labels, 0)?;
        let labels = format!(",root_cause=\"{}\"", cause.root().word());
        let one = series("root_cause:badgateway_http_root_causes:increase4m", "", 60, DAY, |_, _| 5.0);
        if Cause::ALL.iter().find(|other| other.root() == cause.root()) == Some(cause) {
            samples(&one, &labels, 0)?;
        }
    }
    writeln!(out, "# EOF")?;
    Ok(count)
}

#[test]
fn a_day_of_a_thousand_machines_is_shown_within_two_seconds() {
    // A few are enough to see that each query answers.
    let machines = if is_long() { 1000 } else { 20 };
    let dir = scratch_dir().unwrap();
    let text = dir.path().join("day.txt");
    let end = now() as u64 / 60 * 60;
    let count = write(&text, machines, end).expect("the samples are written");
    let data = dir.path().join("prometheus/data");
    std::fs::create_dir_all(&data).unwrap();
    let done = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&text, &data])
        .output()
        .expect("promtool runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::remove_file(&text).unwrap();
    let pace = Pace { scrape: 15, evaluation: 15 };
    let prometheus =
        Prometheus::start_with(dir.path(), None, pace, "  []\n", None, &[]).expect("Prometheus starts");
    let filling = Filling {
        scrape: Duration::from_secs(15),
        start: (end - DAY) as f64,
        end: end as f64,
        masters: MASTERS,
    };
    let mut slow = Vec::new();
    let (mut together, mut slowest) = (Duration::ZERO, (Duration::ZERO, String::new()));
    for query in queries::all().iter().filter(|query| query.board == "badgateway-fleet") {
        let of_rest = query.panel.starts_with("annotation");
        let began = Instant::now();
        let rows = filling.ask(&prometheus, query).unwrap();
        let took = began.elapsed();
        // Marks are asked of series that a fleet has, too, and this one has not.
        assert!(of_rest || !rows.is_empty(), "{}: no data", query.name());
        together += took;
        if took > slowest.0 {
            slowest = (took, query.name());
        }
        if is_long() && took > LIMIT {
            slow.push(format!("{} took {took:.1?}", query.name()));
        }
    }
    say(&format!(
        "a day of {machines} machines ({count} samples): all queries of the fleet dashboard, collapsed rows and marks with them, {together:.2?} one \
         after the other; the slowest {:.2?}, {}",
        slowest.0, slowest.1
    ));
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}
