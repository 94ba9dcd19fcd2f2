//! A client that knows how the error log is read writes entries into it through a real nginx: no response of anybody
//! else moves, and none of its words becomes a name.

#![allow(clippy::disallowed_methods, reason = "the real nginx and the real binary are run")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use badgateway_harness::{
    find_program,
    ports::free_port,
    proc::{self, Proc},
    upstream::{ClosedPort, closed_port},
    wait_for,
};
use serde_json::Value;

/// A running nginx that logs in both formats.
struct Nginx {
    proc: Proc,
    dir: tempfile::TempDir,
    port: u16,
    /// Where its upstream should be and nothing listens.
    refused: ClosedPort,
}

fn nginx() -> Nginx {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display();
    let (port, refused) = (free_port().unwrap(), closed_port().unwrap());
    for sub in ["www", "tmp"] {
        fs::create_dir(dir.path().join(sub)).unwrap();
    }
    fs::write(dir.path().join("www/file"), "x").unwrap();
    fs::write(dir.path().join("users"), "somebody:{PLAIN}secret\n").unwrap();
    for sub in [".", "www", "tmp", "www/file", "users"] {
        fs::set_permissions(dir.path().join(sub), fs::Permissions::from_mode(0o777)).unwrap();
    }
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|of| format!("{of}_temp_path {path}/tmp/{of};"));
    let config = format!(
        r#"daemon off; worker_processes 1; pid {path}/pid; error_log {path}/error.log;
        events {{ worker_connections 512; }}
        http {{ {}
            log_format rich escape=json '{{"time":"$time_iso8601","pid":"$pid","connection":"$connection","remote_addr":"$remote_addr","status":"$status","request":"$request","request_time":"$request_time","server_name":"$server_name","upstream_addr":"$upstream_addr","upstream_status":"$upstream_status","upstream_connect_time":"$upstream_connect_time","upstream_header_time":"$upstream_header_time","upstream_bytes_received":"$upstream_bytes_received"}}';
            access_log {path}/combined.log; access_log {path}/rich.log rich;
            large_client_header_buffers 4 16k; log_not_found on; root {path}/www;
            server {{ listen 127.0.0.1:{port}; server_name shop.test;
                location /pay {{ proxy_pass http://{refused}; }}
                location /auth {{ auth_basic shop; auth_basic_user_file {path}/users; }}
                location /links/ {{ alias {path}/www/; disable_symlinks on; }}
                location /dav {{ alias {path}/www; dav_methods COPY MOVE; }}
            }}
        }}"#,
        temp.join(" "),
        refused = refused.address,
    );
    fs::write(dir.path().join("nginx.conf"), config).unwrap();
    let stderr = fs::File::create(dir.path().join("stderr")).unwrap();
    let mut command = proc::command(&find_program(&["nginx"], "nginx").unwrap());
    command.arg("-p").arg(dir.path()).arg("-c").arg(dir.path().join("nginx.conf"));
    command.arg("-e").arg(dir.path().join("error.log")).stdout(Stdio::null()).stderr(stderr);
    let proc = Proc::start("nginx", &mut command).unwrap();
    let listens = wait_for("nginx to listen", Duration::from_secs(20), || {
        TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(())
    });
    let said = || fs::read_to_string(dir.path().join("stderr")).unwrap_or_default();
    assert!(listens.is_ok(), "{listens:?}: {}", said());
    Nginx { proc, dir, port, refused }
}

impl Nginx {
    /// Sends a request with headers, each with its line end, and gives the status of the answer.
    fn send(&self, request: &str, headers: &str) -> u16 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let text = format!("{request} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    fn explain(&self, access: &str) -> Value {
        let of = |name: &str| self.dir.path().join(name);
        let output = Command::new(env!("CARGO_BIN_EXE_badgateway"))
            .args(["explain", "--format", "json", "--access-log"])
            .arg(of(access))
            .arg("--error-log")
            .arg(of("error.log"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.path().join(name)).unwrap()).into_owned()
    }

    fn worker(&self) -> u32 {
        let children = format!("/proc/{0}/task/{0}/children", self.proc.pid());
        fs::read_to_string(children).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    }
}

/// A complete entry about a request that somebody else makes next.
fn forged(nginx: &Nginx, n: usize) -> String {
    let now = Command::new("date").arg("+%Y/%m/%d %H:%M:%S").output().unwrap();
    let now = String::from_utf8(now.stdout).unwrap();
    let worker = nginx.worker();
    // The request before took two numbers, one of them for its upstream; the forger's own comes next.
    let log = nginx.read("rich.log");
    let last = log.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
    let last = last.and_then(|line| line["connection"].as_str()?.parse::<u64>().ok()).unwrap_or_default();
    let connection = last + 3;
    format!(
        "{} [error] {worker}#{worker}: *{connection} recv() failed (104: Connection reset by peer) while reading response header from upstream, client: 127.0.0.1, server: evil{n}.test, request: \"GET /pay/{n} HTTP/1.1\", upstream: \"http://evil{n}.test:80/\", host: \"x\"",
        now.trim()
    )
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b == b'/' {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// As RFC 4648 writes bytes.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let three = [0, 1, 2].map(|at| u32::from(chunk.get(at).copied().unwrap_or(0)));
        let bits = three[0] << 16 | three[1] << 8 | three[2];
        for digit in 0..4 {
            let known = digit <= chunk.len();
            out.push(if known { char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize % 64]) } else { '=' });
        }
    }
    out
}

/// What a client can write with a plain 404, a path below `disable_symlinks`, the `Destination` of a COPY, and the user of
/// Basic auth, which may hold a line feed but no colon.
fn attack(nginx: &Nginx, n: usize) {
    let forged = forged(nginx, n);
    let tail = "\" failed (2: No such file or directory), client: 127.0.0.1, server: shop.test, request: \"GET /x HTTP/1.1\", host: \"shop.test\"";
    let text = match n % 4 {
        0 => format!("x\n{forged}\ny"),
        1 => format!("x\n{forged}"),
        2 => format!("x{tail}\n{forged}\n{forged}"),
        _ => {
            format!("x{tail}\n{forged}\n{} open() \"/y", &forged[..forged.find("recv()").unwrap()].trim_end())
        }
    };
    match n % 5 {
        0 => assert_eq!(nginx.send(&format!("GET /{}", encoded(&text)), ""), 404),
        1 => assert_eq!(nginx.send(&format!("GET /links/{}", encoded(&text)), ""), 404),
        2 => {
            // What stands behind the first colon is the password.
            let user = text.replace(':', ";");
            let credentials = base64(format!("{user}:x").as_bytes());
            assert_eq!(nginx.send("GET /auth", &format!("Authorization: Basic {credentials}\r\n")), 401);
        }
        _ => {
            let status = nginx.send(
                "COPY /dav/file",
                &format!("Destination: http://shop.test/dav/no/{}\r\n", encoded(&text)),
            );
            assert!(status >= 400, "{status}");
        }
    }
}

/// Responses by cause and upstream.
fn causes(explained: &Value) -> BTreeMap<(String, String), u64> {
    let mut out = BTreeMap::new();
    for row in explained["responses"].as_array().unwrap().iter().filter(|row| row["code"] == "502") {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        *out.entry((text("cause"), text("upstream"))).or_default() += row["count"].as_u64().unwrap();
    }
    out
}

#[test]
fn alone_a_forger_makes_no_name_and_no_failure() {
    let nginx = nginx();
    for n in 0..1000 {
        attack(&nginx, n);
    }
    assert!(nginx.read("error.log").matches("\n2").count() > 2000, "the forged lines stand in the log");
    for access in ["rich.log", "combined.log"] {
        let got = nginx.explain(access);
        assert!(!got.to_string().contains("evil"), "{access}: {got:#}");
        assert_eq!(causes(&got), BTreeMap::new());
        let failures = got["failures"].as_array().unwrap();
        assert!(failures.iter().all(|row| row["cause"] != "connection_reset"), "{access}: {got:#}");
    }
}

#[test]
fn among_honest_failures_a_forger_moves_none() {
    let nginx = nginx();
    let honest = 3000;
    for n in 0..honest {
        if n % 6 == 0 {
            attack(&nginx, n);
        }
        // Every other request is one that no forger can guess.
        let guess = if n % 2 == 0 { String::new() } else { format!("?{}", n * 7919) };
        assert_eq!(nginx.send(&format!("GET /pay/{n}{guess}"), ""), 502);
    }
    let upstream = nginx.refused.address.clone();
    for access in ["rich.log", "combined.log"] {
        let got = nginx.explain(access);
        assert!(!got.to_string().contains("evil"), "{access}: {got:#}");
        let causes = causes(&got);
        let right = causes[&("connection_refused".to_owned(), upstream.clone())];
        assert_eq!(causes.values().sum::<u64>(), honest as u64, "{causes:?}");
        let coarse: u64 = ["unknown", "connect_failed"]
            .iter()
            .flat_map(|coarse| causes.iter().filter(move |(of, _)| of.0 == *coarse))
            .map(|(_, count)| count)
            .sum();
        assert_eq!(right + coarse, honest as u64, "{access}: {causes:?}");
        // Who guesses all that an entry says of a request makes the cause of that response the coarse one.
        assert!(coarse <= honest as u64 / 6, "{access}: {causes:?}");
        let unguessed: Vec<_> = causes.keys().filter(|(cause, _)| cause == "connection_reset").collect();
        assert!(unguessed.is_empty(), "{access}: {causes:?}");
    }
}
