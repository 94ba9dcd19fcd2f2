//! What must not change a verdict: how logs are cut, packed, named and given, whether they are read afterwards or while
//! they are written, what other logs lie beside them, and how many times the same happened.

#![allow(clippy::disallowed_methods, reason = "the real binary is run on the real logs")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod cases;
mod cut;
mod foreign;
mod rate;
mod served;
mod verdict;
