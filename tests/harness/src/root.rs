//! Tests that need root: run as root by whoever may, and never left out in silence.
//!
//! A test that needs root and has an ordinary user runs its own binary again, for that one test, as root of a user
//! namespace where that is enough, else by `sudo -n`. Where neither is allowed it says so in one line, and adds that line
//! to the file that `NOT_RUN_LIST` names, which `tests/run.sh` prints at the end.

use std::{
    fs::File,
    io::Write,
    process::{Command, Stdio},
};

use crate::{Result, account::is_root};

/// What the same test has to know as root, too; sudo forgets the environment.
const PASSED_ON: &[&str] = &["CARGO_BIN_EXE_badgateway", "NOT_RUN_LIST", "RUST_BACKTRACE", "SOAK", "TMPDIR"];

/// Says that a part was not run and why, on the terminal even if the test passes.
pub fn not_run(part: &str, why: &str) {
    let line = format!("NOT RUN: {part}: {why}\n");
    // In one piece, and not by eprintln!, which libtest hides.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(list) = std::env::var_os("NOT_RUN_LIST") {
        let list = File::options().append(true).open(list);
        let _ = list.and_then(|mut list| list.write_all(line.as_bytes()));
    }
}

/// Whether sudo lets us go without a password.
pub fn may_sudo() -> bool {
    run_quietly(Command::new("sudo").args(["-n", "true"]))
}

/// Whether a file system of this kind may be mounted, in a mount namespace of our own.
pub fn may_mount(kind: &str) -> bool {
    run_quietly(Command::new("unshare").args(["--mount", "mount", "-t", kind, "none", "/mnt"]))
}

/// Who may do what a test does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Root of the machine.
    Root,
    /// Root of a user and mount namespace is enough.
    Namespace,
}

/// Whether the test of this name goes on here: it does if `allowed` says that it can. If not, it is over: it has passed as
/// root, or it was said that it was not run.
///
/// # Errors
///
/// The test failed as root.
pub fn goes_on_here(test: &str, needs: Needs, allowed: impl Fn() -> bool) -> Result<bool> {
    if allowed() {
        return Ok(true);
    }
    if is_root() {
        not_run(test, "root may not do that here (a container without CAP_SYS_ADMIN?)");
        return Ok(false);
    }
    let mut again = if needs == Needs::Namespace && may_unshare() {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount"]);
        command
    } else if may_sudo() {
        let mut command = Command::new("sudo");
        let kept = PASSED_ON.iter().filter_map(|name| Some(format!("{name}={}", std::env::var(name).ok()?)));
        command.args(["-n", "env"]).args(kept).args(["unshare", "--mount"]);
        command
    } else {
        not_run(test, "it needs root, and sudo asks for a password or is not there");
        return Ok(false);
    };
    let done = again.arg(std::env::current_exe()?).args(["--exact", test, "--nocapture"]);
    let done = done.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let said = String::from_utf8_lossy(&done.stdout);
    // A name that fits no test would pass as well.
    if done.status.success() && said.contains("1 passed;") {
        Ok(false)
    } else {
        Err(format!("{test}, run again as root, failed: {said}").into())
    }
}

fn may_unshare() -> bool {
    run_quietly(Command::new("unshare").args([
        "--map-root-user",
        "--mount",
        "mount",
        "-t",
        "tmpfs",
        "none",
        "/mnt",
    ]))
}

fn run_quietly(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
