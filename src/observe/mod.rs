//! Samples of the machine, taken without PHP-FPM's cooperation.
//!
//! A pool that is saturated cannot answer for itself: its status page is served by the workers that are busy.
//! The kernel can, and lets anyone read.

pub mod kernel;
