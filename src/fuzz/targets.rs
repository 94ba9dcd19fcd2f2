//! The parsers that can be reached from here.

mod configurations;
mod logs;
mod status;
