//! What of a configuration could not be read, and what PHP-FPM only warns of.

use super::finding::{Finding, Severity};
use super::site::Site;

pub(super) fn check(site: &Site, out: &mut Vec<Finding>) {
    for fpm in site.fpm.iter().filter(|fpm| fpm.shown) {
        for warning in &fpm.config.warnings {
            let (what, effect) = warning.split_once(". ").unwrap_or((warning, ""));
            out.push(Finding::new(Severity::Warning, "fpm_config", None, what.trim_end_matches('.'), effect));
        }
    }
}
