//! Samples of the machine.

pub mod status;
