//! A directory with a log in it, a writer that may lag behind a rotation as nginx does, and a clock.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use badgateway::source::{Buffer, Follower, ReadFrom, Upto};
use tempfile::TempDir;

pub(crate) struct LogDir {
    pub(crate) dir: TempDir,
    pub(crate) now: Instant,
    pub(crate) buffer: Buffer,
}

impl LogDir {
    pub(crate) fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), now: Instant::now(), buffer: Buffer::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn append(&self, name: &str, bytes: impl AsRef<[u8]>) {
        writer(&self.path(name)).write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(crate) fn follow(&self, name: &str, from: ReadFrom) -> Follower {
        Follower::new(self.path(name), from, self.now)
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// What one poll yields: the lines, joined.
    pub(crate) fn poll(&mut self, follower: &mut Follower) -> String {
        follower.check(self.now);
        self.read(follower, Upto::End)
    }

    pub(crate) fn read(&mut self, follower: &mut Follower, upto: Upto) -> String {
        String::from_utf8(self.read_bytes(follower, upto)).unwrap()
    }

    pub(crate) fn read_bytes(&mut self, follower: &mut Follower, upto: Upto) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(block) = follower.read_block(&mut self.buffer, upto).unwrap() {
            assert!(block.is_empty() || block.ends_with(b"\n"), "a block is whole lines");
            all.extend_from_slice(block);
        }
        all
    }
}

/// A descriptor as nginx holds it: O_APPEND, created if need be.
pub(crate) fn writer(path: &Path) -> File {
    OpenOptions::new().append(true).create(true).open(path).unwrap()
}
