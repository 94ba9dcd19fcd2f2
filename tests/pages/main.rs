//! From the first 502 to the page that somebody gets: real nginx, PHP-FPM, Badgateway, Prometheus and Alertmanager, with
//! the rules and routes as they are shipped.
//!
//! A short form runs with `make test`, all of it with `make e2e`.

#![allow(
    clippy::disallowed_methods,
    reason = "the tests start programs and read lines; the exporter never does, which is what clippy.toml guards"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic with a message is how a test fails")]

mod alertmanager;
mod cost;
mod drill;
mod e2e_stack;
mod failures;
mod inbox;
mod mute;
mod quiet;
mod watcher;

use badgateway_harness::{self as harness, launch, prometheus, upstream, visitors};

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Whether everything is to be tried, which takes a quarter of an hour.
fn all() -> bool {
    std::env::var_os("E2E").is_some()
}

/// Where the rules are.
fn alerts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("alerts")
}

/// One stack at a time: Badgateway sees every PHP-FPM of the machine, and would tell of the other's.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One line on the terminal, also when the test passes.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "pages: {line}");
}
