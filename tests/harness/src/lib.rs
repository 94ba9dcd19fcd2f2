//! What the tests and the demo share: real nginx, real PHP-FPM, peers that misbehave on purpose, clients that note what
//! they got, and the program under test.
//!
//! Nothing here knows an expected result. The demo uses it too, so it returns errors instead of panicking; only [`serve`],
//! which the demo does not use, panics.

#![allow(
    clippy::disallowed_methods,
    reason = "tests start programs and read lines; the exporter never does, which is what clippy.toml guards"
)]

pub mod account;
pub mod cgroup;
pub mod client;
pub mod exporter;
pub mod fpm;
pub mod launch;
pub mod nginx;
pub mod placeholders;
pub mod ports;
pub mod proc;
pub mod programs;
pub mod prometheus;
pub mod root;
pub mod serve;
pub mod upstream;
pub mod visitors;

pub use account::worker_account;
pub use programs::find_program;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

/// Any failure of the test's own machinery; the text says what was attempted.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Asks `probe` again and again until it has an answer; an error that names `what` after `within`.
///
/// Everything that takes time is waited for like this: a fixed pause would be too short on a busy machine
/// and too long on every other.
pub fn wait_for<T>(what: &str, within: Duration, mut probe: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = probe() {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            return Err(format!("{what}: not within {within:?}").into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A temporary directory that nginx's and FPM's unprivileged workers can enter too.
pub fn scratch_dir() -> Result<tempfile::TempDir> {
    let dir = tempfile::Builder::new().prefix("badgateway-lab-").tempdir()?;
    open_to_all(dir.path(), 0o755)?;
    Ok(dir)
}

/// Sets the mode of a file or directory.
pub fn open_to_all(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| format!("cannot set the mode of {}: {error}", path.display()).into())
}
