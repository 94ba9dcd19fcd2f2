//! The cgroup of a process, and the directory that shows it to us.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::reading::{self, Reading, Unreadable, Why};

/// The paths of `/proc/PID/cgroup`, as the reader's cgroup namespace shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cgroups {
    /// In the one hierarchy of version 2; with version 1 beside it, it controls nothing.
    pub unified: Option<String>,
    /// In version 1's memory hierarchy.
    pub memory: Option<String>,
    /// In version 1's CPU hierarchy: the name of its directory (`cpu`, `cpu,cpuacct`) and the path.
    pub cpu: Option<(String, String)>,
}

/// What is controlled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Controller {
    Memory,
    Cpu,
}

/// Whose file names are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Version {
    V1,
    V2,
}

/// A directory with the files of one controller. Finding it takes a few system calls: keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// How its files are named.
    pub version: Version,
    /// Where they are.
    pub dir: PathBuf,
}

impl Cgroups {
    /// Those of a process; anyone may read them.
    pub fn read(procfs: &Path, pid: u32) -> Reading<Self> {
        Self::at(&procfs.join(pid.to_string()).join("cgroup"))
    }

    fn at(path: &Path) -> Reading<Self> {
        reading::read(path).map(|text| Self::parse(&text))
    }

    /// Rows `hierarchy:controllers:path` (kernel/cgroup/cgroup.c, `proc_cgroup_show`).
    fn parse(text: &[u8]) -> Self {
        let mut cgroups = Self::default();
        for row in String::from_utf8_lossy(text).lines() {
            let mut columns = row.splitn(3, ':');
            let (Some(number), Some(names), Some(path)) = (columns.next(), columns.next(), columns.next())
            else {
                continue;
            };
            // Of a cgroup that was removed while the process is a zombie.
            let path = path.strip_suffix(" (deleted)").unwrap_or(path);
            match number {
                "0" if names.is_empty() => cgroups.unified = Some(path.into()),
                _ if names.split(',').any(|name| name == "memory") => cgroups.memory = Some(path.into()),
                _ if names.split(',').any(|name| name == "cpu") => {
                    cgroups.cpu = Some((names.into(), path.into()));
                }
                _ => {}
            }
        }
        cgroups
    }

    /// The version, path and the directories of the hierarchy below the place where cgroups are mounted.
    fn hierarchy(&self, controller: Controller) -> Option<(Version, &str, Vec<&str>)> {
        match (controller, &self.memory, &self.cpu, &self.unified) {
            (Controller::Memory, Some(path), ..) => Some((Version::V1, path, vec!["memory"])),
            (Controller::Cpu, _, Some((names, path)), _) => Some((Version::V1, path, vec![names, "cpu"])),
            // Version 2 alone is mounted at the root itself; beside version 1, below `unified`.
            (.., Some(path)) => Some((Version::V2, path, vec!["", "unified"])),
            _ => None,
        }
    }

    /// Finds the directory of the process, in this order: where the path says, below `root`; `root` itself,
    /// if we are in the same cgroup and see nothing above it; and what the process itself sees, which is its
    /// container's own. Another container's needs the rights of a debugger.
    pub fn locate(&self, controller: Controller, procfs: &Path, pid: u32, root: &Path) -> Reading<Group> {
        let own_root = procfs.join(pid.to_string()).join("root/sys/fs/cgroup");
        let Some((version, path, names)) = self.hierarchy(controller) else {
            return Err(Unreadable::switched_off(root));
        };
        let inside = path.trim_start_matches('/');
        // `/../ID` is a cgroup beside ours: it is not below our root, whatever the path resolves to.
        let outside = Path::new(inside).components().any(|part| part == Component::ParentDir);
        let ours = Self::at(&procfs.join("self/cgroup"));
        let ours = ours.is_ok_and(|ours| ours.hierarchy(controller).is_some_and(|(_, own, _)| own == path));
        let mut error = None;
        for (root, is_its) in [(root, ours && !outside), (own_root.as_path(), true)] {
            for (below, wanted) in [(inside, !outside), ("", is_its)] {
                for dir in names.iter().filter(|_| wanted).map(|name| root.join(name).join(below)) {
                    match std::fs::metadata(&dir) {
                        Ok(found) if found.is_dir() && is_cgroup(&dir, version) => {
                            return Ok(Group { version, dir });
                        }
                        Err(refused) if refused.kind() != io::ErrorKind::NotFound => {
                            error = Some(Unreadable::new(dir.display().to_string(), &refused));
                        }
                        _ => {}
                    }
                }
            }
        }
        let what = format!("the cgroup {path} of process {pid}");
        Err(error.unwrap_or(Unreadable { what, why: Why::Kind(io::ErrorKind::NotFound) }))
    }
}

/// In a hybrid layout the root of version 2's place is a tmpfs, and `unified` is the cgroup.
fn is_cgroup(dir: &Path, version: Version) -> bool {
    version == Version::V1 || dir.join("cgroup.controllers").exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    fn fixture(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
    }

    fn locate(procfs: &str, pid: u32, root: &str, controller: Controller) -> Reading<Group> {
        let procfs = fixture(procfs);
        Cgroups::read(&procfs, pid)?.locate(controller, &procfs, pid, &fixture(root))
    }

    #[test]
    fn version_2_is_one_tree() {
        for controller in [Controller::Memory, Controller::Cpu] {
            let dir = fixture("cgroup/system.slice/php8.2-fpm.service");
            assert_eq!(locate("proc", 100, "cgroup", controller), Ok(Group { version: Version::V2, dir }));
        }
    }

    #[test]
    fn version_1_has_a_tree_for_each_controller() {
        for (controller, name) in [(Controller::Memory, "memory"), (Controller::Cpu, "cpu,cpuacct")] {
            let dir = fixture("v1/cgroup").join(name).join("system.slice/php8.2-fpm.service");
            assert_eq!(
                locate("v1/proc", 100, "v1/cgroup", controller),
                Ok(Group { version: Version::V1, dir })
            );
        }
    }

    #[test]
    fn another_container_is_seen_through_its_process() {
        let dir = fixture("pod/proc/7/root/sys/fs/cgroup");
        let found = locate("pod/proc", 7, "cgroup", Controller::Memory).unwrap();
        assert_eq!((found.version, found.dir.components().as_path()), (Version::V2, dir.as_path()));
    }

    #[test]
    fn what_is_not_shown_is_absent() {
        let unseen = locate("proc", 100, "nowhere", Controller::Memory).unwrap_err();
        assert!(unseen.is_absent() && unseen.to_string().contains("php8.2-fpm.service"), "{unseen}");
        assert!(locate("proc", 9, "cgroup", Controller::Memory).unwrap_err().is_absent());
    }

    #[test]
    fn damaged_text_does_not_panic() {
        let texts = fuzz::fixtures(&["v1/proc/100/cgroup", "proc/100/cgroup"]);
        fuzz::target("proc_cgroup", texts, &["0::/", "memory", ":", "/..", "\n"], |text| {
            let found = Cgroups::parse(text);
            let _ =
                [Controller::Memory, Controller::Cpu].map(|controller| found.hierarchy(controller).is_some());
        });
    }
}
