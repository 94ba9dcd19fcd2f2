//! Writes the logs of a storm.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Message and cause of an entry.
pub(super) const CAUSES: [(&str, &str); 2] = [
    ("connect() failed (111: Connection refused)", "connection_refused"),
    ("connect() to unix:/x failed (2: No such file or directory)", "socket_missing"),
];

const UPSTREAMS: u64 = 50;

/// Which of the causes an upstream has.
pub(super) fn cause_of(upstream: u64) -> usize {
    usize::from(upstream % 2 == 1)
}

/// How much fails, and when.
pub(crate) struct Storm {
    /// The access log has pid and connection.
    pub(crate) exact: bool,
    /// Failures in a second.
    pub(crate) rate: u64,
    pub(crate) seconds: u64,
    /// Unix time.
    pub(crate) begin: i64,
}

impl Storm {
    /// All failures.
    pub(crate) fn all(&self) -> u64 {
        self.rate * self.seconds
    }

    /// A failure of the second `at`: its entry and its access line.
    pub(super) fn failure(&self, n: u64, at: i64, entry: &mut Vec<u8>, line: &mut Vec<u8>) {
        let now = jiff::Timestamp::from_second(at).expect("a time").to_zoned(jiff::tz::TimeZone::UTC);
        self.failure_at(n, &Clock::new(&now), entry, line);
    }

    fn failure_at(&self, n: u64, clock: &Clock, entry: &mut Vec<u8>, line: &mut Vec<u8>) {
        let client = format!("10.{}.{}.{}", n / 62_500 % 250, n / 250 % 250, n % 250);
        let upstream = format!("10.1.0.{}:9000", n % UPSTREAMS);
        let (message, _) = CAUSES[cause_of(n % UPSTREAMS)];
        writeln!(
            entry,
            "{} [error] 7#7: *{n} {message} while connecting to upstream, client: {client}, server: s, request: \"GET /p/{n}?a=b HTTP/1.1\", upstream: \"fastcgi://{upstream}\", host: \"h\"",
            clock.error
        )
        .expect("memory");
        write!(line, "{client} - - [{}] \"GET /p/{n}?a=b HTTP/1.1\" 502 157 \"-\" \"c\"", clock.access)
            .expect("memory");
        if self.exact {
            write!(line, " server=\"s\" pid=7 connection={n} msec={}.000 request_time=0.000 upstream_addr=\"{upstream}\" upstream_status=\"502\" upstream_connect_time=\"-\" upstream_header_time=\"-\" upstream_response_time=\"0.000\" upstream_bytes_received=\"0\" upstream_cache_status=\"-\"", clock.unix)
                .expect("memory");
        }
        line.push(b'\n');
    }
}

/// A second as the logs write it.
struct Clock {
    error: String,
    access: String,
    fpm: String,
    unix: i64,
}

impl Clock {
    fn new(now: &jiff::Zoned) -> Self {
        let text = |format: &str| now.strftime(format).to_string();
        Self {
            error: text("%Y/%m/%d %H:%M:%S"),
            access: text("%d/%b/%Y:%H:%M:%S +0000"),
            fpm: text("%d-%b-%Y %H:%M:%S"),
            unix: now.timestamp().as_second(),
        }
    }
}

/// The logs; gone when dropped.
pub(crate) struct Logs {
    access: PathBuf,
    error: PathBuf,
    fpm: PathBuf,
    /// nginx.conf: in `combined` a name that stands in entries only is a label when the configuration has it, too.
    config: PathBuf,
}

impl Drop for Logs {
    fn drop(&mut self) {
        for log in [&self.access, &self.error, &self.fpm, &self.config] {
            // What stays goes with the directory.
            let _ = fs::remove_file(log);
        }
    }
}

impl Logs {
    /// Empty ones; PHP-FPM's says that it stops as the storm begins.
    pub(crate) fn create(dir: &Path, storm: &Storm) -> Self {
        let path = |kind: &str| dir.join(format!("storm.{kind}.log"));
        let config = dir.join("storm.nginx.conf");
        let logs = Self { access: path("access"), error: path("error"), fpm: path("fpm"), config };
        let pass = |n| format!("location /{n} {{ fastcgi_pass 10.1.0.{n}:9000; }}");
        let locations: String = (0..UPSTREAMS).map(pass).collect();
        fs::write(&logs.config, format!("events {{}} http {{ server {{ {locations} }} }}\n"))
            .expect("a configuration");
        File::create(&logs.access).and_then(|_| File::create(&logs.error)).expect("new logs");
        let begin =
            jiff::Timestamp::from_second(storm.begin).expect("a time").to_zoned(jiff::tz::TimeZone::UTC);
        fs::write(&logs.fpm, format!("[{}] NOTICE: Terminating ...\n", Clock::new(&begin).fpm))
            .expect("a log");
        logs
    }

    /// As flags of `serve`.
    pub(crate) fn serve_args(&self) -> Vec<OsString> {
        let config = ["--nginx-config".into(), self.config.clone().into()];
        self.args().into_iter().chain(config).collect()
    }

    /// As flags.
    pub(crate) fn args(&self) -> Vec<OsString> {
        let flags = [("--access-log", &self.access), ("--error-log", &self.error), ("--fpm-log", &self.fpm)];
        flags.into_iter().flat_map(|(flag, path)| [flag.into(), path.into()]).collect()
    }

    /// Writes all of it; `live`: in real time, in fiftieths of a second.
    pub(crate) fn write(&self, storm: &Storm, live: bool) {
        let open = |path: &Path| OpenOptions::new().append(true).open(path).expect("a log");
        let (mut access, mut error) = (open(&self.access), open(&self.error));
        let (mut lines, mut entries) = (Vec::new(), Vec::new());
        let begin = Instant::now();
        for portion in 0..storm.seconds * 50 {
            if live {
                std::thread::sleep(Duration::from_millis(portion * 20).saturating_sub(begin.elapsed()));
            }
            let passed = if live { begin.elapsed().as_secs() } else { portion / 50 };
            let now = jiff::Timestamp::from_second(storm.begin + passed as i64).expect("a time");
            let clock = Clock::new(&now.to_zoned(jiff::tz::TimeZone::UTC));
            let size = storm.rate / 50;
            for n in portion * size..(portion + 1) * size {
                storm.failure_at(n, &clock, &mut entries, &mut lines);
            }
            // nginx writes an entry before the line.
            error.write_all(&entries).and_then(|()| access.write_all(&lines)).expect("room for the logs");
            lines.clear();
            entries.clear();
        }
    }
}
