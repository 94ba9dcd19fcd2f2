//! The hint comes once, for what is armed. Waiting for an event is bounded by a timeout, never by a sleep.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use badgateway::source::Waker;

use crate::support::LogDir;

fn waker() -> (Waker, Receiver<()>) {
    let (sender, receiver) = channel();
    let wake = move || {
        // The test may be over.
        let _ = sender.send(());
    };
    (Waker::new(wake), receiver)
}

/// Appends until the watch, which another thread sets up, has seen one of the writes.
fn is_woken(logs: &LogDir, name: &str, events: &Receiver<()>) -> bool {
    (0..500).any(|_| {
        logs.append(name, "line\n");
        events.recv_timeout(Duration::from_millis(10)).is_ok()
    })
}

#[test]
fn an_armed_file_wakes_once() {
    let logs = LogDir::new();
    logs.append("log", "");
    let (waker, events) = waker();
    for _ in 0..3 {
        waker.arm(vec![logs.path("log"), logs.path("no/such/directory/log")]);
        assert!(is_woken(&logs, "log", &events));
        logs.append("log", "more\n");
        logs.append("log", "more\n");
        assert_eq!(events.recv_timeout(Duration::from_millis(20)), Err(RecvTimeoutError::Timeout));
    }
}

#[test]
fn a_file_that_is_created_wakes() {
    let logs = LogDir::new();
    let (waker, events) = waker();
    waker.arm(vec![logs.path("log")]);
    assert!(is_woken(&logs, "log", &events));
}

#[test]
fn too_many_paths_and_none_are_no_error() {
    let logs = LogDir::new();
    logs.append("log", "");
    let (waker, events) = waker();
    waker.arm(vec![logs.path("log"); 257]);
    waker.arm(Vec::new());
    waker.disarm();
    waker.arm(vec![logs.path("log")]);
    assert!(is_woken(&logs, "log", &events));
}

#[test]
fn dropping_it_ends_its_thread() {
    let (waker, events) = waker();
    drop(waker);
    // The sender lives in the thread's closure.
    assert_eq!(events.recv_timeout(Duration::from_secs(10)), Err(RecvTimeoutError::Disconnected));
}
