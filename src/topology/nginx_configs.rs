//! The configurations of the nginx of this machine: of those that run, and those that were named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::configuration::{Configuration, Outcome};
use super::fpm_configs::root_of;
use super::loader::ConfigLimits;
use super::nginx_command_line;
use super::nginx_conf::{self, Command, NginxConfig};
use crate::address::Listener;
use crate::kernel::processes::NginxMaster;

/// Where the main file of an installed nginx is: distributions' and nginx.org's, its own build's and those of its kin, and
/// of panels that build their own.
const INSTALLED: [&str; 10] = [
    "/etc/nginx/nginx.conf",
    "/etc/angie/angie.conf",
    "/etc/tengine/tengine.conf",
    "/etc/nginx-rc/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/openresty/nginx/conf/nginx.conf",
    "/usr/local/tengine/conf/nginx.conf",
    "/opt/bitnami/nginx/conf/nginx.conf",
    "/www/server/nginx/conf/nginx.conf",
    "/usr/local/etc/nginx/nginx.conf",
];

/// A main file, below what its nginx has for `/`.
pub(super) type MainFile = (PathBuf, PathBuf);

/// All configurations.
pub(super) struct NginxConfigs {
    given: Vec<PathBuf>,
    /// Those that are installed are read too, while none runs and none was named.
    installed: bool,
    limits: ConfigLimits,
    masters: Vec<NginxMaster>,
    /// How each of them was started.
    commands: BTreeMap<MainFile, Command>,
    pub(super) by_file: BTreeMap<MainFile, Configuration<NginxConfig>>,
    /// The masters that run with each.
    pub(super) running: BTreeMap<MainFile, Vec<u32>>,
}

impl NginxConfigs {
    pub(super) fn new(given: Vec<PathBuf>, installed: bool, limits: ConfigLimits) -> Self {
        Self {
            given,
            installed,
            limits,
            masters: Vec::new(),
            commands: BTreeMap::new(),
            by_file: BTreeMap::new(),
            running: BTreeMap::new(),
        }
    }

    /// Other files are named, or are read within other limits.
    pub(super) fn want(&mut self, given: &[PathBuf], installed: bool, limits: &ConfigLimits) {
        if self.limits != *limits {
            self.by_file.values_mut().for_each(Configuration::read_again);
        }
        (self.given, self.installed, self.limits) = (given.to_vec(), installed, limits.clone());
    }

    /// Whether other masters run than when it was last looked.
    pub(super) fn is_new(&self, masters: &[NginxMaster]) -> bool {
        self.masters != masters
    }

    /// Reads what is new or has changed, and forgets what is gone. True: something was.
    pub(super) fn look(&mut self, procfs: &Path, masters: &[NginxMaster]) -> bool {
        let before = self.running.clone();
        if self.is_new(masters) || self.running.is_empty() {
            self.settle(procfs, masters);
        }
        let mut changed = self.running != before;
        let wanted = self.wanted();
        for file in &wanted {
            let (root, path) = file;
            let outcome = self.by_file.entry(file.clone()).or_default().look(
                root,
                || {
                    let command = self.commands.get(file);
                    let command = command.cloned().unwrap_or_else(|| nginx_command_line::of_installed(path));
                    nginx_conf::read_as(&command, root, &self.limits)
                },
                |config| &config.files,
                |text| {
                    tracing::warn!("the upstream groups of {} are not known: {text}", path.display());
                },
            );
            if outcome == Outcome::Changed {
                changed = true;
                let config = self.by_file.get(file).and_then(|configuration| configuration.config.as_deref());
                for problem in config.iter().flat_map(|config| &config.problems) {
                    tracing::warn!("{}", problem.text);
                }
            }
        }
        let before = self.by_file.len();
        self.by_file.retain(|file, _| wanted.contains(file));
        self.commands.retain(|file, _| wanted.contains(file));
        changed || self.by_file.len() != before
    }

    /// Finds out how each master was started.
    fn settle(&mut self, procfs: &Path, masters: &[NginxMaster]) {
        self.masters = masters.to_vec();
        self.running.clear();
        for master in masters {
            let command = nginx_command_line::of_master(procfs, master);
            let file = (root_of(procfs, master.pid, &command.conf), command.conf.clone());
            self.running.entry(file.clone()).or_default().push(master.pid);
            self.commands.insert(file, command);
        }
    }

    /// The main files to be read: those that were named or run; those that ran and are still there; else, if that is wanted,
    /// those that are installed.
    fn wanted(&self) -> Vec<MainFile> {
        let ours = |path: &Path| (PathBuf::from("/"), path.to_path_buf());
        let mut wanted: Vec<MainFile> = self.given.iter().map(|path| ours(path)).collect();
        wanted.extend(self.running.keys().cloned());
        let stopped = self.commands.keys().filter(|file| !wanted.contains(file) && is_there(file));
        wanted.extend(stopped.cloned().collect::<Vec<_>>());
        if wanted.is_empty() && self.installed {
            wanted.extend(installed().map(ours));
        }
        wanted
    }
}

/// The main files of installed nginx.
pub fn installed() -> impl Iterator<Item = &'static Path> {
    INSTALLED.iter().map(Path::new).filter(|path| path.exists())
}

fn is_there((root, path): &MainFile) -> bool {
    path.strip_prefix("/").is_ok_and(|path| root.join(path).exists())
}

/// Upstreams to which connections are kept.
pub(super) fn kept(config: &NginxConfig) -> Vec<(Listener, Duration)> {
    // A host name is none of the addresses in the log.
    let kept = config.kept.iter().filter_map(|(at, time)| Some((Listener::from_upstream(at).ok()?, *time)));
    kept.collect()
}

/// Where FastCGI requests go.
pub(super) fn fastcgi_targets(config: &NginxConfig) -> Vec<Listener> {
    config.fastcgi_targets().iter().filter_map(|target| Listener::from_upstream(target).ok()).collect()
}

/// Groups with all their servers, those left out that have a host name, or of which a part could not be read.
pub(super) fn groups(config: &NginxConfig) -> Vec<(String, Vec<Listener>)> {
    let whole = config.http.upstreams.iter().filter(|upstream| !upstream.partial);
    let groups = whole.filter_map(|upstream| {
        let servers = upstream.servers.iter().map(|server| Listener::from_upstream(server).ok());
        Some((upstream.name.clone(), servers.collect::<Option<Vec<_>>>()?))
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::SystemTime;

    use super::*;

    const CONFIG: &str = "http { upstream g { server 10.0.0.1; server name; keepalive 2; keepalive_timeout 9s; }\n\
        server { location / { fastcgi_pass g; fastcgi_keep_conn on; } } }";

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn master(argv: &str) -> NginxMaster {
        NginxMaster { pid: 7, argv: argv.into() }
    }

    #[test]
    fn a_container_s_file_is_not_ours() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("7/root");
        write(&root.join("srv/x.conf"), CONFIG);
        let of = |argv: &str| {
            let mut configs = NginxConfigs::new(Vec::new(), false, ConfigLimits::default());
            configs.settle(dir.path(), &[master(argv)]);
            configs.running.into_keys().next().unwrap()
        };
        assert_eq!(of("nginx -c /srv/x.conf"), (root.clone(), "/srv/x.conf".into()));
        // It has another root than we have, and no such file: ours is not it.
        assert_eq!(of("nginx -c /nowhere").0, root);
        for pid in ["7", "self"] {
            write(&dir.path().join(pid).join("mountinfo"), "22 1 8:1 / / rw - ext4 x rw\n");
        }
        assert_eq!(of("nginx -c /nowhere").0, Path::new("/"), "one file system");
    }

    #[test]
    fn one_that_stops_is_known_until_its_file_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nginx.conf");
        write(&file, CONFIG);
        for pid in ["7", "self"] {
            write(&dir.path().join(pid).join("mountinfo"), "22 1 8:1 / / rw - ext4 x rw\n");
        }
        let mut configs = NginxConfigs::new(Vec::new(), false, ConfigLimits::default());
        let argv = format!("nginx -c {}", file.display());
        assert!(configs.look(dir.path(), &[master(&argv)]));
        assert_eq!((configs.by_file.len(), configs.running.len()), (1, 1));
        assert!(configs.look(dir.path(), &[]));
        assert_eq!((configs.by_file.len(), configs.running.len()), (1, 0));
        fs::remove_file(&file).unwrap();
        assert!(configs.look(dir.path(), &[]));
        assert!(configs.by_file.is_empty());
    }

    #[test]
    fn a_file_that_breaks_leaves_what_was_known() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nginx.conf");
        let mut configs = NginxConfigs::new(vec![file.clone()], false, ConfigLimits::default());
        let known = |configs: &NginxConfigs| {
            let configuration = configs.by_file.values().next().unwrap();
            let kept = configuration.config.as_deref().map(kept).unwrap_or_default();
            (kept.len(), configuration.complaint.is_some())
        };
        assert!(configs.look(dir.path(), &[]));
        assert_eq!(known(&configs), (0, true));
        write(&file, CONFIG);
        assert!(configs.look(dir.path(), &[]));
        assert_eq!(known(&configs), (1, false));
        assert!(!configs.look(dir.path(), &[]), "nothing has changed");
        write(&file, "http {");
        fs::File::open(&file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(!configs.look(dir.path(), &[]));
        assert_eq!(known(&configs), (1, true));
        write(&file, "http { }");
        assert!(configs.look(dir.path(), &[]));
        assert_eq!(known(&configs), (0, false));
        let config = nginx_conf::read(&file, Path::new("/")).unwrap();
        assert!(groups(&config).is_empty() && fastcgi_targets(&config).is_empty());
    }

    #[test]
    fn a_group_with_a_host_name_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nginx.conf");
        write(&file, &format!("{CONFIG} http {{ upstream h {{ server unix:/x; server 10.0.0.1:1; }} }}"));
        let config = nginx_conf::read(&file, Path::new("/")).unwrap();
        let server = |text| Listener::from_upstream(text).unwrap();
        assert_eq!(groups(&config), [("h".to_owned(), vec![server("unix:/x"), server("10.0.0.1:1")])]);
        assert_eq!(kept(&config), [(server("10.0.0.1:80"), Duration::from_secs(9))]);
        assert_eq!(fastcgi_targets(&config), [server("10.0.0.1:80")]);
    }
}
