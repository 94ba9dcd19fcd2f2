//! PHP-FPM's configuration as PHP-FPM reads it.
//!
//! Two steps, as in its source: lines become sections (scan, parse, section, load), and then sections become pools
//! with defaults and full paths (this file; `fpm_conf_post_process` and `fpm_conf_process_all_pools` in
//! main/fpm_conf.c). What only matters when PHP-FPM starts is not checked: users that do not exist, directories that
//! are missing, spare servers that do not add up.

mod load;
mod parse;
mod pool;
mod scan;
mod section;
mod settings;
mod surroundings;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::pool::{Pm, Pool};
use self::section::Section;
pub use self::surroundings::Surroundings;
use super::config_error::{ConfigError, Place, Problem};
use super::loader::ConfigLimits;
use super::units::{atoi, fpm_seconds};

/// Where the master writes its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorLog {
    /// A file.
    File(PathBuf),
    /// `error_log = syslog`.
    Syslog,
}

/// What one PHP-FPM master was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FpmConfig {
    /// In the order of the files; empty only where part of it could not be read.
    pub pools: Vec<Pool>,
    /// Where the master writes its log.
    pub error_log: ErrorLog,
    /// The file with the master's process id.
    pub pid: Option<PathBuf>,
    /// How long workers get to finish at a stop or reload; 0, the default, is no time at all.
    pub process_control_timeout: Duration,
    /// Restart gracefully after so many crashes within the interval; 0 is never.
    pub emergency_restart_threshold: u32,
    /// The interval for the threshold.
    pub emergency_restart_interval: Duration,
    /// The most workers of all pools together; 0 is no limit.
    pub process_max: u32,
    /// How grave an entry of its log must be: `debug`, `notice` (the default), `warning`, `error` or `alert`.
    pub log_level: LogLevel,
    /// Everything that was read, as paths of ours, with the directories that includes searched, and what was missing: when
    /// one of these changes, the configuration may have changed.
    pub files: Vec<PathBuf>,
    /// What PHP-FPM only warns of, or what it may know better than we do.
    pub warnings: Vec<String>,
    /// Includes that could not be read, and what is beyond the limits: there may be more pools.
    pub problems: Vec<Problem>,
    /// Where each directive of `[global]` stands that counts, by its name.
    places: BTreeMap<&'static str, Place>,
}

/// `log_level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "they are PHP-FPM's words")]
pub enum LogLevel {
    Debug,
    Notice,
    Warning,
    Error,
    Alert,
}

impl LogLevel {
    fn of(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "debug" => Self::Debug,
            "warning" | "warn" => Self::Warning,
            "error" => Self::Error,
            "alert" => Self::Alert,
            _ => Self::Notice,
        }
    }
}

impl FpmConfig {
    /// Whether part of it could not be read.
    pub fn is_partial(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Every problem and every warning, as sentences.
    pub fn complaints(&self) -> impl Iterator<Item = &str> {
        self.problems
            .iter()
            .map(|problem| problem.text.as_str())
            .chain(self.warnings.iter().map(String::as_str))
    }

    /// Where a directive of `[global]` stands: `error_log`. `None`: it is not set.
    pub fn place_of(&self, directive: &str) -> Option<&Place> {
        self.places.get(directive)
    }
}

/// Reads the configuration whose main file is `path`. `root` stands for `/` in it and all it includes.
///
/// # Errors
/// When the main file cannot be read, or PHP-FPM would refuse a line. An include that cannot be read is one of the
/// problems.
pub fn read(path: &Path, root: &Path) -> Result<FpmConfig, ConfigError> {
    read_in(path, &Surroundings::guess(path, root), &ConfigLimits::default())
}

/// Reads a configuration with all that PHP-FPM knows from elsewhere.
///
/// # Errors
/// As [`read`].
pub fn read_in(path: &Path, around: &Surroundings, limits: &ConfigLimits) -> Result<FpmConfig, ConfigError> {
    let load::Loaded { sections, files, warnings, problems } = load::load(path, around, limits)?;
    let global = &sections.global;
    if sections.pools.is_empty() && problems.is_empty() {
        return Err(ConfigError::NoPool { path: path.to_path_buf() });
    }
    let mut pools = Vec::with_capacity(sections.pools.len());
    for section in &sections.pools {
        match Pool::build(section, around) {
            Ok(pool) => pools.push(pool),
            // What it lacks may be in what could not be read.
            Err(_) if !problems.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(FpmConfig {
        pools,
        error_log: match global.get("error_log").unwrap_or("log/php-fpm.log") {
            log if log.eq_ignore_ascii_case("syslog") => ErrorLog::Syslog,
            log => ErrorLog::File(around.under_state(log)),
        },
        log_level: global.get("log_level").map_or(LogLevel::Notice, LogLevel::of),
        pid: global.get("pid").map(|pid| around.under_state(pid)),
        process_control_timeout: time(global, "process_control_timeout"),
        emergency_restart_threshold: number(global, "emergency_restart_threshold"),
        emergency_restart_interval: time(global, "emergency_restart_interval"),
        process_max: number(global, "process.max"),
        places: global.places(),
        files,
        warnings,
        problems,
    })
}

/// A time, or 0: the default of all that we read. A negative one is as good as none.
fn time(section: &Section, name: &str) -> Duration {
    let seconds = section.get(name).and_then(fpm_seconds).unwrap_or(0);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// A number that is not negative, or 0.
fn number(section: &Section, name: &str) -> u32 {
    let number = section.get(name).map_or(0, |value| atoi(value.as_bytes()));
    u32::try_from(number).unwrap_or(0)
}
