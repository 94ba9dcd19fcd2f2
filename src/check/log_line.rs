//! A log's directive as one line.

use std::time::Duration;

use super::site::quoted;
use crate::topology::nginx_conf::{AccessLog, LogTarget};

/// A log as `access_log` and `error_log` spell it.
pub(super) fn name(target: &LogTarget) -> String {
    match target {
        LogTarget::File(path) => path.display().to_string(),
        LogTarget::Relative(name) | LogTarget::Variable(name) => name.clone(),
        LogTarget::Syslog(parameters) => format!("syslog:{parameters}"),
        LogTarget::Stdout => "/dev/stdout".to_owned(),
        LogTarget::Stderr => "stderr".to_owned(),
        LogTarget::Memory(size) => format!("memory:{size}"),
    }
}

/// The directive of a log, without its end: not compressed, and with a `flush` where it has a buffer.
pub(super) fn line(log: &AccessLog) -> String {
    let mut words = vec!["access_log".to_owned(), quoted(&name(&log.target)), quoted(&log.format)];
    if let Some(bytes) = log.buffer.filter(|_| !log.gzip) {
        let flush = log.flush.unwrap_or(Duration::from_secs(1));
        words.push(format!("buffer={bytes}"));
        words.push(format!("flush={}ms", flush.as_millis()));
    }
    words.extend(log.condition.as_ref().map(|condition| quoted(&format!("if={condition}"))));
    words.join(" ")
}
