//! A disk that remembers every operation, so that a kill or a power loss can be replayed at each of them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::super::disk::{Access, Disk, Slot};
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
    dir: bool,
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
    fn apply(&mut self, op: Op) {
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
    fn fails(&mut self, kind: Kind) -> io::Result<()> {
        self.count += 1;
        let error = io::Error::from_raw_os_error;
        match self.fault {
            Some(Fault::On(kinds, errno)) if kinds.contains(&kind) => Err(error(errno)),
            Some(Fault::Once(at, errno)) if at + 1 == self.count => Err(error(errno)),
            _ => Ok(()),
        }
    }

    fn is_full(&self) -> bool {
        matches!(self.fault, Some(Fault::Full))
    }
}

impl Disk for Sim {
    fn path(&self, name: &str) -> PathBuf {
        Path::new("/state").join(name)
    }

    fn make_dir(&self) -> io::Result<()> {
        let mut state = self.state();
        state.fails(Kind::MakeDir)?;
        state.apply(Op::MakeDir);
        Ok(())
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn Slot>> {
        let mut state = self.state();
        let known = state.names.get(name).copied();
        if access == Access::Write {
            state.fails(if known.is_some() { Kind::Open } else { Kind::Create })?;
        }
        let file = match known {
            Some(file) => file,
            None if access == Access::Read || !state.dir => return Err(io::ErrorKind::NotFound.into()),
            None if state.is_full() => return Err(io::ErrorKind::StorageFull.into()),
            None => {
                let file = state.files.len();
                state.apply(Op::Create { name: name.into(), file });
                file
            }
        };
        state.handles += 1;
        Ok(Box::new(Handle { sim: self.clone(), name: name.into(), file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.fails(Kind::Rename)?;
        state.apply(Op::Rename { from: from.into(), to: to.into() });
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.state();
        state.fails(Kind::SyncDir)?;
        state.apply(Op::SyncDir);
        Ok(())
    }
}

struct Handle {
    sim: Sim,
    name: String,
    file: usize,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.sim.state().handles -= 1;
    }
}

impl Slot for Handle {
    fn in_place(&self) -> bool {
        self.sim.state().names.get(&self.name) == Some(&self.file)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.sim.state().files[self.file].len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.sim.state();
        let rest = &state.files[self.file][offset as usize..];
        let got = rest.len().min(buffer.len());
        buffer[..got].copy_from_slice(&rest[..got]);
        Ok(got)
    }

    fn overwrite(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.sim.state();
        let failed = state.fails(Kind::Write);
        let end = state.files[self.file].len();
        let (cut, result) = match failed {
            Err(error) if matches!(state.fault, Some(Fault::Once(..))) => (bytes.len() / 2, Err(error)),
            Err(error) => return Err(error),
            Ok(()) if state.is_full() && bytes.len() > end => (end, Err(io::ErrorKind::StorageFull.into())),
            Ok(()) => (bytes.len(), Ok(())),
        };
        state.apply(Op::Write { file: self.file, bytes: bytes[..cut].to_vec() });
        result
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.sim.state();
        while state.held && self.name.starts_with("durable") {
            state = self.sim.0.1.wait(state).unwrap();
        }
        let result = state.fails(Kind::Sync);
        state.apply(Op::Sync { file: self.file, well: result.is_ok() });
        result
    }

    fn try_lock(&self) -> io::Result<bool> {
        Ok(true)
    }
}
