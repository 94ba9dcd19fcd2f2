//! The configurations of the nginx of this machine: of those that run, and those that were named.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::configuration::{Configuration, Outcome};
use super::fpm_configs::root_of;
use super::loader::ConfigLimits;
use super::nginx_conf::{self, Command, NginxConfig};
use crate::address::Listener;
use crate::kernel::processes::NginxMaster;

/// Where nginx looks when it is not told: as distributions, nginx.org and the official images build it; its own
/// default; OpenResty's. `-p` does not move the first, which is absolute.
const KNOWN: [&str; 3] = [
    "/etc/nginx/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/openresty/nginx/conf/nginx.conf",
];

/// A main file, below what its nginx has for `/`.
pub(super) type MainFile = (PathBuf, PathBuf);

/// All configurations.
pub(super) struct NginxConfigs {
    given: Vec<PathBuf>,
    limits: ConfigLimits,
    masters: Vec<NginxMaster>,
    pub(super) by_file: BTreeMap<MainFile, Configuration<NginxConfig>>,
    /// The masters that run with each.
    pub(super) running: BTreeMap<MainFile, Vec<u32>>,
}

impl NginxConfigs {
    pub(super) fn new(given: Vec<PathBuf>, limits: ConfigLimits) -> Self {
        Self { given, limits, masters: Vec::new(), by_file: BTreeMap::new(), running: BTreeMap::new() }
    }

    /// Whether other masters run than when it was last looked.
    pub(super) fn is_new(&self, masters: &[NginxMaster]) -> bool {
        self.masters != masters
    }

    /// Reads what is new or has changed, and forgets what no nginx uses any more. True: something was.
    pub(super) fn look(&mut self, procfs: &Path, masters: &[NginxMaster]) -> bool {
        self.masters = masters.to_vec();
        let mut running: BTreeMap<MainFile, Vec<u32>> = BTreeMap::new();
        for master in masters {
            running.entry(of_master(procfs, master)).or_default().push(master.pid);
        }
        let given = self.given.iter().map(|path| (PathBuf::from("/"), path.clone()));
        let wanted: Vec<MainFile> = given.chain(running.keys().cloned()).collect();
        let mut changed = self.running != running;
        self.running = running;
        for file in &wanted {
            let (root, path) = file;
            let outcome = self.by_file.entry(file.clone()).or_default().look(
                root,
                || nginx_conf::read_as(&Command::guess(path), root, &self.limits),
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
        changed || self.by_file.len() != before
    }
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

/// Which file a master has read. Its title does not tell where words of the command line begin, so a path with a space
/// is not found.
fn of_master(procfs: &Path, master: &NginxMaster) -> MainFile {
    let process = procfs.join(master.pid.to_string());
    let option = |flag: &str| {
        let mut words = master.argv.split(' ').skip_while(|word| !word.starts_with(flag));
        let word = words.next()?;
        match word.strip_prefix(flag) {
            Some("") => words.next(),
            glued => glued,
        }
    };
    let root = process.join("root");
    let exists = |path: &Path| path.strip_prefix("/").is_ok_and(|path| root.join(path).exists());
    // What is relative to where it was started is so only for -p; -c is relative to that, or to what was compiled in.
    let cwd = || fs::read_link(process.join("cwd")).unwrap_or_default();
    let prefix = option("-p").map(|prefix| cwd().join(prefix));
    let path = match (option("-c"), &prefix) {
        (Some(config), Some(prefix)) => prefix.join(config),
        (Some(config), None) => Path::new("/etc/nginx").join(config),
        (None, prefix) => {
            let below = prefix.iter().map(|prefix| prefix.join("conf/nginx.conf"));
            let mut known = [PathBuf::from(KNOWN[0])]
                .into_iter()
                .chain(below)
                .chain(KNOWN[1..].iter().map(PathBuf::from));
            known.find(|path| exists(path)).unwrap_or_else(|| KNOWN[0].into())
        }
    };
    (root_of(procfs, master.pid, &path), path)
}

#[cfg(test)]
mod tests {
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
    fn the_command_line_says_which_file() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("7/root");
        write(&root.join("srv/conf/nginx.conf"), CONFIG);
        write(&root.join("srv/x.conf"), CONFIG);
        let of = |argv: &str| of_master(dir.path(), &master(argv)).1;
        assert_eq!(of("nginx -p /srv/ -g daemon off;"), Path::new("/srv/conf/nginx.conf"));
        write(&root.join("etc/nginx/nginx.conf"), CONFIG);
        for (argv, expected) in [
            ("nginx", "/etc/nginx/nginx.conf"),
            ("nginx -p /srv/", "/etc/nginx/nginx.conf"),
            ("nginx -c /srv/x.conf", "/srv/x.conf"),
            ("nginx -c/srv/x.conf", "/srv/x.conf"),
            ("nginx -p /srv -c x.conf", "/srv/x.conf"),
            ("nginx -c x.conf", "/etc/nginx/x.conf"),
        ] {
            assert_eq!(of(argv), Path::new(expected), "{argv}");
        }
        assert_eq!(of_master(dir.path(), &master("nginx -c /srv/x.conf")).0, root);
        // It has another root than we have, and no such file: ours is not it.
        assert_eq!(of_master(dir.path(), &master("nginx -c /nowhere")).0, root);
        for pid in ["7", "self"] {
            write(&dir.path().join(pid).join("mountinfo"), "22 1 8:1 / / rw - ext4 x rw\n");
        }
        assert_eq!(of_master(dir.path(), &master("nginx -c /nowhere")).0, Path::new("/"), "one file system");
    }

    #[test]
    fn a_file_that_breaks_leaves_what_was_known() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nginx.conf");
        let mut configs = NginxConfigs::new(vec![file.clone()], ConfigLimits::default());
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
