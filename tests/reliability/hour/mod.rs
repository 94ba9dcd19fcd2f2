//! An hour of everything at once: real nginx and PHP-FPM under load that partly fails, logs that are rotated, reloads, PHP-FPM
//! that stops and starts, an exporter that is killed again and again, and one beside it that lives through all of it.
//!
//! Clients, nginx's log and both exporters must agree to the last response; memory, descriptors and threads of the one that
//! lives are noted every minute. `SOAK_SECONDS` says how long; `make test` runs eight seconds.

mod load;
mod measure;
mod site;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use badgateway_harness::wait_for;

use crate::soak;
use load::Counts;
use measure::{Row, Watched};
use site::Site;

/// What is done in a step of so many; a step is 20 s long, in the short form one.
const STEPS: u64 = 180;
const SHORT: u64 = 8;

/// Counters follow the last line within this time.
const SETTLED: Duration = Duration::from_secs(30);

/// In a quarter of an hour.
const GROWTH_KIB: u64 = 1024;

#[test]
fn an_hour_of_load_faults_rotation_and_restarts_is_counted_exactly() {
    let seconds = std::env::var("SOAK_SECONDS").ok().map(|text| text.parse().expect("SOAK_SECONDS"));
    let seconds = seconds.unwrap_or(if soak() { 3600 } else { SHORT });
    let steps = seconds.min(STEPS);
    let step = Duration::from_secs(seconds).div_f64(steps as f64);
    let mut site = Site::start().expect("the site starts");
    let stop = AtomicBool::new(false);
    let mut watched = Watched::new(site.steady());
    let counts = thread::scope(|scope| {
        let port = site.nginx.port;
        let clients: Vec<_> = (0..load::CLIENTS)
            .map(|client| {
                scope.spawn({
                    let stop = &stop;
                    move || load::client(client, port, stop)
                })
            })
            .collect();
        // A panic here would leave the clients running, and the scope waiting for them.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let begun = Instant::now();
            for number in 1..=steps {
                thread::sleep((step * number as u32).saturating_sub(begun.elapsed()));
                site.step(number);
                watched.look(&site);
                if number % 3 == 0 || steps < STEPS {
                    println!("soak: {}", watched.row());
                }
            }
        }));
        stop.store(true, Ordering::Relaxed);
        let counts =
            clients.into_iter().map(|client| client.join().expect("a client")).fold(Counts::new(), load::add);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        counts
    });
    site.count_logs();
    agree(&mut site, &mut watched, &counts);
    println!("soak: {seconds} s: {}; {counts:?}", site.done());
    println!("soak: {}", watched.summary());
    assert_eq!(watched.fell, Vec::<String>::new(), "counters that fell");
    if steps == STEPS {
        steady(&watched.rows);
    }
    site.finish();
}

/// Clients, log and exporters have the same numbers.
fn agree(site: &mut Site, watched: &mut Watched, counts: &Counts) {
    let logged =
        wait_for("nginx's log to be as clients say", SETTLED, || (site.logged() == *counts).then_some(()));
    assert!(logged.is_ok(), "clients saw {counts:?}, nginx's log has {:?}", site.logged());
    let failed: BTreeMap<_, _> = counts
        .iter()
        .filter(|(code, _)| load::FAILED.contains(&code.as_str()))
        .map(|(code, n)| (code.clone(), *n))
        .collect();
    for (name, exporter) in site.exporters() {
        let mut found = Vec::new();
        let settled = wait_for(name, SETTLED, || {
            let page = exporter.scrape().ok()?;
            let by_code = |family: &str| -> BTreeMap<String, u64> {
                page.sums(family, &["code"]).into_iter().map(|(key, count)| (key.concat(), count)).collect()
            };
            found = vec![
                (by_code("badgateway_http_responses_total"), counts.clone()),
                (by_code("badgateway_http_errors_total"), failed.clone()),
                (by_code("badgateway_http_root_causes_total"), failed.clone()),
            ];
            found.iter().all(|(is, wanted)| is == wanted).then_some(())
        });
        assert!(settled.is_ok(), "{name} is, and should be: {found:#?}\n{}", exporter.complaints());
    }
    watched.look(site);
}

/// Compares the last quarter with the one before: tables that have bounds fill during the first half hour.
fn steady(rows: &[Row]) {
    let quarter = rows.len() / 4;
    let median = |rows: &[Row], of: fn(&Row) -> u64| {
        let mut values: Vec<_> = rows.iter().map(of).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    let compare =
        |of: fn(&Row) -> u64| (median(&rows[2 * quarter..3 * quarter], of), median(&rows[3 * quarter..], of));
    let (before, after) = compare(|row| row.rss_kib);
    assert!(after <= before + GROWTH_KIB, "memory grew from {before} to {after} KiB");
    let (before, after) = compare(|row| row.descriptors);
    assert!(after <= before + 2, "descriptors grew from {before} to {after}");
    let (before, after) = compare(|row| row.threads);
    assert_eq!(before, after, "threads");
}
