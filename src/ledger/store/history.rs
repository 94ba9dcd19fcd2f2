//! The last day, in a file of its own: it is for people, and larger than the counters, which every scrape commits.
//!
//! It is written once a minute, to another name first: a kill leaves the one before. It is not synced.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::disk::{Access, Disk, RealDisk, is_missing};
use super::error::{Reason, StoreError};
use super::record::{self, Record};
use crate::ledger::NOT_UNDERSTOOD;
use crate::view::{History, Mark, Minute};
use crate::vocabulary::Cause;

/// Its name, and that under which it is written.
const NAME: &str = "history";
const NEW: &str = "history.new";

/// Bytes at most.
pub const MOST: usize = 1 << 20;

/// A count above this is damage, and sums of what is below it fit.
const MOST_COUNTED: u64 = 1 << 40;

/// Minute, watched, answered, rescued, truncated, and failures by the place of their cause in `causes`.
type KeptMinute = (u64, bool, u64, u64, u64, Vec<(usize, u64)>);

/// What is in the file.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The words, once for all minutes.
    causes: Vec<Cause>,
    minutes: Vec<KeptMinute>,
    marks: Vec<Mark>,
}

impl Kept {
    fn of(history: &History) -> Self {
        let place = |cause: &Cause| Cause::ALL.iter().position(|known| known == cause).unwrap_or_default();
        let minute = |minute: &Minute| {
            let failed = minute.failed.iter().map(|(cause, count)| (place(cause), *count)).collect();
            (minute.at, minute.watched, minute.answered, minute.rescued, minute.truncated, failed)
        };
        Self {
            causes: Cause::ALL.to_vec(),
            minutes: history.minutes().map(minute).collect(),
            marks: history.marks().cloned().collect(),
        }
    }

    /// `None`: a failure has no cause, or a count is none. `now`: the present minute.
    fn into_history(self, now: u64) -> Option<History> {
        let causes = self.causes;
        let minute = |(at, watched, answered, rescued, truncated, failed): KeptMinute| {
            let mut counts = failed.iter().map(|(_, count)| *count).chain([answered, rescued, truncated]);
            if counts.any(|count| count > MOST_COUNTED) {
                return None;
            }
            let failed = failed.into_iter().map(|(place, count)| Some((*causes.get(place)?, count)));
            Some(Minute { at, watched, answered, rescued, truncated, failed: failed.collect::<Option<_>>()? })
        };
        if self.marks.iter().any(|mark| mark.count > MOST_COUNTED) {
            return None;
        }
        let minutes = self.minutes.into_iter().map(minute).collect::<Option<_>>()?;
        Some(History::resume(minutes, self.marks, now))
    }

    /// As JSON of at most [`MOST`] bytes less a line before it; what is oldest goes.
    fn encode(mut self) -> Vec<u8> {
        loop {
            let bytes = serde_json::to_vec(&self).unwrap_or_default();
            if bytes.len() <= MOST - 512 || (self.marks.is_empty() && self.minutes.is_empty()) {
                return bytes;
            }
            self.marks.drain(..self.marks.len().div_ceil(2));
            if self.marks.is_empty() {
                self.minutes.drain(..self.minutes.len().div_ceil(4));
            }
        }
    }
}

/// The file, in the state directory.
pub struct HistoryFile {
    disk: Box<dyn Disk>,
    encoded: Vec<u8>,
}

impl HistoryFile {
    /// Reads what was kept of the day before the minute `now`. One that is damaged is set aside, and its reason given.
    pub fn open(dir: &Path, now: u64) -> (Self, History, Option<&'static str>) {
        let file = Self { disk: Box::new(RealDisk::new(dir)), encoded: Vec::new() };
        let (history, reason) = match file.load(now) {
            Ok(history) => (history, None),
            Err(reason) => {
                let (path, bad) = (file.disk.path(NAME), format!("{NAME}.bad"));
                tracing::warn!(
                    "{} cannot be used ({reason}), so charts begin anew. It is set aside as *.bad",
                    path.display()
                );
                let _ = file.disk.rename(NAME, &bad);
                (History::default(), Some(reason))
            }
        };
        (file, history, reason)
    }

    fn load(&self, now: u64) -> Result<History, &'static str> {
        let unreadable = |_| Reason::Unreadable.word();
        let slot = match self.disk.open(NAME, Access::Read) {
            Ok(slot) => slot,
            Err(error) if is_missing(&error) => return Ok(History::default()),
            Err(error) => return Err(unreadable(error)),
        };
        if slot.size().map_err(unreadable)? > MOST as u64 {
            return Err(Reason::Unreadable.word());
        }
        let record = Record::load(&*slot).map_err(|broken| broken.reason.word())?;
        let kept: Kept = serde_json::from_slice(&record.into_payload()).map_err(|_| NOT_UNDERSTOOD)?;
        kept.into_history(now).ok_or(NOT_UNDERSTOOD)
    }

    /// Keeps it.
    ///
    /// # Errors
    /// What was attempted, and where. What was kept before stays.
    pub fn write(&mut self, history: &History) -> Result<(), StoreError> {
        record::encode(&mut self.encoded, 1, "", true, &Kept::of(history).encode());
        let disk = &*self.disk;
        let slot = disk.open(NEW, Access::Write).map_err(StoreError::io(disk, NEW, "open for writing"))?;
        slot.overwrite(&self.encoded).map_err(StoreError::io(disk, NEW, "write"))?;
        disk.rename(NEW, NAME).map_err(StoreError::io(disk, NEW, "rename"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{MINUTES, MOST_MARKS, MarkKind};
    use std::fs;

    const NOW: u64 = 29_919_730;

    fn full(count: u64, what: &str) -> History {
        let mut history = History::default();
        for minute in 0..MINUTES {
            history.watch(NOW - minute, MOST_COUNTED, true);
        }
        let minutes: Vec<Minute> = (history.minutes())
            .map(|minute| Minute {
                failed: Cause::ALL.iter().map(|cause| (*cause, count)).collect(),
                ..minute.clone()
            })
            .collect();
        let mark = |n: u64| Mark {
            at: (NOW - n % MINUTES) * 60,
            kind: MarkKind::Death,
            what: format!("{what}{n}"),
            count,
        };
        History::resume(minutes, (0..MOST_MARKS as u64).map(mark).collect(), NOW)
    }

    #[test]
    fn a_day_comes_back_and_a_bad_one_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let open = |now| HistoryFile::open(dir.path(), now);
        let (mut file, none, reason) = open(NOW);
        assert_eq!((none, reason), (History::default(), None));
        let history = full(312, "x");
        file.write(&history).unwrap();
        assert_eq!(open(NOW).1, history);
        let later = open(NOW + 60).1;
        assert_eq!(
            (later.minutes().count(), later.failed(120, NOW + 60)),
            (1380, 60 * 312 * Cause::ALL.len() as u64)
        );
        let whole = fs::read(dir.path().join(NAME)).unwrap();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let mut other = Vec::new();
        record::encode(
            &mut other,
            1,
            "",
            true,
            br#"{"causes":[],"minutes":[[29919730,true,0,0,0,[[7,1]]]],"marks":[]}"#,
        );
        let mut huge = Vec::new();
        record::encode(
            &mut huge,
            1,
            "",
            true,
            br#"{"causes":[],"minutes":[[29919730,true,18446744073709551615,0,0,[]]],"marks":[]}"#,
        );
        for (bytes, reason) in [
            (huge, "content"),
            (flipped, "checksum"),
            (whole[..whole.len() / 2].to_vec(), "truncated"),
            (Vec::new(), "truncated"),
            (vec![0; MOST + 1], "unreadable"),
            (other, "content"),
        ] {
            fs::write(dir.path().join(NAME), &bytes).unwrap();
            let (_, history, found) = open(NOW);
            assert_eq!((history, found), (History::default(), Some(reason)));
            assert_eq!(fs::read(dir.path().join("history.bad")).unwrap(), bytes);
        }
    }

    #[test]
    fn it_is_never_larger_than_a_mebibyte() {
        let dir = tempfile::tempdir().unwrap();
        let what = "\"".repeat(crate::label::LONGEST);
        for history in [full(1_000_000, &what), full(MOST_COUNTED, &what)] {
            let (mut file, ..) = HistoryFile::open(dir.path(), NOW);
            file.write(&history).unwrap();
            let length = fs::metadata(dir.path().join(NAME)).unwrap().len();
            assert!(length <= MOST as u64, "{length}");
            let (_, kept, reason) = HistoryFile::open(dir.path(), NOW);
            assert_eq!(reason, None);
            assert!(kept.failed(60, NOW) > 0, "the newest stay");
        }
    }
}
