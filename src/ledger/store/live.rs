//! The copies that survive kill -9, and the mark that says which of them was published. None is synced.

use super::disk::{Access, Disk, Slot};
use super::error::StoreError;
use super::mark::Mark;
use super::survey::LIVE;

/// Writes the two live slots in turn.
pub(super) struct Live {
    slots: [Option<Box<dyn Slot>>; 2],
    mark: Option<Mark>,
    /// The slot with the newest whole record; the other one is written next.
    newest: Option<usize>,
    /// Whether the records that are there have to be ruled out before one is written.
    fence: bool,
}

impl Live {
    /// `newest` is the slot to keep for now. `fence`: the records that are there are not what the caller
    /// counts on from, and must never be trusted again.
    pub(super) fn new(newest: Option<usize>, fence: bool) -> Self {
        Self { slots: [None, None], mark: None, newest, fence }
    }

    /// Whether the next write needs the sequence before its own, for the mark that rules out the others.
    pub(super) fn fenced(&self) -> bool {
        self.fence
    }

    /// Writes the record, then the mark; then it may be published.
    pub(super) fn write(&mut self, disk: &dyn Disk, record: &[u8], sequence: u64) -> Result<(), StoreError> {
        let written = self.begin(disk, sequence).and_then(|()| self.try_write(disk, record, sequence));
        if written.is_err() {
            // They are opened anew at the next commit: what was wrong with them may be gone by then.
            (self.slots, self.mark) = ([None, None], None);
        }
        written
    }

    /// Rules out what was there before the record of this sequence is written anywhere.
    pub(super) fn begin(&mut self, disk: &dyn Disk, sequence: u64) -> Result<(), StoreError> {
        let mark = match self.mark.take().filter(Mark::in_place) {
            Some(mark) => mark,
            None => Mark::open(disk)?,
        };
        if self.fence {
            mark.write(disk, sequence - 1)?;
            self.fence = false;
        }
        self.mark = Some(mark);
        Ok(())
    }

    /// Rules out every record up to this sequence.
    pub(super) fn rule_out(&mut self, disk: &dyn Disk, sequence: u64) -> Result<(), StoreError> {
        let mark = match self.mark.take().filter(Mark::in_place) {
            Some(mark) => mark,
            None => Mark::open(disk)?,
        };
        mark.write(disk, sequence)?;
        self.mark = Some(mark);
        Ok(())
    }

    fn try_write(&mut self, disk: &dyn Disk, record: &[u8], sequence: u64) -> Result<(), StoreError> {
        let at = self.newest.map_or(0, |newest| 1 - newest);
        let slot = match self.slots[at].take().filter(|slot| slot.in_place()) {
            Some(slot) => slot,
            None => {
                let opened = disk.open(LIVE[at], Access::Write);
                opened.map_err(StoreError::io(disk, LIVE[at], "open for writing"))?
            }
        };
        slot.overwrite(record).map_err(StoreError::io(disk, LIVE[at], "write"))?;
        self.slots[at] = Some(slot);
        // Even if the mark fails now: it may have been written, and then this record is the one to keep.
        self.newest = Some(at);

        let Some(mark) = &mut self.mark else { return Ok(()) };
        mark.write(disk, sequence)?;
        mark.prove(disk)
    }

    /// Returns once the last record would survive a power loss.
    pub(super) fn sync(&self, disk: &dyn Disk) -> Result<(), StoreError> {
        if let Some(at) = self.newest
            && let Some(slot) = &self.slots[at]
        {
            slot.sync().map_err(StoreError::io(disk, LIVE[at], "sync"))?;
        }
        self.mark.as_ref().map_or(Ok(()), |mark| mark.sync(disk))
    }
}
