//! What an observer of the machine told, as families.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use crate::sample::machine::{Counted, CounterDelta, Machine, Pool};

use super::snapshot::{Filling, Snapshot};
use crate::vocabulary::families::{self, Family};

/// Sums of all increases, by label values; they survive restarts of their sources and of ours.
pub(super) type Sums = BTreeMap<(Counted, Vec<String>), f64>;

pub(super) fn add(sums: &mut Sums, gain: CounterDelta) {
    *sums.entry((gain.what, gain.labels)).or_default() += gain.by;
}

pub(super) const fn family(what: Counted) -> &'static Family {
    match what {
        Counted::SaturatedSeconds => &families::FPM_SATURATED_SECONDS,
        Counted::AcceptedConnections => &families::FPM_ACCEPTED_CONNECTIONS,
        Counted::SlowRequests => &families::FPM_SLOW_REQUESTS,
        Counted::MaxChildrenReached => &families::FPM_MAX_CHILDREN_REACHED,
        Counted::Reloads => &families::FPM_RELOADS,
        Counted::CpuSeconds => &families::FPM_CPU_SECONDS,
        Counted::RunQueueSeconds => &families::FPM_RUN_QUEUE_SECONDS,
        Counted::OomKills => &families::OOM_KILLS,
        Counted::ThrottledSeconds => &families::CPU_THROTTLED_SECONDS,
        Counted::ThrottledPeriods => &families::CPU_THROTTLED_PERIODS,
        Counted::PressureSeconds => &families::PRESSURE_SECONDS,
        Counted::ListenOverflows => &families::TCP_LISTEN_OVERFLOWS,
        Counted::ListenDrops => &families::TCP_LISTEN_DROPS,
    }
}

pub(super) fn fill(sums: &Sums, machine: &Machine, out: &mut Snapshot) {
    let mut open: Option<(Counted, Filling)> = None;
    for ((what, labels), sum) in sums {
        if open.as_ref().is_none_or(|(of, _)| of != what) {
            if let Some((_, filling)) = open.take() {
                filling.finish(out);
            }
            open = Some((*what, Filling::new(family(*what))));
        }
        if let Some((_, filling)) = &mut open {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            filling.number(&labels, *sum);
        }
    }
    if let Some((_, filling)) = open {
        filling.finish(out);
    }
    pools(&machine.pools, out);
    let mut usage = Filling::new(&families::MEMORY_USAGE);
    let mut limit = Filling::new(&families::MEMORY_LIMIT);
    for (scope, memory) in &machine.memory {
        usage.known(&[scope], memory.usage);
        limit.known(&[scope], memory.limit);
    }
    let mut collectors = Filling::new(&families::COLLECTOR_SUCCESS);
    for (collector, success) in &machine.collectors {
        collectors.count(&[collector], u64::from(*success));
    }
    let mut successful = Filling::new(&families::CONFIG_RELOAD_SUCCESSFUL);
    let mut succeeded = Filling::new(&families::CONFIG_RELOAD_TIME);
    if let Some(reload) = machine.reload {
        successful.count(&[], u64::from(reload.successful));
        let since = reload.succeeded.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        succeeded.known(&[], since.map(|since| since.as_secs()));
    }
    for filling in [usage, limit, collectors, successful, succeeded] {
        filling.finish(out);
    }
}

fn pools(pools: &[Pool], out: &mut Snapshot) {
    type Value = fn(&Pool) -> Option<f64>;
    fn count(value: Option<u64>) -> Option<f64> {
        value.map(|value| value as f64)
    }
    const GAUGES: &[(&Family, Value)] = &[
        (&families::FPM_UP, |pool| pool.up.map(f64::from)),
        (&families::FPM_WORKERS_BUSY_PEAK, |pool| count(pool.peak.busy)),
        (&families::FPM_WORKERS_LIMIT, |pool| count(pool.limit)),
        (&families::FPM_LISTEN_QUEUE, |pool| count(pool.queue)),
        (&families::FPM_LISTEN_QUEUE_PEAK, |pool| count(pool.peak.queue)),
        (&families::FPM_LISTEN_QUEUE_LIMIT, |pool| count(pool.queue_limit)),
        (&families::FPM_SATURATION_RATIO, Pool::ratio),
        (&families::FPM_SATURATION_RATIO_PEAK, |pool| pool.peak.ratio),
        (&families::FPM_STATUS_UP, |pool| pool.status.map(|status| f64::from(status.up))),
        (&families::FPM_STATUS_SECONDS, |pool| pool.status.map(|status| status.seconds)),
        (&families::FPM_START_TIME, |pool| pool.start_time),
        (&families::FPM_RESIDENT_MEMORY, |pool| count(pool.resident)),
    ];
    let mut info = Filling::new(&families::FPM_POOL_INFO);
    for pool in pools {
        info.count(&[&pool.fpm, &pool.name, &pool.upstream, pool.pm], 1);
    }
    info.finish(out);
    for (family, value) in GAUGES {
        let mut filling = Filling::new(family);
        for pool in pools {
            if let Some(value) = value(pool) {
                filling.number(&[&pool.fpm, &pool.name], value);
            }
        }
        filling.finish(out);
    }
    let mut workers = Filling::new(&families::FPM_WORKERS);
    for pool in pools {
        workers.known(&[&pool.fpm, &pool.name, "busy"], pool.busy);
        workers.known(&[&pool.fpm, &pool.name, "idle"], pool.idle);
    }
    workers.finish(out);
}
