//! `ledger::store` on real files: what the simulated disk cannot tell is whether the kernel agrees with it.

#![allow(clippy::unwrap_used, reason = "a test fails loudly, its helpers too")]

mod support;

mod files;
mod full;
mod kill;
