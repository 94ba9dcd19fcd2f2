//! What is known of the logs whose lines are read.

use std::collections::HashMap;

use super::root_cause::LogId;
use super::{Attributor, Id};
use crate::record::format::Format;

impl Attributor {
    /// The lines that follow are those of this access or error log.
    pub fn reads(&mut self, log: Option<LogId>) {
        self.names.upstreams.call(log.and_then(|log| self.groups_of_logs.get(&log)).cloned());
        self.log_server = log.and_then(|log| self.servers_of_logs.get(&log)).copied().unwrap_or(Id::NONE);
        self.without_errors = log.is_some_and(|log| self.logs_without_errors.contains(&log));
    }

    /// The formats that the configuration has for access logs.
    pub fn formats_are(&mut self, formats: HashMap<LogId, Vec<Format>>) {
        self.formats_of_logs = (formats, self.formats_of_logs.1 + 1);
    }

    /// The formats that the configuration has for an access log, and a number that changes when they may have.
    pub fn formats_of(&self, log: Option<LogId>) -> (&[Format], u64) {
        let formats = log.and_then(|log| self.formats_of_logs.0.get(&log)).map_or(&[][..], Vec::as_slice);
        (formats, self.formats_of_logs.1)
    }

    /// Whether there are access logs, and error logs of which a missing entry means something.
    pub fn logs_are(&mut self, access: bool, error: bool) {
        (self.options.access_log, self.options.error_log) = (access, error);
    }

    /// Whether the entry of a failure in the log that is being read would be known.
    pub(super) fn sees_errors(&self) -> bool {
        self.options.error_log && !self.without_errors
    }
}
