//! The web configuration, sockets, and who may come in: the real binary, asked by curl.

mod flood;
mod http2;
mod readme;
mod slow;
mod sockets;
mod tls;
mod users;
mod verdicts;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use badgateway_harness::find_program;
use badgateway_harness::programs::badgateway;

/// Of "right" at cost 5.
const HASH: &str = "$2b$05$abcdefghijklmnopqrstuu8xaCxxL82bnl.UY74PMksDxIJShppPC";

/// A running `badgateway serve`, started as it is said and nothing added but a log; killed and waited for when dropped.
struct Started {
    child: Child,
    /// Where it listens, one a line.
    places: Vec<String>,
    log: Arc<Mutex<String>>,
    dir: tempfile::TempDir,
}

/// A directory with an access log in it.
fn place() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    super::wide_log(&dir.path().join("access.log"), 20);
    dir
}

impl Started {
    /// Starts it, and waits until it says that it listens on so many places.
    fn new(dir: tempfile::TempDir, command: Command, args: &[&str], places: usize) -> Self {
        Self::try_new(dir, command, args, places).unwrap_or_else(|log| panic!("it did not start: {log}"))
    }

    /// The same, or what it wrote to its log.
    fn try_new(
        dir: tempfile::TempDir,
        mut command: Command,
        args: &[&str],
        places: usize,
    ) -> Result<Self, String> {
        let mut child = command
            .args(["serve", "--read-from", "start", "--access-log"])
            .arg(dir.path().join("access.log"))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (sink, mut stderr) = (log.clone(), child.stderr.take().unwrap());
        let copy = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = stderr.read(&mut chunk) {
                sink.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..n]));
            }
        });
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let places: Vec<String> =
            lines.take(places).filter_map(|l| Some(l.split_once("listens on ")?.1.to_owned())).collect();
        if places.is_empty() {
            let _ = child.wait();
            let _ = copy.join();
            let log = log.lock().unwrap().clone();
            return Err(log);
        }
        Ok(Self { child, places, log, dir })
    }

    /// With a web configuration, on a free port.
    fn configured(dir: tempfile::TempDir, config: &str) -> Self {
        let file = dir.path().join("web.yml");
        std::fs::write(&file, config).unwrap();
        let file = file.to_str().unwrap().to_owned();
        let args = ["--web.listen-address", "127.0.0.1:0", "--web.config.file", &file];
        Self::new(dir, Command::new(badgateway().unwrap()), &args, 1)
    }

    /// `HOST:PORT` of the first place.
    fn address(&self) -> &str {
        self.places[0].split("://").nth(1).unwrap().split('/').next().unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.places[0].strip_suffix("/metrics").unwrap())
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Asks curl for a page; the code, 0 where there is no answer.
    fn code(&self, path: &str, options: &[&str]) -> u16 {
        code(&curl(&self.url(path), options))
    }

    #[track_caller]
    fn until(&self, condition: impl Fn(&Started) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !condition(self) {
            assert!(Instant::now() < deadline, "it never came true; its log:\n{}", self.log());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Ends it by a signal and gives its directory, in which its files are.
    fn end(mut self, signal: &str) -> tempfile::TempDir {
        badgateway_harness::proc::kill(signal, &self.child.id().to_string());
        self.child.wait().unwrap();
        std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs curl; the code is the last line of its output.
fn curl(url: &str, options: &[&str]) -> Output {
    Command::new(find_program(&["curl"], "curl").unwrap())
        .args(["--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}"])
        .args(options)
        .arg(url)
        .output()
        .unwrap()
}

fn code(output: &Output) -> u16 {
    let text = String::from_utf8_lossy(&output.stdout);
    text.rsplit('\n').next().unwrap().parse().unwrap()
}

/// Runs openssl in a directory.
fn openssl(dir: &Path, args: &[&str]) {
    let openssl = find_program(&["openssl"], "openssl").unwrap();
    let output = Command::new(openssl).args(args).current_dir(dir).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A self-signed certificate `NAME.crt` with its key `NAME.key`.
fn certificate(dir: &Path, name: &str, names: &str) {
    let (key, crt) = (format!("{name}.key"), format!("{name}.crt"));
    let (subject, names) = (format!("/CN={name}"), format!("subjectAltName={names}"));
    openssl(
        dir,
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &subject,
            "-addext",
            &names,
            "-keyout",
            &key,
            "-out",
            &crt,
        ],
    );
}

/// The server's certificate, two of clients of a CA, and one of nobody's.
fn certificates(dir: &Path) {
    certificate(dir, "server", "DNS:localhost,IP:127.0.0.1");
    certificate(dir, "ca", "DNS:ca.test");
    certificate(dir, "stranger", "DNS:scraper.test");
    for (name, san) in [
        ("scraper", "DNS:scraper.test,email:a@scraper.test,IP:192.0.2.1,URI:spiffe://x/y"),
        ("other", "DNS:other.test"),
    ] {
        let (key, csr, crt, ext) =
            (format!("{name}.key"), format!("{name}.csr"), format!("{name}.crt"), format!("{name}.ext"));
        let subject = format!("/CN={name}");
        std::fs::write(dir.join(&ext), format!("subjectAltName={san}\nbasicConstraints=CA:FALSE\n")).unwrap();
        openssl(
            dir,
            &[
                "req",
                "-new",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-subj",
                &subject,
                "-keyout",
                &key,
                "-out",
                &csr,
            ],
        );
        openssl(
            dir,
            &[
                "x509",
                "-req",
                "-in",
                &csr,
                "-CA",
                "ca.crt",
                "-CAkey",
                "ca.key",
                "-set_serial",
                "7",
                "-days",
                "2",
                "-extfile",
                &ext,
                "-out",
                &crt,
            ],
        );
    }
}
