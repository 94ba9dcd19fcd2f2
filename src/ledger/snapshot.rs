//! Counters as families of the `prometheus` crate.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::Ledger;
use crate::attribute::Names;
use crate::vocabulary::families::{self, Family, Kind};
use crate::vocabulary::{Phase, code};

/// What `/metrics` shows of the ledger.
pub type Snapshot = Vec<MetricFamily>;

/// One family being filled.
pub(super) struct Filling {
    family: &'static Family,
    metrics: Vec<Metric>,
}

impl Filling {
    pub(super) fn new(family: &'static Family) -> Self {
        Self { family, metrics: Vec::new() }
    }

    fn labels(&self, values: &[&str]) -> Vec<LabelPair> {
        self.family
            .labels
            .iter()
            .zip(values)
            .map(|(name, value)| {
                let mut pair = LabelPair::default();
                pair.set_name((*name).to_owned());
                pair.set_value((*value).to_owned());
                pair
            })
            .collect()
    }

    pub(super) fn number(&mut self, values: &[&str], number: f64) {
        let mut metric = Metric::from_label(self.labels(values));
        match self.family.kind {
            Kind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(number);
                metric.set_counter(counter);
            }
            _ => {
                let mut gauge = Gauge::default();
                gauge.set_value(number);
                metric.set_gauge(gauge);
            }
        }
        self.metrics.push(metric);
    }

    pub(super) fn count(&mut self, values: &[&str], count: u64) {
        self.number(values, count as f64);
    }

    /// Nothing when it is not known.
    pub(super) fn known(&mut self, values: &[&str], count: Option<u64>) {
        if let Some(count) = count {
            self.count(values, count);
        }
    }

    fn histogram(&mut self, values: &[&str], histogram: &super::Histogram) {
        let mut metric = Metric::from_label(self.labels(values));
        let mut proto = Histogram::default();
        let buckets = histogram.cumulative().map(|(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        });
        proto.set_bucket(buckets.collect());
        proto.set_sample_count(histogram.count());
        proto.set_sample_sum(histogram.sum());
        metric.set_histogram(proto);
        self.metrics.push(metric);
    }

    /// Nothing for a family without series: the text format has no such thing.
    pub(super) fn finish(self, into: &mut Snapshot) {
        if self.metrics.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(self.family.name.to_owned());
        family.set_help(self.family.help.to_owned());
        family.set_field_type(match self.family.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        family.set_metric(self.metrics);
        into.push(family);
    }
}

pub(super) fn take(ledger: &Ledger, names: &Names) -> Snapshot {
    let mut out = Snapshot::new();
    let (servers, upstreams, pools) = (&names.servers, &names.upstreams, &names.pools);

    let mut responses = Filling::new(&families::HTTP_RESPONSES);
    for (id, codes) in names.servers.ids().zip(&ledger.responses) {
        for (status, count) in codes {
            responses.count(&[servers.text(id), &code(*status)], *count);
        }
    }
    responses.finish(&mut out);

    let mut errors = Filling::new(&families::HTTP_ERRORS);
    for ((server, upstream, status, cause), count) in &ledger.errors {
        errors
            .count(&[servers.text(*server), upstreams.text(*upstream), &code(*status), cause.word()], *count);
    }
    errors.finish(&mut out);

    let mut roots = Filling::new(&families::HTTP_ROOT_CAUSES);
    for ((upstream, status, root), count) in &ledger.roots {
        roots.count(&[upstreams.text(*upstream), &code(*status), root.word()], *count);
    }
    roots.finish(&mut out);

    let mut failures = Filling::new(&families::UPSTREAM_FAILURES);
    for ((upstream, cause, outcome), count) in &ledger.failures {
        failures.count(&[upstreams.text(*upstream), cause.word(), outcome.word()], *count);
    }
    failures.finish(&mut out);

    let mut seconds = Filling::new(&families::UPSTREAM_SECONDS);
    for (id, phases) in upstreams.ids().zip(&ledger.seconds) {
        for (phase, histogram) in Phase::ALL.iter().zip(phases).filter(|(_, histogram)| histogram.count() > 0)
        {
            seconds.histogram(&[upstreams.text(id), phase.word()], histogram);
        }
    }
    seconds.finish(&mut out);

    let mut exits = Filling::new(&families::FPM_WORKER_EXITS);
    for ((fpm, pool, reason), count) in &ledger.exits {
        exits.count(&[names.fpms.text(*fpm), pools.text(*pool), reason.word()], *count);
    }
    exits.finish(&mut out);

    super::observed::fill(&ledger.observed, &ledger.machine, &mut out);
    if ledger.compat {
        super::compat::fill(&ledger.machine.pages, &mut out);
    }
    about_logs(ledger, &mut out);
    about_us(ledger, names, &mut out);
    out
}

fn about_logs(ledger: &Ledger, out: &mut Snapshot) {
    let mut lines = Filling::new(&families::LOG_LINES);
    let mut unread = Filling::new(&families::LOG_BYTES_UNREAD);
    let mut lost = Filling::new(&families::LOG_BYTES_LOST);
    let mut gaps = Filling::new(&families::LOG_GAPS);
    let mut last_read = Filling::new(&families::LOG_LAST_READ);
    let mut readable = Filling::new(&families::LOG_READABLE);
    for log in &ledger.logs {
        let name = log.log.as_str();
        for (result, count) in
            [("parsed", log.parsed), ("unparsed", log.unparsed), ("oversized", log.oversized)]
        {
            lines.count(&[name, result], count);
        }
        unread.known(&[name], log.unread);
        lost.count(&[name], log.lost);
        gaps.count(&[name], log.gaps);
        last_read.count(&[name], log.last_read);
        readable.known(&[name], log.readable.map(u64::from));
    }
    for filling in [lines, unread, lost, gaps, last_read, readable] {
        filling.finish(out);
    }
}

fn about_us(ledger: &Ledger, names: &Names, out: &mut Snapshot) {
    let mut overflow = Filling::new(&families::LABEL_OVERFLOW);
    overflow.count(&["server"], names.servers.overflowed() + ledger.pairs_overflowed);
    overflow.count(&["upstream"], names.upstreams.overflowed());
    overflow.count(&["pool"], names.pools.overflowed());
    overflow.finish(out);
    if let Some(durable) = ledger.durable {
        let mut filling = Filling::new(&families::STATE_DURABLE);
        filling.count(&[], u64::from(durable));
        filling.finish(out);
        let mut filling = Filling::new(&families::STATE_FILES_REJECTED);
        for (reason, count) in &ledger.set_aside {
            filling.count(&[reason], *count);
        }
        filling.finish(out);
    }
    let mut build = Filling::new(&families::BUILD_INFO);
    build.count(&[env!("CARGO_PKG_VERSION")], 1);
    build.finish(out);
}
