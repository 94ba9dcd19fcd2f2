//! Damaged logs: whatever they hold, every failed response has one cause and one root cause.

use super::*;
use crate::attribute::logs::{AnyLog, Settings};
use crate::fuzz;
use crate::record::LogKind;
use std::path::Path;

const ACCESS: &str = "192.0.2.1 - - [20/Nov/2026:12:00:00 +0000] \"GET /a HTTP/1.1\" 502 157 \"-\" \"-\" server=\"s\" pid=7 \
    connection=1 msec=1795176000.000 request_time=0.001 upstream_addr=\"127.0.0.1:9000, unix:/x\" upstream_status=\"502, 504\" \
    upstream_connect_time=\"-, 0.000\" upstream_header_time=\"-, -\" upstream_response_time=\"0.000, 0.001\" \
    upstream_bytes_received=\"0, 0\" upstream_cache_status=\"-\"\n\
    192.0.2.1 - - [20/Nov/2026:12:00:01 +0000] \"GET /b HTTP/1.1\" 504 157 \"-\" \"-\"\n\
    {\"time_iso8601\":\"2026-11-20T12:00:01+00:00\",\"status\":\"502\",\"request\":\"GET /c HTTP/1.1\",\"upstream_addr\":\"unix:/x\"}\n\
    2026-11-20T12:00:01.1Z stdout F 192.0.2.1 - - [20/Nov/2026:12:00:01 +0000] \"GET /d HTTP/1.1\" 502 157 \"-\" \"-\"\n";

const ERROR: &str = "2026/11/20 12:00:00 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: \
    192.0.2.1, server: s, request: \"GET /a HTTP/1.1\", upstream: \"fastcgi://127.0.0.1:9000\", host: \"h\"\n\
    2026/11/20 12:00:00 [error] 7#7: *2 FastCGI sent in stderr: \"PHP message: PHP Fatal error:  x\n#0 {main}\n  thrown in /x.php\" while \
    reading response header from upstream, client: 192.0.2.1, server: s, request: \"GET /b HTTP/1.1\", upstream: \
    \"fastcgi://unix:/x:\", host: \"h\", referrer: \"r\"\n\
    2026/11/20 12:00:01 [error] 7#7: *3 open() \"/x%0a\n2026/11/20 12:00:01 [crit] 7#7: *4 x\" failed (2: No such file or directory), \
    client: 192.0.2.1, server: s, request: \"GET /x HTTP/1.1\"\n";

const FPM: &str = "[20-Nov-2026 12:00:00] WARNING: [pool www] child 7 exited on signal 11 (SIGSEGV) after 1.5 seconds from start\n\
    [20-Nov-2026 12:00:00.123456] NOTICE: pid 3, fpm_got_signal(), line 7: Terminating ...\n\
    [20-Nov-2026 12:00:01] WARNING: [pool www] child 8, script '/x.php' (request: \"GET /x.php\") execution timed out (2.1 sec), terminating\n";

/// The format of each line that has none is guessed, which takes 20 µs: no log of this length takes a second.
const LONGEST: usize = 16 << 10;

/// The three logs, one of them damaged.
fn read(kind: LogKind, damaged: &[u8], live: bool) {
    let damaged = &damaged[..damaged.len().min(LONGEST)];
    let mut world = World::new(live, false);
    let settings = Settings::default();
    for (of, text) in [(LogKind::Fpm, FPM), (LogKind::Error, ERROR), (LogKind::Access, ACCESS)] {
        let mut log = AnyLog::new(of, Path::new("x.log"), &settings);
        let text = if of == kind { damaged } else { text.as_bytes() };
        // A follower gives whole lines, the last one ended.
        let mut block = text.to_vec();
        block.push(b'\n');
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            log.time(&line[..line.len() - 1], 0);
            log.block(line, &mut world.attributor, &mut world.seen);
        }
        log.flush(&mut world.attributor, &mut world.seen);
    }
    world.finish();
}

#[test]
fn a_damaged_access_log_is_counted_exactly() {
    fuzz::target("judged_access_log", vec![ACCESS.into()], &[" 502 ", "\n"], |text| {
        read(LogKind::Access, text, false);
    });
}

#[test]
fn a_damaged_error_log_moves_no_count() {
    fuzz::target("judged_error_log", vec![ERROR.into()], &[", upstream: \"", "\n"], |text| {
        read(LogKind::Error, text, true);
    });
}

#[test]
fn a_damaged_php_fpm_log_moves_no_count() {
    fuzz::target("judged_fpm_log", vec![FPM.into()], &["Terminating ...", "\n"], |text| {
        read(LogKind::Fpm, text, false);
    });
}
