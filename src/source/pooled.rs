//! More logs than may be open: a file that was opened long ago is closed, and opened again when it is asked for its bytes. It
//! is known by device and inode, and by its head and tail, which the follower compares at each read; when its name leads
//! elsewhere, it is looked for among the rotated files.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use super::files::{Files, LogFile, Stat};
use super::identity::FileId;

/// A file system of whose logs at most so many are open.
#[derive(Debug, Clone)]
pub struct Pooled {
    inner: Arc<dyn Files>,
    open: Arc<Mutex<OpenFiles>>,
}

/// Open files, the one that was opened first in front.
#[derive(Debug)]
struct OpenFiles {
    most: usize,
    files: VecDeque<Weak<Entry>>,
}

/// A log, open or not.
struct Entry {
    files: Arc<dyn Files>,
    /// Beside this its rotated files are.
    live: PathBuf,
    id: FileId,
    state: Mutex<State>,
}

struct State {
    /// Where it was last.
    path: PathBuf,
    file: Option<Arc<dyn LogFile>>,
}

/// What a follower holds.
#[derive(Debug)]
struct Handle {
    entry: Arc<Entry>,
    open: Arc<Mutex<OpenFiles>>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("id", &self.id).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pooled {
    /// Of these files at most `most` logs are open at a time, and at least one.
    pub fn new(inner: Arc<dyn Files>, most: usize) -> Self {
        Self { inner, open: Arc::new(Mutex::new(OpenFiles { most: most.max(1), files: VecDeque::new() })) }
    }
}

impl OpenFiles {
    fn add(&mut self, entry: &Arc<Entry>) {
        while self.files.len() >= self.most
            && let Some(first) = self.files.pop_front()
        {
            if let Some(entry) = first.upgrade() {
                lock(&entry.state).file = None;
            }
        }
        self.files.push_back(Arc::downgrade(entry));
    }

    fn forget(&mut self, entry: &Arc<Entry>) {
        self.files.retain(|other| other.as_ptr() != Arc::as_ptr(entry));
    }
}

impl Entry {
    /// Looks for it where it was, then among what is named like its rotated files.
    fn find(&self, path: &Path) -> io::Result<(PathBuf, Arc<dyn LogFile>)> {
        if let Some(file) = self.is_at(path)? {
            return Ok((path.to_owned(), file));
        }
        if let Some(file) = self.is_at(&self.live)? {
            return Ok((self.live.clone(), file));
        }
        for sibling in self.files.beside(&self.live)? {
            // One that may not be read may be it: that is said, instead of giving it up.
            let is_it = self.files.lstat(&sibling).is_ok_and(|stat| FileId::of(&stat) == self.id);
            if is_it && let Some(file) = self.is_at(&sibling)? {
                return Ok((sibling, file));
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    fn is_at(&self, path: &Path) -> io::Result<Option<Arc<dyn LogFile>>> {
        match self.files.stat(path) {
            Ok(stat) if FileId::of(&stat) == self.id => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        let file: Arc<dyn LogFile> = self.files.open(path)?.into();
        Ok((FileId::of(&file.stat()?) == self.id).then_some(file))
    }
}

impl Handle {
    fn file(&self) -> io::Result<Arc<dyn LogFile>> {
        let path = {
            let state = lock(&self.entry.state);
            if let Some(file) = &state.file {
                return Ok(file.clone());
            }
            state.path.clone()
        };
        // Room first: opening must not fail for want of it.
        lock(&self.open).add(&self.entry);
        match self.entry.find(&path) {
            Ok((path, file)) => {
                *lock(&self.entry.state) = State { path, file: Some(file.clone()) };
                Ok(file)
            }
            Err(error) => {
                lock(&self.open).forget(&self.entry);
                Err(error)
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        lock(&self.open).forget(&self.entry);
    }
}

impl LogFile for Handle {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file()?.read_at(room, offset)
    }

    /// Of one that is closed, what is at its path tells.
    fn stat(&self) -> io::Result<Stat> {
        let path = {
            let state = lock(&self.entry.state);
            if let Some(file) = &state.file {
                return file.stat();
            }
            state.path.clone()
        };
        match self.entry.files.stat(&path) {
            Ok(stat) if FileId::of(&stat) == self.entry.id => Ok(stat),
            _ => self.file()?.stat(),
        }
    }

    fn next_data(&self, offset: u64) -> Option<u64> {
        self.file().ok()?.next_data(offset)
    }
}

impl Files for Pooled {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.inner.stat(path)
    }

    fn lstat(&self, path: &Path) -> io::Result<Stat> {
        self.inner.lstat(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        self.inner.open(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.inner.list(dir)
    }

    fn beside(&self, live: &Path) -> io::Result<Vec<PathBuf>> {
        self.inner.beside(live)
    }

    fn keep(&self, live: &Path, at: &Path, stat: &Stat, file: Box<dyn LogFile>) -> Box<dyn LogFile> {
        let place = |path: &Path| self.inner.resolve(path).unwrap_or_else(|_| path.to_owned());
        let state = Mutex::new(State { path: place(at), file: Some(file.into()) });
        let entry =
            Arc::new(Entry { files: self.inner.clone(), live: place(live), id: FileId::of(stat), state });
        lock(&self.open).add(&entry);
        Box::new(Handle { entry, open: self.open.clone() })
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.inner.resolve(path)
    }

    fn now(&self) -> SystemTime {
        self.inner.now()
    }
}
