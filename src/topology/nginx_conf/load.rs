//! Files, includes and blocks (`ngx_conf_parse` and `ngx_conf_include` in src/core/ngx_conf_file.c).

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{io, mem};

use super::error::ConfigError;
use super::token::{End, Run, Tokens};
use crate::topology::rooted::Rooted;

/// Bounds that nginx does not have: it dies of an include without end.
const NESTING: usize = 64;
const FILES: usize = 4_096;
const BYTES: u64 = 16 << 20;
const BYTES_IN_ALL: u64 = 64 << 20;

/// Where a directive stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as nginx would name it.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
}

/// A file that could not be read. What it holds is not known; all else is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is included.
    pub place: Place,
    /// What is wrong and what to do, as sentences.
    pub text: String,
}

/// A directive, whether known or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) args: Vec<String>,
    /// What stands in its braces, includes resolved; empty without braces, and for Lua.
    pub(super) block: Vec<Directive>,
}

impl Directive {
    /// The first argument, or nothing.
    pub(super) fn arg(&self) -> &str {
        self.args.first().map_or("", String::as_str)
    }
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// What stands outside of all blocks.
    pub(super) main: Vec<Directive>,
    /// As paths of ours.
    pub(super) files: Vec<PathBuf>,
    /// Includes that could not be read.
    pub(super) problems: Vec<Problem>,
}

/// Reads `path` and all it includes.
pub(super) fn load(path: &Path, root: &Path) -> Result<Loaded, ConfigError> {
    let mut loader = Loader {
        rooted: Rooted::new(root),
        main: path,
        count: 0,
        bytes: 0,
        depth: 0,
        files: Vec::new(),
        problems: Vec::new(),
    };
    let mut main = Vec::new();
    loader.file(path, "", &mut main)?;
    Ok(Loaded { main, files: loader.files, problems: loader.problems })
}

struct Loader<'a> {
    rooted: Rooted,
    main: &'a Path,
    count: usize,
    bytes: u64,
    depth: usize,
    files: Vec<PathBuf>,
    problems: Vec<Problem>,
}

impl Loader<'_> {
    fn file(&mut self, path: &Path, included: &str, out: &mut Vec<Directive>) -> Result<(), ConfigError> {
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
        self.body(&Arc::from(path), &mut Tokens::new(&text), End::File, out)
    }

    /// Directives up to `until`: the end of a block or of a file, which may not stand for one another.
    fn body(
        &mut self,
        file: &Arc<Path>,
        tokens: &mut Tokens<'_>,
        until: End,
        out: &mut Vec<Directive>,
    ) -> Result<(), ConfigError> {
        let problem = |line, problem| ConfigError::Line { file: file.to_path_buf(), line, problem };
        self.depth += 1;
        if self.depth > NESTING {
            let text = format!("blocks and includes nest deeper than {NESTING}, or a file includes itself.");
            return Err(problem(tokens.line, text));
        }
        loop {
            let Run { mut words, end, line } = tokens.run().map_err(|text| problem(tokens.line, text))?;
            if words.is_empty() {
                self.depth -= 1;
                let text = match end {
                    end if end == until => return Ok(()),
                    End::Close => "'}' is not expected here: no block is open.",
                    _ => "the file ends inside of a block: a '}' is missing.",
                };
                return Err(problem(line, text.to_owned()));
            }
            let name = mem::take(&mut words[0]);
            words.remove(0);
            let place = Place { file: Arc::clone(file), line };
            let mut directive = Directive { place, name, args: words, block: Vec::new() };
            match end {
                End::Open if directive.name.ends_with("_by_lua_block") => {
                    tokens.skip_lua().map_err(|text| problem(line, text))?;
                }
                End::Open => self.body(file, tokens, End::Close, &mut directive.block)?,
                _ if directive.name == "include" && directive.args.len() == 1 => {
                    self.include(&directive.place, directive.arg(), out)?;
                    continue;
                }
                _ => {}
            }
            out.push(directive);
        }
    }

    fn include(&mut self, at: &Place, name: &str, out: &mut Vec<Directive>) -> Result<(), ConfigError> {
        let from = format!(", included by {} line {}", at.file.display(), at.line);
        // Relative to the main file, wherever the include stands (`ngx_conf_full_name` with `conf_prefix`).
        let full = self.main.parent().unwrap_or(Path::new("/")).join(name);
        let pattern = full.as_os_str().as_bytes();
        if !pattern.iter().any(|byte| b"*?[".contains(byte)) {
            return self.included(at, &full, &from, out);
        }
        let found = match self.rooted.glob(pattern) {
            Ok(found) => found,
            // A pattern may match nothing. What is missing may come later: watch for it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let fixed = pattern.split(|byte| b"*?[".contains(byte)).next().unwrap_or_default();
                let end = fixed.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                let dir = Path::new(std::ffi::OsStr::from_bytes(&fixed[..end]));
                self.note(self.rooted.resolve(dir).unwrap_or_else(|_| dir.to_path_buf()));
                return Ok(());
            }
            Err(source) => {
                self.miss(at, &full, &ConfigError::Unreadable { path: full.clone(), included: from, source });
                return Ok(());
            }
        };
        found.searched.into_iter().for_each(|dir| self.note(dir));
        found.files.iter().try_for_each(|path| self.included(at, path, &from, out))
    }

    /// A file that cannot be read hides what it holds and no more: nginx that runs has read it, or what was there
    /// before.
    fn included(
        &mut self,
        at: &Place,
        path: &Path,
        from: &str,
        out: &mut Vec<Directive>,
    ) -> Result<(), ConfigError> {
        let depth = self.depth;
        match self.file(path, from, out) {
            Err(error @ ConfigError::Unreadable { .. }) => {
                self.depth = depth;
                self.miss(at, path, &error);
                Ok(())
            }
            read => read,
        }
    }

    fn miss(&mut self, at: &Place, path: &Path, error: &ConfigError) {
        // It may come later: watch for it.
        self.note(self.rooted.resolve(path).unwrap_or_else(|_| path.to_path_buf()));
        self.problems.push(Problem { place: at.clone(), text: error.to_string() });
    }

    fn note(&mut self, path: PathBuf) {
        if !self.files.contains(&path) {
            self.files.push(path);
        }
    }
}
