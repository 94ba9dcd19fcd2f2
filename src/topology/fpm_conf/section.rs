//! Sections as statements fill them (`fpm_conf_ini_parser_section`, `_entry`, `_array` in main/fpm_conf.c).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::parse::Statement;
use super::settings::{ARRAYS, GLOBAL, Kind, POOL, check, find};

/// One section: what its directives say, checked, `$pool` replaced. The last one of a name wins.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) name: String,
    /// Where it was first opened.
    pub(super) file: PathBuf,
    pub(super) line: usize,
    values: HashMap<&'static str, String>,
}

impl Section {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The same, but nothing for an empty value.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty()).map(str::to_owned)
    }
}

/// `[global]` and the pools in the order in which they were first opened.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub(super) global: Section,
    pub(super) pools: Vec<Section>,
    /// None: `[global]`, which is also what stands before the first section. It is one state for all files: after an
    /// include, lines belong to the section that the included file opened last.
    current: Option<usize>,
}

/// What is left to do after a statement.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) include: Option<Vec<u8>>,
    pub(super) warning: Option<String>,
}

impl Sections {
    /// Takes one statement in, or says as a sentence why PHP-FPM would not.
    pub(super) fn apply(&mut self, statement: Statement, file: &Path, line: usize) -> Result<Done, String> {
        match statement {
            Statement::Section(name) => {
                self.open(text(&name), file, line);
                Ok(Done::default())
            }
            Statement::Entry(name, None) => Err(format!(
                "'{}' has no value. A comment starts with ';' ('#' was one before PHP 7).",
                text(&name)
            )),
            Statement::Entry(name, Some(pattern)) if name == b"include" => {
                Ok(Done { include: Some(pattern), warning: None })
            }
            Statement::Entry(name, Some(value)) => self.entry(&text(&name), text(&value)),
            Statement::Array(name, key, value) => self.array(&text(&name), &text(&key), text(&value)),
        }
    }

    fn open(&mut self, name: String, file: &Path, line: usize) {
        if name.eq_ignore_ascii_case("global") {
            self.current = None;
            return;
        }
        let known = self.pools.iter().position(|pool| pool.name.eq_ignore_ascii_case(&name));
        self.current = Some(known.unwrap_or_else(|| {
            self.pools.push(Section { name, file: file.to_path_buf(), line, values: HashMap::new() });
            self.pools.len() - 1
        }));
    }

    fn entry(&mut self, name: &str, value: String) -> Result<Done, String> {
        let table: &'static [(&'static str, Kind)] = if self.current.is_some() { &POOL } else { &GLOBAL };
        let Some((name, kind)) = find(table, name) else { return Ok(self.unknown(name)) };
        check(kind, &value).map_err(|complaint| format!("{name} = {value:?} {complaint}."))?;
        let value = if kind == Kind::Text { self.expand(value)? } else { value };
        let section = match self.current {
            Some(at) => &mut self.pools[at],
            None => &mut self.global,
        };
        section.values.insert(name, value);
        Ok(Done::default())
    }

    /// Keys in brackets set PHP, not the pool; they are checked and passed over.
    fn array(&mut self, name: &str, key: &str, value: String) -> Result<Done, String> {
        if self.current.is_none() {
            return Err(format!("{name}[{key}] belongs into the section of a pool, not into [global]."));
        }
        let Some((_, boolean)) = ARRAYS.iter().find(|(known, _)| *known == name) else {
            return Ok(self.unknown(&format!("{name}[{key}]")));
        };
        let suppress = name == "access.suppress_path";
        match () {
            () if suppress && !(key.is_empty() && value.starts_with('/')) => {
                Err(format!("{name}[] = takes no key and a value that starts with '/'."))
            }
            () if !suppress && key.is_empty() => Err(format!("{name}[] needs a key between the brackets.")),
            () if name == "env" && value.is_empty() => Err(format!("env[{key}] has no value.")),
            () if *boolean && check(Kind::Boolean, &value).is_err() => {
                Err(format!("{name}[{key}] = {value:?} is neither on nor off."))
            }
            () => self.expand(value).map(|_| Done::default()),
        }
    }

    /// A newer PHP-FPM may know it; if the one at hand did not, it would not run.
    fn unknown(&self, name: &str) -> Done {
        let section = self.current.map_or("global", |at| &self.pools[at].name);
        let warning = format!("PHP-FPM up to 8.4 knows no '{name}' in [{section}] and would not start.");
        Done { include: None, warning: Some(warning) }
    }

    /// `fpm_conf_expand_pool_name`.
    fn expand(&self, value: String) -> Result<String, String> {
        match self.current.map(|at| &self.pools[at].name) {
            _ if !value.contains("$pool") => Ok(value),
            None => Err("$pool has no meaning in [global].".to_owned()),
            // PHP-FPM would replace it for ever.
            Some(name) if name.contains("$pool") => Err("the pool's own name contains $pool.".to_owned()),
            Some(name) => Ok(value.replace("$pool", name)),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
