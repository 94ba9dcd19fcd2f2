//! Which PHP-FPM a master is, over restarts. Its configuration's path tells, but containers may each have one of the same
//! path: then the mount namespace tells them apart, and that is another one whenever a container starts anew.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::kernel::processes::Master;

/// How long an ended PHP-FPM is remembered while another one with a configuration of the same path runs, or after its
/// configuration was removed, too. Whether it will come back, or was a container that is gone for good, nobody can tell.
const REMEMBERED: Duration = Duration::from_secs(600);

/// One PHP-FPM, whether it runs or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId {
    /// The main file of its configuration, in its own mount namespace.
    pub path: PathBuf,
    /// Among those with the same path.
    pub nth: u32,
}

impl InstanceId {
    /// The first, and mostly the only one.
    pub(crate) fn first(path: &Path) -> Self {
        Self { path: path.to_owned(), nth: 0 }
    }
}

/// The last master of an instance.
#[derive(Clone, Copy)]
struct LastMaster {
    /// The inode of its mount namespace; `None`: not for us to see.
    mounts: Option<u64>,
    seen: Instant,
}

/// All instances that are known.
#[derive(Default)]
pub(super) struct FpmInstances {
    /// Our own mount namespace: in it we see what they see.
    own: Option<u64>,
    last: BTreeMap<InstanceId, LastMaster>,
    by_pid: HashMap<u32, InstanceId>,
}

/// What changed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Moves {
    /// A master came whose instance had none before, or one of another mount namespace.
    pub(super) came: bool,
    /// These are given up.
    pub(super) forgotten: Vec<InstanceId>,
}

impl FpmInstances {
    /// `own`: the inode of our mount namespace.
    pub(super) fn new(own: Option<u64>) -> Self {
        Self { own, ..Self::default() }
    }

    /// The instance of a master.
    pub(super) fn of(&self, pid: u32) -> Option<&InstanceId> {
        self.by_pid.get(&pid)
    }

    /// Takes the masters of a scan.
    pub(super) fn settle(&mut self, masters: &[Master], now: Instant) -> Moves {
        let (mut moves, mut new) = (Moves::default(), Vec::new());
        self.by_pid.clear();
        for master in masters {
            let Some(path) = &master.config else { continue };
            match &master.mounts {
                Ok(mounts) if !self.stay(master.process.pid, path, *mounts, now) => {
                    new.push((master.process.pid, path, *mounts));
                }
                Ok(_) => {}
                // They cannot be told apart.
                Err(_) => {
                    self.last.insert(InstanceId::first(path), LastMaster { mounts: None, seen: now });
                    self.by_pid.insert(master.process.pid, InstanceId::first(path));
                }
            }
        }
        for (pid, path, mounts) in new {
            // A second master in one namespace, as after a binary upgrade.
            if self.stay(pid, path, mounts, now) {
                continue;
            }
            let nths = (0..).map(|nth| InstanceId { path: path.clone(), nth });
            // A container that was started anew, or the next one.
            let free = |id: &InstanceId| !self.by_pid.values().any(|taken| taken == id);
            if let Some(id) = nths.into_iter().find(free) {
                self.last.insert(id.clone(), LastMaster { mounts: Some(mounts), seen: now });
                self.by_pid.insert(pid, id);
                moves.came = true;
            }
        }
        let (by_pid, own) = (&self.by_pid, self.own);
        self.last.retain(|id, last| {
            let another = || by_pid.values().any(|live| live.path == id.path && live != id);
            let old = now.duration_since(last.seen) > REMEMBERED;
            let removed = || last.mounts.is_some() && last.mounts == own && !id.path.exists();
            let forget = old && (another() || removed());
            moves.forgotten.extend(forget.then(|| id.clone()));
            !forget
        });
        moves
    }

    /// Whether an instance of that path had a master in that mount namespace.
    fn stay(&mut self, pid: u32, path: &Path, mounts: u64, now: Instant) -> bool {
        let mut of_path = self.last.iter_mut().filter(|(id, _)| id.path == path);
        let Some((id, last)) = of_path.find(|(_, last)| last.mounts == Some(mounts)) else {
            return false;
        };
        last.seen = now;
        self.by_pid.insert(pid, id.clone());
        true
    }
}
