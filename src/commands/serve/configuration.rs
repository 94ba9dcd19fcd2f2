//! The command line and the file that it names.

use std::path::{Path, PathBuf};

use crate::config::file::ConfigFile;
use crate::config::merge::{CommandLine, Merged};
use crate::config::problem::FileError;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{0}")]
    Together(#[from] clap::Error),
}

/// What this process was started with, and where what may have changed stands.
pub struct Configuration {
    line: CommandLine,
    /// `--config.file`
    pub(super) file: Option<PathBuf>,
    /// As it was at the start.
    pub(super) started: Merged,
}

impl Configuration {
    /// Reads the file, if one is named.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(super) fn load(file: Option<&Path>) -> Result<Self, ConfigurationError> {
        let line = CommandLine::of_process();
        let started = read(&line, file)?;
        Ok(Self { line, file: file.map(Path::to_owned), started })
    }

    /// As it is now.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(super) fn read(&self) -> Result<Merged, ConfigurationError> {
        read(&self.line, self.file.as_deref())
    }

    /// Says which keys of the file have no effect.
    pub(super) fn say_overridden(&self) {
        for key in &self.started.overridden {
            tracing::info!(
                "{} of the configuration has no effect: the command line or the environment has --{}",
                key.path,
                key.flag
            );
        }
    }
}

fn read(line: &CommandLine, file: Option<&Path>) -> Result<Merged, ConfigurationError> {
    let file = file.map(ConfigFile::read).transpose()?.unwrap_or_default();
    Ok(line.with(&file)?)
}
