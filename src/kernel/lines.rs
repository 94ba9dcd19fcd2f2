//! The rows of a long procfs file, over one buffer that is used again.
//!
//! `/proc/net/unix` and its like have thousands of rows and are read several times a second: nothing is
//! allocated for a row.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::reading::{Reading, Unreadable};

/// Many times the longest row: a path of 108 bytes and its numbers.
const BUFFER: usize = 64 * 1024;

/// The buffer.
pub(super) struct Lines {
    buffer: Box<[u8]>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { buffer: vec![0; BUFFER].into() }
    }
}

impl Lines {
    /// Gives each row of the file to `row`, without its line feed.
    pub(super) fn each(&mut self, path: &Path, row: impl FnMut(&[u8])) -> Reading<()> {
        File::open(path).and_then(|file| self.of(file, row)).map_err(Unreadable::at(path))
    }

    fn of(&mut self, mut file: impl Read, mut row: impl FnMut(&[u8])) -> io::Result<()> {
        let buffer = &mut self.buffer;
        let mut kept = 0;
        loop {
            // No row of the kernel's is that long; what follows it is read again.
            if kept == buffer.len() {
                kept = 0;
            }
            let read = match file.read(&mut buffer[kept..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let filled = kept + read;
            if read == 0 {
                if kept > 0 {
                    row(&buffer[..kept]);
                }
                return Ok(());
            }
            let mut start = 0;
            for end in memchr::memchr_iter(b'\n', &buffer[..filled]) {
                row(&buffer[start..end]);
                start = end + 1;
            }
            buffer.copy_within(start..filled, 0);
            kept = filled - start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes a few at a time, as the kernel gives a page at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(to.len());
            to[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn rows_are_whole_however_they_are_read() {
        for at_a_time in 1..9 {
            let mut rows = Vec::new();
            let text = Trickle(b"one\n\nthree\nlast", at_a_time);
            Lines::default().of(text, |row| rows.push(String::from_utf8_lossy(row).into_owned())).unwrap();
            assert_eq!(rows, ["one", "", "three", "last"], "{at_a_time} bytes at a time");
        }
    }

    #[test]
    fn a_row_without_end_is_dropped_not_kept() {
        let mut text = vec![b'x'; 3 * BUFFER];
        text.extend(b"\nlast\n");
        let mut rows = Vec::new();
        Lines::default().of(text.as_slice(), |row| rows.push(row.to_vec())).unwrap();
        assert_eq!(rows.last().unwrap(), b"last");
        assert!(rows.iter().all(|row| row.len() < BUFFER));
    }
}
