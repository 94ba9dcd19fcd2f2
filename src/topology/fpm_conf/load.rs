//! Files, lines and includes (`fpm_conf_load_ini_file`, `fpm_conf_ini_parser_include` in main/fpm_conf.c).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::parse;
use super::section::Sections;
use super::surroundings::Surroundings;
use crate::topology::config_error::{ConfigError, Place, Problem, Program};
use crate::topology::loader::{ConfigLimits, Files};

/// PHP-FPM: "failed to include more than 5 files recursively"; the main file is the first.
const NESTING: usize = 5;

/// Everything that was read.
pub(super) struct Loaded {
    pub(super) sections: Sections,
    /// As paths of ours.
    pub(super) files: Vec<PathBuf>,
    pub(super) warnings: Vec<String>,
    /// Includes that could not be read, and what is beyond the limits.
    pub(super) problems: Vec<Problem>,
}

/// Reads `path` and all it includes.
pub(super) fn load(path: &Path, around: &Surroundings, limits: &ConfigLimits) -> Result<Loaded, ConfigError> {
    let mut loader = Loader {
        around,
        files: Files::new(Program::Fpm, path, &around.root, limits),
        main: path,
        limits,
        depth: 0,
        full: false,
        sections: Sections::default(),
        warnings: Vec::new(),
        problems: Vec::new(),
    };
    let text = loader.files.read(path, None)?;
    loader.text(path, &text)?;
    let Loader { files, sections, warnings, problems, .. } = loader;
    Ok(Loaded { sections, files: files.noted(), warnings, problems })
}

struct Loader<'a> {
    around: &'a Surroundings,
    files: Files<'a>,
    main: &'a Path,
    limits: &'a ConfigLimits,
    depth: usize,
    /// A limit is reached: nothing more is taken in.
    full: bool,
    sections: Sections,
    warnings: Vec<String>,
    problems: Vec<Problem>,
}

impl Loader<'_> {
    fn text(&mut self, path: &Path, text: &[u8]) -> Result<(), ConfigError> {
        let file: Arc<Path> = path.into();
        self.depth += 1;
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            if self.full {
                break;
            }
            self.line(&Place { file: Arc::clone(&file), line: number + 1 }, line)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn line(&mut self, at: &Place, line: &[u8]) -> Result<(), ConfigError> {
        if line.is_empty() {
            return Ok(());
        }
        // PHP-FPM adds the newline and hands the line on as a C string, which a NUL ends.
        let mut text = line.to_vec();
        text.push(b'\n');
        text.truncate(text.iter().position(|&byte| byte == 0).unwrap_or(text.len()));
        let statements =
            parse::line(&text, &|name| self.around.lookup(name)).map_err(|parse::Unexpected(what)| {
                let problem = format!("{what} is not expected here: quote the value if it belongs to it.");
                self.files.line(at.clone(), problem)
            })?;
        let mut include = None;
        for statement in statements {
            let done = match self.sections.apply(statement, at) {
                Ok(done) => done,
                Err(problem) => return Err(self.files.line(at.clone(), problem)),
            };
            if let Some(warning) = done.warning {
                self.warnings.push(format!("{at}: {warning}"));
            }
            if done.include.is_some() && std::mem::replace(&mut include, done.include).is_some() {
                return Err(self.files.line(at.clone(), "two includes stand in one line.".to_owned()));
            }
        }
        if self.sections.pools.len() > self.limits.pools {
            self.sections.pools.truncate(self.limits.pools);
            let limit = format!("{} pools", self.limits.pools);
            self.miss(at, &ConfigLimits::too_much(self.main, limit));
        }
        include.map_or(Ok(()), |pattern| self.include(at, &pattern))
    }

    fn include(&mut self, at: &Place, pattern: &[u8]) -> Result<(), ConfigError> {
        let full = PathBuf::from(self.around.under_prefix(&String::from_utf8_lossy(pattern), None));
        let found = match self.files.glob(&full) {
            Ok(found) => found,
            Err(source) => {
                self.files.watch(&full);
                let error = self.files.unreadable(&full, Some(at), source);
                self.miss(at, &error);
                return Ok(());
            }
        };
        if found.is_empty() {
            // PHP-FPM says "Nothing matches the include pattern" and goes on. The file may come later: watch for it.
            self.files.watch(&full);
            self.warnings.push(format!(
                "{at}: nothing matches the include {}. PHP-FPM goes on without it; pools that it should hold do not exist.",
                full.display()
            ));
        }
        if self.depth >= NESTING && !found.is_empty() {
            let problem = format!("includes nest deeper than {NESTING} files, or a file includes itself.");
            return Err(self.files.line(at.clone(), problem));
        }
        for path in found {
            if self.full {
                break;
            }
            match self.files.read(&path, Some(at)) {
                Ok(text) => self.text(&path, &text)?,
                Err(error) if error.hides_only_a_part() => self.miss(at, &error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A file that cannot be read hides what it holds and no more: a PHP-FPM that runs has read it, or what was there
    /// before.
    fn miss(&mut self, at: &Place, error: &ConfigError) {
        self.full |= matches!(error, ConfigError::TooMuch { .. });
        // Lines behind the include belong to the section that it opened last.
        self.sections.leave();
        let text =
            format!("{error} There may be more pools than these, and other settings of PHP-FPM as a whole.");
        self.problems.push(Problem { place: at.clone(), text });
    }
}
