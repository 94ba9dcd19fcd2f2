//! A disk that remembers every operation, so that a kill or a power loss can be replayed at each of them.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::super::disk::Disk;
use super::power;

/// What was done, in order. A file is a number; names lead to numbers.
#[derive(Clone, Debug)]
pub(super) enum Op {
    MakeDir,
    Create {
        name: String,
        file: usize,
    },
    Write {
        file: usize,
        bytes: Vec<u8>,
    },
    Sync {
        file: usize,
        well: bool,
    },
    Rename {
        from: String,
        to: String,
    },
    SyncDir,
    /// No operation: what the test knows at this point.
    Note(Note),
}

/// Payloads are numbered by the test, in the order in which they are given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Note {
    Given(u32),
    Closing(u32),
    Published(u32),
    Durable(u32),
    /// What is before this point was decided by a power loss.
    Restarted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    MakeDir,
    Create,
    Open,
    Write,
    Sync,
    SyncDir,
    Rename,
}

/// What goes wrong for as long as it is set.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// These operations fail.
    On(&'static [Kind], i32),
    /// Nothing can be created and nothing can grow; a write is cut where the file ended.
    Full,
    /// The operation of this number fails, half done, and no other.
    Once(usize, i32),
}

#[derive(Default)]
pub(super) struct State {
    pub(super) history: Vec<Op>,
    pub(super) names: BTreeMap<String, usize>,
    pub(super) files: Vec<Vec<u8>>,
    pub(super) fault: Option<Fault>,
    /// Syncs of durable slots wait while this is set.
    pub(super) held: bool,
    /// Operations that could have failed so far.
    pub(super) count: usize,
    pub(super) handles: usize,
    pub(super) dir: bool,
}

#[derive(Clone, Default)]
pub(super) struct Sim(Arc<(Mutex<State>, Condvar)>);

impl Sim {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A disk on which all this has happened.
    pub(super) fn replay(history: &[Op]) -> Self {
        let sim = Self::default();
        sim.state().history.reserve(history.len());
        history.iter().for_each(|op| sim.state().apply(op.clone()));
        sim
    }

    pub(super) fn history(&self) -> Vec<Op> {
        self.state().history.clone()
    }

    /// Waits while syncs are held.
    pub(super) fn unheld(&self) -> MutexGuard<'_, State> {
        let held = |state: &mut State| state.held;
        self.0.1.wait_while(self.state(), held).unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, note: Note) {
        self.state().history.push(Op::Note(note));
    }

    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    pub(super) fn fault(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    pub(super) fn hold(&self, held: bool) {
        self.state().held = held;
        self.0.1.notify_all();
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.files[state.names[name]].clone()
    }

    /// Somebody else's doing: other contents for a file.
    pub(super) fn damage(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let file = state.names[name];
        state.files[file] = bytes;
    }

    /// Somebody deletes the directory.
    pub(super) fn delete_dir(&self) {
        let mut state = self.state();
        state.names.clear();
        state.dir = false;
    }

    /// The same disk, after a power loss at this point.
    pub(super) fn power_loss(history: &[Op], random: &mut power::Random) -> Self {
        Self::replay(&power::survivors(history, random))
    }
}

impl State {
    pub(super) fn apply(&mut self, op: Op) {
        match &op {
            Op::MakeDir => self.dir = true,
            Op::Create { name, file } => {
                self.dir = true;
                self.files.resize(self.files.len().max(file + 1), Vec::new());
                self.names.insert(name.clone(), *file);
            }
            Op::Write { file, bytes } => power::write_over(&mut self.files[*file], bytes),
            Op::Rename { from, to } => {
                let file = self.names.remove(from).unwrap();
                self.names.insert(to.clone(), file);
            }
            Op::Sync { .. } | Op::SyncDir | Op::Note(_) => {}
        }
        self.history.push(op);
    }

    /// Whether an operation fails. `Full` is up to each of them.
    pub(super) fn fails(&mut self, kind: Kind) -> io::Result<()> {
        self.count += 1;
        let error = io::Error::from_raw_os_error;
        match self.fault {
            Some(Fault::On(kinds, errno)) if kinds.contains(&kind) => Err(error(errno)),
            Some(Fault::Once(at, errno)) if at + 1 == self.count => Err(error(errno)),
            _ => Ok(()),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        matches!(self.fault, Some(Fault::Full))
    }
}
