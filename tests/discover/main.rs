//! Our reading of configurations, compared with what PHP-FPM itself prints with `-tt` and nginx with `-T`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "the real servers are started")]

mod compare;
mod dump;
mod nginx;
