//! Our reading of PHP-FPM's configuration, compared with what PHP-FPM itself prints with `-tt`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "the real PHP-FPM is started")]

mod compare;
mod dump;
#[path = "../status/program.rs"]
mod program;
