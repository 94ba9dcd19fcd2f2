//! What the running process has given up, as the kernel tells and as it shows.

use std::fs;
use std::os::unix::fs::symlink;

use super::hostile::{FORMAT, failed, line};
use super::support::{Serve, text};

/// A field of every thread's `status`.
fn of_threads(serve: &Serve, field: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", serve.pid())).unwrap();
    tasks
        .filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok())
        .map(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            line.unwrap().trim().to_owned()
        })
        .collect()
}

#[test]
fn every_thread_has_a_filter_of_system_calls_and_gains_no_rights() {
    let dir = tempfile::tempdir().unwrap();
    let (log, state) = (dir.path().join("access.log"), dir.path().join("state"));
    fs::write(&log, line("a")).unwrap();
    let logs = ["--access-log", text(&log), "--read-from", "start", "--log-format", FORMAT];
    for state in [&["--state.dir", text(&state)][..], &[]] {
        let serve = Serve::start(&[&logs[..], state].concat());
        assert_eq!(failed(&serve), 1.0);
        for (field, wanted) in [("Seccomp:", "2"), ("NoNewPrivs:", "1")] {
            let found = of_threads(&serve, field);
            assert!(found.len() >= 3 && found.iter().all(|value| value == wanted), "{field} {found:?}");
        }
        assert!(!serve.log().contains("is not available"), "{}", serve.log());
    }
}

#[test]
fn nothing_is_written_where_a_link_in_place_of_the_state_directory_leads() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (log, state, moved, elsewhere) =
        (path("access.log"), path("state"), path("moved"), path("elsewhere"));
    fs::write(&log, line("a")).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    let serve = Serve::start(&[
        "--access-log",
        text(&log),
        "--read-from",
        "start",
        "--log-format",
        FORMAT,
        "--state.dir",
        text(&state),
    ]);
    fs::rename(&state, &moved).unwrap();
    symlink(&elsewhere, &state).unwrap();
    serve.until(|serve| {
        // Each scrape commits.
        serve.scrape();
        serve.log().contains("the state is not safe")
    });
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{}", serve.log());
    assert_eq!(failed(&serve), 1.0, "it goes on counting");
    // A directory that is made anew in its place is used.
    fs::remove_file(&state).unwrap();
    serve.until(|serve| {
        serve.scrape();
        serve.log().contains("the state is safe again")
    });
    assert!(fs::read_dir(&state).unwrap().count() > 0);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the standard library has no mkfifo")]
fn logs_that_are_no_files_are_refused_and_logs_are_only_read() {
    let dir = tempfile::tempdir().unwrap();
    let (fifo, log) = (dir.path().join("fifo"), dir.path().join("access.log"));
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for (path, why) in
        [(text(&fifo), "is a FIFO"), ("/dev/zero", "/dev/zero"), (text(dir.path()), "directory")]
    {
        let output =
            super::support::run(&["serve", "--web.listen-address", "127.0.0.1:0", "--access-log", path]);
        let said = super::support::stderr(&output);
        assert!(!output.status.success() && said.contains(why), "{path}: {said}");
    }
    fs::write(&log, line("a")).unwrap();
    let serve = Serve::start(&["--access-log", text(&log), "--read-from", "start", "--log-format", FORMAT]);
    let flags = fs::read_dir(format!("/proc/{}/fd", serve.pid())).unwrap().find_map(|entry| {
        let entry = entry.unwrap();
        let number = entry.file_name().into_string().unwrap();
        let is_log = fs::read_link(entry.path()).is_ok_and(|target| target == log);
        let info = format!("/proc/{}/fdinfo/{number}", serve.pid());
        is_log.then(|| fs::read_to_string(info).unwrap())
    });
    let flags = flags.unwrap();
    let flags = flags.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
    let flags = i32::from_str_radix(flags, 8).unwrap();
    // O_ACCMODE, O_NONBLOCK
    assert_eq!((flags & 0o3, flags & 0o4000), (0, 0o4000), "{flags:o}");
}
