//! The copies that survive a power loss. Syncing takes as long as the disk likes, so a thread does it.

use std::sync::Arc;

use super::disk::{Access, Disk, Slot};
use super::error::StoreError;
use super::record::Record;
use super::survey::{self, DURABLE};

/// Writes and syncs the two durable slots in turn.
///
/// The one that is not being written is always on the disk itself: a turn passes to the other slot only
/// after a sync that went well. After one that failed nobody knows what is on the disk (vector#14455), so
/// that the same slot is written once more.
pub(super) struct Durable {
    disk: Arc<dyn Disk>,
    slots: [Option<Box<dyn Slot>>; 2],
    /// The slot to write next; `None` until the slots were looked at.
    target: Option<usize>,
}

impl Durable {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, slots: [None, None], target: None }
    }

    /// Returns once `record` would survive a power loss.
    pub(super) fn write(&mut self, record: &[u8]) -> Result<(), StoreError> {
        if self.slots.iter().flatten().any(|slot| !slot.in_place()) {
            // The directory was deleted or replaced: what we know of it is void.
            *self = Self::new(Arc::clone(&self.disk));
        }
        let target = match self.target {
            Some(target) => target,
            None => self.take_over()?,
        };
        self.target = Some(target);
        self.put(target, record)?;
        self.target = Some(1 - target);
        Ok(())
    }

    /// Chooses the slot to begin with: the older one, once the newer one is known to be on the disk.
    ///
    /// A process that was killed may have left the newer one in the page cache alone. Syncing it is not
    /// enough, since a sync that failed before is not reported again; so it is written once more, as it is.
    fn take_over(&mut self) -> Result<usize, StoreError> {
        let found = DURABLE.map(|name| survey::load(&*self.disk, name));
        let Some(newest) = survey::newest(&found) else { return Ok(0) };
        let [zero, one] = found;
        let Ok(Some(Record { bytes, .. })) = (if newest == 0 { zero } else { one }) else { return Ok(0) };
        // Should that fail, the newer one is in doubt and is the one to be written next.
        self.target = Some(newest);
        self.put(newest, &bytes)?;
        Ok(1 - newest)
    }

    fn put(&mut self, at: usize, record: &[u8]) -> Result<(), StoreError> {
        let (disk, name) = (&*self.disk, DURABLE[at]);
        let (slot, new) = match self.slots[at].take() {
            Some(slot) => (slot, false),
            None => {
                let opened = disk.open(name, Access::Write);
                (opened.map_err(StoreError::io(disk, name, "open for writing"))?, true)
            }
        };
        slot.overwrite(record).map_err(StoreError::io(disk, name, "write"))?;
        slot.sync().map_err(StoreError::io(disk, name, "sync"))?;
        if new {
            // Whoever created it may have been killed before the name was on the disk.
            disk.sync_dir().map_err(StoreError::io(disk, "", "sync the directory"))?;
        }
        self.slots[at] = Some(slot);
        Ok(())
    }
}
