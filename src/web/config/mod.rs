//! The web configuration file (`--web.config.file`): TLS, users, headers, a limit of requests. Its format is that of
//! Prometheus' exporter-toolkit, and so are the verdicts on good and bad files.

mod file;
mod peer;
mod reload;
mod tls;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use rustls::ServerConfig;

pub use crate::config::error::ConfigError;
use file::Sources;
pub(super) use reload::Current;

/// HTTP/2 in the names of protocols that TLS agrees on.
pub(super) const HTTP_2: &[u8] = b"h2";

/// A user's hash, of which the cost is known.
#[derive(Clone)]
pub(super) struct Hash {
    pub(super) text: String,
    pub(super) cost: u32,
}

/// How many requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// One each.
    pub(super) interval: Duration,
    /// So many at once.
    pub(super) burst: u32,
}

/// What a file says, with the certificates that it names.
#[derive(Default)]
pub(super) struct WebConfig {
    /// `None`: plain HTTP.
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Without users everybody is answered.
    pub(super) users: Arc<BTreeMap<String, Hash>>,
    pub(super) rate: Option<Rate>,
    /// What is accepted and has less effect than it may seem.
    pub(super) warnings: Vec<String>,
}

/// Reads a file and what it names.
fn load(path: &Path) -> (Sources, Result<WebConfig, ConfigError>) {
    let mut sources = Sources::default();
    let loaded = file::read(path, &mut sources).and_then(|text| {
        let parsed = file::parse(path, &text)?;
        let dir = path.parent().map(Path::to_path_buf).unwrap_or_default();
        build(&parsed, path, &dir, &mut sources)
    });
    (sources, loaded)
}

/// What is said of a file that can be used.
pub(super) fn check(path: &Path) -> Result<Vec<String>, ConfigError> {
    Ok(load(path).1?.warnings)
}

fn build(
    file: &file::File,
    path: &Path,
    dir: &Path,
    sources: &mut Sources,
) -> Result<WebConfig, ConfigError> {
    let at = file::At { path };
    let mut warnings = Vec::new();
    let users = file.users(at)?;
    if let Some((name, hash)) = users.iter().find(|(_, hash)| hash.cost > MOST_COST) {
        warnings.push(format!(
            "the hash of {name:?} has cost {}: each password that is tried takes seconds of a CPU; 10 to 12 do",
            hash.cost
        ));
    }
    let headers = file.headers(at)?;
    let tls = tls::build(file, at, &|name| resolve(dir, name), sources, &mut warnings)?;
    if tls.is_none() && !users.is_empty() {
        warnings.push("without tls_server_config passwords go over the network as they are".to_owned());
    }
    Ok(WebConfig { tls, headers, users: Arc::new(users), rate: file.rate(), warnings })
}

/// Above it a hash takes more than about a second.
const MOST_COST: u32 = 14;

/// Relative to the directory of the file.
fn resolve(dir: &Path, name: &str) -> PathBuf {
    dir.join(name)
}

#[cfg(test)]
mod tests;
