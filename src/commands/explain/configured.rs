//! What configurations say of logs: where they are, their formats, and whose they are.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::ExplainError;
use super::given::Input;
use crate::attribute::Attributor;
use crate::attribute::logs::log_id;
use crate::config::flags::MachineArgs;
use crate::engine::discovered::Ours;
use crate::kernel::processes::{Processes, Trust};
use crate::record::LogKind;
use crate::record::format::Format;
use crate::source::paths_of;
use crate::topology::chosen_logs::{self, FoundLogs, LogName};
use crate::topology::discovery::{self, Discovery, Wanted};
use crate::topology::{Topology, fpm_conf, nginx_conf};

/// Configurations that were read.
#[derive(Default)]
pub struct Configured(Arc<Topology>);

impl Configured {
    /// Those of the main files of nginx, and with them PHP-FPM's, that are named; nothing where no nginx is.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn of_files(machine: &MachineArgs) -> Result<Self, ExplainError> {
        for file in &machine.fpm_config {
            fpm_conf::read(file, Path::new("/"))?;
        }
        if machine.nginx_config.is_empty() {
            return Ok(Self::default());
        }
        for file in &machine.nginx_config {
            nginx_conf::read(file, Path::new("/"))?;
        }
        let mut discovery = Discovery::new(Path::new(""), Wanted::of(machine));
        let seen = discovery::Processes { masters: &Ok(Vec::new()), nginx: &[], listening: HashSet::new() };
        discovery.look(seen, true, Instant::now());
        Ok(Self(discovery.topology().clone()))
    }

    /// Those of the nginx and PHP-FPM that run here, and of PHP-FPM's files that are named; where none runs, those that are
    /// installed.
    pub fn here(machine: &MachineArgs) -> Self {
        let procfs = machine.procfs.as_path();
        let trust = Trust { uids: machine.trust_uid.clone(), ..Trust::default() };
        let mut processes = Processes::new(procfs, trust);
        let masters = processes.scan().map(|masters| discovery::with_full_paths(procfs, masters));
        let mut discovery = Discovery::new(procfs, Wanted { installed_nginx: true, ..Wanted::of(machine) });
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
        let FoundLogs { access, error, fpm, .. } = self.chosen();
        let kinds = [(LogKind::Access, access), (LogKind::Error, error), (LogKind::Fpm, fpm)];
        let paths = |name: LogName| match name {
            LogName::File(path) => vec![path],
            LogName::Pattern(pattern) => paths_of(&pattern.to_string_lossy()),
        };
        let found = kinds
            .into_iter()
            .flat_map(|(kind, names)| names.into_iter().flat_map(paths).map(move |path| (kind, path)));
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

    /// Of several logs of one request one, as `serve` chooses it; one that was written to before one that is empty.
    fn chosen(&self) -> FoundLogs {
        let is_written = |path: &&Path| path.metadata().is_ok_and(|meta| meta.len() > 0);
        let written = self.0.log_paths().filter(is_written).map(|path| LogName::File(path.into()));
        chosen_logs::of(&self.0, &written.collect(), &Ours)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_written_to_is_read_before_one_that_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let at = |name: &str| path(name).display().to_string();
        let rich =
            "log_format rich '$remote_addr [$time_local] \"$request\" $status $connection $upstream_addr';";
        let server = format!(
            "server {{ access_log {}; access_log {} rich; error_log {}; }}",
            at("a"),
            at("b"),
            at("e")
        );
        std::fs::write(path("nginx.conf"), format!("error_log stderr; http {{ {rich} {server} }}")).unwrap();
        for name in ["a", "b", "e"] {
            std::fs::write(path(name), "").unwrap();
        }
        let machine = MachineArgs {
            nginx_config: vec![path("nginx.conf")],
            fpm_config: Vec::new(),
            trust_uid: Vec::new(),
            procfs: "/proc".into(),
            cgroup: "/sys/fs/cgroup".into(),
        };
        let logs = || {
            let configured = Configured::of_files(&machine).unwrap();
            configured.logs(false).into_iter().map(|input| input.path).collect::<Vec<_>>()
        };
        assert_eq!(logs(), [path("b"), path("e")], "the better one");
        std::fs::write(path("a"), "x\n").unwrap();
        assert_eq!(logs(), [path("a"), path("e")], "the one with lines");
        std::fs::write(path("b"), "x\n").unwrap();
        assert_eq!(logs(), [path("b"), path("e")]);
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
