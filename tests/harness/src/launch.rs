//! Starts a server of Prometheus' family and waits until it says that it is ready.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    Result,
    client::Http1,
    find_program,
    proc::{self, Proc},
    wait_for,
};

/// A command for the program that the environment names, else for the first of `names` that is installed.
pub fn command(variable: &str, names: &[&str]) -> Result<Command> {
    let program = match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => find_program(names, names[0])?,
    };
    Ok(proc::command(&program))
}

/// Starts `command`, which serves on `port`; what it says goes into `dir`.
pub fn ready(name: &str, command: &mut Command, dir: &Path, port: u16) -> Result<Proc> {
    let said = dir.join("stderr.txt");
    command.stdout(Stdio::null()).stderr(fs::File::create(&said)?);
    let mut proc = Proc::start(name, command)?;
    let ready = wait_for(&format!("{name} to be ready"), Duration::from_secs(30), || {
        let ended = proc.ended().is_some();
        (ended || Http1::new(port).get("/-/ready").status == Some(200)).then_some(!ended)
    })?;
    if !ready {
        return Err(format!("{name} does not start:\n{}", fs::read_to_string(said)?).into());
    }
    Ok(proc)
}
