//! PHP-FPM's configuration as PHP-FPM reads it.
//!
//! Two steps, as in its source: lines become sections (scan, parse, section, load), and then sections become pools
//! with defaults and full paths (this file; `fpm_conf_post_process` and `fpm_conf_process_all_pools` in
//! main/fpm_conf.c). What only matters when PHP-FPM starts is not checked: users that do not exist, directories that
//! are missing, spare servers that do not add up.

mod error;
mod load;
mod parse;
mod place;
mod pool;
mod scan;
mod section;
mod settings;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::error::ConfigError;
pub use self::place::Place;
pub use self::pool::{Pm, Pool};
use self::section::Section;
use self::settings::seconds;

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
    /// In the order of the files; never empty.
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
    /// Everything that was read, as paths of ours, with the directories that includes searched: when one of these
    /// changes, the configuration may have changed.
    pub files: Vec<PathBuf>,
    /// What PHP-FPM only warns of, or what it may know better than we do.
    pub warnings: Vec<String>,
}

/// Reads the configuration whose main file is `path`. `root` stands for `/` in it and all it includes.
pub fn read(path: &Path, root: &Path) -> Result<FpmConfig, ConfigError> {
    read_in(path, &Place::guess(path, root))
}

/// Reads a configuration with all that PHP-FPM knows from elsewhere.
pub fn read_in(path: &Path, place: &Place) -> Result<FpmConfig, ConfigError> {
    let load::Loaded { sections, files, warnings } = load::load(path, place)?;
    let global = &sections.global;
    if sections.pools.is_empty() {
        return Err(ConfigError::NoPool { path: path.to_path_buf() });
    }
    let pools = sections.pools.iter().map(|section| Pool::build(section, place));
    Ok(FpmConfig {
        pools: pools.collect::<Result<_, _>>()?,
        error_log: match global.get("error_log").unwrap_or("log/php-fpm.log") {
            log if log.eq_ignore_ascii_case("syslog") => ErrorLog::Syslog,
            log => ErrorLog::File(place.under_state(log)),
        },
        pid: global.get("pid").map(|pid| place.under_state(pid)),
        process_control_timeout: time(global, "process_control_timeout"),
        emergency_restart_threshold: number(global, "emergency_restart_threshold"),
        emergency_restart_interval: time(global, "emergency_restart_interval"),
        process_max: number(global, "process.max"),
        files,
        warnings,
    })
}

/// A time, or 0: the default of all that we read. A negative one is as good as none.
fn time(section: &Section, name: &str) -> Duration {
    let seconds = section.get(name).and_then(seconds).unwrap_or(0);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// A number that is not negative, or 0.
fn number(section: &Section, name: &str) -> u32 {
    let number = section.get(name).map_or(0, |value| parse::atoi(value.as_bytes()));
    u32::try_from(number).unwrap_or(0)
}
