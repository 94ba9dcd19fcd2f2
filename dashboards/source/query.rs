//! What is asked. Every series is asked of the chosen jobs, namespaces and instances alone.

/// The matchers of every query.
pub(crate) const S: &str = r#"job=~"$job",namespace=~"$namespace",instance=~"$instance""#;

/// Firing alerts of these. Those of a whole site have no instance.
pub(crate) const ALERTS: &str = r#"ALERTS{alertstate="firing",alertname=~"Nginx.+|PhpFpm.+|Badgateway.+",job=~"$job|",namespace=~"$namespace",instance=~"$instance|"}"#;

/// Failed responses by cause, of the chosen servers and codes.
pub(crate) fn errors() -> String {
    format!(r#"badgateway_http_errors_total{{{S},server=~"$server",code=~"$code"}}"#)
}

/// The same by root cause.
pub(crate) fn root_causes() -> String {
    format!(r#"badgateway_http_root_causes_total{{{S},server=~"$server",code=~"$code"}}"#)
}

/// All responses of the chosen servers: what a share is of.
pub(crate) fn responses() -> String {
    format!(r#"badgateway_http_responses_total{{{S},server=~"$server"}}"#)
}

/// Attempts that visitors did not see fail, or saw half of.
pub(crate) fn hidden_failures() -> String {
    format!(r#"badgateway_upstream_failures_total{{{S},outcome=~"rescued|truncated"}}"#)
}

/// The series of the chosen pools.
pub(crate) fn pools(family: &str) -> String {
    format!(r#"{family}{{{S},fpm=~"$fpm",pool=~"$pool"}}"#)
}

/// A series of these instances.
pub(crate) fn of(name: &str) -> String {
    format!("{name}{{{S}}}")
}

/// How much a counter rose within `window`. A counter may be born above 0, with its first failure, and `increase` does not
/// see that step: if it has fewer samples than Badgateway itself, it was born in the window, and all that it counts is of it.
pub(crate) fn rise(counter: &str, window: &str) -> String {
    format!(
        "({counter} and count_over_time({counter}[{window}]) < on (job, instance) group_left () \
         sum by (job, instance) (count_over_time(badgateway_build_info{{{S}}}[{window}])) \
         or increase({counter}[{window}]))"
    )
}

/// Sums of that rise over the width of one step, for each second.
pub(crate) fn rate_by(labels: &str, counter: &str) -> String {
    format!("sum by ({labels}) {} / ($__rate_interval_ms / 1000)", rise(counter, RATE))
}

/// Sums of that rise over the whole range.
pub(crate) fn total_by(labels: &str, counter: &str) -> String {
    format!("sum by ({labels}) {}", rise(counter, "$__range"))
}

/// The window of a rate.
pub(crate) const RATE: &str = "$__rate_interval";

/// The lowest value that a threshold has for the chosen instances, as the alerts compare it.
pub(crate) fn threshold(name: &str) -> String {
    format!("min(instance:badgateway_threshold:{name}{{{S}}})")
}

/// The same of those that may differ by upstream.
pub(crate) fn upstream_threshold(name: &str) -> String {
    format!("min(upstream:badgateway_threshold:{name}{{{S}}})")
}
