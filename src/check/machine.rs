//! What the machine says: a record, taken once, that the checks read.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::address::Listener;

/// Everything that was looked at. What could not be seen is missing, and nothing is concluded from that.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    /// Files at the paths of unix sockets that nginx connects to, by the path as nginx has it.
    pub sockets: BTreeMap<PathBuf, SocketFile>,
    /// Whether somebody listens at a TCP address of this machine.
    pub ports: BTreeMap<Listener, bool>,
    /// What host names of upstreams resolve to.
    pub names: BTreeMap<String, Vec<IpAddr>>,
    /// Whom nginx's workers run as, by the main file of its configuration.
    pub nginx_users: BTreeMap<PathBuf, User>,
    /// The workers that run, by the same.
    pub nginx_workers: BTreeMap<PathBuf, Vec<u32>>,
    /// `net.core.somaxconn`
    pub somaxconn: Option<u64>,
    /// What workers of each PHP-FPM use, by the main file of its configuration.
    pub memory: BTreeMap<PathBuf, WorkerMemory>,
    /// Logs of nginx and PHP-FPM, by their paths.
    pub logs: BTreeMap<PathBuf, LogFile>,
    /// Patterns of the files that logrotate rotates; `None`: there is no logrotate, or it cannot be read.
    pub rotated: Option<Vec<String>>,
    /// What the user that follows the logs may not see, each as a sentence.
    pub hidden: Vec<String>,
    /// Whose rights `LogFile::readable` are.
    pub reader: String,
    /// SELinux, where it is enforced.
    pub selinux: Option<Selinux>,
    /// What could not be looked at, each as a sentence.
    pub left_out: Vec<String>,
}

/// What is at the path of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketFile {
    /// The path with all links followed.
    pub resolved: PathBuf,
    /// What it is.
    pub kind: SocketKind,
    /// Each directory above the socket, and the socket: who may pass. Those that could be seen.
    pub way: Vec<Permissions>,
    /// Its SELinux type: `httpd_var_run_t`.
    pub label: Option<String>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// A socket; whether somebody listens, if that is known.
    Socket(Option<bool>),
    /// Something else.
    Other,
    /// There is nothing.
    Missing,
    /// A symbolic link that leads to nothing.
    Dangling,
    /// It may not be seen.
    Unseen,
}

/// Owner, group, mode and ACL of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// The file.
    pub path: PathBuf,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// The last twelve bits.
    pub mode: u32,
    /// Its access control list; `None`: it has none.
    pub acl: Option<Acl>,
}

/// An access control list's entries for named users and groups, the mask applied: user or group id, and `rwx` as bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl {
    /// Named users.
    pub users: Vec<(u32, u32)>,
    /// Named groups.
    pub groups: Vec<(u32, u32)>,
    /// What the file's own group may.
    pub group: u32,
}

/// A user with all groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The id.
    pub uid: u32,
    /// The ids of the groups.
    pub gids: Vec<u32>,
}

impl User {
    /// Whether all of `wanted` (4 read, 2 write, 1 search) is allowed (path_resolution(7), acl(5)).
    pub fn may(&self, wanted: u32, file: &Permissions) -> bool {
        let has = |bits: u32| bits & wanted == wanted;
        if self.uid == 0 {
            return true;
        }
        if self.uid == file.uid {
            return has(file.mode >> 6);
        }
        let in_group = self.gids.contains(&file.gid);
        let Some(acl) = &file.acl else {
            return has(if in_group { file.mode >> 3 } else { file.mode });
        };
        if let Some((_, bits)) = acl.users.iter().find(|(uid, _)| *uid == self.uid) {
            return has(*bits);
        }
        let mut groups: Vec<u32> =
            acl.groups.iter().filter(|(gid, _)| self.gids.contains(gid)).map(|(_, bits)| *bits).collect();
        groups.extend(in_group.then_some(acl.group));
        if groups.is_empty() { has(file.mode) } else { groups.into_iter().any(has) }
    }
}

/// The memory of one PHP-FPM's workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerMemory {
    /// So many were measured.
    pub workers: u64,
    /// Their mean, in bytes.
    pub mean: u64,
    /// Proportional set sizes; else resident ones, in which each worker counts what all share.
    pub proportional: bool,
    /// What there is: the machine's, or the least limit of its cgroups.
    pub available: u64,
    /// It is a cgroup's limit.
    pub limited: bool,
}

/// A log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFile {
    /// Its size in bytes.
    pub size: u64,
    /// The user that follows the logs may read it.
    pub readable: bool,
    /// Bytes that are free on its file system, and all of it.
    pub disk: Option<(u64, u64)>,
    /// Its end, for those in which something is looked for.
    pub tail: Vec<u8>,
}

/// SELinux, enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selinux {
    /// nginx's workers are confined to `httpd_t`.
    pub confined: bool,
    /// `httpd_can_network_connect`
    pub may_connect: Option<bool>,
}

impl Machine {
    /// The file at the path of a socket.
    pub fn socket(&self, path: &Path) -> Option<&SocketFile> {
        self.sockets.get(path)
    }
}
