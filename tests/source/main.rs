//! `source` on real files, one scenario for each test. Time is passed in; nothing sleeps.

#![allow(clippy::unwrap_used, reason = "a test fails loudly, its helpers too")]

mod support;

mod copytruncate;
mod limits;
mod live;
mod mark;
mod memory;
mod model;
mod offline;
mod pooled;
mod restart;
mod rotation;
mod set;
mod wake;
