//! PHP-FPM's own status page, asked for over FastCGI.
//!
//! A second source, never the first: the page is answered by the very workers that are busy when it matters. So each
//! question has one hard deadline and a size that an answer may have, and no pool waits for another.

pub mod compat;
pub mod fastcgi;
pub mod full;
pub mod page;
pub mod poller;

#[cfg(test)]
mod tests;
