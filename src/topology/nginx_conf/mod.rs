//! nginx's configuration as nginx reads it: words, quotes, comments, blocks and includes; and what it says of servers,
//! logs and where requests go.
//!
//! Directives of any module are read and none is refused: modules are many, and nginx itself has judged its file.

mod command;
mod keepalive;
mod load;
mod log;
mod log_file;
mod lua;
mod pass;
mod server;
mod token;
mod tree;
mod upstream;
mod variable;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::command::Command;
pub use self::log::{AccessLog, ErrorLog, Escape, LogFormat, LogTarget, Severity};
pub use self::log_file::LogFile;
pub use self::pass::{Pass, Protocol, Target};
pub use self::server::{Level, Listen, Server};
pub use self::tree::{Directive, DirectiveId, Tree};
pub use self::upstream::{Keepalive, Upstream};
use super::config_error::{ConfigError, Problem};
use super::loader::ConfigLimits;

/// What one nginx was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NginxConfig {
    /// Every directive with its place.
    pub tree: Tree,
    /// The `http` block.
    pub http: Side,
    /// The `stream` block, whose logs and upstreams are not those of `http`.
    pub stream: Side,
    /// The logs of the main level: the master's own entries, and all that no inner level has logs for. Never empty.
    pub error_logs: Vec<ErrorLog>,
    /// Servers to which connections are kept open, by how long an idle one is, and on which nginx does not repeat a
    /// POST: spelled as in [`Upstream::servers`]. None where part of the configuration could not be read.
    pub kept: BTreeMap<String, Duration>,
    /// Includes that could not be read, and what is beyond the limits: there may be more of everything.
    pub problems: Vec<Problem>,
    /// Everything that was read, as paths of ours, with the directories that includes searched, and what was missing: when
    /// one of these changes, the configuration may have changed.
    pub files: Vec<PathBuf>,
}

/// `http` or `stream`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// In the order of the files.
    pub servers: Vec<Server>,
    /// Groups of upstreams, in the order of the files.
    pub upstreams: Vec<Upstream>,
    /// In the order of the files; `combined` is built in, and not among them.
    pub log_formats: Vec<LogFormat>,
    /// Where requests go.
    pub passes: Vec<Pass>,
}

impl Side {
    /// The group of that name.
    pub fn upstream(&self, name: &str) -> Option<&Upstream> {
        self.upstreams.iter().find(|upstream| upstream.is_named(name))
    }

    /// The format of that name.
    pub fn log_format(&self, name: &str) -> Option<&LogFormat> {
        self.log_formats.iter().find(|format| format.name == name)
    }

    /// What the logs may call an upstream: the groups, their servers, and the addresses to which requests go.
    pub fn upstream_names(&self) -> impl Iterator<Item = &str> {
        let groups = self.upstreams.iter().map(|upstream| &upstream.name);
        let servers = self.upstreams.iter().flat_map(|upstream| &upstream.servers);
        let targets = self.passes.iter().flat_map(|pass| &*pass.targets).filter_map(|target| match target {
            Target::Server { address, .. } => Some(address),
            Target::Group { .. } | Target::Missing(_) | Target::Unknown => None,
        });
        groups.chain(servers).chain(targets).map(String::as_str)
    }

    /// Access logs that are files of a known name, by that name.
    pub fn log_files(&self) -> Vec<LogFile> {
        log_file::of(&self.servers)
    }
}

impl NginxConfig {
    /// Whether part of it could not be read.
    pub fn is_partial(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Where FastCGI requests go: addresses as `$upstream_addr` has them, those of a group's servers for its name.
    pub fn fastcgi_targets(&self) -> BTreeSet<String> {
        let passes = self.http.passes.iter().filter(|pass| pass.protocol == Protocol::FastCgi);
        let targets: BTreeSet<&Target> = passes.flat_map(|pass| &*pass.targets).collect();
        let mut out = BTreeSet::new();
        for target in targets {
            match target {
                Target::Server { address, .. } => _ = out.insert(address.clone()),
                Target::Group { name, .. } => {
                    out.extend(
                        self.http.upstream(name).iter().flat_map(|group| group.servers.iter().cloned()),
                    );
                }
                Target::Missing(_) | Target::Unknown => {}
            }
        }
        out
    }
}

/// Reads the configuration whose main file is `path`. `root` stands for `/` in it and all it includes.
///
/// # Errors
/// When the main file cannot be read, or nginx would refuse a file for its form. Unknown directives are no error, and an
/// include that cannot be read is one of the problems.
pub fn read(path: &Path, root: &Path) -> Result<NginxConfig, ConfigError> {
    read_as(&Command::guess(path), root, &ConfigLimits::default())
}

/// Reads the configuration of an nginx that was started so.
///
/// # Errors
/// As [`read`].
pub fn read_as(command: &Command, root: &Path, limits: &ConfigLimits) -> Result<NginxConfig, ConfigError> {
    let load::Loaded { tree, files, problems } = load::load(command, root, limits)?;
    let partial = !problems.is_empty();
    let of = |name: &'static str| side(&tree, command, name, partial);
    let (http, stream) = (of("http"), of("stream"));
    // A server may be reached in another way from what could not be read.
    let kept =
        if partial { BTreeMap::new() } else { keepalive::servers(&tree, &http.upstreams, &http.passes) };
    let error_logs = server::main_error_logs(&tree, command);
    Ok(NginxConfig { http, stream, kept, tree, problems, files, error_logs })
}

fn side(tree: &Tree, command: &Command, name: &str, partial: bool) -> Side {
    let blocks: Vec<_> = tree.top().filter(|directive| directive.name() == name).collect();
    let named = |name: &'static str| blocks.iter().flat_map(move |block| block.named(name));
    let upstreams: Vec<_> = named("upstream").map(Upstream::of).collect();
    let log_formats: Vec<_> = named("log_format").map(LogFormat::of).collect();
    let formats: HashSet<&str> = log_formats.iter().map(|format| format.name.as_str()).collect();
    let is_stream = name == "stream";
    let servers = server::Reader { command, formats: &formats, has_default: !is_stream };
    let passes = pass::Reader::new(&upstreams, is_stream, partial);
    Side {
        servers: blocks.iter().flat_map(|block| servers.servers(tree, *block)).collect(),
        passes: blocks.iter().flat_map(|block| passes.passes(*block)).collect(),
        log_formats,
        upstreams,
    }
}
