//! Prometheus' text format 0.0.4, written directly.

use std::fmt::Write;

use crate::label::{LONGEST, label};
use crate::view::Histogram;
use crate::vocabulary::families::{Family, Kind};

/// A page under way.
#[derive(Default)]
pub(super) struct Text(String);

/// One family of a page: its head is written with its first sample, as the format knows no family without samples.
pub(super) struct Samples<'a> {
    out: &'a mut String,
    family: &'a Family,
    begun: bool,
}

impl Text {
    pub(super) fn family<'a>(&'a mut self, family: &'a Family) -> Samples<'a> {
        Samples { out: &mut self.0, family, begun: false }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

impl Samples<'_> {
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            let Family { name, kind, help, .. } = self.family;
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            let _ = write!(self.out, "# HELP {name} ");
            escape(help, false, self.out);
            let _ = writeln!(self.out, "\n# TYPE {name} {kind}");
        }
    }

    /// Name and labels, with a last one that is not among the family's.
    fn series(&mut self, suffix: &str, values: &[&str], last: Option<(&str, f64)>) {
        self.begin();
        self.out.push_str(self.family.name);
        self.out.push_str(suffix);
        let mut open = '{';
        for (name, value) in self.family.labels.iter().zip(values) {
            self.out.push(open);
            self.out.push_str(name);
            self.out.push_str("=\"");
            // Names are cut where they come in; this holds for whatever else may become a label.
            if value.len() > LONGEST {
                escape(&label(value.as_bytes()), true, self.out);
            } else {
                escape(value, true, self.out);
            }
            self.out.push('"');
            open = ',';
        }
        if let Some((name, value)) = last {
            self.out.push(open);
            let _ = write!(self.out, "{name}=\"");
            self.number(value);
            self.out.push('"');
            open = ',';
        }
        if open == ',' {
            self.out.push('}');
        }
        self.out.push(' ');
    }

    fn number(&mut self, value: f64) {
        if value.is_infinite() {
            self.out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
        } else {
            let _ = write!(self.out, "{value}");
        }
    }

    pub(super) fn value(&mut self, values: &[&str], value: f64) {
        self.series("", values, None);
        self.number(value);
        self.out.push('\n');
    }

    pub(super) fn count(&mut self, values: &[&str], count: u64) {
        self.series("", values, None);
        let _ = writeln!(self.out, "{count}");
    }

    /// Nothing when it is not known.
    pub(super) fn known(&mut self, values: &[&str], count: Option<u64>) {
        if let Some(count) = count {
            self.count(values, count);
        }
    }

    pub(super) fn histogram(&mut self, values: &[&str], histogram: &Histogram) {
        for (bound, count) in histogram.cumulative().chain([(f64::INFINITY, histogram.count())]) {
            self.series("_bucket", values, Some(("le", bound)));
            let _ = writeln!(self.out, "{count}");
        }
        self.series("_sum", values, None);
        self.number(histogram.sum());
        self.out.push('\n');
        self.series("_count", values, None);
        let _ = writeln!(self.out, "{}", histogram.count());
    }
}

/// In a label's value a quote is escaped, too; in a help text it is not.
fn escape(text: &str, quotes: bool, out: &mut String) {
    if !text.contains(['\\', '\n', '"']) {
        out.push_str(text);
        return;
    }
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::families;

    #[test]
    fn it_is_what_the_prometheus_crate_writes() {
        use prometheus::{Encoder, GaugeVec, Opts, Registry, TextEncoder};
        let family = &families::FPM_WORKERS;
        let values = [["8.2", "www", "busy"], ["a\\b", "line\nend", "quo\"te"], ["", "ümlaut", "x"]];
        let (registry, mut ours) = (Registry::new(), Text::default());
        let gauge = GaugeVec::new(Opts::new(family.name, family.help), family.labels).unwrap();
        registry.register(Box::new(gauge.clone())).unwrap();
        let mut samples = ours.family(family);
        for (at, labels) in values.iter().enumerate() {
            let value = [0.1 + 0.2, 1e21, -0.5][at];
            gauge.with_label_values(labels).set(value);
            samples.value(labels, value);
        }
        let mut theirs = Vec::new();
        TextEncoder::new().encode(&registry.gather(), &mut theirs).unwrap();
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&ours.finish()), sorted(std::str::from_utf8(&theirs).unwrap()));
    }

    #[test]
    fn no_value_is_longer_than_a_label_may_be() {
        let mut text = Text::default();
        let long = "x".repeat(5000);
        text.family(&families::FPM_WORKERS).value(&["8.2", &long, "busy"], 1.0);
        text.family(&families::FPM_UP).value(&[&"ü".repeat(101), "www"], 1.0);
        let longest = text.finish().split('"').map(str::len).max();
        assert!(longest <= Some(LONGEST.max(families::FPM_WORKERS.help.len() + 80)));
    }

    #[test]
    fn a_family_without_samples_is_not_there_and_histograms_add_up() {
        let (mut text, mut histogram) = (Text::default(), Histogram::default());
        let _ = text.family(&families::FPM_UP);
        histogram.observe(0.2);
        histogram.observe(90.0);
        text.family(&families::UPSTREAM_SECONDS).histogram(&["u", "connect"], &histogram);
        let text = text.finish();
        assert!(!text.contains("fpm_up"));
        for line in [
            "_bucket{upstream=\"u\",phase=\"connect\",le=\"0.25\"} 1",
            "le=\"+Inf\"} 2",
            "_sum{upstream=\"u\",phase=\"connect\"} 90.2",
            "_count{upstream=\"u\",phase=\"connect\"} 2",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
