//! The real binary, as a person or a program runs it.

#![allow(clippy::disallowed_methods, reason = "the real binary is started")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod arrows;
mod bad_input;
mod buffers;
mod check_config;
mod configured_formats;
mod confined;
mod cycles;
mod docs;
mod explain;
mod groups;
mod gzip_bomb;
mod hostile;
mod kept;
mod many_logs;
mod morning;
mod paste;
mod pools;
mod random_names;
mod reload;
mod runbooks;
mod security;
mod serve;
mod zones;

use badgateway_harness::serve as support;
