//! The configuration file of a running `serve`, read again: SIGHUP and `/-/reload`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use badgateway_harness::proc::kill;

use super::support::{Serve, text};

fn append(path: &Path, line: &str) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(line.as_bytes()).unwrap();
}

/// A line of `combined`, stamped now, as nginx stamps it. No two are the same: files are known by what is in them.
fn combined(status: u16) -> String {
    static REQUESTS: AtomicU64 = AtomicU64::new(0);
    let request = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let now = jiff::Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000");
    format!("1.2.3.4 - - [{now}] \"GET /{request} HTTP/1.1\" {status} 157 \"-\" \"c\"\n")
}

/// A line of a format that is not known by itself.
fn own(status: u16) -> String {
    format!("{status}|{}|shop\n", jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S+00:00"))
}

const OWN: &str = "'$status|$time_iso8601|$server_name'";

struct Site {
    dir: tempfile::TempDir,
    file: PathBuf,
}

impl Site {
    fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("badgateway.yml");
        std::fs::write(&file, config).unwrap();
        Self { dir, file }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn serve(&self, more: &[&str]) -> Serve {
        Serve::start(&[&["--config.file", text(&self.file)], more].concat())
    }

    /// Another text, which is used.
    #[track_caller]
    fn change(&self, serve: &Serve, config: &str) {
        std::fs::write(&self.file, config).unwrap();
        assert_eq!(serve.request("POST", "/-/reload"), (200, String::new()), "{config}");
    }
}

const LIFECYCLE: &str = "web: {enable_lifecycle: true}\n";

fn count(serve: &Serve, code: u16) -> u64 {
    serve.sum("badgateway_http_responses_total", &[&format!("code=\"{code}\"")]) as u64
}

fn value(serve: &Serve, family: &str) -> f64 {
    let scrape = serve.scrape();
    let line = scrape.lines().find_map(|line| line.strip_prefix(family)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {family}")).parse().unwrap()
}

/// Each failed response is counted exactly once while logs come, go, and change their format: those of a log that was left
/// out for a while, too, rotated or not.
#[test]
fn no_line_is_lost_or_doubled_over_reloads() {
    let a = format!("{LIFECYCLE}access_logs: [a.log]\n");
    let both = format!("{LIFECYCLE}access_logs: [a.log, b.log]\n");
    let pattern = format!("{LIFECYCLE}access_logs: ['?.log']\n");
    let named = format!(
        "{LIFECYCLE}access_logs: [{{path: a.log, format: combined}}, {{path: 'b*.log', format: combined}}]\n"
    );
    let found = format!(
        "{LIFECYCLE}access_logs: [b.log]\nerror_logs: [e.log]\ndiscovery: {{logs: true, nginx_configs: [nginx.conf]}}\n"
    );
    let site = Site::new(&both);
    for log in ["a.log", "b.log", "e.log"] {
        append(&site.path(log), "");
    }
    let conf =
        format!("error_log stderr; http {{ server {{ access_log {}; }} }}", site.path("a.log").display());
    std::fs::write(site.path("nginx.conf"), conf).unwrap();
    // Other nginx of this machine are none of this test's.
    std::fs::create_dir(site.path("proc")).unwrap();
    let serve = site.serve(&["--path.procfs", text(&site.path("proc"))]);
    let (stop, written) =
        (Arc::new(AtomicBool::new(false)), Arc::new([AtomicU64::new(0), AtomicU64::new(0)]));
    let writer = {
        let (stop, written) = (stop.clone(), written.clone());
        let paths = [site.path("a.log"), site.path("b.log")];
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                for (at, (path, status)) in paths.iter().zip([502, 503]).enumerate() {
                    append(path, &combined(status));
                    written[at].fetch_add(1, Ordering::Relaxed);
                }
                std::thread::park_timeout(std::time::Duration::from_micros(200));
            }
        })
    };
    let followed = |serve: &Serve| serve.log().matches("following the access log").count();
    for round in 0..30 {
        let config = [&a, &both, &pattern, &named, &a, &found][round % 6];
        let found_before = followed(&serve);
        if round % 2 == 0 {
            site.change(&serve, config);
        } else {
            std::fs::write(&site.file, config).unwrap();
            let before = serve.log().matches("was read again and holds").count();
            kill("HUP", &serve.pid().to_string());
            serve.until(|serve| serve.log().matches("was read again and holds").count() > before);
        }
        if round % 10 == 4 {
            // While b.log is left out, or not. The first time there is none.
            let _ = std::fs::rename(site.path("b.log.1"), site.path("b.log.2"));
            std::fs::rename(site.path("b.log"), site.path("b.log.1")).unwrap();
        }
        count(&serve, 502);
        if config == &found {
            serve.until(|serve| followed(serve) > found_before);
        }
    }
    site.change(&serve, &both);
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    let wanted = [0, 1].map(|at| written[at].load(Ordering::Relaxed));
    serve.until(|serve| [count(serve, 502), count(serve, 503)] == wanted);
    assert!(wanted[0] > 100, "{wanted:?}");
    assert!(!serve.log().contains("/var/log/nginx"), "what is named is not known late: {}", serve.log());
    assert_eq!(serve.sum("badgateway_log_bytes_lost_total", &[]), 0.0);
    assert_eq!(serve.sum("badgateway_log_lines_total", &["result=\"unparsed\""]), 0.0);
    assert_eq!(serve.terminate(), Some(0));
}

#[test]
fn a_log_may_get_another_format_and_what_is_unread_is_still_read() {
    let plain = format!("{LIFECYCLE}access_logs: [a.log]\n");
    let with = format!("{LIFECYCLE}access_logs:\n- path: a.log\n  format: {OWN}\n");
    let site = Site::new(&plain);
    let log = site.path("a.log");
    append(&log, "");
    let serve = site.serve(&[]);
    let mut wanted = 0;
    for round in 0..6 {
        let (line, config): (fn(u16) -> String, _) =
            if round % 2 == 0 { (combined, &with) } else { (own, &plain) };
        for _ in 0..50 {
            append(&log, &line(502));
        }
        site.change(&serve, config);
        // Workers that end after a reload of nginx still write the old one.
        append(&log, &combined(502));
        append(&log, &own(502));
        wanted += 52;
        assert_eq!(count(&serve, 502), wanted, "round {round}: {}", serve.log());
    }
}

#[test]
fn reload_over_http_is_off_unless_it_is_asked_for() {
    let site = Site::new("access_logs: [a.log]\n");
    let serve = site.serve(&[]);
    for method in ["POST", "PUT"] {
        let (status, body) = serve.request(method, "/-/reload");
        assert!(status == 403 && body.contains("--web.enable-lifecycle"), "{status} {body}");
    }
    assert_eq!(serve.request("GET", "/-/reload").0, 405);
    let serve = site.serve(&["--web.enable-lifecycle"]);
    assert_eq!(serve.request("GET", "/-/reload").0, 405);
    for method in ["POST", "PUT"] {
        assert_eq!(serve.request(method, "/-/reload"), (200, String::new()));
    }
}

#[test]
fn what_cannot_be_used_changes_nothing_and_is_told() {
    let good = format!("{LIFECYCLE}access_logs: [a.log]\n");
    let site = Site::new(&good);
    append(&site.path("a.log"), "");
    let serve = site.serve(&[]);
    let (successful, at) = (
        "badgateway_config_last_reload_successful",
        "badgateway_config_last_reload_success_timestamp_seconds",
    );
    // The PHP-FPM of this machine, if there is one, is well.
    serve.until(|serve| value(serve, successful) == 1.0);
    let began = value(&serve, at);
    for (bad, wanted) in [
        ("acces_logs: [b.log]\n", "line 1, column 1: unknown key `acces_logs`; did you mean `access_logs`?"),
        (
            "access_logs: [b.log]\nlimits:\n  series: few\n",
            "line 3, column 11: `limits.series` cannot be \"few\"",
        ),
        ("access_logs: [.]\n", "line 1, column 15: "),
        ("access_logs: [\n", "line 1, column 14: unclosed bracket"),
    ] {
        std::fs::write(&site.file, bad).unwrap();
        let (status, body) = serve.request("POST", "/-/reload");
        assert!(status == 500 && body.contains(wanted), "{bad}: {status} {body}");
        assert_eq!(value(&serve, successful), 0.0);
        assert!(serve.log().contains(&wanted.replace('"', "\\\"")), "{}", serve.log());
        append(&site.path("a.log"), &combined(502));
        append(&site.path("b.log"), &combined(503));
    }
    std::fs::remove_file(&site.file).unwrap();
    let (status, body) = serve.request("POST", "/-/reload");
    assert!(status == 500 && body.contains("badgateway.yml: cannot be read: No such file"), "{body}");
    assert_eq!((count(&serve, 502), count(&serve, 503)), (4, 0), "what was read last holds");
    // The time is told in seconds.
    let now = || jiff::Timestamp::now().as_second() as f64;
    serve.until(|_| now() > began);
    site.change(&serve, &good);
    assert_eq!(value(&serve, successful), 1.0);
    assert!(value(&serve, at) > began);
}

#[test]
fn what_only_a_start_changes_is_named_and_the_rest_holds_at_once() {
    let site = Site::new(&format!("{LIFECYCLE}access_logs: [a.log]\n"));
    append(&site.path("a.log"), "");
    let serve = site.serve(&["--limit.series", "7000"]);
    let more = "web: {enable_lifecycle: false, telemetry_path: /m}\nstate: {dir: state}\nlog: {level: warn, format: json}\n\
        compat: {phpfpm_metrics: true}\naccess_logs: [a.log]\nlimits: {series: 5000}\n";
    site.change(&serve, more);
    for key in ["web.telemetry_path", "web.enable_lifecycle", "state.dir", "log.format"] {
        let text = format!("{key} has changed: that takes effect with a restart");
        serve.until(|serve| serve.log().contains(&text));
    }
    assert!(!serve.log().contains("limits.series has changed"));
    let said = serve.log().matches("was read again and holds").count();
    site.change(&serve, more);
    assert_eq!(serve.log().matches("was read again and holds").count(), said, "info is left out by now");
    site.change(&serve, &more.replace("level: warn", "level: info"));
    serve.until(|serve| serve.log().matches("was read again and holds").count() > said);
}

#[test]
fn without_a_file_there_is_nothing_to_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    append(&log, "");
    let serve = Serve::start(&["--access-log", text(&log), "--web.enable-lifecycle"]);
    kill("HUP", &serve.pid().to_string());
    serve.until(|serve| serve.log().contains("SIGHUP is ignored: there is no --config.file"));
    assert_eq!(serve.request("POST", "/-/reload").0, 200);
    append(&log, &combined(502));
    assert_eq!(count(&serve, 502), 1);
}
