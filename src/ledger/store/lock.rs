//! One process for each directory. The kernel ends the lock with the process, so it is never left behind.

use super::disk::{Access, Disk, Slot};
use super::error::StoreError;

const NAME: &str = "lock";

/// Held as long as the store is in use.
pub(super) struct Lock {
    slot: Box<dyn Slot>,
}

impl Lock {
    /// Makes the directory if need be, and takes the lock.
    pub(super) fn take(disk: &dyn Disk) -> Result<Self, StoreError> {
        let (slot, refused) = match open_or_make(disk) {
            Ok(slot) => (slot, None),
            // What cannot be written can still be in use, and two readers do no harm.
            Err(error) => match disk.open(NAME, Access::Read) {
                Ok(slot) => (slot, Some(error)),
                Err(_) => return Err(error),
            },
        };
        if !slot.try_lock().map_err(StoreError::io(disk, NAME, "lock"))? {
            return Err(StoreError::Locked { dir: disk.path(""), pid: read_pid(&*slot) });
        }
        if let Some(error) = refused {
            return Err(error);
        }
        // Of fixed width, so that nothing is left of a longer one. It is for messages alone: a disk too
        // full for it is no reason to go without the lock.
        let _ = slot.overwrite(format!("{:<10}\n", std::process::id()).as_bytes());
        Ok(Self { slot })
    }

    /// Whether the lock still keeps others out: a new file of that name would be free to take.
    pub(super) fn holds(&self) -> bool {
        self.slot.in_place()
    }
}

fn open_or_make(disk: &dyn Disk) -> Result<Box<dyn Slot>, StoreError> {
    match disk.open(NAME, Access::Write) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            disk.make_dir().map_err(StoreError::io(disk, "", "make the directory"))?;
            disk.open(NAME, Access::Write)
        }
        opened => opened,
    }
    .map_err(StoreError::io(disk, NAME, "open for writing"))
}

fn read_pid(slot: &dyn Slot) -> Option<u32> {
    let mut text = [0; 16];
    let got = slot.read_at(&mut text, 0).ok()?;
    std::str::from_utf8(&text[..got]).ok()?.trim().parse().ok()
}
