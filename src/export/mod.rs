//! Numbers as text for Prometheus.

pub mod encode;
mod metrics;
mod process;
mod text;
