//! Looks at the machine: PHP-FPM's processes, sockets and status pages, memory, pressure.
//!
//! Saturation must not depend on PHP-FPM's cooperation: its status page is answered by the very workers that are busy.
//! So the kernel is asked, and what may not be read is said to be unreadable, never shown as zero.

mod collectors;
pub mod facts;
pub mod machine;
mod memory;
mod nginx;
pub mod output;
mod peaks;
mod pool;
mod pools;
pub mod sampler;
pub mod status;
mod tables;
