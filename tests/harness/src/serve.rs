//! The program under test, started as tests of its command line do, and asked over HTTP. Everything here panics.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::{proc::kill, programs::badgateway};

/// Runs the binary to its end, in UTC.
pub fn run(args: &[&str]) -> Output {
    Command::new(badgateway().unwrap()).args(args).env("TZ", "UTC").stdin(Stdio::null()).output().unwrap()
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Standard output as JSON.
pub fn json(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Status, head and body of a GET.
pub fn get(address: &str, path: &str, headers: &str) -> std::io::Result<(u16, String, Vec<u8>)> {
    request(address, "GET", path, headers)
}

/// Status, head and body of a request without a body.
pub fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &str,
) -> std::io::Result<(u16, String, Vec<u8>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let split = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(cut)?;
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(cut)?;
    let length = head.to_ascii_lowercase();
    let length = length.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    let body = answer[split + 4..].to_vec();
    if length.is_some_and(|length: usize| length != body.len()) {
        return Err(cut());
    }
    Ok((status, head, body))
}

/// A running `badgateway serve`; killed and waited for when dropped.
pub struct Serve {
    child: Child,
    address: String,
    log: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Serve {
    /// Starts it on a free port and waits until it is ready.
    pub fn start(args: &[&str]) -> Serve {
        Self::begin(args, &[], Stdio::null())
    }

    /// The same, with something as its standard input.
    pub fn start_with(args: &[&str], stdin: Stdio) -> Serve {
        Self::begin(args, &[], stdin)
    }

    /// The same, with more in its environment.
    pub fn start_in(args: &[&str], environment: &[(&str, &str)]) -> Serve {
        Self::begin(args, environment, Stdio::null())
    }

    /// The same, with at most so many open files.
    pub fn start_limited(args: &[&str], descriptors: u32) -> Serve {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")])
            .arg(badgateway().unwrap());
        Self::spawn(command, args, &[], Stdio::null())
    }

    fn begin(args: &[&str], environment: &[(&str, &str)], stdin: Stdio) -> Serve {
        Self::spawn(Command::new(badgateway().unwrap()), args, environment, stdin)
    }

    fn spawn(mut command: Command, args: &[&str], environment: &[(&str, &str)], stdin: Stdio) -> Serve {
        let mut child = command
            .arg("serve")
            .args(args)
            .args(["--web.listen-address", "127.0.0.1:0"])
            .env("TZ", "UTC")
            .envs(environment.iter().copied())
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let (sink, mut stderr) = (log.clone(), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = stderr.read(&mut chunk) {
                sink.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..n]));
            }
        });
        let mut line = Vec::new();
        BufReader::new(child.stdout.take().unwrap()).read_until(b'\n', &mut line).unwrap();
        let line = String::from_utf8(line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).map(str::to_owned);
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("it did not start: {line} {}", log.lock().unwrap());
        };
        let serve = Serve { child, address, log };
        serve.until(|serve| serve.get("/-/ready", "").0 == 200);
        serve
    }

    /// `HOST:PORT` it listens on.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Status, head and body of a GET.
    pub fn get(&self, path: &str, headers: &str) -> (u16, String, Vec<u8>) {
        get(&self.address, path, headers).unwrap()
    }

    /// Status and body of a request without a body.
    pub fn request(&self, method: &str, path: &str) -> (u16, String) {
        let (status, _, body) = request(&self.address, method, path, "").unwrap();
        (status, String::from_utf8(body).unwrap())
    }

    /// The body of a scrape.
    pub fn scrape(&self) -> String {
        let (status, _, body) = self.get("/metrics", "");
        assert_eq!(status, 200);
        String::from_utf8(body).unwrap()
    }

    /// The sum of all series of a family whose labels hold all of `wanted`.
    pub fn sum(&self, family: &str, wanted: &[&str]) -> f64 {
        let scrape = self.scrape();
        let series =
            scrape.split('\n').filter(|l| l.strip_prefix(family).is_some_and(|l| l.starts_with('{')));
        let series = series.filter(|line| wanted.iter().all(|label| line.contains(label)));
        series.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// What it wrote to its own log so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Polls until a condition holds.
    #[track_caller]
    pub fn until(&self, condition: impl Fn(&Serve) -> bool) {
        self.until_within(Duration::from_secs(60), condition);
    }

    /// Polls until a condition holds, for that long.
    #[track_caller]
    pub fn until_within(&self, time: Duration, condition: impl Fn(&Serve) -> bool) {
        let deadline = Instant::now() + time;
        while !condition(self) {
            assert!(Instant::now() < deadline, "it never came true; its log:\n{}", self.log());
            std::thread::yield_now();
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Ends it with SIGTERM and gives its exit code.
    pub fn terminate(mut self) -> Option<i32> {
        kill("TERM", &self.child.id().to_string());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
