//! What the command line and the configuration file say.

pub mod error;
pub mod file;
pub mod flags;
pub mod logging;
pub mod merge;
pub mod moment;
pub mod problem;
pub mod read;
mod yaml;
