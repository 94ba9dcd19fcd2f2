//! Pages of counters, compared.

use std::collections::{BTreeMap, HashMap};

/// Every sample of a page in Prometheus' text format that is a counter, by its name with labels.
pub fn counters(page: &str) -> HashMap<String, f64> {
    let series = page.lines().filter(|line| !line.starts_with('#'));
    let samples = series.filter_map(|line| line.rsplit_once(' '));
    let counts = |name: &str| {
        let family = name.split('{').next().unwrap_or_default();
        ["_total", "_bucket", "_count", "_sum"].iter().any(|ending| family.ends_with(ending))
    };
    samples
        .filter(|(name, _)| name.starts_with("badgateway_") && counts(name))
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// The counters of `after` that are lower than in `before`, or gone.
pub fn fallen(before: &HashMap<String, f64>, after: &HashMap<String, f64>) -> Vec<String> {
    let lower = before.iter().filter(|(name, value)| after.get(*name).is_none_or(|now| now < value));
    lower.map(|(name, value)| format!("{name} fell from {value} to {:?}", after.get(name))).collect()
}

/// The value of a label of a sample.
fn label<'s>(sample: &'s str, name: &str) -> Option<&'s str> {
    sample.split(&format!("{name}=\"")).nth(1)?.split('"').next()
}

/// `http_responses_total` by server and code, without zeros.
pub fn responses(page: &HashMap<String, f64>) -> BTreeMap<(String, String), u64> {
    let family = page
        .iter()
        .filter(|(name, value)| name.starts_with("badgateway_http_responses_total{") && **value > 0.0);
    family
        .map(|(name, value)| {
            let label = |wanted| label(name, wanted).unwrap().to_owned();
            ((label("server"), label("code")), *value as u64)
        })
        .collect()
}

/// The sum over a family's samples whose labels hold `wanted`.
pub fn sum(page: &HashMap<String, f64>, family: &str, wanted: &str) -> u64 {
    let prefix = format!("badgateway_{family}{{");
    let samples = page.iter().filter(|(name, _)| name.starts_with(&prefix) && name.contains(wanted));
    samples.map(|(_, value)| *value as u64).sum()
}
