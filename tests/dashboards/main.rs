//! The dashboards: in step with their source, sound by every rule that can be checked without Grafana, and true: each query
//! runs on a real Prometheus that scraped the real program while a real site failed.
//!
//! A short form runs with `make test`, all of it with `make dashboards`.

#![allow(clippy::disallowed_methods, reason = "the tests start programs")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic with a message is how a test fails")]

#[path = "../../dashboards/source/mod.rs"]
mod source;

mod cost;
mod empty;
mod examples;
mod files;
mod lint;
mod live;
mod metrics;
mod queries;
mod scenes;
mod site;
mod truth;
