//! The files that are measured, and the truth about them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::world::World;
use crate::world::access::Format;

/// 2026-11-20 12:00:00 UTC.
const START: i64 = 1_795_176_000;

/// What an ideal reader would find.
#[derive(Default)]
pub(crate) struct Truth {
    pub(crate) access_lines: u64,
    /// Physical lines.
    pub(crate) error_lines: u64,
    /// Failed responses by cause.
    pub(crate) failed: BTreeMap<&'static str, u64>,
    /// Entries that tell of a failed attempt.
    pub(crate) attempts: u64,
}

/// Logs on disk; gone when dropped.
pub(crate) struct Logs {
    pub(crate) name: &'static str,
    pub(crate) access: Option<PathBuf>,
    pub(crate) error: Option<PathBuf>,
    pub(crate) truth: Truth,
}

impl Drop for Logs {
    fn drop(&mut self) {
        for path in self.paths() {
            // What stays goes with the directory.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Logs {
    /// Leaves the files where they are.
    pub(crate) fn keep(mut self) {
        (self.access, self.error) = (None, None);
    }

    /// All of it.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.access.iter().chain(&self.error).map(PathBuf::as_path)
    }

    pub(crate) fn lines(&self) -> u64 {
        self.truth.access_lines + self.truth.error_lines
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.paths().map(|path| std::fs::metadata(path).expect("a log's size").len()).sum()
    }

    /// An access log alone.
    pub(crate) fn access(name: &'static str, dir: &Path, format: Format, lines: u64) -> Self {
        let path = dir.join("access.log");
        let (mut file, mut world, mut truth) = (create(&path), World::new(START, 2_000), Truth::default());
        let mut line = Vec::new();
        for _ in 0..lines {
            world.serve();
            truth.saw(&world);
            world.access_line(format, &mut line);
            put(&mut file, &mut line);
        }
        finish(file);
        Self { name, access: Some(path), error: None, truth }
    }

    /// An error log alone.
    pub(crate) fn error(name: &'static str, dir: &Path, lines: u64) -> Self {
        let path = dir.join("error.log");
        let (mut file, mut world, mut truth) = (create(&path), World::new(START, 100), Truth::default());
        let mut entry = Vec::new();
        while truth.error_lines < lines {
            world.trouble();
            world.error_entry(&mut entry);
            truth.error_lines += memchr::memchr_iter(b'\n', &entry).count() as u64;
            truth.attempts += u64::from(world.now.kind.is_some_and(|kind| !kind.cause.is_empty()));
            put(&mut file, &mut entry);
        }
        finish(file);
        Self { name, access: None, error: Some(path), truth }
    }

    /// An access log and the error log that belongs to it.
    pub(crate) fn pair(name: &'static str, dir: &Path, lines: u64) -> Self {
        let (access, error) = (dir.join("access.log"), dir.join("error.log"));
        let (mut access_file, mut error_file) = (create(&access), create(&error));
        let (mut world, mut truth) = (World::new(START, 2_000), Truth::default());
        let (mut line, mut entries) = (Vec::new(), Vec::new());
        for _ in 0..lines {
            both(&mut world, &mut line, &mut entries);
            truth.saw(&world);
            truth.error_lines += memchr::memchr_iter(b'\n', &entries).count() as u64;
            put(&mut access_file, &mut line);
            put(&mut error_file, &mut entries);
        }
        finish(access_file);
        finish(error_file);
        Self { name, access: Some(access), error: Some(error), truth }
    }
}

/// The next request's access line, and what stands in the error log before it.
pub(crate) fn both(world: &mut World, line: &mut Vec<u8>, entries: &mut Vec<u8>) {
    world.serve();
    world.error_entry(entries);
    if let Some(noise) = world.noise() {
        world.noise_entry(noise, entries);
    }
    world.access_line(Format::Text, line);
}

impl Truth {
    fn saw(&mut self, world: &World) {
        self.access_lines += 1;
        let now = &world.now;
        let cause = now.kind.map_or("", |kind| kind.cause);
        self.attempts += u64::from(!cause.is_empty());
        if now.status >= 500 {
            *self.failed.entry(if cause.is_empty() { "upstream_status" } else { cause }).or_default() += 1;
        }
    }
}

fn create(path: &Path) -> BufWriter<File> {
    BufWriter::with_capacity(1 << 20, File::create(path).expect("a new log"))
}

fn put(file: &mut BufWriter<File>, line: &mut Vec<u8>) {
    file.write_all(line).expect("room for the logs");
    line.clear();
}

fn finish(mut file: BufWriter<File>) {
    file.flush().expect("room for the logs");
}
