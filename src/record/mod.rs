//! Bytes to typed records. Pure: no I/O, no clock, no allocation on the hot path.
//!
//! One file for each grammar. Everything here borrows from the line it was given; a value that a client
//! or a script can write is never searched for structure, only stepped over (the grammars are anchored
//! from the left, because nginx escapes nothing in its error log).

pub mod access;
pub mod entries;
pub mod envelope;
pub mod error;
pub mod escape;
pub mod format;
pub mod fpm;
mod kind;
pub mod list;
pub mod parts;
pub mod percent;
pub mod request;
pub mod scan;
pub mod search;
pub mod stamp;
pub mod tail;

pub use kind::LogKind;
