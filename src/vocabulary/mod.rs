//! The closed sets of words and the metric families, as tables that parser, metrics, alerts, docs and runbooks read.

pub mod families;
pub mod kinds;
mod likely;
pub mod possible;
mod words;

pub use words::*;
