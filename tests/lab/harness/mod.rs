//! What every experiment of the lab stands on: real nginx, real PHP-FPM, peers that misbehave on purpose, clients that
//! write down what they saw, and the exporter under test.
//!
//! Nothing here knows an expected result. The tests and the demo share it, so it returns errors instead of panicking.

#[allow(dead_code, reason = "the demo does not")]
pub(crate) mod cgroup;
pub(crate) mod client;
pub(crate) mod exporter;
pub(crate) mod fpm;
pub(crate) mod nginx;
pub(crate) mod places;
pub(crate) mod proc;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Any failure of the lab itself; the text says what was attempted.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Asks `probe` again and again until it has an answer; an error that names `what` after `within`.
///
/// Everything in the lab that takes time is waited for like this: a fixed pause would be too short on a busy machine
/// and too long on every other.
pub(crate) fn wait_for<T>(what: &str, within: Duration, mut probe: impl FnMut() -> Option<T>) -> Result<T> {
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
pub(crate) fn scratch_dir() -> Result<tempfile::TempDir> {
    let dir = tempfile::Builder::new().prefix("badgateway-lab-").tempdir()?;
    open_to_all(dir.path(), 0o755)?;
    Ok(dir)
}

/// Sets the mode of a file or directory.
pub(crate) fn open_to_all(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| format!("cannot set the mode of {}: {error}", path.display()).into())
}

/// The first of `names` that is an executable of the usual system directories or of `$PATH`.
///
/// A name may end in `*`: Debian calls the program `php-fpm8.2`, others `php-fpm`, `php-fpm83`, `php8.3-fpm`.
pub(crate) fn find_program(names: &[&str], package: &str) -> Result<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let directories: Vec<&str> = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
        .into_iter()
        .chain(path.split(':').filter(|part| !part.is_empty()))
        .collect();
    for name in names {
        for directory in &directories {
            let Some(stem) = name.strip_suffix('*') else {
                let candidate = Path::new(directory).join(name);
                if candidate.is_file() {
                    return Ok(candidate);
                }
                continue;
            };
            let mut found: Vec<PathBuf> = fs::read_dir(directory)
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(stem))
                .map(|entry| entry.path())
                .collect();
            found.sort();
            if let Some(newest) = found.pop() {
                return Ok(newest);
            }
        }
    }
    Err(format!("{} is not installed (package {package}): run `sh tests/setup.sh`", names[0]).into())
}

/// The user and group that nginx's and FPM's workers run as when we are root; `None` when we are not.
pub(crate) fn worker_account() -> Option<(String, String)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let uid_line = status.lines().find(|line| line.starts_with("Uid:"))?;
    if uid_line.split_whitespace().nth(2) != Some("0") {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let groups = fs::read_to_string("/etc/group").ok()?;
    ["www-data", "nobody"].iter().find_map(|wanted| {
        let user = users.lines().map(|line| line.split(':')).find_map(|mut fields| {
            (fields.next() == Some(wanted)).then(|| fields.nth(2).unwrap_or("").to_owned())
        })?;
        let group = groups.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.get(2) == Some(&user.as_str())).then(|| fields[0].to_owned())
        })?;
        Some(((*wanted).to_owned(), group))
    })
}
