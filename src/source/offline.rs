//! Reads a log once, from beginning to end, for post-mortems: a file, a gzip, or stdin.

use std::io::{self, Cursor, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::buffer::Carry;
use super::files::{LogFile, Os, Sequential};
use super::{Buffer, OpenError, ReadError, Skipped, open};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Counts what is taken from the disk: progress is told in compressed bytes.
struct Counted {
    inner: Box<dyn Read + Send>,
    bytes: u64,
}

impl Read for Counted {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(room)?;
        self.bytes += n as u64;
        Ok(n)
    }
}

enum Input {
    Plain(Counted),
    /// logrotate and `cat a.gz b.gz` make files of several members.
    Gzip(Box<MultiGzDecoder<Counted>>),
}

/// A log read once from its beginning.
pub struct Offline {
    path: PathBuf,
    input: Input,
    total: Option<u64>,
    carry: Carry,
    /// Lines that were given back.
    rest: Vec<u8>,
    /// The end was reached or reading failed: nothing more will come.
    done: bool,
}

impl Offline {
    /// Opens a plain file, a gzip (known by its first bytes, whatever its name) or, for `-`, stdin.
    ///
    /// # Errors
    ///
    /// When it is missing, may not be read, or is no plain file.
    pub fn open(path: &Path) -> Result<Offline, OpenError> {
        if path == Path::new("-") {
            return Self::from_reader(path, io::stdin());
        }
        let (file, stat) = open::plain_file(&Os::default(), path)?;
        Self::from_file(path, file, stat.len)
    }

    /// Reads what `reader` yields, plain or gzip, as if it came from `path`.
    ///
    /// # Errors
    ///
    /// When its first bytes cannot be read.
    pub fn from_reader(path: &Path, reader: impl Read + Send + 'static) -> Result<Offline, OpenError> {
        Self::begin(path, Box::new(reader), None)
    }

    fn from_file(path: &Path, file: Box<dyn LogFile>, len: u64) -> Result<Offline, OpenError> {
        Self::begin(path, Box::new(Sequential::new(file)), Some(len))
    }

    fn begin(
        path: &Path,
        mut reader: Box<dyn Read + Send>,
        total: Option<u64>,
    ) -> Result<Offline, OpenError> {
        let mut magic = Vec::new();
        (&mut reader)
            .take(GZIP_MAGIC.len() as u64)
            .read_to_end(&mut magic)
            .map_err(|error| OpenError::from_io(path, "read", error))?;
        let gzip = magic == GZIP_MAGIC;
        let whole = Counted { inner: Box::new(Cursor::new(magic).chain(reader)), bytes: 0 };
        let input =
            if gzip { Input::Gzip(Box::new(MultiGzDecoder::new(whole))) } else { Input::Plain(whole) };
        let (path, carry, rest) = (path.to_path_buf(), Carry::default(), Vec::new());
        Ok(Offline { path, input, total, carry, rest, done: false })
    }

    /// The next block of whole lines, each ending in `\n`, never empty; `None` at the end. An unterminated
    /// last line is given its newline.
    ///
    /// # Errors
    ///
    /// When reading or decompressing fails. What came before has been yielded, and `None` follows.
    pub fn read_block<'b>(&mut self, buf: &'b mut Buffer) -> Result<Option<&'b [u8]>, ReadError> {
        if !self.rest.is_empty() {
            return Ok(Some(buf.put(std::mem::take(&mut self.rest))));
        }
        Ok(self.next_lines(buf)?.map(|range| buf.hold(range)))
    }

    /// Lines that were read and not taken come again.
    pub fn give_back(&mut self, buf: &Buffer) {
        self.rest = buf.lines().to_vec();
    }

    fn next_lines(&mut self, buf: &mut Buffer) -> Result<Option<Range<usize>>, ReadError> {
        while !self.done {
            let gap = self.carry.len();
            let block = buf.block();
            let room = buf.room(gap + block).get_mut(gap..gap + block).unwrap_or_default();
            let result = match &mut self.input {
                Input::Plain(plain) => plain.read(room),
                Input::Gzip(gzip) => gzip.read(room),
            };
            let n = match result {
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    self.done = true;
                    return Err(self.failure(source));
                }
            };
            let lines = if n == 0 {
                self.done = true;
                self.carry.flush(buf)
            } else {
                self.carry.join(buf, gap, n)
            };
            if lines.is_some() {
                return Ok(lines);
            }
        }
        Ok(None)
    }

    fn failure(&self, source: io::Error) -> ReadError {
        let (path, offset) = (self.path.clone(), self.position());
        match self.input {
            Input::Plain(_) => ReadError::Io { path, offset, source },
            Input::Gzip(_) => ReadError::Gzip { path, offset, source },
        }
    }

    /// Bytes consumed so far, of the compressed form if there is one: for a progress bar.
    pub fn position(&self) -> u64 {
        match &self.input {
            Input::Plain(plain) => plain.bytes,
            Input::Gzip(gzip) => gzip.get_ref().bytes,
        }
    }

    /// Bytes on disk when it was opened; `None` for stdin.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lines passed over for their length.
    pub fn skipped(&self) -> Skipped {
        self.carry.skipped()
    }
}
