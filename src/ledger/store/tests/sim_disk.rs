//! The simulated disk as the store sees it.

use std::io;
use std::path::{Path, PathBuf};

use super::super::disk::{Access, Disk, Slot};
use super::sim::{Fault, Kind, Op, Sim};

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
        let durable = self.name.starts_with("durable");
        let mut state = if durable { self.sim.unheld() } else { self.sim.state() };
        let result = state.fails(Kind::Sync);
        state.apply(Op::Sync { file: self.file, well: result.is_ok() });
        result
    }

    fn try_lock(&self) -> io::Result<bool> {
        Ok(true)
    }
}
