//! `badgateway check`: for every finding a configuration that has it and one that has not, changes that are pasted as they are
//! printed, and servers that fail as predicted and no longer when the change is made.

#![allow(
    clippy::disallowed_methods,
    reason = "the tests start programs; the exporter never does, which is what clippy.toml guards"
)]

mod command;
mod files;
mod fixture;
mod golden;
mod live;
mod machine;
mod paste;
