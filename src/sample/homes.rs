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
pub(super) struct Home {
    /// The main file of its configuration, in its own mount namespace.
    pub(super) path: PathBuf,
    /// Among those with the same path.
    pub(super) nth: u32,
}

impl Home {
    /// The first, and mostly the only one.
    pub(super) fn first(path: &Path) -> Self {
        Self { path: path.to_owned(), nth: 0 }
    }
}

/// Who lived there last.
#[derive(Clone, Copy)]
struct Tenant {
    /// The inode of its mount namespace; `None`: not for us to see.
    mounts: Option<u64>,
    seen: Instant,
}

/// All that a master was ever seen in.
#[derive(Default)]
pub(super) struct Homes {
    /// Our own mount namespace: in it we see what they see.
    own: Option<u64>,
    tenants: BTreeMap<Home, Tenant>,
    by_pid: HashMap<u32, Home>,
}

/// What changed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Moves {
    /// A master came to where none, or one of another mount namespace, was before.
    pub(super) came: bool,
    /// These are given up.
    pub(super) forgotten: Vec<Home>,
}

impl Homes {
    /// `own`: the inode of our mount namespace.
    pub(super) fn new(own: Option<u64>) -> Self {
        Self { own, ..Self::default() }
    }

    /// Where a master lives.
    pub(super) fn of(&self, pid: u32) -> Option<&Home> {
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
                    self.tenants.insert(Home::first(path), Tenant { mounts: None, seen: now });
                    self.by_pid.insert(master.process.pid, Home::first(path));
                }
            }
        }
        for (pid, path, mounts) in new {
            // A second master in one namespace, as after a binary upgrade.
            if self.stay(pid, path, mounts, now) {
                continue;
            }
            let nths = (0..).map(|nth| Home { path: path.clone(), nth });
            // A container that was started anew, or the next one.
            let free = |home: &Home| !self.by_pid.values().any(|taken| taken == home);
            if let Some(home) = nths.into_iter().find(free) {
                self.tenants.insert(home.clone(), Tenant { mounts: Some(mounts), seen: now });
                self.by_pid.insert(pid, home);
                moves.came = true;
            }
        }
        let (by_pid, own) = (&self.by_pid, self.own);
        self.tenants.retain(|home, tenant| {
            let another = || by_pid.values().any(|live| live.path == home.path && live != home);
            let old = now.duration_since(tenant.seen) > REMEMBERED;
            let removed = || tenant.mounts.is_some() && tenant.mounts == own && !home.path.exists();
            let forget = old && (another() || removed());
            moves.forgotten.extend(forget.then(|| home.clone()));
            !forget
        });
        moves
    }

    /// Whether a master of that mount namespace lives there already.
    fn stay(&mut self, pid: u32, path: &Path, mounts: u64, now: Instant) -> bool {
        let mut of_path = self.tenants.iter_mut().filter(|(home, _)| home.path == path);
        let Some((home, tenant)) = of_path.find(|(_, tenant)| tenant.mounts == Some(mounts)) else {
            return false;
        };
        tenant.seen = now;
        self.by_pid.insert(pid, home.clone());
        true
    }
}
