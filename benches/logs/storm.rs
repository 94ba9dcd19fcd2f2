//! Storms: every request fails, at a hundred pairs of upstream and cause, each on a connection of its own. How many
//! failures a second until a label is lost, and in how much memory.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::goals::Goals;
use crate::measure::Program;

/// With pid and connection in the format, and without.
const RATES: [(bool, u64, u64); 4] =
    [(true, 25_000, 32), (true, 50_000, 32), (false, 5000, 64), (false, 10_000, 64)];

/// Message and cause of an entry.
const CAUSES: [(&str, &str); 2] = [
    ("connect() failed (111: Connection refused)", "connection_refused"),
    ("connect() to unix:/x failed (2: No such file or directory)", "socket_missing"),
];

const UPSTREAMS: u64 = 50;

/// Explains a storm of so many seconds at each rate.
pub(crate) fn run(dir: &Path, seconds: u64, goals: &mut Goals) {
    for (exact, rate, most) in RATES {
        let format = if exact { "with pid and connection" } else { "combined" };
        let [access, error, fpm] =
            ["access", "error", "fpm"].map(|kind| dir.join(format!("storm.{kind}.log")));
        write(&access, &error, rate, seconds, exact);
        std::fs::write(&fpm, "[20-Nov-2026 12:00:00] NOTICE: Terminating ...\n").expect("a log");
        let path = |path: &Path| path.to_str().expect("a path of text").to_owned();
        let arguments =
            ["explain", "--format", "json", "--access-log", &path(&access), "--error-log", &path(&error)];
        let arguments = arguments.into_iter().map(str::to_owned).chain(["--fpm-log".to_owned(), path(&fpm)]);
        let (out, peak) = Program::new(env!("CARGO_BIN_EXE_badgateway"), arguments).run_watched();
        let right = right(&out);
        let what = format!("storm, {format}, {rate} failures/s");
        println!(
            "{what}: {right} of {} right {}, peak RSS {:.1} MiB {}",
            rate * seconds,
            goals.check(&format!("{what}: labels lost"), right == rate * seconds),
            peak as f64 / f64::from(1 << 20),
            goals.check(&format!("{what}: peak RSS"), peak <= most << 20),
        );
        for log in [access, error, fpm] {
            std::fs::remove_file(log).expect("a log is removed");
        }
    }
}

fn write(access: &Path, error: &Path, rate: u64, seconds: u64, exact: bool) {
    let open = |path: &Path| BufWriter::new(File::create(path).expect("a new log"));
    let (mut access, mut error) = (open(access), open(error));
    for n in 0..rate * seconds {
        let second = n / rate;
        let clock = format!("12:{:02}:{:02}", second / 60, second % 60);
        let client = format!("10.{}.{}.{}", n / 62_500 % 250, n / 250 % 250, n % 250);
        let upstream = format!("10.1.0.{}:9000", n % UPSTREAMS);
        let (message, _) = CAUSES[cause_of(n % UPSTREAMS)];
        writeln!(
            error,
            "2026/11/20 {clock} [error] 7#7: *{n} {message} while connecting to upstream, client: {client}, server: s, request: \"GET /p/{n}?a=b HTTP/1.1\", upstream: \"fastcgi://{upstream}\", host: \"h\""
        )
        .expect("a line is written");
        write!(
            access,
            "{client} - - [20/Nov/2026:{clock} +0000] \"GET /p/{n}?a=b HTTP/1.1\" 502 157 \"-\" \"c\""
        )
        .expect("a line is written");
        if exact {
            write!(access, " server=\"s\" pid=7 connection={n} msec=1795176000.000 request_time=0.000 upstream_addr=\"{upstream}\" upstream_status=\"502\" upstream_connect_time=\"-\" upstream_header_time=\"-\" upstream_response_time=\"0.000\" upstream_bytes_received=\"0\" upstream_cache_status=\"-\"")
                .expect("a line is written");
        }
        writeln!(access).expect("a line is written");
    }
}

fn cause_of(upstream: u64) -> usize {
    usize::from(upstream % 2 == 1)
}

/// How many responses have the cause of their upstream, and the stop behind it.
fn right(out: &[u8]) -> u64 {
    let report: serde_json::Value = serde_json::from_slice(out).expect("JSON");
    let rows = report["responses"].as_array().expect("rows");
    let is_right = |row: &&serde_json::Value| {
        let upstream = row["upstream"].as_str().and_then(|text| text.split(['.', ':']).nth(3)?.parse().ok());
        upstream.is_some_and(|upstream: u64| row["cause"] == CAUSES[cause_of(upstream)].1)
            && row["root_cause"] == "fpm_stopped"
    };
    rows.iter().filter(is_right).filter_map(|row| row["count"].as_u64()).sum()
}
