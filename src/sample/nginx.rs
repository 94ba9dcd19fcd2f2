//! What the nginx of this machine were told: those that run, and the configurations that were named.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::topology::nginx_conf::{self, NginxConfig};

use crate::address::Listener;
use crate::kernel::processes::NginxMaster;
use crate::sample::places::root_of;

/// Where nginx looks when it is not told: as distributions, nginx.org and the official images build it; its own
/// default; OpenResty's. `-p` does not move the first, which is absolute.
const KNOWN: [&str; 3] = [
    "/etc/nginx/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/openresty/nginx/conf/nginx.conf",
];

/// A main file, below what its nginx has for `/`.
type Key = (PathBuf, PathBuf);

struct Read {
    /// `None`: it cannot be read.
    config: Option<NginxConfig>,
    /// Its files with their times of change when they were read.
    stamps: Vec<(PathBuf, Option<SystemTime>)>,
    complaint: Option<String>,
}

/// All configurations.
pub(super) struct Configs {
    given: Vec<PathBuf>,
    masters: Vec<NginxMaster>,
    read: BTreeMap<Key, Read>,
}

impl Configs {
    pub(super) fn new(given: Vec<PathBuf>) -> Self {
        Self { given, masters: Vec::new(), read: BTreeMap::new() }
    }

    /// Whether other masters run than when it was last looked.
    pub(super) fn is_new(&self, masters: &[NginxMaster]) -> bool {
        self.masters != masters
    }

    /// Reads what is new or has changed, and forgets what no nginx uses any more. True: something was.
    pub(super) fn look(&mut self, procfs: &Path, masters: &[NginxMaster]) -> bool {
        self.masters = masters.to_vec();
        let given = self.given.iter().map(|path| (PathBuf::from("/"), path.clone()));
        let mut wanted: Vec<Key> = given.collect();
        wanted.extend(masters.iter().map(|master| of_master(procfs, master)));
        let mut changed = false;
        for key in &wanted {
            changed |= self.update(key);
        }
        let before = self.read.len();
        self.read.retain(|key, _| wanted.contains(key));
        changed || self.read.len() != before
    }

    /// Whether every configuration could be read.
    pub(super) fn complete(&self) -> bool {
        self.read.values().all(|read| read.config.is_some() && read.complaint.is_none())
    }

    /// Upstreams to which connections are kept. Of two nginx that keep some to one upstream the
    /// shorter time counts.
    pub(super) fn kept(&self) -> Vec<(Listener, Duration)> {
        let mut kept: BTreeMap<Listener, Duration> = BTreeMap::new();
        let configs = self.read.values().filter_map(|read| read.config.as_ref());
        for (server, timeout) in configs.flat_map(|config| &config.kept) {
            // A host name is none of the addresses in the log.
            if let Ok(listener) = Listener::from_upstream(server) {
                let at = kept.entry(listener).or_insert(*timeout);
                *at = (*at).min(*timeout);
            }
        }
        kept.into_iter().collect()
    }

    /// Where FastCGI requests go.
    pub(super) fn fastcgi_targets(&self) -> Vec<Listener> {
        let configs = self.read.values().filter_map(|read| read.config.as_ref());
        let targets = configs.flat_map(|config| &config.fastcgi);
        targets.filter_map(|target| Listener::from_upstream(target).ok()).collect()
    }

    /// Groups with all their servers, those left out that have a host name. A name that stands for two of them is
    /// nobody's.
    pub(super) fn groups(&self) -> Vec<(String, Vec<Listener>)> {
        let mut groups: BTreeMap<&str, Option<Vec<Listener>>> = BTreeMap::new();
        let configs = self.read.values().filter_map(|read| read.config.as_ref());
        for upstream in configs.flat_map(|config| &config.upstreams) {
            let servers: Option<Vec<_>> =
                upstream.servers.iter().map(|server| Listener::from_upstream(server).ok()).collect();
            let at = groups.entry(&upstream.name).or_insert_with(|| servers.clone());
            if *at != servers {
                *at = None;
            }
        }
        groups.into_iter().filter_map(|(name, servers)| Some((name.to_owned(), servers?))).collect()
    }

    fn update(&mut self, key: &Key) -> bool {
        let old = self.read.get(key);
        let fresh = |read: &Read| read.stamps.iter().all(|(file, stamp)| *stamp == modified(file));
        if old.is_some_and(|read| read.complaint.is_none() && fresh(read)) {
            return false;
        }
        let (root, path) = key;
        let (config, complaint) = match nginx_conf::read(path, root) {
            Ok(config) => (Some(config), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let before = old.and_then(|old| old.complaint.as_ref());
        if let Some(text) = complaint.as_ref().filter(|text| before != Some(*text)) {
            tracing::warn!("the upstream groups of {} are not known: {text}", path.display());
        }
        let changed = old.is_none_or(|old| complaint.is_none() && old.config != config);
        let files = config.iter().flat_map(|config| config.files.iter().cloned());
        let stamps = files.map(|file| (file.clone(), modified(&file))).collect();
        // nginx goes on with what it has when a file breaks, until it reads a good one.
        let config = config.or_else(|| old.and_then(|old| old.config.clone()));
        self.read.insert(key.clone(), Read { config, stamps, complaint });
        changed
    }
}

/// Which file a master has read. Its title does not tell where words of the command line begin, so a path with a space
/// is not found.
fn of_master(procfs: &Path, master: &NginxMaster) -> Key {
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

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

#[cfg(test)]
mod tests {
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
    fn a_file_that_breaks_leaves_what_was_known_and_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nginx.conf");
        let mut configs = Configs::new(vec![file.clone()]);
        assert!(configs.look(dir.path(), &[]) && !configs.complete() && configs.kept().is_empty());
        write(&file, CONFIG);
        assert!(configs.look(dir.path(), &[]) && configs.complete());
        let expected = (Listener::from_upstream("10.0.0.1:80").unwrap(), Duration::from_secs(9));
        assert_eq!(configs.kept(), [expected]);
        assert!(!configs.look(dir.path(), &[]), "nothing has changed");
        write(&file, "http {");
        fs::File::open(&file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(!configs.look(dir.path(), &[]) && !configs.complete());
        assert_eq!(configs.kept().len(), 1);
        write(&file, "http { }");
        assert!(configs.look(dir.path(), &[]) && configs.complete() && configs.kept().is_empty());
    }
}
