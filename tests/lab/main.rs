//! The lab: real nginx and real PHP-FPM are broken in every way we know, and Badgateway must name each.
//!
//! Every experiment compares three records: what the clients saw, what nginx wrote, what `/metrics` says. They must
//! agree to the last response. `badgateway-harness` knows how to set up and break things, `cases` is the table of failures and
//! what must be said about each, `load` does it all at once and thousands of times.

#![allow(
    clippy::disallowed_methods,
    reason = "the lab starts programs and reads lines; the exporter never does, which is what clippy.toml guards"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic with a message is how an experiment fails"
)]

mod cases;
mod configuration;
mod full_lab;
mod idle;
mod load;
mod namespaces;
mod outage;
mod pool_lab;
mod saturation;

use badgateway_harness::{self as harness, upstream};

/// Every exporter sees every PHP-FPM of the machine, asks for its status page, and wants to read its configuration. Who
/// counts connections to the last one, measures, or breaks a configuration, has the machine for itself.
static MACHINE: std::sync::RwLock<()> = std::sync::RwLock::new(());

/// With others. A test that failed meanwhile is its own concern.
fn share_machine() -> std::sync::RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Without others.
fn have_machine() -> std::sync::RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One line on the terminal for each experiment, also for those that pass: libtest hides what `println!` prints.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "lab: {line}");
}
