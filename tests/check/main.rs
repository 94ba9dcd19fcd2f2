//! `badgateway check`: for every finding a configuration that has it and one that has not, changes that are pasted as they are
//! printed, and servers that fail as predicted and no longer when the change is made.

#![allow(
    clippy::disallowed_methods,
    reason = "the tests start programs; the exporter never does, which is what clippy.toml guards"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic with a message is how a test fails")]

mod command;
mod files;
mod fixture;
mod golden;
mod live;
mod machine;
mod paste;
