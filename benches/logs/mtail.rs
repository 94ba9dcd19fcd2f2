//! The same work done by mtail: status codes of access logs, causes of error logs.

use std::fmt::Write;
use std::io::{BufRead, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::files::Logs;
use crate::measure::Program;
use crate::world::kinds;

const COMBINED: &str =
    "counter responses_total by code\n/\" (?P<code>\\d{3}) / {\n  responses_total[$code]++\n}\n";
const JSON: &str =
    "counter responses_total by code\n/\"status\":\"(?P<code>\\d{3})\"/ {\n  responses_total[$code]++\n}\n";

/// mtail on the first lines of a log.
pub(crate) struct Mtail {
    pub(crate) program: Program,
    pub(crate) lines: u64,
    log: PathBuf,
}

impl Drop for Mtail {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.log);
    }
}

/// Whether it can be run.
pub(crate) fn is_installed() -> bool {
    let mut command = Command::new("mtail");
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

impl Mtail {
    /// mtail needs some hundred times as long as we do, so it is given only the first lines; it has no state
    /// that would make later ones cheaper or dearer. `None` for a pair: mtail cannot join.
    pub(crate) fn on(logs: &Logs, dir: &Path, most: u64) -> Option<Self> {
        let (log, source) = match (&logs.access, &logs.error) {
            (Some(log), None) if logs.name.contains("JSON") => (log, JSON.to_owned()),
            (Some(log), None) => (log, COMBINED.to_owned()),
            (None, Some(log)) => (log, causes()),
            _ => return None,
        };
        let (head, program) = (dir.join("head.log"), dir.join("bench.mtail"));
        let lines = first_lines(log, &head, most);
        std::fs::write(&program, source).expect("mtail's program");
        let arguments = [
            "--one_shot",
            "--one_shot_format=prometheus",
            "--logtostderr",
            "--address=127.0.0.1",
            "--port=0",
        ];
        let files = [format!("--progs={}", program.display()), format!("--logs={}", head.display())];
        let arguments = arguments.into_iter().map(str::to_owned).chain(files);
        let mtail = Self { program: Program::new("mtail", arguments), lines, log: head };
        mtail.check(logs.error.is_some());
        Some(mtail)
    }

    /// A rival that did not do its work would be no measure.
    fn check(&self, some: bool) {
        let (output, _) = self.program.run_watched();
        let text = String::from_utf8_lossy(&output);
        let values =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit(' ').next());
        let counted: f64 = values.filter_map(|value| value.parse::<f64>().ok()).sum();
        let least = if some { self.lines / 4 } else { self.lines };
        assert!(counted >= least as f64, "mtail counted {counted} of {} lines:\n{text}", self.lines);
    }
}

/// One pattern for each kind, the first that fits counts.
fn causes() -> String {
    let mut text = "counter failures_total by cause\n".to_owned();
    for kind in kinds::FAILURES.iter().chain([&kinds::TRUNCATED, &kinds::PHP]) {
        let cause = if kind.cause.is_empty() { "php" } else { kind.cause };
        let _ = writeln!(text, "/{}/ {{\n  failures_total[\"{cause}\"]++\n  stop\n}}", kind.pattern);
    }
    text
}

fn first_lines(from: &Path, to: &Path, most: u64) -> u64 {
    let mut from = BufReader::new(std::fs::File::open(from).expect("a log"));
    let mut to = BufWriter::new(std::fs::File::create(to).expect("a copy of a log"));
    let (mut line, mut lines) = (Vec::new(), 0);
    while lines < most && from.read_until(b'\n', &mut line).expect("a log") > 0 {
        std::io::Write::write_all(&mut to, &line).expect("room for a copy");
        line.clear();
        lines += 1;
    }
    std::io::Write::flush(&mut to).expect("room for a copy");
    lines
}
