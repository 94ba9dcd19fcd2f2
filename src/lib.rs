//! Badgateway tells why nginx answers 502.
//!
//! Data flows one way; no module imports one that comes after it in this list:
//!
//! - [`discover`]: reads PHP-FPM's configuration.
//! - [`source`]: files, rotation, offsets; yields blocks of whole lines as bytes and knows no meaning.
//! - [`record`]: pure; bytes to typed records, one file for each grammar.
//! - [`observe`]: samples of the machine: PHP-FPM's processes, sockets and status pages, memory.
//! - [`attribute`]: pure; records in, one verdict for each failed response out.
//! - [`observe`]: samples of the machine: sockets, processes, cgroups; what may not be read is said to be so.
//! - [`ledger`]: counters and their label sets, rendered in Prometheus' text format.
//! - [`http`]: serves what the ledger holds.
//!
//! `cli` puts them together for each command. [`runbooks`] holds texts and knows nothing of the rest.

pub mod attribute;
mod bytes;
pub mod cli;
pub mod discover;
pub mod http;
pub mod ledger;
pub mod observe;
pub mod record;
pub mod runbooks;
pub mod source;
