//! The short status page in JSON (fpm_status.c, `?json`).
//!
//! Short, because with `&full` PHP-FPM prints user and script without escaping, and any client can so break the JSON;
//! the short page holds nothing but the pool's name and numbers.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fastcgi::{Reply, quote};

/// The query that asks for the page.
pub const QUERY: &str = "json";

/// What a pool says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct StatusPage {
    /// The pool's name.
    pub pool: String,
    /// `static`, `dynamic` or `ondemand`.
    #[serde(rename = "process manager")]
    pub process_manager: String,
    /// Start or last reload of the master, in seconds since 1970.
    #[serde(rename = "start time")]
    pub start_time: u64,
    /// Seconds since then.
    #[serde(rename = "start since")]
    pub start_since: u64,
    /// Requests begun since then, status and ping included.
    #[serde(rename = "accepted conn")]
    pub accepted_conn: u64,
    /// Connections that wait; TCP only, always 0 on a unix socket, up to a second old.
    #[serde(rename = "listen queue")]
    pub listen_queue: u64,
    /// The most that were seen to wait.
    #[serde(rename = "max listen queue")]
    pub max_listen_queue: u64,
    /// The backlog; TCP only.
    #[serde(rename = "listen queue len")]
    pub listen_queue_len: u64,
    /// Workers without a request.
    #[serde(rename = "idle processes")]
    pub idle_processes: u64,
    /// Workers with one; the worker that answers is one of them, unless pm.status_listen was asked.
    #[serde(rename = "active processes")]
    pub active_processes: u64,
    /// Both.
    #[serde(rename = "total processes")]
    pub total_processes: u64,
    /// The most active ones since the start. Not the limit: that is pm.max_children, which the page does not have.
    #[serde(rename = "max active processes")]
    pub max_active_processes: u64,
    /// How often the limit was met; never counts for `pm = static`.
    #[serde(rename = "max children reached")]
    pub max_children_reached: u64,
    /// Requests beyond request_slowlog_timeout.
    #[serde(rename = "slow requests")]
    pub slow_requests: u64,
    /// The most memory that a request took, in bytes (PHP 8.4).
    #[serde(rename = "memory peak")]
    pub memory_peak: Option<u64>,
}

/// Why a reply holds no status page.
#[derive(thiserror::Error, Debug, PartialEq, Eq)]
pub enum PageError {
    /// FPM's `File not found.`, or the application's.
    #[error("no status page at {path} (404); set pm.status_path to it in the pool and reload.{stderr}")]
    NotFound {
        /// What was asked for.
        path: String,
        /// What came on the error stream.
        stderr: String,
    },
    /// security.limit_extensions, or the application.
    #[error(
        "access to {path} was denied (403): it is not the pool's pm.status_path, so it was taken for a script.{stderr}"
    )]
    Forbidden {
        /// What was asked for.
        path: String,
        /// What came on the error stream.
        stderr: String,
    },
    /// Any other status.
    #[error("{path} answered with status {status:?} instead of a status page.{stderr}")]
    Status {
        /// What was asked for.
        path: String,
        /// The Status header.
        status: String,
        /// What came on the error stream.
        stderr: String,
    },
    /// Nothing behind the headers.
    #[error(
        "{path} answered an empty page: a script runs there, or something between us and PHP-FPM drops REQUEST_METHOD.{stderr}"
    )]
    Empty {
        /// What was asked for.
        path: String,
        /// What came on the error stream.
        stderr: String,
    },
    /// No headers.
    #[error("{path} answered without headers, so it is not PHP-FPM that answers: {start}.")]
    NoHeaders {
        /// What was asked for.
        path: String,
        /// How the answer begins.
        start: String,
    },
    /// HTML: the application's front controller, most likely.
    #[error(
        "{path} answered with a web page instead of a status page: the application serves this path. Set pm.status_path to one of its own."
    )]
    Html {
        /// What was asked for.
        path: String,
    },
    /// Neither.
    #[error("{path} did not answer with a status page in JSON: {source_text}. It begins with {start}.")]
    Json {
        /// What was asked for.
        path: String,
        /// What the JSON reader said.
        source_text: String,
        /// How the body begins.
        start: String,
    },
}

/// Reads the page out of the reply to a question for `path`.
pub fn parse(path: &str, reply: &Reply) -> Result<StatusPage, PageError> {
    let path = path.to_owned();
    let stderr = match reply.stderr.trim_ascii() {
        [] => String::new(),
        said => format!(" It also said {}.", quote(said)),
    };
    let Some((headers, body)) = split(&reply.stdout) else {
        return Err(match reply.stdout.as_slice() {
            [] => PageError::Empty { path, stderr },
            start => PageError::NoHeaders { path, start: quote(start) },
        });
    };
    // A CGI answer without Status is a 200 (RFC 3875, 6.3.3).
    match status(headers) {
        Some(status) if status.starts_with("404") => return Err(PageError::NotFound { path, stderr }),
        Some(status) if status.starts_with("403") => return Err(PageError::Forbidden { path, stderr }),
        Some(status) if !status.starts_with("200") => return Err(PageError::Status { path, status, stderr }),
        _ => {}
    }
    let body = body.trim_ascii();
    match body {
        [] => Err(PageError::Empty { path, stderr }),
        [b'<', ..] => Err(PageError::Html { path }),
        _ => serde_json::from_slice(body).map_err(|source| PageError::Json {
            path,
            source_text: source.to_string(),
            start: quote(body),
        }),
    }
}

/// The body of a reply as a value, if it is one.
pub(super) fn body<T: DeserializeOwned>(reply: &Reply) -> Option<T> {
    let (headers, body) = split(&reply.stdout)?;
    let is_page = status(headers).is_none_or(|status| status.starts_with("200"));
    is_page.then(|| serde_json::from_slice(body).ok())?
}

/// Headers and body.
fn split(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let at =
        |end: &[u8]| answer.windows(end.len()).position(|window| window == end).map(|at| (at, end.len()));
    let (at, length) = [at(b"\r\n\r\n"), at(b"\n\n")].into_iter().flatten().min()?;
    Some((&answer[..at], &answer[at + length..]))
}

fn status(headers: &[u8]) -> Option<String> {
    headers.split(|&byte| byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(7)?;
        name.eq_ignore_ascii_case(b"status:")
            .then(|| String::from_utf8_lossy(value.trim_ascii()).chars().take(40).collect())
    })
}
