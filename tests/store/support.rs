//! Payloads that tell their number, and this test binary as a process that can be killed or limited.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use badgateway::ledger::store::{Loaded, Opened, Store, StoreError};

pub(crate) const BOOT: &str = "3e1d6d5c-0000-4000-8000-000000000001";

/// Where a child keeps its state; unset in a test that was not started by another one.
pub(crate) const DIR: &str = "BADGATEWAY_TEST_STATE_DIR";

pub(crate) fn payload(number: u32, length: usize) -> Vec<u8> {
    let mut bytes = format!("{number}\n").into_bytes();
    bytes.resize(length.max(bytes.len()), number as u8);
    bytes
}

pub(crate) fn number(loaded: &Loaded) -> u32 {
    let end = loaded.payload.iter().position(|byte| *byte == b'\n').unwrap();
    let number = std::str::from_utf8(&loaded.payload[..end]).unwrap().parse().unwrap();
    assert_eq!(loaded.payload, payload(number, loaded.payload.len()), "a payload comes back as it was given");
    number
}

/// Asks until it is so.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

pub(crate) fn open(dir: &Path) -> Opened {
    open_in(dir, BOOT)
}

/// Opens a directory that nobody uses. A process that another test is just starting has copies of all our
/// descriptors until it becomes another program, and so the lock of a store that is closed already.
pub(crate) fn open_in(dir: &Path, boot: &str) -> Opened {
    until("the lock is free", || match Store::open(dir, boot) {
        Err(StoreError::Locked { .. }) => None,
        opened => Some(opened.unwrap()),
    })
}

/// What would have to be run to run one test of this binary, in a shell that may set limits first.
#[allow(clippy::disallowed_methods, reason = "a test may start itself")]
pub(crate) fn this_test(setup: &str, name: &str, dir: &Path) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{setup} exec \"$0\" \"$@\""));
    command.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]).env(DIR, dir);
    command
}
