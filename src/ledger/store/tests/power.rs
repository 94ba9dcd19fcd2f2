//! What a power loss leaves of a history: all that was synced, and of the rest whatever chance likes.

use std::collections::BTreeMap;

use super::sim::{Note, Op};

/// Small enough that a record has several: each is written as a whole or not at all.
const SECTOR: usize = 64;

/// splitmix64: the same traces in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    pub(super) fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

pub(super) fn write_over(file: &mut Vec<u8>, bytes: &[u8]) {
    file.resize(file.len().max(bytes.len()), 0);
    file[..bytes.len()].copy_from_slice(bytes);
}

#[derive(Clone, Default)]
struct File {
    /// What is on the disk for sure.
    synced: Vec<u8>,
    /// Writes since, oldest first; true: a sync of it failed, so that a later one says nothing about it.
    pending: Vec<(Vec<u8>, bool)>,
}

impl File {
    fn sync(&mut self, well: bool, random: &mut Random) {
        if !well {
            self.pending.iter_mut().for_each(|(_, doubtful)| *doubtful = true);
            return;
        }
        for (bytes, doubtful) in std::mem::take(&mut self.pending) {
            if doubtful {
                self.write(&bytes, random);
            } else {
                write_over(&mut self.synced, &bytes);
            }
        }
    }

    /// A write that was never synced: there, not there, cut, its length alone, or some of its sectors.
    fn write(&mut self, bytes: &[u8], random: &mut Random) {
        let file = &mut self.synced;
        match random.below(5) {
            0 => write_over(file, bytes),
            1 => {}
            2 => write_over(file, &bytes[..random.below(bytes.len() + 1)]),
            3 => file.resize(file.len().max(bytes.len()), 0),
            _ => {
                file.resize(file.len().max(bytes.len()), 0);
                for (at, sector) in bytes.chunks(SECTOR).enumerate() {
                    if random.chance(2) {
                        file[at * SECTOR..][..sector.len()].copy_from_slice(sector);
                    }
                }
            }
        }
    }
}

/// Names, as far as the directory has them on the disk.
#[derive(Default)]
struct Names {
    synced: BTreeMap<String, usize>,
    made: bool,
    pending: Vec<Op>,
}

impl Names {
    fn apply(&mut self, op: &Op) {
        match op {
            Op::MakeDir => self.made = true,
            Op::Create { name, file } => {
                self.synced.insert(name.clone(), *file);
            }
            Op::Rename { from, to } => {
                if let Some(file) = self.synced.remove(from) {
                    self.synced.insert(to.clone(), file);
                }
            }
            _ => {}
        }
    }
}

/// The history of a disk that holds what is left, all of it synced. Notes are kept.
pub(super) fn survivors(history: &[Op], random: &mut Random) -> Vec<Op> {
    let (mut files, mut names, mut notes) = (Vec::<File>::new(), Names::default(), Vec::new());
    for op in history {
        match op {
            Op::MakeDir | Op::Rename { .. } => names.pending.push(op.clone()),
            Op::Create { file, .. } => {
                files.resize(files.len().max(file + 1), File::default());
                names.pending.push(op.clone());
            }
            Op::Write { file, bytes } => files[*file].pending.push((bytes.clone(), false)),
            Op::Sync { file, well } => files[*file].sync(*well, random),
            Op::SyncDir => std::mem::take(&mut names.pending).iter().for_each(|op| names.apply(op)),
            Op::Note(_) => notes.push(op.clone()),
        }
    }

    // Mostly everything or nothing of the rest is lost; sometimes each piece has a fate of its own.
    let mood = random.below(4);
    let lost = |random: &mut Random| mood == 0 || (mood > 1 && random.chance(2));
    for op in std::mem::take(&mut names.pending) {
        if !lost(random) {
            names.apply(&op);
        }
    }
    for file in &mut files {
        for (bytes, _) in std::mem::take(&mut file.pending) {
            match mood {
                1 => write_over(&mut file.synced, &bytes),
                _ if lost(random) => {}
                _ => file.write(&bytes, random),
            }
        }
    }

    let mut left = notes;
    if names.made {
        left.push(Op::MakeDir);
        for (new, (name, old)) in names.synced.into_iter().enumerate() {
            left.push(Op::Create { name, file: new });
            left.push(Op::Write { file: new, bytes: files[old].synced.clone() });
            left.push(Op::Sync { file: new, well: true });
        }
        left.push(Op::SyncDir);
    }
    left.push(Op::Note(Note::Restarted));
    left
}
