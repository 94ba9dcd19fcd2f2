//! Badgateway tells why nginx answers 502.
//!
//! Data flows one way; no module imports one that comes after it in this list:
//!
//! - [`vocabulary`]: the closed sets of words and the metric families, as tables.
//! - `address`: where a pool listens and where nginx connects to, as one type.
//! - [`source`]: files, rotation, offsets; yields blocks of whole lines as bytes and knows no meaning.
//! - [`record`]: pure; bytes to typed records, one file for each grammar.
//! - `kernel`: what Linux tells of processes, sockets and cgroups; what may not be read is said to be so.
//! - [`topology`]: who listens where and who connects to whom, from nginx's and PHP-FPM's configuration.
//! - [`sample`]: looks at the machine: PHP-FPM's processes, sockets and status pages, memory.
//! - `attribute`: pure; records in, one verdict for each failed response out.
//! - [`ledger`]: counters and their label sets, and the state directory.
//! - `export`: numbers as text for Prometheus.
//! - [`check`]: pure; what in the configurations will answer 502, before it does.
//! - `view`: what the engine publishes, typed.
//! - `diagnosis`: pure; what is wrong now, in words.
//! - `engine`: the thread that owns inputs, attribution and counters.
//! - `web`: serves what the engine publishes.
//! - `config`: the command line.
//! - [`commands`]: put them together for each command.
//!
//! [`runbooks`] holds texts and knows nothing of the rest; `bytes` and `label` say how strangers' bytes are saved and shown.

pub mod address;
mod attribute;
mod bytes;
pub mod check;
pub mod commands;
mod config;
mod diagnosis;
mod engine;
mod export;
#[cfg(test)]
mod fuzz;
mod kernel;
mod label;
pub mod ledger;
pub mod record;
pub mod runbooks;
pub mod sample;
mod sandbox;
pub mod source;
pub mod topology;
mod view;
pub mod vocabulary;
mod web;

#[doc(hidden)]
pub use config::file::markdown as configuration_keys;
