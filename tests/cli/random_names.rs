//! Names that are random bytes: servers, upstreams and pools.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use super::serve::check_metrics;
use super::support::{Serve, text};

/// Names of each kind; with `SOAK=1` a million in all.
fn count() -> u64 {
    if std::env::var_os("SOAK").is_some_and(|value| value != "0") { 333_334 } else { 50_000 }
}

/// The next bytes of a xorshift: any but line feeds, and none that ends a field of the logs.
struct Random(u64);

impl Random {
    fn name(&mut self) -> Vec<u8> {
        let length = 1 + self.next() % 40;
        let byte = |random: u64| match (random >> 32) as u8 {
            b'\n' | b'"' | b',' | b' ' | b']' => b'x',
            byte => byte,
        };
        (0..length).map(|_| byte(self.next())).collect()
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// As nginx escapes a variable in an access log.
fn escaped(name: &[u8]) -> String {
    let mut out = String::new();
    for byte in name {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f.. => _ = write!(out, "\\x{byte:02X}"),
            byte => out.push(char::from(*byte)),
        }
    }
    out
}

#[test]
fn a_million_names_fit_and_every_scrape_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let path = |kind: &str| dir.path().join(kind);
    let (mut access, mut fpm, mut random) = (String::new(), Vec::new(), Random(0x9e37_79b9_7f4a_7c15));
    for n in 0..count() {
        let (server, upstream) = (escaped(&random.name()), escaped(&random.name()));
        let _ = writeln!(
            access,
            "192.0.2.1 - - [20/Nov/2026:15:08:28 +0000] \"GET / HTTP/1.1\" 502 5 \"-\" \"-\" server=\"{server}\" pid=1 \
             connection={n} msec=1795187308.000 request_time=0.001 upstream_addr=\"{upstream}:9000\" upstream_status=\"502\" \
             upstream_connect_time=\"0.000\" upstream_header_time=\"-\" upstream_response_time=\"0.001\" \
             upstream_bytes_received=\"0\" upstream_cache_status=\"-\""
        );
        fpm.extend_from_slice(b"[20-Nov-2026 15:08:28] WARNING: [pool ");
        fpm.extend(random.name());
        fpm.extend_from_slice(b"] child 7 exited on signal 11 (SIGSEGV) after 1.0 seconds from start\n");
    }
    fs::write(path("access"), access).unwrap();
    fs::write(path("fpm"), fpm).unwrap();
    let (access, fpm) = (path("access"), path("fpm"));
    let serve = Serve::start(&[
        "--read-from",
        "start",
        "--access-log",
        text(&access),
        "--fpm-log",
        text(&fpm),
        "--path.procfs",
        text(dir.path()),
    ]);
    serve.until(|serve| {
        check_metrics(&serve.scrape());
        serve.sum("badgateway_log_bytes_unread", &[]) == 0.0
    });
    let all = count() as f64;
    serve.until(|serve| serve.sum("badgateway_http_root_causes_total", &[]) == all);
    for family in ["badgateway_http_responses_total", "badgateway_http_errors_total"] {
        assert_eq!(serve.sum(family, &[]), all, "{family}");
    }
    assert_eq!(serve.sum("badgateway_fpm_worker_exits_total", &["reason=\"crash\""]), all);
    let page = serve.scrape();
    check_metrics(&page);
    let servers = page.lines().filter_map(|line| line.split("server=\"").nth(1)?.split("\",").next());
    let servers: BTreeSet<_> = servers.collect();
    assert!((900..1100).contains(&servers.len()) && servers.contains("other"), "{}", servers.len());
    let status = fs::read_to_string(format!("/proc/{}/status", serve.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("{} names of each kind: peak RSS {peak} KiB, {} bytes a scrape", count(), page.len());
    assert!(peak <= 64 * 1024, "{peak} KiB");
}
