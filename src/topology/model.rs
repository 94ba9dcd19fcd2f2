//! Who listens where and who connects to whom, at one moment: read-only, and handed on as one piece.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::fpm_conf;
use super::fpm_instances::InstanceId;
use super::nginx_conf::{self, NginxConfig};
use crate::address::Listener;
use crate::kernel::network::NetworkId;

/// One pool of one PHP-FPM, over restarts of either: a hash of what tells it from all others.
pub type PoolKey = u64;

/// A cgroup: a hash of its path.
pub type GroupKey = u64;

/// All that is known of this machine's nginx and PHP-FPM.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    /// Every nginx that runs or whose configuration was named.
    pub nginx: Vec<Nginx>,
    /// Every PHP-FPM that runs, is installed or is remembered.
    pub fpm: Vec<Fpm>,
    /// What could not be seen: there may be more nginx, PHP-FPM or pools than these.
    pub not_seen: Vec<NotSeen>,
    /// Our own network namespace.
    pub network: Option<Network>,
}

/// What could not be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSeen {
    /// The process table, or others' processes in it.
    Processes,
    /// The configuration of a PHP-FPM.
    FpmConfig(PathBuf),
    /// The configuration of an nginx.
    NginxConfig(PathBuf),
}

/// A network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Which one.
    pub id: NetworkId,
    /// The addresses that are local in it; `None`: not known.
    pub addresses: Option<Arc<[IpAddr]>>,
}

/// One nginx, by what its configuration says.
#[derive(Clone, Debug, PartialEq)]
pub struct Nginx {
    /// Its short name.
    pub name: String,
    /// The main file of its configuration, as nginx names it.
    pub config: PathBuf,
    /// What it has for `/`, as a path of ours: `/` itself where it sees the same files.
    pub root: PathBuf,
    /// Its master, if it runs.
    pub pid: Option<u32>,
    /// Where it runs; `None`: it does not, or that is not known.
    pub network: Option<Network>,
    /// Its groups of upstreams: names, each with all its servers. Without those with a host name among the servers.
    pub groups: Vec<(String, Vec<Listener>)>,
    /// Upstreams to which it keeps connections, and how long an idle one.
    pub kept: Vec<(Listener, Duration)>,
    /// Where its FastCGI requests go.
    pub fastcgi: Vec<Listener>,
    /// Its access logs, each with the servers that write it.
    pub log_files: Vec<nginx_conf::LogFile>,
    /// All that its configuration says, each with file and line: servers, logs with format and level, where requests go.
    /// `None`: it could not be read.
    pub conf: Option<Arc<NginxConfig>>,
}

/// One PHP-FPM master with its pools, whether it runs or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Fpm {
    /// Which one, over restarts.
    pub id: InstanceId,
    /// Its short name: the label `fpm`.
    pub name: String,
    /// Its master, while that runs.
    pub process: Option<FpmProcess>,
    /// The cgroup of its master, or of its last one.
    pub group: Option<GroupKey>,
    /// Where it logs to, if that is a file.
    pub log: Option<PathBuf>,
    /// All that its configuration says; `None`: it could not be read, or it is only remembered.
    pub conf: Option<Arc<fpm_conf::FpmConfig>>,
    /// Its pools.
    pub pools: Vec<Pool>,
}

/// A master that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FpmProcess {
    /// Its process id.
    pub pid: u32,
    /// Where it runs, if that may be seen.
    pub network: Option<Network>,
    /// It has the same file system at `/` as we have, so a path is the same file for both.
    pub shares_root: bool,
    /// Its program, where that may be seen.
    pub program: Option<String>,
}

/// One pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Which one, over restarts.
    pub key: PoolKey,
    /// As PHP-FPM's log names it.
    pub name: String,
    /// Where it listens.
    pub listener: Listener,
    /// The same with links followed.
    pub resolved: Listener,
    /// It has a master or listens: only then its address is evidence that another one is wrong.
    pub runs: bool,
    /// It belongs on the page: it was named, is running, ran in the last week, or is wanted by nginx or systemd.
    pub shown: bool,
    /// What the configuration says of it; `None`: it is only remembered.
    pub settings: Option<fpm_conf::Pool>,
}

impl Topology {
    /// Every pool with its master.
    pub fn pools(&self) -> impl Iterator<Item = (&Fpm, &Pool)> {
        self.fpm.iter().flat_map(|fpm| fpm.pools.iter().map(move |pool| (fpm, pool)))
    }

    /// The processes and every PHP-FPM's configuration could be read: there is no other PHP-FPM here.
    pub fn knows_every_fpm(&self) -> bool {
        !self.not_seen.iter().any(|what| matches!(what, NotSeen::Processes | NotSeen::FpmConfig(_)))
    }

    /// Every path that a configuration has for a log that may be followed.
    pub fn log_paths(&self) -> impl Iterator<Item = &Path> {
        let servers = self.nginx.iter().filter_map(|nginx| nginx.conf.as_deref());
        let errors = servers.flat_map(|conf| conf.http.servers.iter().flat_map(|server| &server.levels));
        let errors = errors.flat_map(|level| level.error_logs.iter()).filter_map(|log| log.target.file());
        let main = self.nginx.iter().filter_map(|nginx| nginx.conf.as_deref());
        let main = main.flat_map(|conf| &conf.error_logs).filter_map(|log| log.target.file());
        let access = self.nginx.iter().flat_map(|nginx| &nginx.log_files).map(|log| log.path.as_path());
        access.chain(errors).chain(main).chain(self.fpm.iter().filter_map(|fpm| fpm.log.as_deref()))
    }

    /// The server whose responses all lines of an access log are, if the configuration says so of every nginx that
    /// writes it. `is_it`: whether a path of nginx's is that log. What was read only in part may hold another writer.
    pub fn server_of_log(&self, is_it: impl Fn(&Path) -> bool) -> Option<&str> {
        if self.not_seen.iter().any(|what| matches!(what, NotSeen::NginxConfig(_))) {
            return None;
        }
        let logs = self.nginx.iter().flat_map(|nginx| &nginx.log_files);
        let mut servers = logs.filter(|log| is_it(&log.path)).map(nginx_conf::LogFile::only_server);
        let server = servers.next()??;
        servers.all(|other| other == Some(server)).then_some(server)
    }

    /// The `log_format`s of an access log, as far as configurations have them; `combined` is built in, and none of them.
    /// `is_it`: whether a path of nginx's is that log.
    pub fn formats_of_log(
        &self,
        is_it: impl Fn(&Path) -> bool,
    ) -> impl Iterator<Item = &nginx_conf::LogFormat> {
        self.nginx.iter().flat_map(move |nginx| {
            let names = nginx.log_files.iter().filter(|log| is_it(&log.path)).flat_map(|log| &log.formats);
            names.filter_map(|name| nginx.conf.as_ref()?.http.log_format(name)).collect::<Vec<_>>()
        })
    }

    /// What nginx's logs may call an upstream: the groups and addresses of nginx's configuration, the pools of this machine.
    pub fn upstream_names(&self) -> BTreeSet<String> {
        let configurations = self.nginx.iter().filter_map(|nginx| nginx.conf.as_deref());
        let nginx = configurations.flat_map(|config| {
            config.http.upstream_names().chain(config.stream.upstream_names()).map(str::to_owned)
        });
        nginx
            .chain(self.group_labels())
            .chain(self.pools().map(|(_, pool)| pool.listener.upstream()))
            .collect()
    }

    /// What nginx's logs may call a server.
    pub fn server_names(&self) -> BTreeSet<String> {
        let configurations = self.nginx.iter().filter_map(|nginx| nginx.conf.as_deref());
        configurations.flat_map(|config| &config.http.servers).filter_map(nginx_conf::Server::name).collect()
    }
}
