//! The last sequence that was published, in a file of its own.
//!
//! Without it nobody could tell a slot that kill -9 tore, of which nothing was ever shown, from the loss of
//! the newest numbers that a scrape has seen. It lies within one page, and the kernel looks for a kill
//! between pages only, so that it is never torn by one. A power loss may tear it; then it is distrusted.

use super::disk::{Access, Disk, Slot, is_missing};
use super::error::{Reason, StoreError};
use super::record::MAX_SEQUENCE;

pub(super) const NAME: &str = "mark";

const MAGIC: &str = "badgateway mark ";
const VERSION: &str = "1";
const WIDTH: usize = MAGIC.len() + 1 + 1 + 20 + 1 + 8 + 1;

/// The line, of the same width for every sequence.
fn encode(sequence: u64) -> [u8; WIDTH] {
    let mut line = [0; WIDTH];
    let mut rest = &mut line[..];
    // It fits: the width is made of the same parts.
    let _ = std::io::Write::write_fmt(&mut rest, format_args!("{MAGIC}{VERSION} {sequence:020} "));
    let covered = WIDTH - 9;
    let crc32 = crc32fast::hash(&line[..covered]);
    let mut rest = &mut line[covered..];
    let _ = std::io::Write::write_fmt(&mut rest, format_args!("{crc32:08x}\n"));
    line
}

/// What the bytes of the file say.
pub(super) fn decode(bytes: &[u8]) -> Result<u64, Reason> {
    if bytes.is_empty() {
        return Err(Reason::Truncated);
    }
    let rest = bytes.strip_prefix(MAGIC.as_bytes()).ok_or(Reason::Unreadable)?;
    match rest.split(|byte| *byte == b' ').next() {
        Some(version) if version == VERSION.as_bytes() => {}
        Some(version) if version.iter().all(u8::is_ascii_digit) => return Err(Reason::Version),
        _ => return Err(Reason::Unreadable),
    }
    let line = bytes.get(..WIDTH).ok_or(Reason::Truncated)?;
    let digits = std::str::from_utf8(&line[MAGIC.len() + 2..][..20]).ok();
    let sequence = digits.and_then(|digits| digits.parse().ok()).filter(|found| *found <= MAX_SEQUENCE);
    // Compared as a whole, since one number could be spelt in several ways.
    sequence.filter(|found| encode(*found) == line).ok_or(Reason::Checksum)
}

/// Reads the mark; `None` if there is none.
pub(super) fn read(disk: &dyn Disk) -> Result<Option<u64>, Reason> {
    let slot = match disk.open(NAME, Access::Read) {
        Ok(slot) => slot,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(_) => return Err(Reason::Unreadable),
    };
    let mut bytes = [0; WIDTH];
    let got = slot.read_at(&mut bytes, 0).map_err(|_| Reason::Unreadable)?;
    decode(&bytes[..got]).map(Some)
}

/// The mark, open for writing.
pub(super) struct Mark {
    slot: Box<dyn Slot>,
    /// Whether one that we wrote has been synced.
    proven: bool,
}

impl Mark {
    pub(super) fn open(disk: &dyn Disk) -> Result<Self, StoreError> {
        let opened = disk.open(NAME, Access::Write);
        let slot = opened.map_err(StoreError::io(disk, NAME, "open for writing"))?;
        Ok(Self { slot, proven: false })
    }

    pub(super) fn in_place(&self) -> bool {
        self.slot.in_place()
    }

    /// Notes the sequence; not synced.
    pub(super) fn write(&self, disk: &dyn Disk, sequence: u64) -> Result<(), StoreError> {
        self.slot.overwrite(&encode(sequence)).map_err(StoreError::io(disk, NAME, "write"))
    }

    /// Syncs the first one that a run writes: after a power loss the record of an earlier clean end would be
    /// trusted if the mark did not rule it out. Later ones only rise, so the first is enough.
    pub(super) fn prove(&mut self, disk: &dyn Disk) -> Result<(), StoreError> {
        if !self.proven {
            self.sync(disk)?;
            self.proven = true;
        }
        Ok(())
    }

    /// Syncs it, and its name.
    pub(super) fn sync(&self, disk: &dyn Disk) -> Result<(), StoreError> {
        self.slot.sync().map_err(StoreError::io(disk, NAME, "sync"))?;
        disk.sync_dir().map_err(StoreError::io(disk, "", "sync the directory"))
    }
}
