//! What PHP-FPM only warns of, or what a newer one may know.

use std::path::Path;

use super::finding::{Finding, Severity};
use super::site::Site;
use crate::topology::config_error::Place;

pub(super) fn check(site: &Site, out: &mut Vec<Finding>) {
    for fpm in site.fpm.iter().filter(|fpm| fpm.shown) {
        for warning in &fpm.config.warnings {
            let (place, text) = placed(warning);
            let effect = "What it should set is not set, and where PHP-FPM does not start for it, every request answers 502.";
            out.push(Finding::new(
                Severity::Warning,
                "fpm_config",
                place,
                text.trim_end_matches('.'),
                effect,
            ));
        }
    }
}

/// The place that a warning begins with, as [`Place`] is shown.
fn placed(warning: &str) -> (Option<Place>, &str) {
    let parts = warning.split_once(" line ").and_then(|(file, rest)| {
        let (line, text) = rest.split_once(": ")?;
        Some((Place { file: Path::new(file).into(), line: line.parse().ok()? }, text))
    });
    parts.map_or((None, warning), |(place, text)| (Some(place), text))
}
