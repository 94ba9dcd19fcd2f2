//! What a directory holds: the newest whole record, whether to trust it, and what is broken.

use super::disk::{Access, Disk, is_missing};
use super::error::Reason;
use super::mark;
use super::record::{Broken, Record};

/// Overwritten in turn at each commit, never synced: they survive kill -9.
pub(super) const LIVE: [&str; 2] = ["live-0", "live-1"];

/// Overwritten in turn every few seconds, and synced: they survive a power loss.
pub(super) const DURABLE: [&str; 2] = ["durable-0", "durable-1"];

/// A file that was not used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Its name within the directory. It is called `NAME.bad` now, unless that was not possible; an
    /// unfinished one and `mark` keep their names and are overwritten.
    pub file: String,
    /// Why it was not used.
    pub reason: Reason,
}

/// The outcome of looking at everything.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The newest whole record.
    pub(super) best: Option<Record>,
    /// Which live slot holds the newest whole record of the two.
    pub(super) live: Option<usize>,
    /// The highest sequence that is known to have been used.
    pub(super) highest: u64,
    /// Whether nothing newer than `best` can ever have been published.
    pub(super) trusted: bool,
    /// What was not used.
    pub(super) broken: Vec<SetAside>,
}

type Found = Result<Option<Record>, Broken>;

/// Reads one slot; `None` if there is none.
pub(super) fn load(disk: &dyn Disk, name: &str) -> Found {
    match disk.open(name, Access::Read) {
        Ok(slot) => Record::load(&*slot).map(Some),
        Err(error) if is_missing(&error) => Ok(None),
        Err(_) => Err(Broken::new(Reason::Unreadable)),
    }
}

/// Reads everything. Nothing is changed.
pub(super) fn read(disk: &dyn Disk, boot: &str) -> Survey {
    let mark = mark::read(disk);
    let marked = mark.as_ref().ok().copied().flatten();
    let mut survey = Survey { highest: marked.unwrap_or(0), ..Survey::default() };
    let mut live = LIVE.map(|name| load(disk, name));
    let mut durable = DURABLE.map(|name| load(disk, name));
    survey.live = newest(&live);

    let ours = |record: &Record| !boot.is_empty() && record.header.boot == boot;
    let reached = move |record: &Record| marked.is_some_and(|marked| record.header.sequence >= marked);
    // What a kill interrupts comes after everything that was published; so all of that must be there.
    let all = || live.iter().chain(&durable).filter_map(whole);
    let complete = marked == Some(0) || all().any(|record| ours(record) && reached(record));
    let best = all().map(|record| &record.header).max_by_key(|header| header.sequence);
    let ended = best.is_some_and(|best| best.clean && marked >= Some(best.sequence));
    let marked = marked.unwrap_or(0);
    for (name, found) in LIVE.iter().zip(&live) {
        survey.note(name, found, complete, marked);
    }
    for (at, name) in DURABLE.iter().enumerate() {
        // These follow at leisure, unless all is written and done.
        let other = whole(&durable[1 - at]).map_or(0, |record| record.header.sequence);
        survey.note(name, &durable[at], complete, if ended { marked } else { other.min(marked) });
    }
    if let Err(mut reason) = mark {
        if survey.broken.is_empty() && all().next().is_none() {
            // It is the first file that is written.
            reason = Reason::Unfinished;
        }
        survey.broken.push(SetAside { file: mark::NAME.into(), reason });
    }

    for slot in live.iter_mut().chain(&mut durable) {
        let Ok(Some(record)) = std::mem::replace(slot, Ok(None)) else { continue };
        survey.highest = survey.highest.max(record.header.sequence);
        let newer = |best: &Record| record.header.sequence > best.header.sequence;
        if survey.best.as_ref().is_none_or(newer) {
            survey.best = Some(record);
        }
    }
    survey.trusted =
        survey.best.as_ref().is_some_and(|best| reached(best) && (best.header.clean || ours(best)));
    survey
}

fn whole(found: &Found) -> Option<&Record> {
    found.as_ref().ok()?.as_ref()
}

/// Which of two slots holds the newest whole record.
pub(super) fn newest(pair: &[Found; 2]) -> Option<usize> {
    let sequence = |at: usize| whole(&pair[at]).map(|record| record.header.sequence);
    (0..2).filter(|at| sequence(*at).is_some()).max_by_key(|at| sequence(*at))
}

impl Survey {
    /// The sequence of the record to count on from; 0 if there is none.
    pub(super) fn trusted_sequence(&self) -> u64 {
        self.best.as_ref().filter(|_| self.trusted).map_or(0, |best| best.header.sequence)
    }

    /// Notes a broken slot. One that nothing was written to yet, or something newer than `since`, is what a
    /// kill leaves, provided that nothing else is missing.
    fn note(&mut self, name: &str, found: &Found, complete: bool, since: u64) {
        let Err(broken) = found else { return };
        let later = broken.header.as_ref().is_some_and(|header| header.sequence > since);
        let reason = if complete && (broken.empty || later) { Reason::Unfinished } else { broken.reason };
        self.broken.push(SetAside { file: name.into(), reason });
    }

    /// Gives what is broken another name, so that it can be looked at.
    ///
    /// What an interrupted write left is overwritten instead: it tells nobody anything, and on a full disk
    /// a file of the right size is worth keeping. A file that cannot be renamed will be overwritten, too.
    pub(super) fn set_aside(&self, disk: &dyn Disk) {
        for broken in &self.broken {
            if broken.reason != Reason::Unfinished && broken.file != mark::NAME {
                let _ = disk.rename(&broken.file, &format!("{}.bad", broken.file));
            }
        }
    }
}
