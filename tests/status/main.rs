//! The status poller against a real PHP-FPM, against many pools of which some are dead, and against broken answers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "the real PHP-FPM is started")]

mod malformed;
mod many_pools;
mod master;
mod real;
