//! What can go wrong with a question over FastCGI, each saying what came instead of an answer.

use std::io;
use std::time::Duration;

/// Why there is no reply.
#[derive(thiserror::Error, Debug)]
pub enum AskError {
    /// No connection. EAGAIN on a unix socket is a full queue (unix(7)).
    #[error("cannot connect: {}", explain(.0))]
    Connect(#[source] io::Error),
    /// The request could not be sent.
    #[error("the connection broke while the request was sent: {0}.")]
    Write(#[source] io::Error),
    /// The connection broke.
    #[error(
        "the connection broke after {received} bytes of an answer: {source}. The worker was killed, or the pool stopped."
    )]
    Read {
        /// What the kernel said.
        source: io::Error,
        /// Bytes that came before.
        received: usize,
    },
    /// Time is up.
    #[error(
        "no answer within {deadline:?} ({at}). All workers are busy, or the process that listens hangs; pm.status_listen (PHP 8.0) answers even then."
    )]
    Deadline {
        /// The time it had.
        deadline: Duration,
        /// What it was doing.
        at: &'static str,
    },
    /// An answer, but not a good one.
    #[error(transparent)]
    Reply(#[from] ReplyError),
}

/// What is wrong with the bytes that came.
#[derive(thiserror::Error, Debug, PartialEq, Eq)]
pub enum ReplyError {
    /// Closed at once.
    #[error(
        "the connection was closed without an answer. See listen.allowed_clients, and whether workers die."
    )]
    Nothing,
    /// Records, but no END_REQUEST.
    #[error(
        "the connection was closed after {stdout} bytes of output, before the answer's end. The worker died over it."
    )]
    NoEnd {
        /// Bytes of output.
        stdout: usize,
    },
    /// A part of a record.
    #[error(
        "the connection was closed inside a record, {length} bytes after its start. The worker died over it."
    )]
    ShortRecord {
        /// Bytes of the record that came.
        length: usize,
    },
    /// An END_REQUEST too short to hold a status.
    #[error("the answer's last record has {length} bytes instead of 8: this is no FastCGI responder.")]
    ShortEnd {
        /// Its length.
        length: usize,
    },
    /// Not FastCGI.
    #[error(
        "the answer begins with byte {version} instead of FastCGI's version 1: {}. Something else than PHP-FPM listens there.",
        quote(start)
    )]
    Version {
        /// The first byte of the record.
        version: u8,
        /// How it begins.
        start: Vec<u8>,
    },
    /// Somebody else's answer.
    #[error("a record of request {id} came, and only request 1 was sent: this is no FastCGI responder.")]
    Id {
        /// The number in the record.
        id: u16,
    },
    /// A record that no responder sends.
    #[error(
        "a record of type {kind} came, where only output (6), errors (7) or the end (3) can: this is no FastCGI responder."
    )]
    Kind {
        /// The type in the record.
        kind: u8,
    },
    /// The request was not served.
    #[error(
        "the request was refused with protocol status {status} (1: no multiplexing, 2: overloaded, 3: unknown role)."
    )]
    Refused {
        /// FCGI protocolStatus.
        status: u8,
    },
    /// More than a status page can have.
    #[error(
        "the answer is longer than 1 MiB, and a status page has about 500 bytes: another script answers at this path."
    )]
    TooLong,
}

fn explain(error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::WouldBlock => {
            "the pool's queue is full: all workers are busy and listen.backlog is used up"
        }
        io::ErrorKind::NotFound => "no such socket: the pool does not run, or listens elsewhere",
        io::ErrorKind::ConnectionRefused => "nobody listens there: the pool does not run",
        io::ErrorKind::PermissionDenied => {
            "permission denied: let badgateway's user into listen.group or listen.acl_users of the pool"
        }
        _ => return format!("{error}."),
    };
    format!("{advice} ({error}).")
}

/// The start of an answer, safe to print.
pub(in crate::sample::status) fn quote(start: &[u8]) -> String {
    format!(
        "\"{}\"",
        start
            .iter()
            .take(40)
            .copied()
            .flat_map(std::ascii::escape_default)
            .map(char::from)
            .collect::<String>()
    )
}
