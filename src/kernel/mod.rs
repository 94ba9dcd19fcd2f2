//! What Linux tells of PHP-FPM: connections, processes, memory. Reads, and does nothing else.
//!
//! Every path is below a procfs or cgroup root that the caller names, so that a container may look at its
//! host and a test at a directory. What may not be read is [`Unreadable`], never zero.

pub mod cgroup;
pub mod diag;
mod lines;
pub mod machine;
pub mod memory;
pub mod namespace;
pub mod network;
pub mod overflow;
pub mod processes;
mod reading;
pub mod sockets;

pub use reading::{Reading, Unreadable};
