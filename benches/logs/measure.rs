//! What a run of a program costs: CPU time and memory.
//!
//! CPU time is user and system time of reaped children as the kernel adds them up for us, which is exact but
//! shown in ticks of 10 ms: so a program runs several times between two looks.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use procfs::process::Process;

/// Bytes that an empty pipe holds.
const PIPE: usize = 65_536;

/// A program and its arguments, to be run on the same files again and again.
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    /// How often one measurement runs it.
    repeat: u32,
}

impl Program {
    pub(crate) fn new(path: impl AsRef<Path>, arguments: impl IntoIterator<Item = String>) -> Self {
        Self { path: path.as_ref().to_owned(), arguments: arguments.into_iter().collect(), repeat: 1 }
    }

    fn command(&self, output: Stdio) -> Command {
        let mut command = Command::new(&self.path);
        // The logs are written as if nginx's zone were UTC.
        command
            .args(&self.arguments)
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::null());
        command
    }

    /// Runs it once. Gives its output and the peak of its resident memory in bytes.
    ///
    /// Its output goes into a pipe that is full, so that it waits with its result: by then it has taken all the
    /// memory it will ever take, and there is time to look.
    pub(crate) fn run_watched(&self) -> (Vec<u8>, u64) {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let mut filler = writer.try_clone().expect("a pipe");
        let full = std::thread::spawn(move || filler.write_all(&[b' '; PIPE]));
        let patience = Instant::now() + Duration::from_millis(100);
        while !full.is_finished() && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(1));
        }
        let failed = |error| panic!("{}: {error}", self.path.display());
        let mut child = self.command(writer.into()).spawn().unwrap_or_else(failed);
        let process = Process::new(child.id() as i32);
        let (mut peak, mut asleep) = (0, 0);
        while asleep < 2 && child.try_wait().expect("our child").is_none() {
            if let Some(status) = process.as_ref().ok().and_then(|process| process.status().ok()) {
                peak = peak.max(status.vmhwm.unwrap_or_default() * 1024);
                asleep = if status.state.starts_with('S') { asleep + 1 } else { 0 };
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        let mut output = Vec::new();
        reader.read_to_end(&mut output).expect("its output");
        let status = child.wait().expect("our child");
        assert!(status.success(), "{} {:?}: {status}", self.path.display(), self.arguments);
        (output.trim_ascii().to_vec(), peak)
    }

    /// Chooses how often it must run for a measurement of at least this time.
    pub(crate) fn calibrate(&mut self, time: Duration) {
        let start = Instant::now();
        self.run();
        self.repeat = time.div_duration_f64(start.elapsed()).ceil().clamp(1.0, 100.0) as u32;
    }

    /// CPU seconds of one run, the mean of several.
    pub(crate) fn cpu(&self) -> f64 {
        let before = cpu_of_children();
        for _ in 0..self.repeat {
            self.run();
        }
        (cpu_of_children() - before) / f64::from(self.repeat)
    }

    fn run(&self) {
        let status =
            self.command(Stdio::null()).status().unwrap_or_else(|e| panic!("{}: {e}", self.path.display()));
        assert!(status.success(), "{} {:?}: {status}", self.path.display(), self.arguments);
    }
}

/// CPU seconds of all children that have ended.
fn cpu_of_children() -> f64 {
    let stat = Process::myself().and_then(|process| process.stat()).expect("/proc/self/stat");
    (stat.cutime + stat.cstime) as f64 / procfs::ticks_per_second() as f64
}

/// CPU seconds of a running process.
pub(crate) fn cpu_of(pid: u32) -> f64 {
    let stat = Process::new(pid as i32).and_then(|process| process.stat()).expect("/proc/PID/stat");
    (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64
}

/// Peak resident memory of a running process in bytes.
pub(crate) fn peak_of(pid: u32) -> u64 {
    let status = Process::new(pid as i32).and_then(|process| process.status()).expect("/proc/PID/status");
    status.vmhwm.expect("VmHWM") * 1024
}

/// The middle one.
/// Resident memory of a process now, in bytes.
pub(crate) fn resident_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// The middle one of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What the numbers were taken on.
pub(crate) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model =
        cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}, {cores} cores of {}, Linux {}, load {}",
        jiff::Zoned::now().strftime("%Y-%m-%d %H:%M %Z"),
        model.trim_start_matches(['\t', ' ', ':']),
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
    )
}
