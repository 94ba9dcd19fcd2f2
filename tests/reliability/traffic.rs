//! A log that is written like nginx's, so that a line that is lost, doubled or torn shows in the counters.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For `--log-format`.
pub const FORMAT: &str = r#"$time_iso8601 $status $server_name $pid $connection "$request" $upstream_addr"#;

/// Servers and statuses among which the lines are dealt out: a block of lines that is lost cannot be made up for by
/// another one that is doubled, unless both are multiples of this many lines.
const SERVERS: u64 = 7;
const STATUSES: u64 = 89;

/// Every so many lines one is a 502 with an entry in the error log.
const FAILING: u64 = 50;

/// What was written, in the form of the counters.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Written {
    /// Lines by server and status.
    pub lines: BTreeMap<(String, String), u64>,
    /// All lines.
    pub total: u64,
    /// Lines with status 502.
    pub failed: u64,
}

/// nginx's two logs.
pub struct Nginx {
    dir: PathBuf,
    access: File,
    error: File,
    /// What it wrote.
    pub written: Written,
    block: Vec<u8>,
}

impl Nginx {
    /// Opens `access.log` and `error.log` in `dir`.
    pub fn start(dir: &Path) -> Self {
        let open = |name| open(&dir.join(name));
        Self {
            access: open("access.log"),
            error: open("error.log"),
            dir: dir.to_owned(),
            written: Written::default(),
            block: Vec::new(),
        }
    }

    /// Handles one request: an entry if it fails, then its access line (buffered until [`Nginx::flush`]).
    pub fn request(&mut self) {
        let n = self.written.total;
        self.written.total += 1;
        let server = format!("s{}", n % SERVERS);
        let failing = n.is_multiple_of(FAILING);
        let status = if failing { 502 } else { 200 + n % STATUSES };
        if failing {
            self.written.failed += 1;
            let entry = format!(
                "2026/11/21 05:00:00 [error] 7#7: *{n} connect() to unix:/run/x.sock failed (11: Resource temporarily \
                 unavailable) while connecting to upstream, client: 192.0.2.1, server: {server}, request: \"GET /{n} \
                 HTTP/1.1\", upstream: \"fastcgi://unix:/run/x.sock:\", host: \"x\"\n"
            );
            self.error.write_all(entry.as_bytes()).unwrap();
        }
        let upstream = if failing { "unix:/run/x.sock" } else { "-" };
        let line =
            format!("2026-11-21T05:00:00+00:00 {status} {server} 7 {n} \"GET /{n} HTTP/1.1\" {upstream}\n");
        self.block.extend_from_slice(line.as_bytes());
        *self.written.lines.entry((server, format!("{status:03}"))).or_default() += 1;
    }

    /// Writes the buffered lines with one `write()`.
    pub fn flush(&mut self) {
        self.access.write_all(&self.block).unwrap();
        self.block.clear();
    }

    /// What SIGUSR1 makes it do.
    pub fn reopen(&mut self) {
        self.access = open(&self.dir.join("access.log"));
        self.error = open(&self.dir.join("error.log"));
    }
}

/// As nginx opens its logs.
fn open(path: &Path) -> File {
    OpenOptions::new().append(true).create(true).open(path).unwrap()
}

/// Renames as logrotate does: `.1` is the newest of `keep` old files.
pub fn rotate(log: &Path, keep: u32) {
    let name = |n: u32| PathBuf::from(format!("{}.{n}", log.display()));
    let _ = fs::remove_file(name(keep));
    for n in (1..keep).rev() {
        let _ = fs::rename(name(n), name(n + 1));
    }
    fs::rename(log, name(1)).unwrap();
}

/// Sleeps so that `done` of `rate` a second are not exceeded since `start`.
pub fn pace(start: Instant, done: u64, rate: u64) {
    let due = Duration::from_micros(done * 1_000_000 / rate);
    if let Some(rest) = due.checked_sub(start.elapsed()) {
        std::thread::sleep(rest);
    }
}
