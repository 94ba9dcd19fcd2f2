//! A memory cgroup of our own, where the machine lets us have one.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::wait_for;

/// A cgroup with a memory limit. Dropping it removes it, when its processes are gone.
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    /// Below our own; `limit` in bytes. `None`: not allowed here.
    pub(crate) fn new(name: &str, limit: u64) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = |prefix: &str| own.lines().find_map(|line| line.split_once(prefix).map(|(_, path)| path));
        let v1 =
            path(":memory:").map(|path| (format!("/sys/fs/cgroup/memory{path}"), "memory.limit_in_bytes"));
        let v2 = path("0::").map(|path| (format!("/sys/fs/cgroup{path}"), "memory.max"));
        let (parent, file) = v1.or(v2)?;
        let dir = Path::new(&parent).join(format!("badgateway-{name}-{}", std::process::id()));
        fs::create_dir(&dir).ok()?;
        let cgroup = Self(dir);
        fs::write(cgroup.0.join(file), limit.to_string()).ok()?;
        Some(cgroup)
    }

    /// Its directory.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = wait_for("the cgroup to be empty", Duration::from_secs(5), || fs::remove_dir(&self.0).ok());
    }
}
