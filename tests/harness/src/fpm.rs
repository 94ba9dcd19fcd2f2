//! A real PHP-FPM in the foreground, with the pools and scripts that an experiment asks for.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    Result,
    account::worker_account,
    cgroup::Cgroup,
    open_to_all,
    proc::{self, Proc, members},
    programs::php_fpm,
    wait_for,
};

/// The PHP scripts, by file name. Each does one thing that goes wrong in production.
const SCRIPTS: &[(&str, &str)] = &[
    ("ok.php", "<?php echo 'ok';"),
    // In small steps, because a signal cuts a single sleep short. `mark` is a file that tells us who runs it now.
    (
        "slow.php",
        "<?php if (isset($_GET['mark'])) file_put_contents($_GET['mark'], getmypid()); $end = microtime(true) + (float)$_GET['s']; \
        while (microtime(true) < $end) usleep(20000); echo 'ok';",
    ),
    // Until the file is there, and not much longer than a minute.
    (
        "hold.php",
        "<?php $end = microtime(true) + 85; while (!file_exists($_GET['until']) && microtime(true) < $end) { \
        usleep(20000); clearstatcache(); } echo 'ok';",
    ),
    ("kill.php", "<?php posix_kill(getmypid(), (int)$_GET['sig']); sleep(5);"),
    (
        "half.php",
        "<?php echo str_repeat('x', 100000); while (ob_get_level()) ob_end_flush(); flush(); \
        usleep(100000); posix_kill(getmypid(), (int)$_GET['sig']); sleep(5);",
    ),
    (
        "complain.php",
        // More than PHP-FPM's buffer of 8 KiB holds, so that it is sent at once: since PHP 8.4 flush() would send the header,
        // too. nginx cuts the blanks off (ngx_http_fastcgi_process_header).
        "<?php error_log('about to crash'); for ($i = 0; $i < 9; $i++) error_log(str_repeat(' ', 1000)); usleep(50000); \
        posix_kill(getmypid(), 9); sleep(5);",
    ),
    ("bigheader.php", "<?php header('X-Big: ' . str_repeat('b', 20000)); echo 'ok';"),
    ("badstatus.php", "<?php header('Status: abc nonsense'); echo 'ok';"),
    ("status.php", "<?php http_response_code((int)$_GET['code']); echo 'my own';"),
    ("fatal.php", "<?php no_such_function();"),
    ("memory.php", "<?php ini_set('memory_limit', '8M'); $x = str_repeat('m', 64 << 20);"),
    ("oom.php", "<?php ini_set('memory_limit', -1); $x = str_repeat('m', 300 << 20); echo strlen($x);"),
    ("time.php", "<?php set_time_limit(1); for (;;);"),
    ("log.php", "<?php error_log($_GET['m']); echo 'ok';"),
    ("redirect.php", "<?php header('X-Accel-Redirect: ' . $_GET['to']);"),
];

/// One pool, with `pm = static`.
pub struct Pool<'a> {
    /// Of its section.
    pub name: &'a str,
    /// A socket path or `127.0.0.1:PORT`.
    pub listen: String,
    /// `pm.max_children`.
    pub children: u32,
    /// Further lines of its section.
    pub settings: &'a str,
}

/// A PHP-FPM that may be stopped and started again. Dropping it stops it.
pub struct Fpm {
    proc: Option<Proc>,
    program: PathBuf,
    config: PathBuf,
    log: PathBuf,
    listens: Vec<String>,
}

/// Writes the scripts into `root/php` and returns that directory.
pub fn write_scripts(root: &Path) -> Result<PathBuf> {
    let dir = root.join("php");
    fs::create_dir_all(&dir)?;
    open_to_all(&dir, 0o755)?;
    for (name, text) in SCRIPTS {
        fs::write(dir.join(name), text)?;
        open_to_all(&dir.join(name), 0o644)?;
    }
    Ok(dir)
}

impl Fpm {
    /// Writes the configuration into `root/name` and starts FPM; returns when every pool listens.
    pub fn start(root: &Path, name: &str, pools: &[Pool<'_>]) -> Result<Self> {
        Self::start_with(root, name, "", pools)
    }

    /// The same with further lines for the section `[global]`.
    pub fn start_with(root: &Path, name: &str, global: &str, pools: &[Pool<'_>]) -> Result<Self> {
        let program = php_fpm()?;
        let dir = root.join(name);
        fs::create_dir_all(&dir)?;
        open_to_all(&dir, 0o755)?;
        let account = worker_account()
            .map_or_else(String::new, |(user, group)| format!("user = {user}\ngroup = {group}\n"));
        let log = dir.join("fpm.log");
        let mut text = format!("[global]\nerror_log = {}\ndaemonize = no\n{global}\n", log.display());
        for Pool { name, listen, children, settings } in pools {
            text.push_str(&format!(
                "[{name}]\n{account}listen = {listen}\npm = static\npm.max_children = {children}\n\
                 php_admin_flag[log_errors] = on\nphp_admin_flag[display_errors] = off\n{settings}\n"
            ));
            if !settings.contains("listen.mode") {
                text.push_str("listen.mode = 0666\n");
            }
        }
        let config = dir.join("php-fpm.conf");
        fs::write(&config, text)?;
        let listens = pools.iter().map(|pool| pool.listen.clone()).collect();
        let mut fpm = Self { proc: None, program, config, log, listens };
        fpm.launch()?;
        Ok(fpm)
    }

    /// Starts the master again after it was stopped.
    pub fn launch(&mut self) -> Result<()> {
        let before = self.ready_count();
        let mut command = proc::command(&self.program);
        command.arg("-F").arg("-y").arg(&self.config).stdout(std::process::Stdio::null());
        let errors = self.config.with_extension("stderr");
        let mut proc = Proc::start("php-fpm", command.stderr(fs::File::create(&errors)?))?;
        let started = wait_for("PHP-FPM to be ready", Duration::from_secs(10), || {
            if proc.ended().is_some() {
                return Some(false);
            }
            (self.ready_count() > before && self.listening()).then_some(true)
        })?;
        if !started {
            let said = fs::read_to_string(errors).unwrap_or_default();
            return Err(format!("PHP-FPM does not start:\n{said}").into());
        }
        self.proc = Some(proc);
        Ok(())
    }

    /// Whether every process has stopped, as SIGSTOP asks them to.
    pub fn is_stopped(&self) -> bool {
        let stat = |pid: u32| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let stopped = |pid: u32| stat(pid).rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'));
        self.proc.as_ref().is_some_and(|proc| members(proc.pid()).into_iter().all(stopped))
    }

    /// Moves master and workers into a cgroup.
    pub fn move_to(&self, cgroup: &Cgroup) -> Result<()> {
        let master = self.proc.as_ref().ok_or("PHP-FPM does not run")?.pid();
        for pid in members(master) {
            cgroup.take(pid)?;
        }
        Ok(())
    }

    /// Its configuration file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// FPM's error log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Sends a signal to the master: TERM and QUIT stop it, USR2 reloads.
    pub fn signal(&self, signal: &str) {
        if let Some(proc) = &self.proc {
            proc.signal(signal);
        }
    }

    /// Sends a signal to the master and all workers.
    pub fn signal_all(&self, signal: &str) {
        if let Some(proc) = &self.proc {
            proc.signal_group(signal);
        }
    }

    /// Waits until master and workers are gone, after a signal that ends them.
    pub fn wait_gone(&mut self) -> Result<()> {
        match self.proc.take() {
            Some(mut proc) => proc.wait_gone(Duration::from_secs(5)),
            None => Ok(()),
        }
    }

    /// How often FPM has said that it is ready: a reload or start adds one.
    pub fn ready_count(&self) -> usize {
        fs::read_to_string(&self.log).unwrap_or_default().matches("ready to handle connections").count()
    }

    fn listening(&self) -> bool {
        self.listens.iter().all(|listen| listen.contains(':') || Path::new(listen).exists())
    }
}
