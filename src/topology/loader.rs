//! The files of one configuration: read within bounds, and noted, so that a change of any of them is seen.

use std::collections::HashSet;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::config_error::{ConfigError, Place, Program};
use super::rooted::Rooted;
use crate::config::flags::ConfigLimitArgs;

/// How much of a configuration is read. Neither nginx nor PHP-FPM has such bounds; they die of an include without end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigLimits {
    /// The longest file, in bytes.
    pub file: u64,
    /// All files together, in bytes; one that is included twice counts twice.
    pub bytes: u64,
    /// The number of files.
    pub files: usize,
    /// How deep includes and blocks may nest; PHP-FPM has a bound of its own.
    pub nesting: usize,
    /// The number of nginx's directives.
    pub directives: usize,
    /// The number of PHP-FPM's pools.
    pub pools: usize,
}

impl Default for ConfigLimits {
    fn default() -> Self {
        Self { file: 1 << 20, bytes: 8 << 20, files: 4_096, nesting: 64, directives: 1 << 19, pools: 16_384 }
    }
}

impl From<&ConfigLimitArgs> for ConfigLimits {
    fn from(args: &ConfigLimitArgs) -> Self {
        Self { file: args.config_file_bytes, bytes: args.config_bytes, ..Self::default() }
    }
}

impl ConfigLimits {
    pub(super) fn too_much(main: &Path, limit: impl Into<String>) -> ConfigError {
        ConfigError::TooMuch { path: main.to_path_buf(), limit: limit.into() }
    }
}

/// Reads the files of one configuration.
pub(super) struct Files<'a> {
    program: Program,
    rooted: Rooted,
    main: &'a Path,
    limits: &'a ConfigLimits,
    count: usize,
    bytes: u64,
    /// In the order in which they were read.
    noted: Vec<PathBuf>,
    known: HashSet<PathBuf>,
}

impl<'a> Files<'a> {
    pub(super) fn new(program: Program, main: &'a Path, root: &Path, limits: &'a ConfigLimits) -> Self {
        let rooted = Rooted::new(root);
        Self { program, rooted, main, limits, count: 0, bytes: 0, noted: Vec::new(), known: HashSet::new() }
    }

    /// The text of a file.
    pub(super) fn read(&mut self, path: &Path, included: Option<&Place>) -> Result<Vec<u8>, ConfigError> {
        if self.count >= self.limits.files {
            return Err(ConfigLimits::too_much(self.main, format!("{} files", self.limits.files)));
        }
        self.count += 1;
        let (real, text) = self.rooted.read(path, self.limits.file).map_err(|source| {
            self.watch(path);
            self.unreadable(path, included, source)
        })?;
        self.note(real);
        self.bytes += text.len() as u64;
        if self.bytes > self.limits.bytes {
            return Err(ConfigLimits::too_much(self.main, format!("{} bytes", self.limits.bytes)));
        }
        Ok(text)
    }

    /// The files that a pattern matches.
    pub(super) fn glob(&mut self, pattern: &Path) -> io::Result<Vec<PathBuf>> {
        let found = self.rooted.glob(pattern.as_os_str().as_bytes())?;
        found.searched.into_iter().for_each(|dir| self.note(dir));
        Ok(found.files)
    }

    pub(super) fn unreadable(&self, path: &Path, included: Option<&Place>, source: io::Error) -> ConfigError {
        ConfigError::Unreadable {
            program: self.program,
            path: path.to_path_buf(),
            included: included.cloned(),
            source,
        }
    }

    pub(super) fn line(&self, place: Place, problem: String) -> ConfigError {
        ConfigError::Line { program: self.program, place, problem }
    }

    /// Notes what is missing: it may come later.
    pub(super) fn watch(&mut self, path: &Path) {
        self.note(self.rooted.resolve(path).unwrap_or_else(|_| path.to_path_buf()));
    }

    fn note(&mut self, path: PathBuf) {
        if self.known.insert(path.clone()) {
            self.noted.push(path);
        }
    }

    /// Every file that was read, every directory that was searched, and what was missing, as paths of ours.
    pub(super) fn noted(self) -> Vec<PathBuf> {
        self.noted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_for_each_file_and_for_all_together() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            std::fs::write(dir.path().join(name), "12345678").unwrap();
        }
        let read = |limits: ConfigLimits| {
            let mut files = Files::new(Program::Nginx, Path::new("/a"), dir.path(), &limits);
            let read = ["/a", "/b", "/c", "/a"].map(|path| files.read(Path::new(path), None));
            let errors = read.iter().map(|read| read.as_ref().err().map(ToString::to_string));
            (errors.map(Option::unwrap_or_default).collect::<Vec<_>>(), files.noted().len())
        };
        let all = ConfigLimits { file: 8, bytes: 32, files: 4, ..ConfigLimits::default() };
        assert_eq!(read(all.clone()).0, [""; 4]);
        let (errors, noted) = read(ConfigLimits { file: 7, ..all.clone() });
        assert!(errors.iter().all(|error| error.contains("longer than 7 bytes")), "{errors:?}");
        assert_eq!(noted, 3, "what is too long now may be shorter later");
        assert!(
            read(ConfigLimits { bytes: 31, ..all.clone() }).0[3].contains("/a includes more than 31 bytes")
        );
        assert!(read(ConfigLimits { files: 3, ..all }).0[3].contains("/a includes more than 3 files"));
    }
}
