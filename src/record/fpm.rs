//! The grammar of PHP-FPM's own log (`zlog.c`), as far as it says why a request died.
//!
//! Worker output that FPM passes on (`said into stderr: "…"`) is a script's words and no event, with one
//! exception: FPM's own refusal of a client comes that way.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::stamp::{self, Local};

/// How a worker ended (`fpm_children_bury`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// `exited on signal N`.
    Signal(u32),
    /// `exited with code N`.
    Code(u32),
}

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A worker ended.
    Exited {
        /// Name of the pool, as the log has it.
        pool: &'a [u8],
        /// Process id of the worker.
        child: u64,
        /// Signal or exit code.
        how: Exit,
    },
    /// `request_terminate_timeout` struck: FPM sends SIGTERM to the worker.
    Terminating {
        /// Name of the pool, as the log has it.
        pool: &'a [u8],
        /// Process id of the worker.
        child: u64,
        /// `METHOD URI` as FPM saw it: the URI cut at 128 bytes, the query at 512.
        request: &'a [u8],
    },
    /// `Reloading in progress` or an emergency restart.
    Reloading,
    /// `Terminating ...` or `Finishing ...`: the master stops.
    Stopping,
    /// A worker refused a connection: `listen.allowed_clients`. It says so on its own stderr, which FPM only
    /// passes on with `catch_workers_output = yes`.
    Disallowed,
    /// `ready to handle connections`.
    Ready,
    /// Something else about a pool: its master is alive.
    Working,
}

/// One line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// When, in FPM's local time.
    pub at: Local,
    /// What it tells, if that is of use.
    pub event: Option<Event<'a>>,
}

#[allow(clippy::expect_used, reason = "constant patterns; a unit test compiles them")]
static EXITED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?-u)^\[pool ([^\]]+)\] child (\d+) exited (?:on signal (\d+) |with code (\d+) after )")
        .expect("regex")
});
#[allow(clippy::expect_used, reason = "constant patterns; a unit test compiles them")]
static TERMINATING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?s-u)^\[pool ([^\]]+)\] child (\d+), script '.*' \(request: "(.*)"\) execution timed out \([\d.]+ sec\), terminating"#,
    )
    .expect("regex")
});

/// PHP 5.3.3 to 5.3.5 does not name the request.
#[allow(clippy::expect_used, reason = "constant patterns; a unit test compiles them")]
static TERMINATING_OLD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?s-u)^\[pool ([^\]]+)\] child (\d+), script '[^']*' execution timed out \([\d.]+ sec\), terminating",
    )
    .expect("regex")
});

/// Reads a line. `None`: no FPM log line (a continuation, or another log).
pub fn line(text: &[u8]) -> Option<Line<'_>> {
    let rest = text.strip_prefix(b"[")?;
    let at = stamp::fpm_log(rest)?;
    let close = memchr::memchr(b']', rest)?;
    let rest = rest[close + 1..].strip_prefix(b" ")?;
    let colon = memchr::memchr(b':', rest)?;
    if !is_level(&rest[..colon]) {
        return None;
    }
    let message = rest[colon + 1..].strip_prefix(b" ")?;
    Some(Line { at, event: event(skip_debug_origin(message)) })
}

/// Reads a line of `error_log = syslog` or journald, whose stamp stands in front of it: `[WARNING] [pool www] …` (`zlog.c`,
/// `vzlog`).
pub fn without_stamp(text: &[u8], at: Local) -> Option<Line<'_>> {
    let rest = text.strip_prefix(b"[")?;
    let close = memchr::memchr(b']', rest)?;
    if !is_level(&rest[..close]) {
        return None;
    }
    let message = rest[close + 1..].strip_prefix(b" ")?;
    Some(Line { at, event: event(skip_debug_origin(message)) })
}

/// Reads a line of PHP 5.3.3 to 5.3.5, whose stamp is syslog's: `Nov 20 15:00:00.123456 [WARNING] [pool www] …`.
pub fn old(text: &[u8], latest: Local) -> Option<Line<'_>> {
    let rest = text.get(15..)?.strip_prefix(b".")?;
    let (_micros, rest) = rest.split_at_checked(6)?;
    without_stamp(rest.strip_prefix(b" ")?, stamp::syslog(text, latest, 0)?)
}

/// Whether it is a line of PHP-FPM's own access log, which a container has among those of its log: `%R - %u %t "%m %r" %s`.
pub fn is_access(text: &[u8]) -> bool {
    let mut words = text.splitn(2, |b| *b == b' ');
    let (Some(_), Some(rest)) = (words.next(), words.next()) else { return false };
    let at = rest.strip_prefix(b"- ").and_then(|rest| Some(&rest[memchr::memchr(b' ', rest)? + 1..]));
    at.is_some_and(|at| stamp::time_local(at.strip_prefix(b"[").unwrap_or(at)).is_some())
}

fn is_level(word: &[u8]) -> bool {
    matches!(word, b"DEBUG" | b"NOTICE" | b"WARNING" | b"ERROR" | b"ALERT")
}

/// `log_level = debug` writes `pid N, function(), line N: ` in front of each message.
pub fn skip_debug_origin(message: &[u8]) -> &[u8] {
    match message.strip_prefix(b"pid ").and_then(|_| memchr::memmem::find(message, b": ")) {
        Some(at) => &message[at + 2..],
        None => message,
    }
}

/// What a message tells, without stamp and level.
pub fn event(message: &[u8]) -> Option<Event<'_>> {
    // Two letters tell nearly all lines apart before a regex runs.
    if message.starts_with(b"[pool ") {
        if let Some(found) = EXITED.captures(message) {
            let number = |i| found.get(i).and_then(|m| stamp::number(m.as_bytes()));
            let how = match number(3) {
                Some(signal) => Exit::Signal(u32::try_from(signal).ok()?),
                None => Exit::Code(u32::try_from(number(4)?).ok()?),
            };
            return Some(Event::Exited { pool: found.get(1)?.as_bytes(), child: number(2)?, how });
        }
        if memchr::memmem::find(message, b" said into stderr: \"ERROR: Connection disallowed: IP address '")
            .is_some()
        {
            return Some(Event::Disallowed);
        }
        let Some(found) = TERMINATING.captures(message) else {
            if let Some(found) = TERMINATING_OLD.captures(message) {
                let child = stamp::number(found.get(2)?.as_bytes())?;
                return Some(Event::Terminating { pool: found.get(1)?.as_bytes(), child, request: b"" });
            }
            let said = memchr::memmem::find(message, b" said into std").is_some();
            return (!said).then_some(Event::Working);
        };
        let child = stamp::number(found.get(2)?.as_bytes())?;
        return Some(Event::Terminating {
            pool: found.get(1)?.as_bytes(),
            child,
            request: found.get(3)?.as_bytes(),
        });
    }
    match message {
        b"ready to handle connections" => Some(Event::Ready),
        _ if message.starts_with(b"fpm is running, pid ") => Some(Event::Working),
        _ if message.starts_with(b"Reloading in progress") => Some(Event::Reloading),
        _ if message.starts_with(b"failed processes threshold") => Some(Event::Reloading),
        _ if message.starts_with(b"Terminating ...") || message.starts_with(b"Finishing ...") => {
            Some(Event::Stopping)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Event<'_>> {
        line(text.as_bytes()).and_then(|l| l.event)
    }

    #[test]
    fn with_syslog_the_level_stands_in_brackets() {
        let exited = line_of(
            "[WARNING] [pool www] child 7 exited on signal 11 (SIGSEGV) after 1.5 seconds from start",
        );
        assert_eq!(exited, Some(Event::Exited { pool: b"www", child: 7, how: Exit::Signal(11) }));
        assert_eq!(line_of("[NOTICE] Terminating ..."), Some(Event::Stopping));
        assert_eq!(
            line_of("[NOTICE] pid 4, fpm_x(), line 1: ready to handle connections"),
            Some(Event::Ready)
        );
        for other in ["WARNING: x", "[error] x", "[NOTICE]x", "x"] {
            assert_eq!(without_stamp(other.as_bytes(), 5), None, "{other}");
        }
    }

    fn line_of(text: &str) -> Option<Event<'_>> {
        without_stamp(text.as_bytes(), 5).and_then(|line| line.event)
    }

    #[test]
    fn exits_name_pool_child_and_reason() {
        assert_eq!(
            of(
                "[20-Nov-2026 15:00:02] WARNING: [pool www] child 24163 exited on signal 9 (SIGKILL) after 2.489389 seconds from start"
            ),
            Some(Event::Exited { pool: b"www", child: 24163, how: Exit::Signal(9) })
        );
        assert_eq!(
            of(
                "[20-Nov-2026 15:00:02] WARNING: [pool www] child 7 exited on signal 11 (SIGSEGV - core dumped) after 2.4 seconds from start"
            ),
            Some(Event::Exited { pool: b"www", child: 7, how: Exit::Signal(11) })
        );
        assert_eq!(
            of(
                "[20-Nov-2026 15:00:02.123456] NOTICE: pid 9, fpm_children_bury(), line 262: [pool a b] child 8 exited with code 0 after 1.0 seconds from start"
            ),
            Some(Event::Exited { pool: b"a b", child: 8, how: Exit::Code(0) })
        );
    }

    #[test]
    fn old_versions_have_syslog_s_stamp_and_name_no_request() {
        let latest = stamp::error_log(b"2026/12/01 00:00:00").unwrap();
        let line = b"Nov 20 15:00:09.123456 [WARNING] [pool www] child 7, script '/p/x.php' execution timed out (2.1 sec), terminating";
        let read = old(line, latest).unwrap();
        assert_eq!(read.at, stamp::error_log(b"2026/11/20 15:00:09").unwrap());
        assert_eq!(read.event, Some(Event::Terminating { pool: b"www", child: 7, request: b"" }));
        for other in [
            &b"Nov 20 15:00:09 [WARNING] x"[..],
            b"Nov 20 15:00:09.123456 [error] x",
            b"",
            b"Nov 20 15:00:09.1",
        ] {
            assert_eq!(old(other, latest), None);
        }
    }

    #[test]
    fn its_own_access_log_is_known() {
        assert!(is_access(b"127.0.0.1 -  20/Nov/2026:15:00:00 +0000 \"GET /index.php\" 200"));
        assert!(is_access(b"- - - [20/Nov/2026:15:00:00 +0000] \"GET /index.php\" 200"));
        for other in [&b"PHP Warning:  x"[..], b"", b"a - b", b"[20-Nov-2026 15:00:00] NOTICE: x"] {
            assert!(!is_access(other));
        }
    }

    #[test]
    fn a_termination_names_its_request() {
        assert_eq!(
            of(
                "[20-Nov-2026 15:00:09] WARNING: [pool rtt] child 21812, script '/p/slow.php' (request: \"GET /rtt/slow.php?s=6\") execution timed out (2.170570 sec), terminating"
            ),
            Some(Event::Terminating { pool: b"rtt", child: 21812, request: b"GET /rtt/slow.php?s=6" })
        );
    }

    #[test]
    fn what_a_master_says_of_its_pools_shows_that_it_lives() {
        for text in [
            "[20-Nov-2026 15:00:18] NOTICE: fpm is running, pid 7",
            "[20-Nov-2026 15:00:18] NOTICE: [pool www] child 24212 started",
            "[20-Nov-2026 15:00:18] WARNING: [pool www] server reached pm.max_children setting (5), consider raising it",
            "[20-Nov-2026 15:00:18] WARNING: [pool rtt] child 1, script 's' (request: \"GET /\") executing too slow (1.1 sec), logging",
        ] {
            assert_eq!(of(text), Some(Event::Working), "{text}");
        }
    }

    #[test]
    fn what_workers_say_is_no_event() {
        for text in [
            "[20-Nov-2026 15:00:18] WARNING: [pool catch] child 21822 said into stderr: \"[pool www] child 1 exited on signal 9 (SIGKILL) after 1 seconds\"",
            "[20-Nov-2026 15:00:18] NOTICE: [pool catch] child 21822 said into stdout: \"ready to handle connections\"",
            "[20-Nov-2026 15:00:18] NOTICE: exiting, bye-bye!",
        ] {
            assert_eq!(of(text), None, "{text}");
            assert!(line(text.as_bytes()).is_some());
        }
        assert_eq!(line(b"2026/11/20 15:00:18 [error] 1#1: x"), None);
        assert_eq!(line(b"\xff["), None);
    }

    /// As PHP 5.3, 5.4 to 7.2, and 7.3 to 8.5 write the same (`fpm_children_bury` in fpm_children.c, `fpm_request_check_timed_out`
    /// in fpm_request.c, `fpm_stdio_child_said` and zlog_stream of `log_limit` in fpm_stdio.c and zlog.c).
    #[test]
    fn every_version_s_words_are_known() {
        let latest = stamp::error_log(b"2026/12/01 00:00:00").unwrap();
        let message = |words: &str| {
            [
                old(format!("Nov 20 15:00:09.123456 [WARNING] {words}").as_bytes(), latest)
                    .unwrap()
                    .event
                    .is_some(),
                of(&format!("[20-Nov-2026 15:00:09] WARNING: {words}")).is_some(),
                of(&format!("[20-Nov-2026 15:00:09.123456] WARNING: pid 1, f(), line 2: {words}")).is_some(),
                line_of(&format!("[WARNING] {words}")).is_some(),
            ]
        };
        for words in [
            "[pool www] child 7 exited on signal 11 SIGSEGV after 1.5 seconds from start",
            "[pool www] child 7 exited on signal 11 (SIGSEGV) after 1.5 seconds from start",
            "[pool www] child 7 exited on signal 6 (SIGABRT - core dumped) after 1.5 seconds from start",
            "[pool www] child 7 exited with code 255 after 1.5 seconds from start",
            "[pool www] child 7, script '/a.php' execution timed out (2.1 sec), terminating",
            "[pool www] child 7, script '/a.php' (request: \"GET /a.php\") execution timed out (2.1 sec), terminating",
            "[pool www] server reached max_children setting (5), consider raising it",
            "[pool www] server reached pm.max_children setting (5), consider raising it",
            "[pool www] seems busy (you may need to increase pm.start_servers, or pm.min/max_spare_servers), spawning 8 children, there are 0 idle, and 4 total children",
        ] {
            assert_eq!(message(words), [true; 4], "{words}");
        }
        // Longer than log_limit: it goes on in lines of its own, and what it says in them is a script's.
        for words in [
            "[pool www] child 7 said into stderr: \"a script's words, cut ...",
            "[pool www] child 7 said into stderr: \"[pool www] child 1 exited on signal 9 (SIGKILL) after 1 seconds from start\", pipe is closed",
            "[pool www] child 7 said into stdout: \"ready to handle connections\"",
        ] {
            assert_eq!(message(words), [false; 4], "{words}");
        }
    }

    #[test]
    fn a_refused_client_comes_through_the_worker_s_stderr() {
        assert_eq!(
            of(
                "[20-Nov-2026 15:00:18] WARNING: [pool picky] child 9 said into stderr: \"ERROR: Connection disallowed: IP address '127.0.0.1' has been dropped.\""
            ),
            Some(Event::Disallowed)
        );
    }

    #[test]
    fn the_master_s_life() {
        assert_eq!(of("[20-Nov-2026 15:05:52] NOTICE: Reloading in progress ..."), Some(Event::Reloading));
        assert_eq!(of("[20-Nov-2026 15:05:52] NOTICE: Terminating ..."), Some(Event::Stopping));
        assert_eq!(of("[20-Nov-2026 15:05:52] NOTICE: Finishing ..."), Some(Event::Stopping));
        assert_eq!(of("[20-Nov-2026 15:05:52] NOTICE: ready to handle connections"), Some(Event::Ready));
    }
}
