//! Files, lines and includes (`fpm_conf_load_ini_file`, `fpm_conf_ini_parser_include` in main/fpm_conf.c).

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::parse;
use super::place::Place;
use super::section::Sections;
use crate::topology::rooted::Rooted;

/// PHP-FPM: "failed to include more than 5 files recursively"; the main file is the first.
const NESTING: usize = 5;
/// Bounds that PHP-FPM does not have; without them, nested patterns could multiply to 10,000^4 files.
const FILES: usize = 4_096;
const BYTES: u64 = 1 << 20;
const BYTES_IN_ALL: u64 = 64 << 20;

/// Everything that was read.
pub(super) struct Loaded {
    pub(super) sections: Sections,
    /// As paths of ours.
    pub(super) files: Vec<PathBuf>,
    pub(super) warnings: Vec<String>,
}

/// Reads `path` and all it includes.
pub(super) fn load(path: &Path, place: &Place) -> Result<Loaded, ConfigError> {
    let loaded = Loaded { sections: Sections::default(), files: Vec::new(), warnings: Vec::new() };
    let mut loader =
        Loader { place, rooted: Rooted::new(&place.root), main: path, depth: 0, count: 0, bytes: 0, loaded };
    loader.file(path, "")?;
    Ok(loader.loaded)
}

struct Loader<'a> {
    place: &'a Place,
    rooted: Rooted,
    main: &'a Path,
    depth: usize,
    count: usize,
    bytes: u64,
    loaded: Loaded,
}

impl Loader<'_> {
    fn file(&mut self, path: &Path, included: &str) -> Result<(), ConfigError> {
        let unreadable = |source| ConfigError::Unreadable {
            path: path.to_path_buf(),
            included: included.to_owned(),
            source,
        };
        let (real, text) = self.rooted.read(path, BYTES).map_err(unreadable)?;
        self.note(real);
        self.count += 1;
        self.bytes += text.len() as u64;
        let too_much = |limit| ConfigError::TooMuch { path: self.main.to_path_buf(), limit };
        if self.count > FILES {
            return Err(too_much("4096 files"));
        }
        if self.bytes > BYTES_IN_ALL {
            return Err(too_much("64 MiB"));
        }
        self.depth += 1;
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            self.line(path, number + 1, line)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn line(&mut self, file: &Path, number: usize, line: &[u8]) -> Result<(), ConfigError> {
        if line.is_empty() {
            return Ok(());
        }
        let problem = |problem| ConfigError::Line { file: file.to_path_buf(), line: number, problem };
        // PHP-FPM adds the newline and hands the line on as a C string, which a NUL ends.
        let mut text = line.to_vec();
        text.push(b'\n');
        text.truncate(text.iter().position(|&byte| byte == 0).unwrap_or(text.len()));
        let statements =
            parse::line(&text, &|name| self.place.lookup(name)).map_err(|parse::Unexpected(what)| {
                problem(format!("{what} is not expected here: quote the value if it belongs to it."))
            })?;
        let mut include = None;
        for statement in statements {
            let done = self.loaded.sections.apply(statement, file, number).map_err(problem)?;
            if let Some(warning) = done.warning {
                self.loaded.warnings.push(format!("{} line {number}: {warning}", file.display()));
            }
            if done.include.is_some() && std::mem::replace(&mut include, done.include).is_some() {
                return Err(problem("two includes stand in one line.".to_owned()));
            }
        }
        include.map_or(Ok(()), |pattern| self.include(file, number, &pattern))
    }

    fn include(&mut self, file: &Path, number: usize, pattern: &[u8]) -> Result<(), ConfigError> {
        let from = format!(", included by {} line {number}", file.display());
        let problem = |problem| ConfigError::Line { file: file.to_path_buf(), line: number, problem };
        let full = PathBuf::from(self.place.under_prefix(&String::from_utf8_lossy(pattern), None));
        let found = self.rooted.glob(full.as_os_str().as_bytes()).map_err(|source| {
            ConfigError::Unreadable { path: full.clone(), included: from.clone(), source }
        })?;
        found.searched.into_iter().for_each(|dir| self.note(dir));
        if found.files.is_empty() {
            // PHP-FPM says "Nothing matches the include pattern" and goes on. The file may come later: watch for it.
            self.note(self.rooted.resolve(&full).unwrap_or_else(|_| full.clone()));
            self.loaded.warnings.push(format!(
                "{} line {number}: nothing matches the include {}. PHP-FPM goes on without it; pools that it should hold do not exist.",
                file.display(),
                full.display()
            ));
        }
        if self.depth >= NESTING && !found.files.is_empty() {
            return Err(problem(format!(
                "includes nest deeper than {NESTING} files, or a file includes itself."
            )));
        }
        for path in found.files {
            self.file(&path, &from)?;
        }
        Ok(())
    }

    fn note(&mut self, path: PathBuf) {
        if !self.loaded.files.contains(&path) {
            self.loaded.files.push(path);
        }
    }
}
