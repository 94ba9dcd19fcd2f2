//! `process_*`: our own process, under the names that Prometheus' client libraries use.

use std::path::Path;

use procfs::WithCurrentSystemInfo;
use procfs::process::{LimitValue, Process};
use prometheus::proto::{Counter, Gauge, Metric, MetricFamily, MetricType};

fn family(name: &str, help: &str, kind: MetricType, value: f64) -> MetricFamily {
    let mut metric = Metric::default();
    match kind {
        MetricType::COUNTER => {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        }
        _ => {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
    }
    let mut family = MetricFamily::default();
    family.set_name(format!("process_{name}"));
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(vec![metric]);
    family
}

/// What can be read of us; a value that cannot is absent, not zero.
pub fn families(procfs: &Path) -> Vec<MetricFamily> {
    let Ok(process) = Process::new_with_root(procfs.join("self")) else { return Vec::new() };
    let mut out = Vec::new();
    let gauge = MetricType::GAUGE;
    if let Ok(stat) = process.stat() {
        let cpu = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
        out.push(family("cpu_seconds_total", "CPU time of this process.", MetricType::COUNTER, cpu));
        let resident = stat.rss_bytes().get();
        out.push(family("resident_memory_bytes", "Resident memory of this process.", gauge, resident as f64));
        out.push(family("virtual_memory_bytes", "Virtual memory of this process.", gauge, stat.vsize as f64));
        out.push(family("threads", "Threads of this process.", gauge, stat.num_threads as f64));
        if let Ok(boot) = procfs::boot_time_secs() {
            let start = boot as f64 + stat.starttime as f64 / procfs::ticks_per_second() as f64;
            out.push(family("start_time_seconds", "Start of this process in Unix time.", gauge, start));
        }
    }
    if let Ok(fds) = process.fd_count() {
        out.push(family("open_fds", "Open file descriptors of this process.", gauge, fds as f64));
    }
    if let Ok(limits) = process.limits()
        && let LimitValue::Value(most) = limits.max_open_files.soft_limit
    {
        out.push(family("max_fds", "Most file descriptors this process may open.", gauge, most as f64));
    }
    out
}
