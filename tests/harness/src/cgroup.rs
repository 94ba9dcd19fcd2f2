//! A memory cgroup of our own, where the machine lets us have one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use crate::{Result, wait_for};

/// A cgroup with a memory limit. Dropping it removes it, when its processes are gone.
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// Below our own cgroup or one above it; `limit` in bytes. An ordinary user gets it by sudo. `None`: not allowed here.
    pub fn new(name: &str, limit: u64) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = |prefix: &str| own.lines().find_map(|line| line.split_once(prefix).map(|(_, path)| path));
        let (top, path, file) = match (path(":memory:"), path("0::")) {
            (Some(path), _) => ("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"),
            (None, Some(path)) => ("/sys/fs/cgroup", path, "memory.max"),
            (None, None) => return None,
        };
        // In version 2 a cgroup that holds processes has no limited children (cgroups(7), "no internal processes"), so
        // that mostly only the one at the top can have ours.
        Path::new(path).ancestors().find_map(|parent| {
            let parent = Path::new(top).join(parent.strip_prefix("/").ok()?);
            let cgroup = Self::make(parent.join(format!("badgateway-{name}-{}", std::process::id())))?;
            // Without the controller there is no such file, and none can be made.
            let limit_file = cgroup.0.join(file);
            (limit_file.exists() && write(&limit_file, &limit.to_string()).is_ok()).then_some(cgroup)
        })
    }

    fn make(dir: PathBuf) -> Option<Self> {
        let made = fs::create_dir(&dir).is_ok() || sudo("mkdir \"$1\"", &[&dir.display().to_string()]);
        made.then_some(Self(dir))
    }

    /// Moves a process into it.
    pub fn take(&self, pid: u32) -> Result<()> {
        write(&self.0.join("cgroup.procs"), &pid.to_string())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let remove =
            || fs::remove_dir(&self.0).is_ok() || sudo("rmdir \"$1\"", &[&self.0.display().to_string()]);
        let _ = wait_for("the cgroup to be empty", Duration::from_secs(5), || remove().then_some(()));
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    if fs::write(file, text).is_ok() || sudo("echo \"$2\" > \"$1\"", &[&file.display().to_string(), text]) {
        return Ok(());
    }
    Err(format!("cannot write {text} to {}", file.display()).into())
}

/// Runs a script as root, if that needs no password.
fn sudo(script: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new("sudo");
    command.args(["-n", "sh", "-c", script, "sh"]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
