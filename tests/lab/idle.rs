//! What looking at PHP-FPM costs while nothing happens.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::{harness::wait_for, have_machine, pool_lab::PoolLab, say};

/// Half of them on unix sockets, half on ports.
const POOLS: usize = 50;

/// Of each pool; all `pm = static`.
const WORKERS: u64 = 4;

/// The promise, in percent of one core.
const LIMIT: f64 = 1.0;

/// How far the short form, an unoptimised build beside other tests on a busy machine, may be above it.
const UNOPTIMISED: f64 = 4.0;

/// Not a limit of time but of CPU time: that of the process, which others only disturb through shared caches.
#[test]
fn fifty_idle_pools_cost_next_to_nothing() {
    let soak = std::env::var_os("SOAK").is_some_and(|value| value != "0");
    let (seconds, factor) = if soak { (30, 1.0) } else { (8, UNOPTIMISED) };
    let names: Vec<String> = (0..POOLS).map(|number| format!("idle_{number:02}")).collect();
    let pools: Vec<_> = (0..).zip(&names).map(|(n, name)| (name.as_str(), n % 2 == 1, WORKERS, "")).collect();
    let _held = have_machine();
    let lab = PoolLab::start(&pools).expect("the lab starts");
    let mut seen = 0;
    let all = wait_for("all pools", Duration::from_secs(15), || {
        let page = lab.page();
        let idle = |name: &String| {
            page.value("badgateway_fpm_workers", &[("pool", name), ("state", "idle")]) == Some(WORKERS as f64)
                && page.value("badgateway_fpm_up", &[("pool", name)]) == Some(1.0)
        };
        seen = names.iter().filter(|name| idle(name)).count();
        (seen == POOLS).then_some(())
    });
    assert!(all.is_ok(), "only {seen} pools are seen");
    // The measured stretch itself, not a wait for anything.
    let (began, before) = (Instant::now(), cpu_seconds(lab.exporter.pid()));
    thread::sleep(Duration::from_secs(seconds));
    let used = cpu_seconds(lab.exporter.pid()) - before;
    let share = 100.0 * used / began.elapsed().as_secs_f64();
    say(&format!(
        "idle: {POOLS} pools (half unix, half TCP) with {} workers: {used:.2} s of CPU in {seconds} s, {share:.2} % of a core; limit {LIMIT} %{}",
        POOLS as u64 * WORKERS,
        if soak { "" } else { ", judged at 4 times that here; SOAK=1 judges it" },
    ));
    assert!(share <= LIMIT * factor, "{share:.2} % of a core");
}

/// User and system time of a process and all its threads.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the exporter runs");
    // Fields 14 and 15 of proc_pid_stat(5); the name before them ends at the last parenthesis.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
    ticks as f64 / procfs::ticks_per_second() as f64
}
