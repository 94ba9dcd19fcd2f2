//! nginx's configuration as nginx reads it: words, quotes, comments, blocks and includes.
//!
//! Directives of any module are read and none is refused: modules are many, and nginx itself has judged its file. Of
//! all of it only the groups of upstreams are used yet.

mod access_log;
mod error;
mod keepalive;
mod load;
mod lua;
mod token;
mod upstream;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::access_log::{AccessLog, LoggedServer};
pub use self::error::ConfigError;
pub use self::load::{Place, Problem};
pub use self::upstream::{Keepalive, Upstream};

/// What one nginx was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NginxConfig {
    /// The groups of the `http` block, in the order of the files.
    pub upstreams: Vec<Upstream>,
    /// Servers to which connections are kept open, by how long an idle one is, and on which nginx does not repeat a
    /// POST: spelled as in [`Upstream::servers`].
    pub kept: BTreeMap<String, Duration>,
    /// Where FastCGI requests go: addresses as `$upstream_addr` has them, those of a group's servers for its name.
    pub fastcgi: BTreeSet<String>,
    /// The access logs of the `http` block, by their paths as nginx names them, each with the `server` blocks that write it.
    pub access_logs: Vec<AccessLog>,
    /// Includes that could not be read: there may be more of everything.
    pub problems: Vec<Problem>,
    /// Everything that was read, as paths of ours, with the directories that includes searched: when one of these
    /// changes, the configuration may have changed.
    pub files: Vec<PathBuf>,
}

/// Reads the configuration whose main file is `path`. `root` stands for `/` in it and all it includes.
///
/// # Errors
/// When the main file cannot be read, or nginx would refuse a file for its form. Unknown directives are no error, and an
/// include that cannot be read is one of the problems.
pub fn read(path: &Path, root: &Path) -> Result<NginxConfig, ConfigError> {
    let load::Loaded { main, files, problems } = load::load(path, root)?;
    let http: Vec<_> =
        main.into_iter().filter(|directive| directive.name == "http").flat_map(|http| http.block).collect();
    let upstreams: Vec<_> =
        http.iter().filter(|directive| directive.name == "upstream").map(Upstream::of).collect();
    let mut fastcgi = BTreeSet::new();
    fastcgi_targets(&http, &upstreams, &mut fastcgi);
    Ok(NginxConfig {
        // A server may be reached in another way from what could not be read.
        kept: if problems.is_empty() { keepalive::servers(&http, &upstreams) } else { BTreeMap::new() },
        access_logs: access_log::of_http(&http),
        upstreams,
        fastcgi,
        problems,
        files,
    })
}

/// What every `fastcgi_pass` leads to; one with a variable in it is left out.
fn fastcgi_targets(block: &[load::Directive], upstreams: &[Upstream], out: &mut BTreeSet<String>) {
    for directive in block {
        if directive.name == "fastcgi_pass" {
            match upstreams.iter().find(|upstream| upstream.name == directive.arg()) {
                Some(group) => out.extend(group.servers.iter().cloned()),
                None if directive.arg().contains('$') => {}
                None => _ = out.insert(upstream::logged(directive.arg())),
            }
        }
        fastcgi_targets(&directive.block, upstreams, out);
    }
}
