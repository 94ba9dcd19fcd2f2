//! A PHP-FPM of the test's own, in a directory of its own, ended by its process id.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use badgateway::topology::fpm_conf::{FpmConfig, Surroundings, read_in};
use badgateway::topology::loader::ConfigLimits;

use badgateway_harness::{proc::kill, programs::php_fpm, wait_for};

pub(crate) struct Master {
    child: Child,
    dir: tempfile::TempDir,
}

impl Master {
    /// Starts PHP-FPM with `pools`, in which `{dir}` is its directory and `{user}` the lines that root needs.
    pub(crate) fn start(pools: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let accounts = fs::read_to_string("/etc/passwd").unwrap();
        let account = ["www-data", "nobody"].into_iter().find(|name| accounts.contains(&format!("{name}:")));
        let user = account.map_or_else(String::new, |name| format!("user = {name}\n"));
        let pools = pools.replace("{dir}", &dir.path().display().to_string()).replace("{user}", &user);
        let text = format!("[global]\nerror_log = {}\n{pools}", dir.path().join("fpm.log").display());
        fs::write(dir.path().join("fpm.conf"), text).unwrap();
        let mut command = Command::new(php_fpm().unwrap());
        command.args(["-n", "-F", "-R", "-p"]).arg(dir.path()).arg("-y").arg(dir.path().join("fpm.conf"));
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        let said = fs::File::create(dir.path().join("stderr")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().unwrap();
        let mut master = Self { child, dir };
        let ready = wait_for("PHP-FPM to be ready", Duration::from_secs(20), || {
            let ended = master.child.try_wait().unwrap();
            assert!(ended.is_none(), "PHP-FPM does not start: {}", master.log());
            master.log().contains("ready to handle connections").then_some(())
        });
        assert!(ready.is_ok(), "{ready:?}: {}", master.log());
        master
    }

    /// Its configuration as we read it.
    pub(crate) fn config(&self) -> FpmConfig {
        let file = self.dir().join("fpm.conf");
        let mut around = Surroundings::guess(&file, Path::new("/"));
        around.prefix = self.dir().to_path_buf();
        read_in(&file, &around, &ConfigLimits::default()).unwrap()
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn log(&self) -> String {
        ["fpm.log", "stderr"]
            .map(|name| fs::read_to_string(self.dir().join(name)).unwrap_or_default())
            .concat()
    }
}

impl Drop for Master {
    /// SIGTERM lets the master end its workers; should it not, it is killed, and they end when they notice.
    fn drop(&mut self) {
        kill("TERM", &self.child.id().to_string());
        let ended = || matches!(self.child.try_wait(), Ok(Some(_))).then_some(());
        if wait_for("PHP-FPM to end", Duration::from_secs(10), ended).is_ok() {
            return;
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
