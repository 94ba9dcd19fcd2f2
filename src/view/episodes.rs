//! What fails now, and since when: failures of one kind that follow each other.

use crate::view::Name;
use crate::vocabulary::{Cause, RootCause};

/// Seconds without a failure after which the next one begins another episode.
pub const QUIET: i64 = 300;

/// Failed responses of one server, upstream, status and cause, with less than [`QUIET`] between them. Times are local to the
/// logs, in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// `$server_name`.
    pub server: Name,
    /// The peer that decided, or a group; empty for none.
    pub upstream: Name,
    /// `$status`.
    pub code: u16,
    /// What nginx saw.
    pub cause: Cause,
    /// What broke them, each with how many; those that still wait for it are in none.
    pub roots: Vec<(RootCause, u64)>,
    /// How many failed.
    pub count: u64,
    /// When the first one was logged.
    pub first: i64,
    /// When the last one was.
    pub last: i64,
}
