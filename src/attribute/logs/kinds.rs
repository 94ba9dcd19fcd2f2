//! What kinds of logs a file holds, as far as its first lines tell.

use std::path::Path;

use crate::record::LogKind;
use crate::record::format::Format;
use crate::record::stamp::Local;
use crate::vocabulary::{Cause, ExitReason, Outcome, Phase, RootCause};

use super::{AccessLog, Attributor, ErrorLog, FpmLog, Id, Log, Sink, is_utf_16};
use crate::attribute::{Options, Verdict};

/// Lines that are looked at.
const LINES: usize = 2000;

/// How many lines are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    access: usize,
    error: usize,
    fpm: usize,
    /// A transport stands around lines, which may have nginx's standard output and standard error in one.
    wrapped: bool,
    /// It is UTF-16, which is not read.
    pub utf_16: bool,
    /// The time of the last access line, and its zone in seconds east of UTC.
    pub zone: Option<(Local, i32)>,
}

impl Kinds {
    /// Of a block of whole lines. `formats`: those that an access log may have besides the known ones.
    pub fn of(block: &[u8], formats: &[Format]) -> Self {
        let mut kinds = Self { utf_16: is_utf_16(block), ..Self::default() };
        let (mut errors, mut attributor) = (ErrorLog::default(), Attributor::new(OPTIONS));
        let (mut fpm, mut access) = (FpmLog::new(Path::new(""), 0), AccessLog::knowing(formats));
        for line in block.split_inclusive(|byte| *byte == b'\n').take(LINES) {
            let before = errors.tally().parsed;
            errors.block(line, &mut attributor, &mut Nowhere);
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            if errors.tally().parsed > before {
                // What goes on is no entry, and what stands in it is of no other kind.
                kinds.error += usize::from(errors.time(line, 0).is_some());
                kinds.wrapped |= errors.is_wrapped();
            } else if let Some((wrapped, zone)) = access.try_line(line) {
                kinds.access += 1;
                kinds.wrapped |= wrapped;
                kinds.zone = zone.or(kinds.zone);
            } else if fpm.time(line, 0).is_some() && is_fpm_s(line) {
                kinds.fpm += 1;
            }
        }
        kinds
    }

    /// The kinds of log as which the file is to be read; none: it is none that is known.
    pub fn list(&self) -> Vec<LogKind> {
        let container = self.wrapped && self.access > 0;
        let access = self.access > 0 && (self.wrapped || self.access * 4 >= self.error);
        let found = [
            (LogKind::Access, access),
            (LogKind::Error, self.error > 0 || container),
            (LogKind::Fpm, self.fpm > 0),
        ];
        found.into_iter().filter(|(_, found)| *found).map(|(kind, _)| kind).collect()
    }
}

/// Other programs write `WARNING:` to the system's log, too.
fn is_fpm_s(line: &[u8]) -> bool {
    let own = line.first() == Some(&b'[') || memchr::memmem::find(line, b"[pool ").is_some();
    own || memchr::memmem::find(line, b"fpm").is_some() || memchr::memmem::find(line, b"] NOTICE: ").is_some()
}

const OPTIONS: Options = Options {
    live: false,
    access_log: false,
    window: 0,
    error_log: true,
    fpm: false,
    timings: false,
    offset: 0,
};

/// Counts nothing.
struct Nowhere;

impl Sink for Nowhere {
    fn response(&mut self, _: Id, _: u16) {}
    fn error(&mut self, _: &Verdict) {}
    fn root(&mut self, _: &Verdict, _: RootCause, _: u64) {}
    fn failure(&mut self, _: Id, _: Cause, _: Outcome, _: Local) {}
    fn exit(&mut self, _: Id, _: Id, _: ExitReason, _: Local) {}
    fn seconds(&mut self, _: Id, _: Phase, _: f64) {}
    fn pair(&mut self, _: Id, _: Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCESS: &str =
        "192.0.2.7 - - [20/Nov/2026:15:00:00 +0100] \"GET /a HTTP/1.1\" 502 157 \"-\" \"curl/8\"\n";
    const ERROR: &str = "2026/11/20 15:00:00 [error] 31#31: *12 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.7, server: s, request: \"GET /a HTTP/1.1\", upstream: \"fastcgi://10.0.0.2:9000\", host: \"s\"\n";
    const FPM: &str = "[20-Nov-2026 15:00:00] NOTICE: ready to handle connections\n";

    fn list(text: &str) -> Vec<LogKind> {
        Kinds::of(text.as_bytes(), &[]).list()
    }

    fn wrapped(front: &str, lines: &[&str]) -> String {
        lines.iter().map(|line| format!("{front}{line}")).collect()
    }

    #[test]
    fn lines_tell_their_log() {
        assert_eq!(list(ACCESS), [LogKind::Access]);
        assert_eq!(list(ERROR), [LogKind::Error]);
        assert_eq!(list(FPM), [LogKind::Fpm]);
        assert_eq!(
            list(&format!("/docker-entrypoint.sh: x\n{ACCESS}{ERROR}")),
            [LogKind::Access, LogKind::Error]
        );
        assert_eq!(list(&wrapped("php-1  | ", &[FPM])), [LogKind::Fpm]);
        assert_eq!(list(&wrapped("Nov 20 15:00:00 web nginx: ", &[ERROR])), [LogKind::Error]);
        assert_eq!(Kinds::of(ACCESS.as_bytes(), &[]).zone, Some((1_795_186_800, 3600)));
    }

    #[test]
    fn a_container_s_log_may_hold_entries_further_on() {
        assert_eq!(list(&wrapped("nginx-1  | ", &[ACCESS, ACCESS])), [LogKind::Access, LogKind::Error]);
        let all = wrapped("2026-11-20T15:00:00Z stderr F ", &[FPM, ACCESS, ERROR]);
        assert_eq!(list(&all), LogKind::ALL);
    }

    #[test]
    fn what_stands_in_an_entry_is_of_no_other_kind() {
        let entry = "2026/11/20 15:00:00 [error] 31#31: *12 FastCGI sent in stderr: \"PHP message: x\n";
        let end = "\" while reading response header from upstream, client: 192.0.2.7, server: s, request: \"GET /a HTTP/1.1\", upstream: \"fastcgi://10.0.0.2:9000\", host: \"s\"\n";
        assert_eq!(list(&format!("{entry}{ACCESS}{FPM}{end}")), [LogKind::Error]);
    }

    #[test]
    fn other_files_are_none() {
        for text in [
            "",
            "\n\n",
            "Nov 20 15:00:00 web systemd[1]: Started nginx.service.\n",
            "Nov 20 15:00:00 web foo[1]: WARNING: something of its own\n",
            "[20-Nov-2026 15:00:00 UTC] PHP Fatal error:  x in /a.php on line 3\n",
            "a b c\n",
        ] {
            assert_eq!(list(text), [], "{text}");
        }
        let utf_16: Vec<u8> = ERROR.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(Kinds::of(&utf_16, &[]).utf_16);
    }

    #[test]
    fn a_format_of_one_s_own_is_told() {
        let format = Format::new("$status|$remote_addr|$request").unwrap();
        let line = b"502|192.0.2.7|GET / HTTP/1.1\n";
        assert_eq!(Kinds::of(line, &[]).list(), []);
        assert_eq!(Kinds::of(line, &[format]).list(), [LogKind::Access]);
    }
}
