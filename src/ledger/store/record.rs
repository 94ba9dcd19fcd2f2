//! One record in a slot: a line that a person can read with `head -1`, then the payload.
//!
//! `badgateway state 1 sequence 12 boot 5b1c… clean no length 2048 crc32 0a1b2c3d`
//!
//! The checksum covers the line before it as well as the payload. What follows the payload belongs to an
//! older, longer record, since slots are overwritten in place; it is ignored.

use std::io::Write;

use crc32fast::Hasher;

use super::disk::Slot;
use super::error::{MAX_PAYLOAD, Reason};

/// No sequence comes near this; above it a number is damage, and adding to it stays safe.
pub(super) const MAX_SEQUENCE: u64 = 1 << 62;

const MAGIC: &str = "badgateway state ";
const VERSION: u64 = 1;
const MAX_BOOT: usize = 64;
/// Above the longest line: its words, three numbers of 20 digits, the boot id and the checksum.
const MAX_LINE: usize = 256;

/// The fields of the first line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    /// Which commit this is.
    pub(super) sequence: u64,
    /// The boot in which it was written; empty when unknown.
    pub(super) boot: String,
    /// Whether it is the last one of a run that ended in order.
    pub(super) clean: bool,
    length: usize,
    crc32: [u8; 8],
    /// Bytes of the line that the checksum covers, and of the whole line.
    covered: usize,
    line: usize,
}

/// A whole record, as its bytes.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) header: Header,
    pub(super) bytes: Vec<u8>,
}

/// A slot without a whole record.
#[derive(Debug, PartialEq)]
pub(super) struct Broken {
    pub(super) reason: Reason,
    /// What its first line claims; not verified.
    pub(super) header: Option<Header>,
    /// Nothing was ever written to it.
    pub(super) empty: bool,
}

/// The boot id as a word that fits the line.
pub(super) fn boot_word(boot_id: &str) -> String {
    boot_id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(MAX_BOOT).collect()
}

/// Replaces `out` by the record. It allocates only while records grow.
pub(super) fn encode(out: &mut Vec<u8>, sequence: u64, boot: &str, clean: bool, payload: &[u8]) {
    out.clear();
    let (clean, length) = (if clean { "yes" } else { "no" }, payload.len());
    let boot = if boot.is_empty() { "unknown" } else { boot };
    // Writing to a Vec cannot fail.
    let _ =
        write!(out, "{MAGIC}{VERSION} sequence {sequence} boot {boot} clean {clean} length {length} crc32 ");
    let _ = writeln!(out, "{:08x}", checksum(out, payload));
    out.extend_from_slice(payload);
}

fn checksum(line: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(line);
    hasher.update(payload);
    hasher.finalize()
}

impl Header {
    /// Reads the first line of `bytes`, which may end anywhere.
    fn parse(bytes: &[u8]) -> Result<Self, Reason> {
        let rest = bytes.strip_prefix(MAGIC.as_bytes()).ok_or(Reason::Unreadable)?;
        let version = rest.split(|byte| *byte == b' ').next().and_then(number).ok_or(Reason::Unreadable)?;
        match version {
            0 => return Err(Reason::Unreadable),
            VERSION => {}
            // What follows may be laid out differently, so nothing more can be checked.
            _ => return Err(Reason::Version),
        }
        let bytes = &bytes[..bytes.len().min(MAX_LINE)];
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(Reason::Truncated)?;
        Self::fields(&bytes[..end]).ok_or(Reason::Checksum)
    }

    fn fields(line: &[u8]) -> Option<Self> {
        let mut words = line.get(MAGIC.len()..)?.split(|byte| *byte == b' ').skip(1);
        let mut field = |name: &str| (words.next()? == name.as_bytes()).then(|| words.next())?;
        let sequence = number(field("sequence")?)?;
        let boot = std::str::from_utf8(field("boot")?).ok()?;
        let clean = match field("clean")? {
            b"yes" => true,
            b"no" => false,
            _ => return None,
        };
        let length = usize::try_from(number(field("length")?)?).ok()?;
        let crc32 = field("crc32")?.try_into().ok()?;
        let known = sequence <= MAX_SEQUENCE && length <= MAX_PAYLOAD && words.next().is_none();
        let boot = if boot == "unknown" { String::new() } else { boot.to_owned() };
        let (covered, line) = (line.len() - 8, line.len() + 1);
        known.then_some(Self { sequence, boot, clean, length, crc32, covered, line })
    }
}

/// A decimal number as it is written: digits only, no sign, no leading zero.
fn number(word: &[u8]) -> Option<u64> {
    let plain = word.iter().all(u8::is_ascii_digit) && (word.len() == 1 || !word.starts_with(b"0"));
    plain.then(|| std::str::from_utf8(word).ok()?.parse().ok())?
}

impl Record {
    /// Reads what a slot holds. Nothing is allocated for bytes that are not there.
    pub(super) fn load(slot: &dyn Slot) -> Result<Self, Broken> {
        let unreadable = |_| Broken::new(Reason::Unreadable);
        let size = slot.size().map_err(unreadable)?;
        if size == 0 {
            return Err(Broken { empty: true, ..Broken::new(Reason::Truncated) });
        }
        let mut start = [0; MAX_LINE];
        let got = slot.read_at(&mut start, 0).map_err(unreadable)?;
        let header = Header::parse(&start[..got]).map_err(Broken::new)?;
        let whole = header.line + header.length;
        if (whole as u64) > size {
            return Err(Broken { header: Some(header), ..Broken::new(Reason::Truncated) });
        }
        let mut bytes = vec![0; whole];
        let got = slot.read_at(&mut bytes, 0).map_err(unreadable)?;
        Self::check(header, bytes, got)
    }

    fn check(header: Header, bytes: Vec<u8>, got: usize) -> Result<Self, Broken> {
        let reason = if got == bytes.len() {
            let sum = checksum(&bytes[..header.covered], &bytes[header.line..]);
            (format!("{sum:08x}").as_bytes() != header.crc32).then_some(Reason::Checksum)
        } else {
            Some(Reason::Truncated)
        };
        match reason {
            Some(reason) => Err(Broken { header: Some(header), ..Broken::new(reason) }),
            None => Ok(Self { header, bytes }),
        }
    }

    /// What was committed, without the line before it.
    pub(super) fn into_payload(mut self) -> Vec<u8> {
        self.bytes.drain(..self.header.line);
        self.bytes
    }
}

impl Broken {
    pub(super) fn new(reason: Reason) -> Self {
        Self { reason, header: None, empty: false }
    }
}
