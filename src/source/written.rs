//! When the last line of a log was written.

use std::path::Path;
use std::time::SystemTime;

use super::files::Os;
use super::follow::Follower;
use super::open;

impl Follower {
    /// The time of the last change of the file that was read last, if it was read to its end: its last line was written
    /// then.
    pub fn written(&self) -> Option<SystemTime> {
        let generation = self.generations.get(self.last_read)?;
        let is_all_read = generation.unread() == 0 && generation.carry.len() == 0 && !generation.sealed;
        generation.modified.filter(|_| is_all_read)
    }
}

/// Bytes in which the last line is looked for.
const END: u64 = 8 * 1024;

/// The last bytes of a file and the time of its last change; `None` where it has none, or cannot be read.
pub fn end_of(path: &Path) -> Option<(Vec<u8>, SystemTime)> {
    let (file, stat) = open::plain_file(&Os::default(), path).ok()?;
    let mut bytes = vec![0; usize::try_from(stat.len.min(END)).ok()?];
    let read = file.read_at(&mut bytes, stat.len.saturating_sub(END)).ok()?;
    bytes.truncate(read);
    Some((bytes, stat.modified?))
}
