//! Child processes that never outlive their owner.
//!
//! nginx and PHP-FPM fork workers of their own, and a failing test panics half way: so every program gets a process
//! group, the group is stopped by number when the guard is dropped, and the drop waits until the group is empty.
//! Should the test process itself be killed, `setpriv` has asked the kernel to stop its children (a `pre_exec` of our
//! own would need `unsafe`).

use std::{
    fs,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::Result;

/// How long a program may take to end by itself after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(3);

/// A running program and everything it forked.
pub struct Proc {
    child: Child,
    name: String,
    gone: bool,
}

/// A command for `program` that dies with the thread that starts it, where the machine has `setpriv`.
pub fn command(program: &Path) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    if setpriv.is_file() {
        let mut command = Command::new(setpriv);
        command.args(["--pdeathsig", "TERM"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

impl Proc {
    /// Starts `command` as the leader of a process group of its own.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        use std::os::unix::process::CommandExt;
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Self { child, name: name.to_owned(), gone: false })
    }

    /// The leader's process id, which is also the number of the group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The leader's standard output, once, if it was piped.
    pub fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Sends a signal to the leader only.
    pub fn signal(&self, signal: &str) {
        kill(signal, &self.pid().to_string());
    }

    /// Sends a signal to the leader and to all it forked.
    pub fn signal_group(&self, signal: &str) {
        kill(signal, &format!("-{}", self.pid()));
    }

    /// How the leader ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits until the leader and every process of its group are gone.
    pub fn wait_gone(&mut self, within: Duration) -> Result<()> {
        let deadline = Instant::now() + within;
        while self.ended().is_none() || !members(self.pid()).is_empty() {
            if Instant::now() >= deadline {
                let left = members(self.pid());
                return Err(
                    format!("{} (group {}) still has processes {left:?}", self.name, self.pid()).into()
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.gone = true;
        Ok(())
    }

    /// Ends the whole group: politely, then not, and returns when it is gone.
    pub fn stop(&mut self) {
        if self.gone {
            return;
        }
        // Only the leader is asked: nginx and FPM end their workers in order, and a worker that is signalled
        // besides would write a line about a failure that no visitor saw.
        if self.ended().is_none() {
            self.signal("TERM");
        }
        if self.wait_gone(PATIENCE).is_err() {
            self.signal_group("KILL");
            if let Err(error) = self.wait_gone(PATIENCE) {
                eprintln!("lab: {error}");
            }
        }
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Live processes (zombies are not) of one process group.
pub fn members(group: u32) -> Vec<u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // The name in parentheses may hold anything; the fields behind it are state, parent, group.
            let mut fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
            let state = fields.next();
            state.is_some_and(|state| state != "Z" && state != "X")
                && fields.nth(1).and_then(|field| field.parse().ok()) == Some(group)
        })
        .collect()
}

/// Processes that name `path` in their command line: after a run there must be none for our directory.
pub fn mentioning(path: &Path) -> Vec<u32> {
    let wanted = path.to_string_lossy().into_owned();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != std::process::id())
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&wanted)
        })
        .collect()
}

/// The shell's own `kill`: always there, where /bin/kill is in a package of its own.
pub fn kill(signal: &str, target: &str) {
    let script = format!("kill -s {signal} -- {target} 2>/dev/null");
    // A target that has just gone is what we wanted anyway.
    let _ = Command::new("/bin/sh").args(["-c", &script]).status();
}
