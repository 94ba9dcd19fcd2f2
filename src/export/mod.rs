//! Numbers as text for Prometheus.

pub mod encode;
pub mod process;
