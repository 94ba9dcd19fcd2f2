//! A file system in memory: one directory whose inode numbers are reused at once, a clock that jumps, files
//! that cannot be read for a while.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use badgateway::source::files::{FileType, Files, LogFile, Stat};

pub(crate) const DIR: &str = "/logs";

/// The kernel stamps files with a clock that runs in ticks.
pub(crate) const TICK: Duration = Duration::from_millis(10);

#[derive(Debug, Clone)]
enum Entry {
    File(u64),
    Symlink(String),
}

#[derive(Debug)]
struct Inode {
    bytes: Vec<u8>,
    born: SystemTime,
    modified: SystemTime,
    /// Open descriptors.
    handles: usize,
    fails: bool,
}

#[derive(Debug)]
struct Disk {
    names: BTreeMap<PathBuf, Entry>,
    inodes: BTreeMap<u64, Inode>,
    now: SystemTime,
    keeps_births: bool,
    /// Last change of the directory.
    modified: SystemTime,
}

/// Clones share the disk.
#[derive(Debug, Clone)]
pub(crate) struct Memory(Arc<Mutex<Disk>>);

/// An open file, for reading or appending.
#[derive(Debug)]
pub(crate) struct Handle {
    disk: Memory,
    ino: u64,
}

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

impl Disk {
    fn stamp(&self) -> SystemTime {
        let since = self.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.now - Duration::from_nanos((since.as_nanos() % TICK.as_nanos()) as u64)
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Entry::File(ino)) => Ok(*ino),
            Some(Entry::Symlink(to)) => self.find(&self::path(to)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn create(&mut self, bytes: Vec<u8>) -> u64 {
        let ino = (2..).find(|ino| !self.inodes.contains_key(ino)).unwrap();
        let (born, modified) = (self.stamp(), self.stamp());
        self.inodes.insert(ino, Inode { bytes, born, modified, handles: 0, fails: false });
        ino
    }

    fn link(&mut self, name: &str, entry: Entry) {
        self.names.insert(path(name), entry);
        self.modified = self.stamp();
        self.sweep();
    }

    /// Frees the numbers of files that have neither a name nor a descriptor.
    fn sweep(&mut self) {
        let names = &self.names;
        let is_named = |ino| names.values().any(|entry| matches!(entry, Entry::File(named) if *named == ino));
        self.inodes.retain(|ino, inode| inode.handles > 0 || is_named(*ino));
    }

    fn stat(&self, ino: u64) -> Stat {
        let inode = &self.inodes[&ino];
        Stat {
            dev: 1,
            ino,
            len: inode.bytes.len() as u64,
            kind: FileType::File,
            modified: Some(inode.modified),
            created: self.keeps_births.then_some(inode.born),
        }
    }
}

impl Memory {
    pub(crate) fn new(keeps_births: bool) -> Self {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_000_000_007);
        let (names, inodes) = Default::default();
        Self(Arc::new(Mutex::new(Disk { names, inodes, now, keeps_births, modified: now })))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.disk().now += time;
    }

    /// The clock is set; times of files stay what they are.
    pub(crate) fn set_clock(&self, now: SystemTime) {
        self.disk().now = now;
    }

    /// As nginx opens a log: created if need be.
    pub(crate) fn writer(&self, name: &str) -> Handle {
        let mut disk = self.disk();
        let ino = disk.find(&path(name)).unwrap_or_else(|_| {
            let ino = disk.create(Vec::new());
            let target = match disk.names.get(&path(name)) {
                Some(Entry::Symlink(to)) => to.clone(),
                _ => name.to_owned(),
            };
            disk.link(&target, Entry::File(ino));
            ino
        });
        disk.inodes.get_mut(&ino).unwrap().handles += 1;
        Handle { disk: self.clone(), ino }
    }

    /// A new file; one that has the name is unlinked.
    pub(crate) fn write(&self, name: &str, bytes: Vec<u8>) {
        let mut disk = self.disk();
        let ino = disk.create(bytes);
        disk.link(name, Entry::File(ino));
    }

    /// What gzip does: another file, with the time of the last write of the one it replaces.
    pub(crate) fn gzip(&self, name: &str) {
        use std::io::Write;
        let (bytes, modified) = {
            let disk = self.disk();
            let inode = &disk.inodes[&disk.find(&path(name)).unwrap()];
            (inode.bytes.clone(), inode.modified)
        };
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
        encoder.write_all(&bytes).unwrap();
        self.write(&format!("{name}.gz"), encoder.finish().unwrap());
        let mut disk = self.disk();
        let ino = disk.find(&path(&format!("{name}.gz"))).unwrap();
        disk.inodes.get_mut(&ino).unwrap().modified = modified;
        drop(disk);
        self.remove(name);
    }

    pub(crate) fn copy(&self, from: &str, to: &str) {
        let disk = self.disk();
        let bytes = disk.inodes[&disk.find(&path(from)).unwrap()].bytes.clone();
        drop(disk);
        self.write(to, bytes);
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        let mut disk = self.disk();
        let entry = disk.names.remove(&path(from)).unwrap();
        disk.link(to, entry);
    }

    pub(crate) fn remove(&self, name: &str) {
        let mut disk = self.disk();
        disk.names.remove(&path(name)).unwrap();
        disk.modified = disk.stamp();
        disk.sweep();
    }

    pub(crate) fn symlink(&self, to: &str, name: &str) {
        self.disk().link(name, Entry::Symlink(to.to_owned()));
    }

    pub(crate) fn truncate(&self, name: &str) {
        let mut disk = self.disk();
        let (ino, modified) = (disk.find(&path(name)).unwrap(), disk.stamp());
        let inode = disk.inodes.get_mut(&ino).unwrap();
        (inode.bytes, inode.modified) = (Vec::new(), modified);
    }

    /// From now on reads of the file end in EIO, until [`Memory::heal`].
    pub(crate) fn fail(&self, name: &str) {
        let mut disk = self.disk();
        let ino = disk.find(&path(name)).unwrap();
        disk.inodes.get_mut(&ino).unwrap().fails = true;
    }

    pub(crate) fn heal(&self) {
        self.disk().inodes.values_mut().for_each(|inode| inode.fails = false);
    }
}

impl Handle {
    pub(crate) fn append(&self, text: &str) {
        let mut disk = self.disk.disk();
        let modified = disk.stamp();
        let inode = disk.inodes.get_mut(&self.ino).unwrap();
        inode.bytes.extend_from_slice(text.as_bytes());
        inode.modified = modified;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut disk = self.disk.disk();
        disk.inodes.get_mut(&self.ino).unwrap().handles -= 1;
        disk.sweep();
    }
}

impl LogFile for Handle {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.disk.disk();
        let inode = &disk.inodes[&self.ino];
        if inode.fails {
            return Err(io::Error::from_raw_os_error(5));
        }
        let rest = inode.bytes.get(offset as usize..).unwrap_or_default();
        let n = rest.len().min(room.len());
        room[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn stat(&self) -> io::Result<Stat> {
        Ok(self.disk.disk().stat(self.ino))
    }
}

impl Files for Memory {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let disk = self.disk();
        if path == Path::new(DIR) {
            let (modified, created) = (Some(disk.modified), None);
            return Ok(Stat { dev: 1, ino: 1, len: 0, kind: FileType::Directory, modified, created });
        }
        Ok(disk.stat(disk.find(path)?))
    }

    fn lstat(&self, path: &Path) -> io::Result<Stat> {
        let stat = Files::stat(self, path)?;
        let is_symlink = matches!(self.disk().names.get(path), Some(Entry::Symlink(_)));
        Ok(if is_symlink { Stat { kind: FileType::Symlink, ..stat } } else { stat })
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let mut disk = self.disk();
        let ino = disk.find(path)?;
        disk.inodes.get_mut(&ino).unwrap().handles += 1;
        Ok(Box::new(Handle { disk: self.clone(), ino }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        assert_eq!(dir, Path::new(DIR));
        Ok(self.disk().names.keys().cloned().collect())
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let disk = self.disk();
        disk.find(path)?;
        Ok(match disk.names.get(path) {
            Some(Entry::Symlink(to)) => self::path(to),
            _ => path.to_path_buf(),
        })
    }

    fn now(&self) -> SystemTime {
        self.disk().now
    }
}
