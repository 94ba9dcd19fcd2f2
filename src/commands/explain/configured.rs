//! What configurations say of logs: where they are, their formats, and whose they are.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::ExplainError;
use super::given::Input;
use crate::attribute::Attributor;
use crate::attribute::logs::log_id;
use crate::kernel::processes::{Processes, Trust};
use crate::record::LogKind;
use crate::record::format::{Field, Format};
use crate::topology::discovery::{self, Discovery, Wanted};
use crate::topology::nginx_conf::{self, LogTarget, NginxConfig};
use crate::topology::{Nginx, Topology};

/// Where nginx's configuration is when no nginx runs that would tell.
const KNOWN: [&str; 4] = [
    "/etc/nginx/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/openresty/nginx/conf/nginx.conf",
    "/etc/angie/angie.conf",
];

/// Configurations that were read.
#[derive(Default)]
pub struct Configured(Arc<Topology>);

impl Configured {
    /// Those of these main files.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn of_files(files: &[PathBuf]) -> Result<Self, ExplainError> {
        if files.is_empty() {
            return Ok(Self::default());
        }
        for file in files {
            nginx_conf::read(file, Path::new("/"))?;
        }
        let mut discovery =
            Discovery::new(Path::new(""), Wanted { nginx: files.to_vec(), ..Wanted::default() });
        let seen = discovery::Processes { masters: &Ok(Vec::new()), nginx: &[], listening: HashSet::new() };
        discovery.look(seen, true, Instant::now());
        Ok(Self(discovery.topology().clone()))
    }

    /// Those of the nginx and PHP-FPM that run here; where none runs, nginx's usual file.
    pub fn here(procfs: &Path) -> Self {
        let mut processes = Processes::new(procfs, Trust { uids: Vec::new(), configs: Vec::new() });
        let masters = processes.scan().map(|masters| discovery::with_full_paths(procfs, masters));
        let usual = KNOWN.iter().map(PathBuf::from).find(|path| path.exists());
        let nginx = if processes.nginx().is_empty() { usual } else { None };
        let wanted = Wanted { nginx: nginx.into_iter().collect(), ..Wanted::default() };
        let mut discovery = Discovery::new(procfs, wanted);
        let seen =
            discovery::Processes { masters: &masters, nginx: processes.nginx(), listening: HashSet::new() };
        discovery.look(seen, true, Instant::now());
        Self(discovery.topology().clone())
    }

    /// The main files of nginx.
    pub fn files(&self) -> Vec<&Path> {
        self.0.nginx.iter().map(|nginx| nginx.config.as_path()).collect()
    }

    /// The logs that they name and that are there, with those that were rotated where the past is asked for.
    pub fn logs(&self, with_rotated: bool) -> Vec<Input> {
        let mut found: Vec<(LogKind, PathBuf)> = Vec::new();
        for nginx in &self.0.nginx {
            found.extend(access_logs(nginx).into_iter().map(|path| (LogKind::Access, path)));
            found.extend(error_logs(nginx).into_iter().map(|path| (LogKind::Error, path)));
        }
        found.extend(self.0.fpm.iter().filter_map(|fpm| Some((LogKind::Fpm, fpm.log.clone()?))));
        found.sort();
        found.dedup();
        let mut inputs = Vec::new();
        for (kind, path) in found {
            let rotated = if with_rotated { rotated(&path) } else { Vec::new() };
            let add = |(path, is_named)| Input { path, kind: Some(kind), is_named };
            // A log to which nothing was written may not be there, as that which nginx was built with.
            let is_missing = path.metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
            inputs.extend((!is_missing).then_some((path, true)).into_iter().map(add));
            inputs.extend(rotated.into_iter().map(|path| add((path, false))));
        }
        inputs
    }

    /// The formats of an access log or of one that was rotated from it.
    pub fn formats(&self, path: &Path) -> Vec<Format> {
        let Some(live) = self.live(path) else { return Vec::new() };
        self.0.formats_of_log(|log| log == live).filter_map(|format| format.compiled().ok()).collect()
    }

    /// Tells the attribution what is known of these access logs.
    pub fn bind<'p>(&self, paths: impl Iterator<Item = &'p Path>, attributor: &mut Attributor) {
        let mut formats_of_logs = HashMap::new();
        for path in paths {
            let Some(live) = self.live(path) else { continue };
            let id = log_id(path);
            if let Some(server) = self.0.server_of_log(|log| log == live) {
                let server = attributor.names.servers.id(server.as_bytes());
                attributor.servers_of_logs.insert(id, server);
            }
            let formats = self.formats(path);
            if !formats.is_empty() {
                formats_of_logs.insert(id, formats);
            }
        }
        attributor.formats_are(formats_of_logs);
    }

    /// The name in the configuration of the log at `path`, or of the one that was rotated to it.
    fn live(&self, path: &Path) -> Option<&Path> {
        let logs = self.0.nginx.iter().flat_map(|nginx| &nginx.log_files).map(|log| log.path.as_path());
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let of_path = logs.filter_map(|log| {
            let full = log.canonicalize().unwrap_or_else(|_| log.to_path_buf());
            (full == path || is_rotated(&full, &path)).then_some((full.as_os_str().len(), log))
        });
        of_path.max().map(|(_, log)| log)
    }
}

/// access.log.1, access.log.2.gz, access.log-20261127
fn is_rotated(live: &Path, path: &Path) -> bool {
    let rest = path.as_os_str().as_encoded_bytes().strip_prefix(live.as_os_str().as_encoded_bytes());
    rest.is_some_and(|rest| {
        matches!(rest, [b'.' | b'-', next, ..] if next.is_ascii_digit()) && !rest.contains(&b'/')
    })
}

fn rotated(live: &Path) -> Vec<PathBuf> {
    let listing = live.parent().and_then(|dir| std::fs::read_dir(dir).ok()).into_iter().flatten().flatten();
    listing.map(|entry| entry.path()).filter(|path| is_rotated(live, path) && path.is_file()).collect()
}

/// Files that hold every request once, as far as that can be: of several logs of one level each has all of its requests, so
/// that one is enough; one without a condition, and with what joins entries, before others.
fn access_logs(nginx: &Nginx) -> BTreeSet<PathBuf> {
    let Some(conf) = nginx.conf.as_deref() else { return BTreeSet::new() };
    let levels = conf.http.servers.iter().flat_map(|server| &server.levels);
    let of_level = |level: &nginx_conf::Level| {
        let mut files: Vec<_> = level.access_logs.iter().filter_map(|log| rank(conf, log)).collect();
        files.sort();
        files
    };
    let mut levels: Vec<Vec<(Reverse<u8>, PathBuf)>> = levels.map(of_level).collect();
    levels.sort_by_key(Vec::len);
    let mut chosen = BTreeSet::new();
    for files in levels {
        if files.iter().any(|(_, path)| chosen.contains(path)) {
            continue;
        }
        let all_are_conditional = files.first().is_some_and(|(rank, _)| rank.0 & UNCONDITIONAL == 0);
        let enough = if all_are_conditional { files.len() } else { 1 };
        chosen.extend(files.into_iter().take(enough).map(|(_, path)| path));
    }
    chosen
}

const UNCONDITIONAL: u8 = 4;
const WRITTEN: u8 = 8;

/// What a log is worth beside others that have the same requests. `None`: it is no file.
fn rank(conf: &NginxConfig, log: &nginx_conf::AccessLog) -> Option<(Reverse<u8>, PathBuf)> {
    let LogTarget::File(path) = &log.target else { return None };
    let format = match conf.http.log_format(&log.format) {
        Some(format) => Some(format.compiled().ok()?),
        None => None,
    };
    let has = |field| u8::from(format.as_ref().is_some_and(|format| format.has(field)));
    let condition = if log.condition.is_none() { UNCONDITIONAL } else { 0 };
    let written = if path.metadata().is_ok_and(|meta| meta.len() > 0) { WRITTEN } else { 0 };
    let rank = written + condition + 2 * has(Field::Connection) + has(Field::UpstreamAddr);
    Some((Reverse(rank), path.clone()))
}

/// Files of all levels, and of the main one.
fn error_logs(nginx: &Nginx) -> HashSet<PathBuf> {
    let Some(conf) = nginx.conf.as_deref() else { return HashSet::new() };
    let levels = conf.http.servers.iter().flat_map(|server| &server.levels);
    let targets = levels.flat_map(|level| &*level.error_logs).map(|log| &log.target);
    let files = targets.filter_map(|target| match target {
        LogTarget::File(path) => Some(path.clone()),
        _ => None,
    });
    let main = conf.tree.top().filter(|directive| directive.name() == "error_log");
    let main = main.map(|directive| PathBuf::from(directive.arg())).filter(|path| path.is_absolute());
    files.chain(main).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_logs_with_the_same_requests_one_is_read() {
        let logs = |text: &str| {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("nginx.conf");
            let rich = "log_format rich '$remote_addr [$time_local] \"$request\" $status $connection $upstream_addr'; log_format bytes '$bytes_sent';";
            std::fs::write(&file, format!("http {{ {rich} {text} }}")).unwrap();
            let configured = Configured::of_files(&[file]).unwrap();
            let paths = access_logs(&configured.0.nginx[0]);
            paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
        };
        for (text, wanted) in [
            ("server { access_log /a; access_log /b rich; }", "/b"),
            ("server { access_log /b rich if=$x; access_log /a; }", "/a"),
            ("server { access_log /a if=$x; access_log /b if=$y; }", "/a /b"),
            ("server { access_log /a; access_log /all; } server { access_log /all; }", "/all"),
            ("server { access_log /a; } server { access_log /b; }", "/a /b"),
            ("server { access_log /a; access_log /sizes bytes; }", "/a"),
            ("server { access_log /sizes bytes; }", ""),
            ("server { access_log off; }", ""),
            ("server { access_log syslog:server=x; access_log /a; }", "/a"),
        ] {
            assert_eq!(logs(text), wanted, "{text}");
        }
    }

    #[test]
    fn rotated_logs_are_known_by_their_names() {
        let live = Path::new("/l/access.log");
        for name in ["access.log.1", "access.log.12.gz", "access.log-20261127", "access.log-20261127.gz"] {
            assert!(is_rotated(live, &Path::new("/l").join(name)), "{name}");
        }
        for name in ["access.log", "access.log.example.org", "access.logs", "error.log.1", "access.log.1/x"] {
            assert!(!is_rotated(live, &Path::new("/l").join(name)), "{name}");
        }
    }
}
