//! Which masters are believed. Anybody can give a process the title of one, and a configuration that it names is read with our
//! rights, the addresses in it are connected to, and its pools are shown.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::namespace;
use super::super::reading::{self, Reading, Unreadable};
use super::{Process, Title};
use crate::label::label;

/// Of whom masters are believed besides root and ourselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// `--discover.trust-uid`.
    pub uids: Vec<u32>,
    /// `--fpm-config` and `--nginx-config`.
    pub configs: Vec<PathBuf>,
}

/// Names of programs whose titles are those of masters.
const PROGRAMS: [&str; 6] = ["php-fpm", "nginx", "openresty", "angie", "freenginx", "tengine"];

/// Why a master is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Doubt {
    uid: Option<u32>,
    exe: Option<PathBuf>,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.uid {
            Some(uid) => write!(f, "it was started by user {uid}, who is neither root nor ourselves")?,
            None => write!(f, "it cannot be seen which user started it")?,
        }
        match &self.exe {
            Some(exe) => write!(f, ", and its program {} is no nginx or PHP-FPM of root's", exe.display()),
            None => write!(f, ", and its program cannot be seen"),
        }
    }
}

/// A process with a title: another one with the same pid has another start.
type Seen = (u32, u64, Title);

/// What was found out of each master.
#[derive(Default)]
pub(super) struct Judge {
    trust: Trust,
    judged: HashMap<Seen, Result<(), Doubt>>,
    /// Users and kinds of masters of whom it was said that they are not believed.
    said: HashSet<(Option<u32>, bool)>,
    /// Somebody else says so.
    is_silent: bool,
}

impl Judge {
    pub(super) fn new(trust: Trust) -> Self {
        Self { trust, ..Self::default() }
    }

    pub(super) fn be_silent(&mut self) {
        self.is_silent = true;
    }

    pub(super) fn has(&self, trust: &Trust) -> bool {
        self.trust == *trust
    }

    /// Leaves out masters that are not believed.
    pub(super) fn believe(&mut self, procfs: &Path, processes: &mut Vec<(Process, Title)>) {
        let mut judged = HashMap::new();
        for (process, title) in processes.iter().filter(|(_, title)| title.is_master()) {
            let seen = (process.pid, process.started.to_bits(), title.clone());
            let verdict =
                self.judged.remove(&seen).unwrap_or_else(|| self.trust.judge(procfs, process.pid, title));
            judged.insert(seen, verdict);
        }
        let believed: HashSet<u32> =
            judged.iter().filter(|(_, verdict)| verdict.is_ok()).map(|((pid, ..), _)| *pid).collect();
        // A worker bears its master's title, and another user already, until it has a title of its own.
        let is_believed =
            |process: &Process| believed.contains(&process.pid) || believed.contains(&process.ppid);
        for (process, title) in
            processes.iter().filter(|(process, title)| title.is_master() && !is_believed(process))
        {
            let seen = (process.pid, process.started.to_bits(), title.clone());
            if let Some(Err(doubt)) = judged.get(&seen)
                && !self.is_silent
                && self.said.insert((doubt.uid, matches!(title, Title::Nginx(_))))
            {
                tracing::warn!(
                    "process {} calls itself {:?} and is not believed: {doubt}. If it is one, name its user with \
                     --discover.trust-uid or its configuration with --fpm-config or --nginx-config",
                    process.pid,
                    title.shown()
                );
            }
        }
        processes.retain(|(process, title)| !title.is_master() || is_believed(process));
        self.judged = judged;
    }
}

impl Trust {
    fn judge(&self, procfs: &Path, pid: u32, title: &Title) -> Result<(), Doubt> {
        let uid = real_uid(procfs, pid).ok();
        let ours = rustix::process::getuid().as_raw();
        if uid.is_some_and(|uid| uid == 0 || uid == ours || self.uids.contains(&uid)) {
            return Ok(());
        }
        let exe = std::fs::read_link(procfs.join(format!("{pid}/exe"))).ok();
        if exe.as_ref().is_some_and(|exe| is_program(procfs, pid, exe)) || self.is_named(procfs, pid, title) {
            return Ok(());
        }
        Err(Doubt { uid, exe })
    }

    /// Whether its configuration is one that was named, seen from where we are: in a mount namespace of his own anybody puts
    /// any file at any path.
    fn is_named(&self, procfs: &Path, pid: u32, title: &Title) -> bool {
        let Some(config) = title.config() else { return false };
        if !self.configs.contains(&config) {
            return false;
        }
        match (namespace::inode(procfs, Some(pid), "mnt"), namespace::inode(procfs, None, "mnt")) {
            (Ok(theirs), Ok(ours)) => theirs == ours,
            _ => namespace::shares_root(procfs, pid) == Ok(true),
        }
    }
}

/// The real user: the owner of /proc/PID is root for any process that asks not to be dumped, and the effective user is that
/// of a program with the set-user-ID bit (proc_pid_status(5)).
fn real_uid(procfs: &Path, pid: u32) -> Reading<u32> {
    let path = procfs.join(format!("{pid}/status"));
    let text = reading::read(&path)?;
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"));
    let uid =
        line.and_then(|line| line.split(|byte| byte.is_ascii_whitespace()).find(|word| !word.is_empty()));
    let uid = uid.and_then(reading::decimal).and_then(|uid| u32::try_from(uid).ok());
    uid.ok_or_else(|| Unreadable::malformed(&path))
}

/// Whether a process runs a program of that name that only root can change. The link says what the process' own mount
/// namespace has there, so the file must be the same where we are.
fn is_program(procfs: &Path, pid: u32, exe: &Path) -> bool {
    let name = exe.file_name().unwrap_or_default().to_string_lossy();
    let (Ok(theirs), Ok(ours)) =
        (std::fs::metadata(procfs.join(format!("{pid}/exe"))), std::fs::symlink_metadata(exe))
    else {
        return false;
    };
    let is_same = (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino());
    let others_write = theirs.mode() & 0o002 != 0 || theirs.mode() & 0o020 != 0 && theirs.gid() != 0;
    PROGRAMS.iter().any(|program| name.contains(program)) && is_same && theirs.uid() == 0 && !others_write
}

impl Title {
    pub(super) fn is_master(&self) -> bool {
        matches!(self, Self::Master(_) | Self::Nginx(_))
    }

    /// The main file that it names, if that is absolute.
    fn config(&self) -> Option<PathBuf> {
        let path = match self {
            Self::Master(path) => path.clone()?,
            Self::Nginx(argv) => {
                let mut words = argv.split(' ').skip_while(|word| !word.starts_with("-c"));
                match words.next()?.strip_prefix("-c")? {
                    "" => words.next()?.into(),
                    glued => glued.into(),
                }
            }
            Self::Pool(_) => return None,
        };
        path.is_absolute().then_some(path)
    }

    fn shown(&self) -> String {
        let text = match self {
            Self::Master(path) => {
                format!("php-fpm: master process ({})", path.as_deref().unwrap_or(Path::new("")).display())
            }
            Self::Nginx(argv) => format!("nginx: master process {argv}"),
            Self::Pool(pool) => format!("php-fpm: pool {pool}"),
        };
        label(text.as_bytes()).into_owned()
    }
}
