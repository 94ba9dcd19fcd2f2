//! The bytes of a file of our own configuration, within bounds.

use std::fs::OpenOptions;
use std::io::{Error, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::problem::{Place, Problem};

/// A file of configuration, of a certificate or of a key is at most so long, in bytes.
const MOST: u64 = 1 << 20;

/// The contents of a file.
///
/// # Errors
/// When it cannot be read, or is longer than 1 MiB.
pub fn contents(path: &Path) -> std::io::Result<Vec<u8>> {
    let bytes = beginning(path)?;
    if is_too_long(&bytes) { Err(Error::other("it is longer than 1 MiB")) } else { Ok(bytes) }
}

/// Whether these are the first bytes of a file that is longer than may be.
pub fn is_too_long(bytes: &[u8]) -> bool {
    bytes.len() as u64 > MOST
}

/// As much of a file as may be, and a byte more where it is longer.
///
/// # Errors
/// When it cannot be read.
pub fn beginning(path: &Path) -> std::io::Result<Vec<u8>> {
    // A FIFO must not hold us up.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a file.
///
/// # Errors
/// At the first byte that is none of UTF-8, or is one too many.
pub fn text(bytes: &[u8]) -> Result<&str, Problem> {
    if is_too_long(bytes) {
        let before = String::from_utf8_lossy(&bytes[..bytes.len() - 1]);
        return Err(
            at_end_of(&before).problem("the file is longer than 1 MiB, and is read no further than here")
        );
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        at_end_of(&before).problem("is not UTF-8")
    })
}

/// The place behind a text.
pub fn at_end_of(text: &str) -> Place {
    let line = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place { line, column }
}
