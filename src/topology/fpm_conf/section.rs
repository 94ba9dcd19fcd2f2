//! Sections as statements fill them (`fpm_conf_ini_parser_section`, `_entry`, `_array` in main/fpm_conf.c).

use std::collections::{BTreeMap, HashMap};

use super::parse::Statement;
use super::settings::{ARRAYS, GLOBAL, Kind, POOL, check, find};
use crate::topology::config_error::Place;

/// One section: what its directives say, checked, `$pool` replaced. The last one of a name wins.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) name: String,
    /// Where it was first opened; `None`: `[global]`, which need not be.
    pub(super) place: Option<Place>,
    values: BTreeMap<&'static str, (String, Place)>,
    /// `php_value` and `php_admin_value` by key; of both the latter holds.
    php: BTreeMap<String, (String, Place, bool)>,
}

impl Section {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|(value, _)| value.as_str())
    }

    /// The same, but nothing for an empty value.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// What PHP is told of a setting, and where.
    pub(super) fn php(&self, key: &str) -> Option<(&str, &Place)> {
        self.php.get(key).map(|(value, place, _)| (value.as_str(), place))
    }

    /// Where each directive stands that counts.
    pub(super) fn places(&self) -> BTreeMap<&'static str, Place> {
        self.values.iter().map(|(name, (_, place))| (*name, place.clone())).collect()
    }
}

/// `[global]` and the pools in the order in which they were first opened.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub(super) global: Section,
    pub(super) pools: Vec<Section>,
    /// By their names, which have no case.
    by_name: HashMap<String, usize>,
    /// It is one state for all files: after an include, lines belong to the section that the included file opened last.
    current: Current,
}

/// Whose the next lines are.
#[derive(Clone, Copy, Debug, Default)]
enum Current {
    /// `[global]`, which is also what stands before the first section.
    #[default]
    Global,
    Pool(usize),
    /// That of a file that could not be read.
    Unknown,
}

/// What is left to do after a statement.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) include: Option<Vec<u8>>,
    pub(super) warning: Option<String>,
}

impl Sections {
    /// Takes one statement in, or says as a sentence why PHP-FPM would not.
    pub(super) fn apply(&mut self, statement: Statement, at: &Place) -> Result<Done, String> {
        match statement {
            Statement::Section(name) => {
                self.open(text(&name), at);
                Ok(Done::default())
            }
            Statement::Entry(name, None) => Err(format!(
                "'{}' has no value. A comment starts with ';' ('#' was one before PHP 7).",
                text(&name)
            )),
            Statement::Entry(name, Some(pattern)) if name == b"include" => {
                Ok(Done { include: Some(pattern), warning: None })
            }
            _ if matches!(self.current, Current::Unknown) => Ok(Done::default()),
            Statement::Entry(name, Some(value)) => self.entry(&text(&name), text(&value), at),
            Statement::Array(name, key, value) => self.array(&text(&name), &text(&key), text(&value), at),
        }
    }

    /// The next lines belong to a section that is not known.
    pub(super) fn leave(&mut self) {
        self.current = Current::Unknown;
    }

    fn open(&mut self, name: String, at: &Place) {
        if name.eq_ignore_ascii_case("global") {
            self.current = Current::Global;
            return;
        }
        let pool = *self.by_name.entry(name.to_ascii_lowercase()).or_insert_with(|| {
            self.pools.push(Section { name, place: Some(at.clone()), ..Section::default() });
            self.pools.len() - 1
        });
        self.current = Current::Pool(pool);
    }

    /// The pool that is open.
    fn pool(&self) -> Option<&Section> {
        match self.current {
            Current::Pool(at) => self.pools.get(at),
            Current::Global | Current::Unknown => None,
        }
    }

    fn entry(&mut self, name: &str, value: String, at: &Place) -> Result<Done, String> {
        let table: &'static [(&'static str, Kind)] = if self.pool().is_some() { &POOL } else { &GLOBAL };
        let Some((name, kind)) = find(table, name) else { return Ok(self.unknown(name)) };
        check(kind, &value).map_err(|complaint| format!("{name} = {value:?} {complaint}."))?;
        let value = if kind == Kind::Text { self.expand(value)? } else { value };
        let section = match self.current {
            Current::Pool(at) => self.pools.get_mut(at),
            Current::Global | Current::Unknown => None,
        };
        section.unwrap_or(&mut self.global).values.insert(name, (value, at.clone()));
        Ok(Done::default())
    }

    /// Keys in brackets set PHP, not the pool.
    fn array(&mut self, name: &str, key: &str, value: String, at: &Place) -> Result<Done, String> {
        let Current::Pool(pool) = self.current else {
            return Err(format!("{name}[{key}] belongs into the section of a pool, not into [global]."));
        };
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
            () => {
                let value = self.expand(value)?;
                let admin = name == "php_admin_value";
                let php = self
                    .pools
                    .get_mut(pool)
                    .map(|pool| &mut pool.php)
                    .filter(|_| admin || name == "php_value");
                if let Some(php) = php.filter(|php| admin || php.get(key).is_none_or(|(.., admin)| !admin)) {
                    php.insert(key.to_owned(), (value, at.clone(), admin));
                }
                Ok(Done::default())
            }
        }
    }

    /// A newer PHP-FPM may know it; if the one at hand did not, it would not run.
    fn unknown(&self, name: &str) -> Done {
        let section = self.pool().map_or("global", |pool| &pool.name);
        let warning = format!("PHP-FPM up to 8.4 knows no '{name}' in [{section}] and would not start.");
        Done { include: None, warning: Some(warning) }
    }

    /// `fpm_conf_expand_pool_name`.
    fn expand(&self, value: String) -> Result<String, String> {
        match self.pool().map(|pool| &pool.name) {
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
