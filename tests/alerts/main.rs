//! The alert rules, judged by promtool and amtool: each alert fires, stays silent just below, ends, survives extra
//! labels; each is routed, muted and documented as promised.

#![allow(clippy::disallowed_methods, reason = "promtool and amtool are programs")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic with a message is how a test fails")]

mod cases;
mod commands;
mod docs;
mod forms;
mod lint;
mod promtool;
mod routes;
mod rules;
mod text;
