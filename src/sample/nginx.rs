//! The nginx of this machine over time: that one is down must be said also after a restart of ours.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::machine::{Counted, CounterDelta, GroupServer};
use crate::kernel::processes::{is_removed, program};
use crate::label::label;
use crate::topology::group_labels::GroupLabels;
use crate::topology::remembered::RememberedNginx;
use crate::topology::{Topology, kept_for_a_week, nginx_name};

/// How often the time at which they were seen is saved, in seconds.
const SAVED_EVERY: u64 = 3600;

/// Most servers of groups that are shown.
const MOST_SERVERS: usize = 500;

/// Those whose master was seen within the last week, and whose program is still there.
pub(super) struct Instances {
    known: BTreeMap<PathBuf, RememberedNginx>,
    /// Each with the pid of a master.
    running: HashMap<PathBuf, u32>,
    /// Whether the process table could be read at the last look, and when that was.
    seen: Option<Instant>,
    changed: bool,
    saved: u64,
}

impl Instances {
    /// `before`: those of the state directory. `now` is the wall clock in Unix seconds.
    pub(super) fn new(before: Vec<RememberedNginx>, now: u64) -> Self {
        let known = before.into_iter().map(|nginx| (nginx.config.clone(), nginx)).collect();
        Self { known, running: HashMap::new(), seen: None, changed: false, saved: now }
    }

    /// Takes the main files of the configurations with which a master runs; `None`: processes cannot be seen.
    pub(super) fn look<'p>(
        &mut self,
        procfs: &Path,
        running: Option<impl Iterator<Item = (&'p Path, u32)>>,
        at: Instant,
        now: u64,
        gains: &mut Vec<CounterDelta>,
    ) {
        let Some(running) = running else {
            self.seen = None;
            return;
        };
        let before = std::mem::take(&mut self.running);
        self.running = running.map(|(config, pid)| (config.to_owned(), pid)).collect();
        let mut new = HashSet::new();
        for (config, pid) in &self.running {
            let is_same = before.get(config) == Some(pid);
            if let Some(nginx) = self.known.get_mut(config) {
                nginx.seen = now;
                if !is_same {
                    let program = program(procfs, *pid);
                    self.changed |= program != nginx.program;
                    nginx.program = program;
                }
                continue;
            }
            let taken = self.known.values().map(|nginx| nginx.name.clone()).collect();
            let name = nginx_name(&taken, config);
            let program = program(procfs, *pid);
            let nginx = RememberedNginx { config: config.clone(), name, seen: now, program };
            self.known.insert(config.clone(), nginx);
            new.insert(config.clone());
            self.changed = true;
        }
        let count = self.known.len();
        let running = &self.running;
        self.known.retain(|config, nginx| {
            running.contains_key(config)
                || kept_for_a_week(nginx.seen, now) && !nginx.program.as_deref().is_some_and(is_removed)
        });
        self.changed |= self.known.len() != count;
        let since = self.seen.map(|seen| at.saturating_duration_since(seen).as_secs_f64());
        for (config, nginx) in &self.known {
            // It was down at the look before: until now, for all that is known. One that was never seen was nothing.
            let was_down = since.filter(|_| !before.contains_key(config) && !new.contains(config));
            let labels = vec![nginx.name.clone()];
            gains.push(CounterDelta {
                what: Counted::NginxDownSeconds,
                labels,
                by: was_down.unwrap_or_default(),
            });
        }
        self.seen = Some(at);
    }

    /// The short name of the nginx with that configuration, whether or not it was seen running.
    fn name_of(&self, config: &Path) -> String {
        let known = self.known.get(config).map(|nginx| nginx.name.clone());
        known.unwrap_or_else(|| nginx_name(&HashSet::new(), config))
    }

    /// The servers of all groups, as far as there is room.
    pub(super) fn groups(&self, topology: &Topology) -> Arc<[GroupServer]> {
        // As the logs' upstreams are called, so that an alert about a group finds its servers.
        let labels = GroupLabels::of(topology);
        let called = |nginx: &str, group: &str| match &labels {
            Some(labels) => labels.of_nginx(nginx, group),
            None => group.to_owned(),
        };
        let groups = topology.nginx.iter().flat_map(|nginx| {
            let name = self.name_of(&nginx.config);
            let servers = nginx
                .groups
                .iter()
                .flat_map(|(group, servers)| servers.iter().map(move |server| (group, server.upstream())));
            let called = &called;
            servers.map(move |(group, upstream)| GroupServer {
                nginx: name.clone(),
                group: label(called(&nginx.name, group).as_bytes()).into_owned(),
                upstream,
            })
        });
        let servers: BTreeSet<GroupServer> = groups.take(MOST_SERVERS).collect();
        servers.into_iter().collect()
    }

    /// Each with whether its master lives; none while processes cannot be seen.
    pub(super) fn shown(&self) -> Vec<(String, bool)> {
        let known = self.known.values().filter(|_| self.seen.is_some());
        known.map(|nginx| (nginx.name.clone(), self.running.contains_key(&nginx.config))).collect()
    }

    /// What the state directory is to keep, when that is something else than before.
    pub(super) fn changes(&mut self, now: u64) -> Option<Vec<RememberedNginx>> {
        let due = self.changed || now.saturating_sub(self.saved) >= SAVED_EVERY;
        due.then(|| {
            (self.changed, self.saved) = (false, now);
            self.known.values().cloned().collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::address::Listener;
    use crate::topology;

    const MAIN: &str = "/etc/nginx/nginx.conf";

    fn look(instances: &mut Instances, running: Option<&[&str]>, at: Instant, now: u64) -> f64 {
        let mut gains = Vec::new();
        let running = running.map(|paths| paths.iter().map(|path| (Path::new(*path), 1)));
        instances.look(Path::new("/nowhere"), running, at, now, &mut gains);
        gains.iter().map(|gain| gain.by).sum()
    }

    #[test]
    fn one_that_was_seen_is_shown_down_also_after_a_restart_of_ours() {
        let at = Instant::now();
        let after = |seconds| at + Duration::from_secs(seconds);
        let mut instances = Instances::new(Vec::new(), 1000);
        assert_eq!(look(&mut instances, Some(&[]), at, 1000), 0.0);
        assert_eq!(instances.shown(), []);
        assert_eq!(look(&mut instances, Some(&[MAIN]), after(1), 1001), 0.0);
        assert_eq!(instances.shown(), [("nginx".to_owned(), true)]);
        let saved = instances.changes(1001).unwrap();
        assert_eq!(instances.changes(1002), None);
        assert_eq!(look(&mut instances, Some(&[]), after(2), 1002), 0.0, "it was up until now");
        assert_eq!(look(&mut instances, Some(&[]), after(3), 1003), 1.0);
        assert_eq!(look(&mut instances, Some(&[MAIN]), after(4), 1004), 1.0);
        assert_eq!(look(&mut instances, Some(&[MAIN]), after(5), 1005), 0.0);

        let mut again = Instances::new(saved, 2000);
        assert_eq!(look(&mut again, None, at, 2000), 0.0);
        assert_eq!(again.shown(), [], "what cannot be seen is unknown");
        assert_eq!(look(&mut again, Some(&[]), at, 2000), 0.0);
        assert_eq!(again.shown(), [("nginx".to_owned(), false)]);
        look(&mut again, Some(&[]), at, 1001 + 8 * 24 * 3600);
        assert_eq!(again.shown(), [], "nobody waits for one that was taken away a week ago");
        assert_eq!(again.changes(3000), Some(Vec::new()));
    }

    #[test]
    fn one_whose_program_was_removed_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nginx");
        fs::write(&file, "").unwrap();
        let remembered = |program: Option<&Path>| RememberedNginx {
            config: MAIN.into(),
            name: "nginx".to_owned(),
            seen: 1000,
            program: program.map(|path| path.to_str().unwrap().to_owned()),
        };
        let (at, later) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let mut instances = Instances::new(vec![remembered(Some(&file))], 1000);
        look(&mut instances, Some(&[]), at, 1001);
        assert_eq!(instances.shown(), [("nginx".to_owned(), false)], "it is down");
        fs::remove_file(&file).unwrap();
        assert_eq!(look(&mut instances, Some(&[]), later, 1002), 0.0);
        assert_eq!(instances.shown(), [], "it was removed");
        assert_eq!(instances.changes(1002), Some(Vec::new()));
        let mut unknown = Instances::new(vec![remembered(None)], 1000);
        look(&mut unknown, Some(&[]), at, 1001);
        assert_eq!(
            unknown.shown(),
            [("nginx".to_owned(), false)],
            "a container's program is not to be seen here"
        );
    }

    #[test]
    fn servers_of_groups_are_shown_once_each() {
        let server = |at: &str| Listener::from_upstream(at).unwrap();
        let groups = vec![
            (
                "back".to_owned(),
                vec![server("10.0.0.1:80"), server("unix:/run/b.sock"), server("10.0.0.1:80")],
            ),
            ("empty".to_owned(), Vec::new()),
        ];
        let nginx = topology::Nginx {
            config: MAIN.into(),
            root: "/".into(),
            pid: None,
            network: None,
            groups,
            kept: Vec::new(),
            fastcgi: Vec::new(),
            name: "nginx".to_owned(),
            log_files: Vec::new(),
            conf: None,
        };
        let topology = Topology { nginx: vec![nginx], ..Topology::default() };
        let shown = Instances::new(Vec::new(), 0).groups(&topology);
        let shown: Vec<_> = shown.iter().map(|row| [&*row.nginx, &row.group, &row.upstream]).collect();
        assert_eq!(shown, [["nginx", "back", "10.0.0.1:80"], ["nginx", "back", "unix:/run/b.sock"]]);
    }

    #[test]
    fn two_have_names_of_their_own() {
        let mut instances = Instances::new(Vec::new(), 0);
        let others = ["/srv/shop/nginx.conf", "/usr/local/nginx/conf/nginx.conf"];
        look(&mut instances, Some(&[MAIN]), Instant::now(), 0);
        look(&mut instances, Some(&others), Instant::now(), 0);
        let shown = |name: &str, up| (name.to_owned(), up);
        assert_eq!(instances.shown(), [shown("nginx", false), shown("shop", true), shown("nginx-2", true)]);
    }
}
