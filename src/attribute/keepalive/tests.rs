//! Lines of one worker and its neighbours, against what they prove.

use super::*;
use crate::record::format::Format;

const FORMAT: &str = "$msec $pid $connection \"$request\" $status \"$upstream_addr\" \"$upstream_status\" \
    \"$upstream_connect_time\" \"$upstream_header_time\" \"$upstream_response_time\" \"$upstream_bytes_received\"";

struct World {
    answers: PeerAnswers,
    upstreams: Interner,
    kept: Kept,
    format: Format,
}

impl World {
    /// `a:1` and `b:1` are kept for 60 s, all others are not.
    fn new(format: &str) -> Self {
        let mut upstreams = Interner::new(100);
        let kept = [b"a:1", b"b:1"].map(|name| (upstreams.id(name), 60_000)).into();
        Self { answers: PeerAnswers::default(), upstreams, kept, format: Format::new(format).unwrap() }
    }

    fn line(&mut self, line: &str) -> bool {
        let access = self.format.access(line.as_bytes()).unwrap();
        self.answers.follow(&access, &self.kept, &mut self.upstreams).is_some()
    }

    fn answer(&mut self, at: &str, pid: u32, addr: &str) {
        let line = format!(
            "{at} {pid} 1 \"GET / HTTP/1.1\" 200 \"{addr}\" \"200\" \"0.001\" \"0.001\" \"0.001\" \"9\""
        );
        assert!(!self.line(&line));
    }

    fn failure(&mut self, at: &str, pid: u32, addr: &str, times: [&str; 4]) -> bool {
        let [connect, header, response, bytes] = times;
        self.line(&format!(
            "{at} {pid} 2 \"POST / HTTP/1.1\" 502 \"{addr}\" \"502\" \"{connect}\" \"{header}\" \"{response}\" \"{bytes}\""
        ))
    }
}

const AT_ONCE: [&str; 4] = ["0.000", "-", "0.004", "0"];

#[test]
fn an_answer_shortly_before_is_evidence_once() {
    let mut world = World::new(FORMAT);
    assert!(!world.failure("100.000", 5, "a:1", AT_ONCE), "nothing was kept");
    world.answer("100.000", 5, "a:1");
    assert!(world.failure("130.000", 5, "a:1", AT_ONCE));
    assert!(!world.failure("130.001", 5, "a:1", AT_ONCE), "it is used up");
    world.answer("140.000", 5, "a:1");
    assert!(world.failure("200.003", 5, "a:1", AT_ONCE));
    world.answer("300.000", 5, "a:1");
    assert!(!world.failure("360.004", 5, "a:1", AT_ONCE), "nginx had closed it itself");
    world.answer("400.000", 5, "a:1");
    assert!(!world.failure("400.001", 5, "a:1", AT_ONCE), "it began before the answer was complete");
}

#[test]
fn another_worker_or_peer_or_group_proves_nothing() {
    let mut world = World::new(FORMAT);
    world.answer("100.000", 5, "a:1");
    assert!(!world.failure("101.000", 6, "a:1", AT_ONCE));
    assert!(!world.failure("101.000", 5, "b:1", AT_ONCE));
    world.answer("102.000", 5, "c:1");
    assert!(!world.failure("103.000", 5, "c:1", AT_ONCE), "its group has no keepalive");
    assert!(world.failure("104.000", 5, "a:1", AT_ONCE));
}

#[test]
fn only_a_failure_at_once_and_without_a_byte() {
    for times in [
        ["0.000", "-", "0.051", "0"],
        ["0.001", "-", "0.002", "0"],
        ["-", "-", "0.002", "0"],
        ["0.000", "-", "0.002", "17"],
        ["0.000", "0.002", "0.002", "0"],
    ] {
        let mut world = World::new(FORMAT);
        world.answer("100.000", 5, "a:1");
        assert!(!world.failure("101.000", 5, "a:1", times), "{times:?}");
    }
}

#[test]
fn several_attempts_are_not_judged_but_show_what_is_kept() {
    let mut world = World::new(FORMAT);
    world.answer("100.000", 5, "a:1");
    let two = |addr, status, header| {
        format!(
            "101.000 5 3 \"POST / HTTP/1.1\" 502 \"{addr}\" \"{status}\" \"0.000, 0.000\" \"{header}\" \"0.001, 0.001\" \"0, 0\""
        )
    };
    assert!(!world.line(&two("c:1, a:1", "502, 502", "-, -")));
    assert!(!world.failure("102.000", 5, "a:1", AT_ONCE), "the first one took the connection");
    assert!(!world.line(&two("a:1, b:1", "502, 200", "-, 0.001")));
    assert!(!world.failure("102.000", 5, "a:1", AT_ONCE));
    assert!(world.failure("102.000", 5, "b:1", AT_ONCE));
}

#[test]
fn an_answer_that_broke_off_or_was_upgraded_leaves_no_connection() {
    let mut world = World::new(FORMAT);
    world.answers.cut(5, 1);
    world.answer("100.000", 5, "a:1");
    assert!(!world.failure("101.000", 5, "a:1", AT_ONCE));
    let upgraded = "102.000 5 1 \"GET / HTTP/1.1\" 101 \"a:1\" \"101\" \"0.001\" \"0.001\" \"0.001\" \"9\"";
    assert!(!world.line(upgraded));
    assert!(!world.failure("103.000", 5, "a:1", AT_ONCE));
}

#[test]
fn a_format_that_lacks_a_field_proves_nothing() {
    for field in [
        "$msec",
        "$pid",
        "$connection",
        "$upstream_connect_time",
        "$upstream_header_time",
        "$upstream_response_time",
        "$upstream_bytes_received",
    ] {
        let mut world = World::new(&FORMAT.replace(field, "$other"));
        world.answer("100.000", 5, "a:1");
        assert!(!world.failure("101.000", 5, "a:1", AT_ONCE), "{field}");
    }
}

#[test]
fn what_nginx_sends_again_by_itself_was_no_kept_connection() {
    let lost = Cause::ClosedPrematurely;
    assert!(may_be_stale(lost, b"POST /x") && may_be_stale(Cause::SendFailed, b"PATCH /x"));
    assert!(may_be_stale(Cause::ConnectionReset, b"LOCK /x"));
    for target in [b"GET /x".as_slice(), b"PUT /x", b"DELETE /x", b"POSTS /x", b"", b"post /x"] {
        assert!(!may_be_stale(lost, target));
    }
    assert!(
        !may_be_stale(Cause::ConnectionRefused, b"POST /x")
            && !may_be_stale(Cause::ResponseTimeout, b"POST /x")
    );
}

#[test]
fn memory_is_bounded() {
    let mut world = World::new(FORMAT);
    for pid in 0..2 * MOST as u32 {
        world.answer(&format!("{}.000", 100 + pid), pid, "a:1");
    }
    assert!(world.answers.last.len() <= MOST, "{}", world.answers.last.len());
}
