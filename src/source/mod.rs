//! Where log lines come from: files, offsets, rotation. Nothing here knows what a line means.
//!
//! It exists apart from the parsers because its promise is about bytes alone: every complete line that was
//! written is yielded exactly once, in order within its file, whatever happens to the file's name in the
//! meantime and while we do not run. Lines are bytes, since nginx writes what clients send and that need not be
//! UTF-8. Memory is bounded by constants, so neither a line without an end nor a backlog of gigabytes can grow
//! the process.
//!
//! - [`Offline`] reads a file, a gzip or stdin once, for post-mortems.
//! - [`Follower`] follows one path for ever; [`FollowSet`] follows patterns.
//! - [`Stdin`] is standard input as a live log.
//! - [`Waker`] says "look now"; it is a hint, and polling is the truth.

mod buffer;
mod claims;
mod emptied;
mod error;
mod file_owners;
pub mod files;
mod follow;
mod generation;
mod gzip;
mod identity;
mod known;
mod left;
mod listings;
mod missed;
mod offline;
mod open;
mod pattern;
pub mod pooled;
mod resume;
mod rotated;
mod rotated_name;
mod saved;
mod set;
mod since;
mod status;
mod stdin;
mod trouble;
mod wake;
mod written;

pub use buffer::{Buffer, Skipped};
pub use error::{OpenError, ReadError};
pub use follow::Follower;
pub use generation::Upto;
pub use offline::Offline;
pub(crate) use pattern::{fits, is_pattern, matcher, never_a_log, paths_of};
pub use saved::SavedLog;
pub use set::{FollowSet, SavedSet};
pub use since::offset_since;
pub use status::{Position, ReadFrom, Status};
pub use stdin::Stdin;
pub use wake::Waker;
pub use written::end_of;

/// Bytes asked of one `read()`: above 64 KiB the throughput is flat, and it fits the L2 cache.
pub const BLOCK: usize = 128 * 1024;

/// Bytes of the longest line kept, its newline not counted. Longer ones are skipped to the next newline and
/// counted in [`Skipped`].
pub const MAX_LINE: usize = 256 * 1024;
