//! Families to Prometheus' text format 0.0.4, through the registry of the `prometheus` crate.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, Registry, TextEncoder};

/// Families that are complete already. The registry checks and sorts them.
struct Ready {
    descriptions: Vec<Desc>,
    families: Vec<MetricFamily>,
}

impl Collector for Ready {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.families.clone()
    }
}

/// Whether a client takes gzip (`q=0` refuses it).
pub fn wants_gzip(accept: &str) -> bool {
    accept.split(',').any(|part| {
        let mut words = part.split(';').map(str::trim);
        let coding = words.next().unwrap_or_default();
        let refused = words.any(|w| matches!(w, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        coding.eq_ignore_ascii_case("gzip") && !refused
    })
}

/// The body of a scrape.
pub fn text(
    snapshot: Vec<MetricFamily>,
    process: Vec<MetricFamily>,
    gzip: bool,
) -> Result<Vec<u8>, prometheus::Error> {
    let registry = Registry::new();
    let families: Vec<_> = snapshot.into_iter().chain(process).collect();
    let descriptions = families
        .iter()
        .map(|family| {
            let labels = family.get_metric().first().map(|metric| metric.get_label()).unwrap_or_default();
            let labels = labels.iter().map(|pair| pair.name().to_owned()).collect();
            Desc::new(family.name().to_owned(), family.help().to_owned(), labels, Default::default())
        })
        .collect::<Result<_, _>>()?;
    registry.register(Box::new(Ready { descriptions, families }))?;
    let mut body = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut body)?;
    if !gzip {
        return Ok(body);
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    encoder.write_all(&body)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_only_for_who_asks() {
        assert!(wants_gzip("gzip"));
        assert!(wants_gzip("deflate, GZIP;q=0.5"));
        assert!(!wants_gzip("identity"));
        assert!(!wants_gzip("gzip;q=0"));
        assert!(!wants_gzip(""));
    }
}
