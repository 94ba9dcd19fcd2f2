//! A value that was read, or the sentence that says why it was not.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Something that was to be read.
pub type Reading<T> = Result<T, Unreadable>;

/// No file that is read whole is longer than this; more is no file of the kernel's.
const MOST: u64 = 1 << 20;

/// Why a value is missing: unknown, which is something else than zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What was to be read: a path, or what was asked of the kernel.
    pub what: String,
    /// What stood in the way.
    pub why: Why,
}

/// What stood in the way; an [`io::Error`] that can be kept and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The kernel refused, with this errno.
    Errno(i32),
    /// A process namespace of our own hides it.
    Hidden,
    /// Anything else; [`io::ErrorKind::InvalidData`] is text that makes no sense.
    Kind(io::ErrorKind),
}

impl Unreadable {
    pub(super) fn new(what: impl Into<String>, error: &io::Error) -> Self {
        let why = error.raw_os_error().map_or_else(|| Why::Kind(error.kind()), Why::Errno);
        Self { what: what.into(), why }
    }

    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |error| Self::new(path.display().to_string(), &error)
    }

    /// The text is there, but not as the kernel writes it.
    pub(super) fn malformed(path: &Path) -> Self {
        Self { what: path.display().to_string(), why: Why::Kind(io::ErrorKind::InvalidData) }
    }

    /// The kernel knows it, but does not keep it here.
    pub(super) fn switched_off(path: &Path) -> Self {
        Self { what: path.display().to_string(), why: Why::Kind(io::ErrorKind::Unsupported) }
    }

    /// Only our own processes are in this procfs.
    pub(super) fn hidden(procfs: &Path) -> Self {
        Self { what: format!("other processes in {}", procfs.display()), why: Why::Hidden }
    }

    /// What stood in the way, in the words of the standard library.
    pub fn kind(&self) -> io::ErrorKind {
        match self.why {
            Why::Errno(errno) => io::Error::from_raw_os_error(errno).kind(),
            Why::Kind(kind) => kind,
            Why::Hidden => io::ErrorKind::PermissionDenied,
        }
    }

    /// It does not exist: switched off, another version of the kernel, or a process that has ended. A process
    /// can end between open and read, which is ESRCH (fs/proc/base.c, `proc_single_show`).
    pub fn is_absent(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
            || self.why == Why::Errno(rustix::io::Errno::SRCH.raw_os_error())
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = &self.what;
        match self.kind() {
            _ if self.why == Why::Hidden => {
                write!(
                    f,
                    "{what} are hidden by a process namespace of our own: share it (Kubernetes: shareProcessNamespace: true; \
                    docker: --pid; systemd: no PrivatePIDs=)."
                )
            }
            _ if self.is_absent() => write!(f, "{what} is not there."),
            io::ErrorKind::PermissionDenied => write!(f, "{what} may not be read by this user."),
            io::ErrorKind::Unsupported => write!(f, "{what} is switched off here."),
            io::ErrorKind::TimedOut => write!(f, "{what} did not come in time."),
            io::ErrorKind::InvalidData => write!(f, "{what} does not read as the kernel writes it."),
            kind => match self.why {
                Why::Errno(errno) => {
                    write!(f, "{what} cannot be read: {}.", io::Error::from_raw_os_error(errno))
                }
                Why::Kind(_) | Why::Hidden => write!(f, "{what} cannot be read: {kind}."),
            },
        }
    }
}

impl std::error::Error for Unreadable {}

/// Reads a small file whole into `buffer`, whose room is used again.
pub(super) fn read_into(path: &Path, buffer: &mut Vec<u8>) -> Reading<()> {
    buffer.clear();
    let read = File::open(path).and_then(|file| file.take(MOST).read_to_end(buffer));
    read.map(drop).map_err(Unreadable::at(path))
}

/// Reads a small file whole.
pub(super) fn read(path: &Path) -> Reading<Vec<u8>> {
    let mut buffer = Vec::with_capacity(4096);
    read_into(path, &mut buffer)?;
    Ok(buffer)
}

/// Reads a file that holds one number.
pub(super) fn number(path: &Path) -> Reading<u64> {
    decimal(read(path)?.trim_ascii()).ok_or_else(|| Unreadable::malformed(path))
}

/// The number of the row `key number` ("flat keyed" in Documentation/admin-guide/cgroup-v2.rst).
pub(super) fn keyed(text: &[u8], key: &str) -> Option<u64> {
    text.split(|b| *b == b'\n')
        .find_map(|row| row.strip_prefix(key.as_bytes())?.strip_prefix(b" "))
        .and_then(|value| decimal(value.trim_ascii()))
}

/// Digits and nothing else; too many of them are no number.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    let digit = |b: &u8| b.is_ascii_digit().then(|| u64::from(b - b'0'));
    let more = |sum: u64, b| sum.checked_mul(10)?.checked_add(digit(b)?);
    if text.is_empty() { None } else { text.iter().try_fold(0, more) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_a_sentence() {
        let says = |error: io::Error| Unreadable::new("/proc/9/stat", &error).to_string();
        assert_eq!(says(io::Error::from_raw_os_error(2)), "/proc/9/stat is not there.");
        assert_eq!(says(io::Error::from_raw_os_error(3)), "/proc/9/stat is not there.");
        assert_eq!(says(io::Error::from_raw_os_error(13)), "/proc/9/stat may not be read by this user.");
        assert_eq!(says(io::Error::from_raw_os_error(95)), "/proc/9/stat is switched off here.");
        assert!(says(io::Error::from_raw_os_error(5)).starts_with("/proc/9/stat cannot be read: "));
    }

    #[test]
    fn numbers_are_digits_that_fit() {
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!((decimal(b""), decimal(b"-1"), decimal(b"max")), (None, None, None));
    }

    #[test]
    fn a_key_is_a_whole_word() {
        let text = b"oom_kill_disable 0\nunder_oom 0\noom_kill 7\n";
        assert_eq!(keyed(text, "oom_kill"), Some(7));
        assert_eq!(keyed(text, "oom"), None);
    }
}
