//! Clocks, files, a watcher and a store that are made up.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use crate::engine::Watch;
use crate::engine::clock::TimeSource;
use crate::engine::persist::Records;
use crate::engine::test_lines::MIDNIGHT;
use crate::source::files::{FileType, Files, LogFile, Stat};
use crate::view::View;

/// Time that passes when it is told to; and a little each time it is looked at.
pub(super) struct FakeTime {
    started: Instant,
    passed: Mutex<Duration>,
    pub(super) look: Mutex<Duration>,
}

impl FakeTime {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), passed: Mutex::default(), look: Mutex::default() }
    }

    pub(super) fn pass(&self, time: Duration) {
        *self.passed.lock().unwrap() += time;
    }
}

impl TimeSource for FakeTime {
    fn monotonic(&self) -> Instant {
        self.pass(*self.look.lock().unwrap());
        self.started + *self.passed.lock().unwrap()
    }

    fn wall(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(MIDNIGHT) + *self.passed.lock().unwrap()
    }
}

/// Files that only grow.
#[derive(Clone, Debug, Default)]
pub(super) struct FakeFiles(Arc<Mutex<BTreeMap<PathBuf, Grown>>>);

type Grown = Arc<Mutex<Vec<u8>>>;

impl FakeFiles {
    pub(super) fn append(&self, path: &str, text: &str) {
        let file = self.0.lock().unwrap().entry(path.into()).or_default().clone();
        file.lock().unwrap().extend_from_slice(text.as_bytes());
    }

    fn find(&self, path: &Path) -> io::Result<Open> {
        let files = self.0.lock().unwrap();
        let at = files.keys().position(|known| known == path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Open { number: at as u64, bytes: files[path].clone() })
    }
}

#[derive(Debug)]
struct Open {
    number: u64,
    bytes: Grown,
}

impl LogFile for Open {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.bytes.lock().unwrap();
        let rest = &bytes[bytes.len().min(offset as usize)..];
        let n = rest.len().min(room.len());
        room[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn stat(&self) -> io::Result<Stat> {
        let len = self.bytes.lock().unwrap().len() as u64;
        Ok(Stat { dev: 1, ino: self.number, len, kind: FileType::File, modified: None, created: None })
    }
}

impl Files for FakeFiles {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.find(path)?.stat()
    }

    fn lstat(&self, path: &Path) -> io::Result<Stat> {
        Files::stat(self, path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        Ok(Box::new(self.find(path)?))
    }

    fn list(&self, _: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.0.lock().unwrap().keys().cloned().collect())
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.find(path).map(|_| path.to_owned())
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(MIDNIGHT)
    }
}

/// What the watcher was told; an empty list is "nothing".
#[derive(Clone, Debug, Default)]
pub(super) struct FakeWatch(pub(super) Arc<Mutex<Vec<Vec<PathBuf>>>>);

impl Watch for FakeWatch {
    fn arm(&self, paths: Vec<PathBuf>) {
        self.0.lock().unwrap().push(paths);
    }

    fn disarm(&self) {
        self.arm(Vec::new());
    }
}

/// What the store was told.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) commits: usize,
    pub(super) record: Option<serde_json::Value>,
    pub(super) closed: bool,
    pub(super) distrusted: usize,
    pub(super) fails: bool,
    /// Who asked for a view: nothing may be answered before it is committed.
    pub(super) asked: Option<Receiver<Arc<View>>>,
}

#[derive(Clone, Default)]
pub(super) struct FakeStore(pub(super) Arc<Mutex<Stored>>);

impl Records for FakeStore {
    fn commit(&mut self, record: &[u8], _: Instant) -> Result<(), String> {
        let mut stored = self.0.lock().unwrap();
        stored.commits += 1;
        if let Some(asked) = &mut stored.asked {
            assert!(matches!(asked.try_recv(), Err(TryRecvError::Empty)), "answered before it was committed");
        }
        if stored.fails {
            return Err("the disk is full.".into());
        }
        stored.record = serde_json::from_slice(record).ok();
        Ok(())
    }

    fn distrust(&mut self) {
        self.0.lock().unwrap().distrusted += 1;
    }

    fn tick(&mut self, _: Instant) {}

    fn durable_failure(&self) -> Option<String> {
        None
    }

    fn close(self: Box<Self>, record: &[u8]) -> Result<(), String> {
        let mut stored = self.0.lock().unwrap();
        (stored.record, stored.closed) = (serde_json::from_slice(record).ok(), true);
        Ok(())
    }
}
