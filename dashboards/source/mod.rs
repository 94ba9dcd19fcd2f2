//! The dashboards, as a table of panels. `make docs` writes them as JSON beside this directory; nothing else is edited.
//!
//! One file for each dashboard, each made of panels ([`panel`]) in rows ([`board`]). What is asked is in [`query`], the
//! colours of causes in [`colours`], the numbers of the alerts in [`limits`].

mod annotations;
mod board;
mod causes;
pub(crate) mod colours;
mod fleet;
pub(crate) mod limits;
mod links;
mod overview;
mod panel;
mod php_fpm;
mod pool;
mod query;
mod table;
mod trust;
mod variables;

use serde_json::Value;

/// File name and content of each.
pub(crate) fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("overview.json", overview::board()),
        ("causes.json", causes::board()),
        ("php-fpm.json", php_fpm::board()),
        ("fleet.json", fleet::board()),
    ]
}
