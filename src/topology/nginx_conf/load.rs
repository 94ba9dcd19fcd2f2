//! Files, includes and blocks (`ngx_conf_parse` and `ngx_conf_include` in src/core/ngx_conf_file.c).

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::command::Command;
use super::token::{End, Run, Tokens};
use super::tree::{Builder, Tree};
use crate::topology::config_error::{ConfigError, Place, Problem, Program};
use crate::topology::loader::{ConfigLimits, Files};

/// What nginx calls the text of `-g`.
const COMMAND_LINE: &str = "command line";

/// Everything that was read.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) tree: Tree,
    /// As paths of ours.
    pub(super) files: Vec<PathBuf>,
    /// Includes that could not be read, and what is beyond the limits.
    pub(super) problems: Vec<Problem>,
}

/// Reads the main file and all it includes.
pub(super) fn load(command: &Command, root: &Path, limits: &ConfigLimits) -> Result<Loaded, ConfigError> {
    let main = &command.conf;
    let mut loader = Loader {
        files: Files::new(Program::Nginx, main, root, limits),
        main,
        limits,
        depth: 0,
        full: false,
        tree: Builder::default(),
        problems: Vec::new(),
    };
    let globals = command.globals.trim_end_matches([';', ' ']);
    if !globals.is_empty() {
        // nginx ends the last directive itself.
        let text = format!("{globals};");
        loader.text(Path::new(COMMAND_LINE), text.as_bytes())?;
    }
    let text = loader.files.read(main, None)?;
    loader.text(main, &text)?;
    Ok(Loaded { tree: loader.tree.tree(), files: loader.files.noted(), problems: loader.problems })
}

struct Loader<'a> {
    files: Files<'a>,
    main: &'a Path,
    limits: &'a ConfigLimits,
    depth: usize,
    /// A limit is reached: nothing more is taken in.
    full: bool,
    tree: Builder,
    problems: Vec<Problem>,
}

impl Loader<'_> {
    fn text(&mut self, path: &Path, text: &[u8]) -> Result<(), ConfigError> {
        let path = Arc::from(path);
        let file = self.tree.file(&path);
        self.body(&path, file, &mut Tokens::new(text), End::File)
    }

    /// Directives up to `until`: the end of a block or of a file, which may not stand for one another.
    fn body(
        &mut self,
        path: &Arc<Path>,
        file: u32,
        tokens: &mut Tokens<'_>,
        until: End,
    ) -> Result<(), ConfigError> {
        let at = |line| Place { file: Arc::clone(path), line };
        self.depth += 1;
        if self.depth > self.limits.nesting {
            let text = format!(
                "blocks and includes nest deeper than {}, or a file includes itself.",
                self.limits.nesting
            );
            return Err(self.files.line(at(tokens.line), text));
        }
        loop {
            let Run { words, end, line } = match tokens.run() {
                Ok(run) => run,
                Err(text) => return Err(self.files.line(at(tokens.line), text)),
            };
            let Some(name) = words.first() else {
                self.depth -= 1;
                let text = match end {
                    end if end == until => return Ok(()),
                    End::Close => "'}' is not expected here: no block is open.",
                    _ => "the file ends inside of a block: a '}' is missing.",
                };
                return Err(self.files.line(at(line), text.to_owned()));
            };
            if end == End::Statement && name == "include" && words.len() == 2 {
                if !self.full && !self.include(&at(line), &words[1])? {
                    // It stays, for that something is missing there.
                    self.push(&words, file, &at(line));
                }
                continue;
            }
            let pushed = self.push(&words, file, &at(line));
            if end == End::Open {
                if name.ends_with("_by_lua_block") {
                    tokens.skip_lua().map_err(|text| self.files.line(at(line), text))?;
                    continue;
                }
                if pushed {
                    self.tree.open();
                }
                self.body(path, file, tokens, End::Close)?;
                if pushed {
                    self.tree.close();
                }
            }
        }
    }

    fn push(&mut self, words: &[String], file: u32, place: &Place) -> bool {
        if self.full {
            return false;
        }
        let pushed = self.tree.len() < self.limits.directives && self.tree.push(words, file, place.line);
        if !pushed {
            let limit = format!("{} directives", self.limits.directives);
            self.miss(place, &ConfigLimits::too_much(self.main, limit));
            self.full = true;
        }
        pushed
    }

    /// False: not all of it could be read. That hides what the file holds and no more: an nginx that runs has read it, or
    /// what was there before.
    fn include(&mut self, at: &Place, name: &str) -> Result<bool, ConfigError> {
        // Relative to the main file, wherever the include stands (`ngx_conf_full_name` with `conf_prefix`).
        let full = self.main.parent().unwrap_or(Path::new("/")).join(name);
        let pattern = full.as_os_str().as_bytes();
        if !pattern.iter().any(|byte| b"*?[".contains(byte)) {
            return self.included(at, &full);
        }
        match self.files.glob(&full) {
            Ok(found) => {
                let mut complete = true;
                for path in found {
                    complete &= self.included(at, &path)?;
                }
                Ok(complete)
            }
            // A pattern may match nothing. What is missing may come later: watch for it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let fixed = pattern.split(|byte| b"*?[".contains(byte)).next().unwrap_or_default();
                let end = fixed.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                self.files.watch(Path::new(OsStr::from_bytes(&fixed[..end])));
                Ok(true)
            }
            Err(source) => {
                self.files.watch(&full);
                let error = self.files.unreadable(&full, Some(at), source);
                self.miss(at, &error);
                Ok(false)
            }
        }
    }

    fn included(&mut self, at: &Place, path: &Path) -> Result<bool, ConfigError> {
        if self.full {
            return Ok(false);
        }
        match self.files.read(path, Some(at)) {
            Ok(text) => self.text(path, &text).map(|()| true),
            Err(error) if error.hides_only_a_part() => {
                self.full |= matches!(error, ConfigError::TooMuch { .. });
                self.miss(at, &error);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn miss(&mut self, at: &Place, error: &ConfigError) {
        let unknown = match self.tree.block() {
            None => "It may hold directives of any kind.",
            Some("http" | "stream") => {
                "There may be more servers, upstream groups and log formats than these."
            }
            Some("upstream") => "The group may have more servers than these.",
            Some("map" | "geo" | "split_clients") => "The variable may have more values than these.",
            Some("server" | "location" | "if" | "limit_except") => {
                "The server may have other logs and lead to other addresses than these."
            }
            Some(_) => "The block may hold more than is known.",
        };
        self.problems.push(Problem { place: at.clone(), text: format!("{error} {unknown}") });
    }
}
