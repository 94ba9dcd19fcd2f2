//! The body of a scrape, compressed for who asks.

use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use prometheus::{Encoder, TextEncoder};

use super::{metrics, process};
use crate::view::View;

/// Whether a client takes gzip (`q=0` refuses it).
pub fn wants_gzip(accept: &str) -> bool {
    accept.split(',').any(|part| {
        let mut words = part.split(';').map(str::trim);
        let coding = words.next().unwrap_or_default();
        let refused = words.any(|w| matches!(w, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        coding.eq_ignore_ascii_case("gzip") && !refused
    })
}

/// The body of a scrape. `procfs` is where our own process is looked up.
///
/// # Errors
/// When our own families cannot be encoded.
pub fn text(view: &View, procfs: &Path) -> Result<Vec<u8>, prometheus::Error> {
    let mut body = metrics::page(view).into_bytes();
    TextEncoder::new().encode(&process::families(procfs), &mut body)?;
    Ok(body)
}

/// The same as gzip.
///
/// # Errors
/// None that writing into memory could have.
pub fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
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
