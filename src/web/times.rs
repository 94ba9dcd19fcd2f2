//! How long a connection may take for what.

use std::time::Duration;

/// A request's head must be complete after this time, whatever pace it comes at (node_exporter has no such limit;
/// nginx waits `client_header_timeout`, 60 s).
pub(super) const HEAD: Duration = Duration::from_secs(5);

/// An answer that is not taken for so long is given up.
pub(super) const WRITE: Duration = Duration::from_secs(5);

/// Who takes bytes of its answer within this time is reading it.
pub(super) const READING: Duration = Duration::from_secs(1);

/// Who takes no bytes for so long may be dropped where answers take too much memory.
pub(super) const STUCK: Duration = Duration::from_millis(100);

/// A connection that was refused or whose request's body nobody reads is kept so long after the answer, until the client
/// closes it: closed at once, the kernel resets it, and the client loses the answer (nginx: `lingering_close`).
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// A connection without a request is kept so long: Prometheus' longest usual interval is a minute.
pub(super) const IDLE: Duration = Duration::from_secs(120);
