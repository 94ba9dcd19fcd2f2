//! Upstream groups of one name in two nginx: `GROUP@NGINX`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::nginx_conf::LogTarget;
use super::{Nginx, Topology};
use crate::address::Listener;

/// The names that several nginx have for groups that differ.
#[derive(Debug)]
pub struct GroupLabels(BTreeSet<String>);

impl GroupLabels {
    /// `None`: there are no such names.
    pub fn of(topology: &Topology) -> Option<Self> {
        let mut groups: BTreeMap<&str, BTreeSet<Vec<&str>>> = BTreeMap::new();
        let configurations = topology.nginx.iter().filter_map(|nginx| nginx.conf.as_deref());
        for upstream in configurations.flat_map(|config| &config.http.upstreams) {
            let mut servers: Vec<&str> = upstream.servers.iter().map(String::as_str).collect();
            servers.sort_unstable();
            groups.entry(&upstream.name).or_default().insert(servers);
        }
        let several = groups.into_iter().filter(|(_, servers)| servers.len() > 1);
        let names: BTreeSet<String> = several.map(|(name, _)| name.to_owned()).collect();
        Some(Self(names)).filter(|names| !names.0.is_empty())
    }

    /// What an nginx's group is called.
    pub fn of_nginx(&self, nginx: &str, group: &str) -> String {
        if self.0.contains(group) { label(group, nginx) } else { group.to_owned() }
    }

    /// The labels of the groups that are ambiguous, if one nginx alone writes that log. `is_it`: whether a path of nginx's is
    /// the log.
    pub fn of_log(&self, topology: &Topology, is_it: impl Fn(&Path) -> bool) -> Option<Vec<(&str, String)>> {
        let mut writers = topology.nginx.iter().filter(|nginx| writes(nginx, &is_it));
        let writer = writers.next().filter(|_| writers.next().is_none())?;
        Some(self.0.iter().map(|group| (group.as_str(), label(group, &writer.name))).collect())
    }
}

/// `app@shop`
fn label(group: &str, nginx: &str) -> String {
    format!("{group}@{nginx}")
}

/// Whether it writes that access or error log.
fn writes(nginx: &Nginx, is_it: impl Fn(&Path) -> bool) -> bool {
    let servers = nginx.conf.iter().flat_map(|config| &config.http.servers);
    let errors = servers.flat_map(|server| &server.levels).flat_map(|level| &*level.error_logs);
    let errors = errors.filter_map(|log| match &log.target {
        LogTarget::File(path) => Some(path),
        _ => None,
    });
    nginx.log_files.iter().map(|log| &log.path).chain(errors).any(|path| is_it(path))
}

impl Topology {
    /// The servers of the group with that label. None where two nginx have different ones of that name.
    pub fn servers_of_group(&self, text: &str) -> &[Listener] {
        let groups = || {
            self.nginx
                .iter()
                .flat_map(|nginx| nginx.groups.iter().map(move |(name, servers)| (nginx, name, servers)))
        };
        let mut named = groups().filter(|(_, name, _)| *name == text);
        if let Some((.., servers)) = named.next() {
            return if named.all(|(.., others)| others == servers) { servers } else { &[] };
        }
        let mut labelled = groups().filter(|(nginx, name, _)| label(name, &nginx.name) == text);
        labelled.next().map_or(&[], |(.., servers)| servers)
    }

    /// Every label that a group may have.
    pub(super) fn group_labels(&self) -> impl Iterator<Item = String> {
        let all = GroupLabels::of(self).into_iter().flat_map(|labels| labels.0);
        all.flat_map(|group| self.nginx.iter().map(move |nginx| label(&group, &nginx.name)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::topology::{nginx_conf, nginx_configs};

    /// An nginx of that name whose group `app` has these servers.
    fn nginx(name: &str, servers: &str) -> Nginx {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nginx.conf");
        let text = format!(
            "error_log /{name}/error.log; http {{ upstream app {{ {servers} }} upstream own_{name} {{ server 10.9.9.9; }} \
             server {{ access_log /{name}/access.log; access_log /all.log; location / {{ proxy_pass http://app; }} }} }}"
        );
        std::fs::write(&file, text).unwrap();
        let config = nginx_conf::read(&file, Path::new("/")).unwrap();
        Nginx {
            name: name.to_owned(),
            config: PathBuf::from(name),
            root: "/".into(),
            pid: None,
            network: None,
            groups: nginx_configs::groups(&config),
            kept: Vec::new(),
            fastcgi: Vec::new(),
            log_files: config.http.log_files(),
            conf: Some(Arc::new(config)),
        }
    }

    fn labels(topology: &Topology, log: &str) -> Vec<(String, String)> {
        let Some(labels) = GroupLabels::of(topology) else { return Vec::new() };
        let of_log = labels.of_log(topology, |path| path == Path::new(log)).unwrap_or_default();
        of_log.into_iter().map(|(name, label)| (name.to_owned(), label)).collect()
    }

    #[test]
    fn only_groups_that_differ_have_their_nginx_in_the_label() {
        let two =
            |a: &str, b: &str| Topology { nginx: vec![nginx("a", a), nginx("b", b)], ..Topology::default() };
        let same = two("server 10.0.0.1; server 10.0.0.2;", "server 10.0.0.2; server 10.0.0.1;");
        assert!(labels(&same, "/a/access.log").is_empty());
        assert_eq!(same.group_labels().count(), 0);
        // A host name makes a group as good as an address does.
        for (one, other) in [("server 10.0.0.1;", "server 10.0.0.2;"), ("server x:1;", "server y:1;")] {
            let differ = two(one, other);
            for (log, label) in [
                ("/a/access.log", "app@a"),
                ("/a/error.log", "app@a"),
                ("/b/access.log", "app@b"),
                ("/b/error.log", "app@b"),
            ] {
                assert_eq!(labels(&differ, log), [("app".to_owned(), label.to_owned())], "{log}");
            }
            assert!(labels(&differ, "/all.log").is_empty(), "both write it");
            assert!(labels(&differ, "/other.log").is_empty());
            assert!(differ.upstream_names().contains("app@b"));
        }
        let differ = two("server 10.0.0.1;", "server 10.0.0.2;");
        let servers = |label: &str| -> Vec<String> {
            differ.servers_of_group(label).iter().map(Listener::upstream).collect()
        };
        assert_eq!(servers("app@b"), ["10.0.0.2:80"]);
        assert_eq!(servers("own_a"), ["10.9.9.9:80"]);
        assert!(servers("app").is_empty() && servers("app@c").is_empty());
    }
}
