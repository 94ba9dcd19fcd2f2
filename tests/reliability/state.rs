//! A state directory that is full, read-only, broken or from the future: reading and serving go on.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use badgateway_harness::account::is_root;
use badgateway_harness::root::{Needs, goes_on_here, may_mount};
use tempfile::TempDir;

use crate::counters::{counters, sum};
use crate::support::{Serve, text};

/// A log, and a place for the state.
struct Setup {
    dir: TempDir,
}

impl Setup {
    fn new() -> Self {
        let setup = Self { dir: tempfile::tempdir().unwrap() };
        setup.write(3);
        setup
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("access.log")
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn write(&self, lines: usize) {
        let line = "192.0.2.1 - - [21/Nov/2026:05:00:00 +0000] \"GET / HTTP/1.1\" 502 1 \"-\" \"-\"\n";
        let mut log = File::options().append(true).create(true).open(self.log()).unwrap();
        log.write_all(line.repeat(lines).as_bytes()).unwrap();
    }

    fn start(&self) -> Serve {
        let (log, state) = (self.log(), self.state());
        Serve::start(&["--access-log", text(&log), "--read-from", "start", "--state.dir", text(&state)])
    }
}

fn errors(serve: &Serve) -> u64 {
    sum(&counters(&serve.scrape()), "http_errors_total", "")
}

fn durable(serve: &Serve) -> bool {
    serve.scrape().lines().any(|line| line == "badgateway_state_durable 1")
}

fn set_aside(serve: &Serve, reason: &str) -> u64 {
    sum(&counters(&serve.scrape()), "state_files_rejected_total", reason)
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let setup = Setup::new();
    let serve = setup.start();
    assert_eq!(errors(&serve), 3);
    drop(serve);
    setup.write(2);
    let serve = setup.start();
    assert_eq!(errors(&serve), 5, "killed");
    assert_eq!(serve.terminate(), Some(0));
    setup.write(1);
    let serve = setup.start();
    assert_eq!(errors(&serve), 6, "terminated");
    assert!(durable(&serve));
}

/// A log that came while we were away is no history.
#[test]
fn logs_that_are_new_after_a_restart() {
    let setup = Setup::new();
    let (old, born) = (setup.dir.path().join("old.log"), setup.dir.path().join("born.log"));
    fs::copy(setup.log(), &old).unwrap();
    let (log, state) = (setup.log(), setup.state());
    let serve = Serve::start(&["--access-log", text(&log), "--state.dir", text(&state)]);
    assert_eq!(errors(&serve), 0);
    drop(serve);
    fs::copy(setup.log(), &born).unwrap();
    let args = ["--access-log", text(&log), "--access-log", text(&old), "--access-log", text(&born)];
    let serve = Serve::start(&[&args[..], &["--state.dir", text(&state)]].concat());
    assert_eq!(errors(&serve), 3, "only the log that was born meanwhile is read from its first byte");
}

#[test]
fn without_a_directory_a_restart_counts_anew() {
    let setup = Setup::new();
    let log = setup.log();
    let serve = Serve::start(&["--access-log", text(&log)]);
    setup.write(2);
    assert_eq!(errors(&serve), 2, "what was there before is history");
    assert!(!serve.scrape().contains("badgateway_state_"), "unknown is not shown as zero");
}

#[test]
fn a_directory_in_use_is_an_error_that_names_the_process() {
    let setup = Setup::new();
    let serve = setup.start();
    let (log, state) = (setup.log(), setup.state());
    let args = [
        "serve",
        "--access-log",
        text(&log),
        "--state.dir",
        text(&state),
        "--web.listen-address",
        "127.0.0.1:0",
    ];
    let second = crate::support::run(&args);
    let said = crate::support::stderr(&second);
    assert!(!second.status.success());
    assert!(said.contains(&serve.pid().to_string()) && said.contains("--state.dir"), "{said}");
}

/// Every file of the state is broken in every region of it: the magic, the header, the middle, the end.
#[test]
fn broken_state_is_set_aside_and_never_counted_lower() {
    let setup = Setup::new();
    let breaks: [fn(&mut Vec<u8>); 6] = [
        |bytes| bytes[0] ^= 1,
        |bytes| bytes[30] ^= 1,
        |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x20;
        },
        |bytes| {
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
        },
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.fill(0),
    ];
    for (n, damage) in breaks.into_iter().enumerate() {
        let _ = fs::remove_dir_all(setup.state());
        let serve = setup.start();
        let before = errors(&serve);
        drop(serve);
        for entry in fs::read_dir(setup.state()).unwrap().map(|entry| entry.unwrap().path()) {
            let mut bytes = fs::read(&entry).unwrap();
            if bytes.len() > 100 {
                damage(&mut bytes);
                fs::write(&entry, bytes).unwrap();
            }
        }
        setup.write(1);
        let serve = setup.start();
        let after = errors(&serve);
        assert!(after == 0 || after > before, "break {n}: {before} before, {after} after");
        assert!(set_aside(&serve, "") > 0, "break {n} is counted");
        assert!(serve.log().contains("set aside"), "break {n} is told: {}", serve.log());
        assert!(
            fs::read_dir(setup.state()).unwrap().any(|e| e
                .unwrap()
                .path()
                .extension()
                .is_some_and(|x| x == "bad"))
        );
        assert!(durable(&serve), "break {n}: it goes on");
    }
}

#[test]
fn a_state_from_the_future_is_set_aside() {
    let setup = Setup::new();
    let serve = setup.start();
    assert_eq!(errors(&serve), 3);
    drop(serve);
    for entry in fs::read_dir(setup.state()).unwrap().map(|entry| entry.unwrap().path()) {
        let text = String::from_utf8(fs::read(&entry).unwrap()).unwrap();
        fs::write(&entry, text.replacen("badgateway state 1 ", "badgateway state 2 ", 1)).unwrap();
    }
    let serve = setup.start();
    assert!(set_aside(&serve, "version") > 0);
    assert!(durable(&serve));
}

/// A small file system of its own, until it is dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs", text(at)]).output().unwrap();
        let said = String::from_utf8_lossy(&mounted.stderr).into_owned();
        assert!(mounted.status.success(), "{said}");
        Self(at.to_owned())
    }

    fn remount(&self, option: &str) {
        // Of this mount only: for that of the file system mount(8) 2.41 repeats its `uid=`, which the kernel refuses in a
        // user namespace.
        let option = format!("remount,bind,{option}");
        let done = Command::new("mount").args(["-o", &option, text(&self.0)]).status();
        assert!(done.unwrap().success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", text(&self.0)]).status();
    }
}

/// Takes all the space there is.
fn fill(filler: &Path) {
    let mut file = File::create(filler).unwrap();
    while file.write_all(&[b'x'; 4096]).is_ok() {}
}

#[test]
fn a_full_and_a_read_only_file_system_are_told_and_recovered_from() {
    let test = "state::a_full_and_a_read_only_file_system_are_told_and_recovered_from";
    if !goes_on_here(test, Needs::Namespace, || is_root() && may_mount("tmpfs")).unwrap() {
        return;
    }
    let setup = Setup::new();
    let tmpfs = Tmpfs::mount(&setup.state());
    // Full from the start.
    let filler = setup.state().join("filler");
    fill(&filler);
    let serve = setup.start();
    assert_eq!(errors(&serve), 3, "numbers are served all the same");
    assert!(!durable(&serve));
    setup.write(1);
    assert_eq!(errors(&serve), 4);
    assert!(serve.log().contains("space"), "{}", serve.log());
    fs::remove_file(&filler).unwrap();
    serve.until(durable);
    for _ in 0..2 {
        setup.write(1);
        serve.scrape();
    }
    // Full later: what is there is overwritten in place.
    fill(&filler);
    setup.write(1);
    assert_eq!(errors(&serve), 7);
    drop(serve);
    let serve = setup.start();
    assert_eq!(errors(&serve), 7);
    fs::remove_file(&filler).unwrap();
    serve.until(durable);
    // Read-only: nothing can be written, and the last state is still there.
    drop(serve);
    tmpfs.remount("ro");
    setup.write(1);
    let serve = setup.start();
    assert_eq!(errors(&serve), 8);
    assert!(!durable(&serve));
    tmpfs.remount("rw");
    setup.write(1);
    serve.until(durable);
    assert_eq!(errors(&serve), 9);
    drop(serve);
    let serve = setup.start();
    assert_eq!(errors(&serve), 9);
    drop(serve);
    drop(tmpfs);
}
