//! The real binary, as a person or a program runs it.

#![allow(clippy::disallowed_methods, reason = "the real binary is started")]
#![allow(unreachable_pub, reason = "a test has no outside")]

mod arrows;
mod bad_input;
mod docs;
mod explain;
mod serve;
mod support;
