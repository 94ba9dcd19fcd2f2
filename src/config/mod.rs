//! What the command line says.

pub mod flags;
pub mod logging;
pub mod moment;
