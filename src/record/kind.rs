//! Which grammar a log is written in.

use serde::{Deserialize, Serialize};

/// A kind of log. In this order the logs are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    /// nginx's access log.
    Access,
    /// nginx's error log.
    Error,
    /// PHP-FPM's log.
    Fpm,
}

impl LogKind {
    /// All.
    pub const ALL: [LogKind; 3] = [LogKind::Access, LogKind::Error, LogKind::Fpm];
}
