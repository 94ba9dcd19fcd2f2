//! `/metrics`: a view, family by family.

use std::time::UNIX_EPOCH;

use super::text::Text;
use crate::check::finding::Severity;
use crate::ledger;
use crate::sample::machine::Pool;
use crate::sample::status::compat;
use crate::view::View;
use crate::vocabulary::code;
use crate::vocabulary::families::{self, Family, Kind};

/// The page without what the registry has of our own process.
pub(super) fn page(view: &View) -> String {
    let mut out = Text::default();
    counters(view, &mut out);
    sums(view, &mut out);
    pools(&view.machine.pools, &mut out);
    machine(view, &mut out);
    logs(view, &mut out);
    about_us(view, &mut out);
    if view.compat {
        phpfpm(view, &mut out);
    }
    out.finish()
}

fn counters(view: &View, out: &mut Text) {
    let mut samples = out.family(&families::HTTP_RESPONSES);
    for row in &view.responses {
        samples.count(&[&row.server, &code(row.code)], row.count);
    }
    let mut samples = out.family(&families::HTTP_ERRORS);
    for row in &view.errors {
        samples.count(&[&row.server, &row.upstream, &code(row.code), row.cause.word()], row.count);
    }
    let mut samples = out.family(&families::HTTP_ROOT_CAUSES);
    for row in &view.roots {
        samples.count(&[&row.server, &row.upstream, &code(row.code), row.root.word()], row.count);
    }
    let mut samples = out.family(&families::UPSTREAM_FAILURES);
    for row in &view.failures {
        samples.count(&[&row.upstream, row.cause.word(), row.outcome.word()], row.count);
    }
    let mut samples = out.family(&families::UPSTREAM_SECONDS);
    for row in &view.seconds {
        samples.histogram(&[&row.upstream, row.phase.word()], &row.histogram);
    }
    let mut samples = out.family(&families::FPM_WORKER_EXITS);
    for row in &view.exits {
        samples.count(&[&row.fpm, &row.pool, row.reason.word()], row.count);
    }
}

/// They are in the order of what is summed, so each family is in one piece.
fn sums(view: &View, out: &mut Text) {
    for rows in view.sums.chunk_by(|a, b| a.0 == b.0) {
        let Some((what, ..)) = rows.first() else { continue };
        let mut samples = out.family(ledger::family(*what));
        for (_, labels, sum) in rows {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            samples.value(&labels, *sum);
        }
    }
}

fn pools(pools: &[Pool], out: &mut Text) {
    type Value = fn(&Pool) -> Option<f64>;
    fn count(value: Option<u64>) -> Option<f64> {
        value.map(|value| value as f64)
    }
    /// A gauge of a pool is one row here and one in the table of families.
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
    let mut samples = out.family(&families::FPM_POOL_INFO);
    for pool in pools {
        samples.count(&[&pool.fpm, &pool.name, &pool.upstream, pool.pm], 1);
    }
    for (family, value) in GAUGES {
        let mut samples = out.family(family);
        for pool in pools {
            if let Some(value) = value(pool) {
                samples.value(&[&pool.fpm, &pool.name], value);
            }
        }
    }
    let mut samples = out.family(&families::FPM_WORKERS);
    for pool in pools {
        samples.known(&[&pool.fpm, &pool.name, "busy"], pool.busy);
        samples.known(&[&pool.fpm, &pool.name, "idle"], pool.idle);
    }
}

fn machine(view: &View, out: &mut Text) {
    let machine = &view.machine;
    let mut samples = out.family(&families::NGINX_UP);
    for (nginx, up) in &machine.nginx {
        samples.count(&[nginx], u64::from(*up));
    }
    let mut samples = out.family(&families::NGINX_GROUP_INFO);
    for row in machine.groups.iter() {
        samples.count(&[&row.nginx, &row.group, &row.upstream], 1);
    }
    let mut samples = out.family(&families::MEMORY_USAGE);
    for (scope, memory) in &machine.memory {
        samples.known(&[scope], memory.usage);
    }
    let mut samples = out.family(&families::MEMORY_WORKING_SET);
    for (scope, memory) in &machine.memory {
        samples.known(&[scope], memory.working_set);
    }
    let mut samples = out.family(&families::MEMORY_LIMIT);
    for (scope, memory) in &machine.memory {
        samples.known(&[scope], memory.limit);
    }
    let mut samples = out.family(&families::COLLECTOR_SUCCESS);
    for (collector, success) in &machine.collectors {
        samples.count(&[collector], u64::from(*success));
    }
    if let Some(findings) = &view.findings {
        let mut samples = out.family(&families::CHECK_FINDINGS);
        for severity in Severity::ALL {
            samples.count(&[severity.word()], severity.count(findings) as u64);
        }
    }
    if let Some(reload) = machine.reload {
        out.family(&families::CONFIG_RELOAD_SUCCESSFUL).count(&[], u64::from(reload.successful));
        let since = reload.succeeded.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        out.family(&families::CONFIG_RELOAD_TIME).known(&[], since.map(|since| since.as_secs()));
    }
}

fn logs(view: &View, out: &mut Text) {
    let mut samples = out.family(&families::LOG_LINES);
    for log in &view.logs {
        for (result, count) in
            [("parsed", log.parsed), ("unparsed", log.unparsed), ("oversized", log.oversized)]
        {
            samples.count(&[&log.log, result], count);
        }
    }
    let mut each = |family: &'static Family, value: fn(&crate::view::LogState) -> Option<u64>| {
        let mut samples = out.family(family);
        for log in &view.logs {
            samples.known(&[&log.log], value(log));
        }
    };
    each(&families::LOG_BYTES_UNREAD, |log| log.unread);
    each(&families::LOG_BYTES_LOST, |log| Some(log.lost));
    each(&families::LOG_GAPS, |log| Some(log.gaps));
    each(&families::LOG_LAST_READ, |log| Some(log.last_read));
    each(&families::LOG_AVAILABLE, |log| log.available);
    each(&families::LOG_READABLE, |log| log.readable.map(u64::from));
}

fn about_us(view: &View, out: &mut Text) {
    let mut samples = out.family(&families::LABEL_OVERFLOW);
    let overflow = view.overflow;
    for (label, count) in
        [("server", overflow.server), ("upstream", overflow.upstream), ("pool", overflow.pool)]
    {
        samples.count(&[label], count);
    }
    if let Some(durable) = view.durable {
        out.family(&families::STATE_DURABLE).count(&[], u64::from(durable));
        let mut samples = out.family(&families::STATE_FILES_REJECTED);
        for (reason, count) in &view.rejected {
            samples.count(&[reason], *count);
        }
    }
    out.family(&families::BUILD_INFO).count(&[env!("CARGO_PKG_VERSION")], 1);
}

/// The `phpfpm_*` families of other exporters, for dashboards and autoscalers that were built on them.
fn phpfpm(view: &View, out: &mut Text) {
    for known in &compat::FAMILIES {
        let kind = match known.kind {
            compat::Kind::Gauge => Kind::Gauge,
            compat::Kind::Counter => Kind::Counter,
        };
        let family = Family { name: known.name, kind, labels: &compat::LABELS, help: known.help };
        let mut samples = out.family(&family);
        let mut seen = std::collections::HashSet::new();
        for (uri, latest) in view.machine.pages.iter().filter(|(uri, _)| seen.insert(uri)) {
            let page = latest.result.as_ref().ok();
            let value = match known.value {
                compat::Value::Up => Some(u64::from(page.is_some())),
                compat::Value::Failures => Some(latest.failures),
                compat::Value::Page(value) => page.map(value),
            };
            samples.known(&[page.map_or("", |page| &page.pool), uri], value);
        }
    }
}
