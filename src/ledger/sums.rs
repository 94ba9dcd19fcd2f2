//! Sums of what the sampler saw increase; they survive restarts of their sources and of ours.

use std::collections::BTreeMap;

use crate::sample::machine::{Counted, CounterDelta};
use crate::vocabulary::families::{self, Family};

/// By label values.
pub(super) type Sums = BTreeMap<(Counted, Vec<String>), f64>;

pub(super) fn add(sums: &mut Sums, gain: CounterDelta) {
    *sums.entry((gain.what, gain.labels)).or_default() += gain.by;
}

pub(super) fn has(sums: &Sums, gain: &CounterDelta) -> bool {
    sums.contains_key(&(gain.what, gain.labels.clone()))
}

/// The family of what is summed.
pub const fn family(what: Counted) -> &'static Family {
    match what {
        Counted::DownSeconds => &families::FPM_DOWN_SECONDS,
        Counted::NginxDownSeconds => &families::NGINX_DOWN_SECONDS,
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
        Counted::CpuPeriods => &families::CPU_PERIODS,
        Counted::PressureSeconds => &families::PRESSURE_SECONDS,
        Counted::ListenOverflows => &families::TCP_LISTEN_OVERFLOWS,
        Counted::ListenDrops => &families::TCP_LISTEN_DROPS,
    }
}
