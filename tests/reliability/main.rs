//! What is promised for bad nights: no line lost, none counted twice, no counter that steps down.
//!
//! `make test` runs the short form. With `SOAK=1`, as `make soak` sets it, the same tests run long.

#![allow(clippy::disallowed_methods, reason = "the real binary is started")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod counters;
mod hour;
mod kill;
mod matrix;
mod oversized;
mod state;
mod traffic;

use badgateway_harness::serve as support;

/// The long form is wanted.
fn soak() -> bool {
    std::env::var_os("SOAK").is_some_and(|value| value != "0")
}
