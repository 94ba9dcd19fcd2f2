//! `explain` for the morning after: directories, patterns, files of any kind, a time, and what cannot be read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use badgateway_harness::programs::{badgateway, find_program};
use badgateway_harness::{proc, wait_for};

use super::support::{json, run, stderr, text};

fn access(clock: &str, n: u32) -> String {
    format!("192.0.2.1 - - [20/Nov/2026:{clock} +0100] \"GET /{n} HTTP/1.1\" 502 157 \"-\" \"-\"\n")
}

fn entry(clock: &str, n: u32) -> String {
    format!(
        "2026/11/20 {clock} [crit] 7#7: *{n} connect() to unix:/run/x.sock failed (2: No such file or directory) while connecting to \
         upstream, client: 192.0.2.1, server: a.test, request: \"GET /{n} HTTP/1.1\", upstream: \"fastcgi://unix:/run/x.sock:\", host: \"a.test\"\n"
    )
}

fn stopped(clock: &str) -> String {
    format!(
        "[20-Nov-2026 {clock}] NOTICE: Terminating ...\n[20-Nov-2026 {clock}] NOTICE: exiting, bye-bye!\n"
    )
}

/// A directory as /var/log/nginx is, with names that tell nothing.
fn logs() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(dir.path().join(name), text).unwrap();
    write("one.log", access("02:00:00", 1) + &access("03:00:01", 2) + &access("04:00:00", 3));
    write("two.log", entry("02:00:00", 1) + &entry("02:59:59", 2) + &entry("04:00:00", 3));
    write("three", stopped("02:59:58"));
    write("notes.txt", "nothing of nginx's\n".to_owned());
    write(".hidden.log", access("02:00:00", 9));
    dir
}

fn explain(args: &[&str]) -> serde_json::Value {
    json(&run(&[&["explain", "--format", "json"], args].concat()))
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn directories_patterns_and_files_are_sorted_by_their_lines() {
    let dir = logs();
    let at = |name: &str| text(&dir.path().join(name)).to_owned();
    let flags =
        explain(&["--access-log", &at("one.log"), "--error-log", &at("two.log"), "--fpm-log", &at("three")]);
    assert_eq!(flags["responses"][0]["cause"], "socket_missing");
    assert_eq!(flags["lines"]["access"], 3);
    for args in [
        vec![at("")],
        vec![at("t*"), at("one.log")],
        vec![at("one.log"), at("two.log"), at("three"), at("one.log")],
        vec![
            "--access-log".to_owned(),
            at("o*"),
            "--error-log".to_owned(),
            at("two*"),
            "--fpm-log".to_owned(),
            at("th*"),
        ],
        vec!["--access-log".to_owned(), at("one.log"), "--".to_owned(), at("")],
        vec![
            "--access-log".to_owned(),
            at(""),
            "--error-log".to_owned(),
            at(""),
            "--fpm-log".to_owned(),
            at(""),
        ],
        // Named wrongly, which is told.
        vec!["--error-log".to_owned(), at("one.log"), at("two.log"), at("three")],
    ] {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        assert_eq!(explain(&args), flags, "{args:?}");
    }
    let output = run(&["explain", &at("")]);
    assert!(
        output.status.success()
            && stderr(&output).contains("passed over")
            && stderr(&output).contains("notes.txt")
    );
    let output = run(&["explain", "--error-log", &at("one.log")]);
    assert!(stderr(&output).contains("one.log is an access log, not an error log"), "{}", stderr(&output));
}

#[test]
fn only_a_time_is_told_and_what_crosses_its_border_is_joined() {
    let dir = logs();
    let all = text(dir.path());
    let counts = |args: &[&str]| {
        let report = explain(&[&[all], args].concat());
        let rows = report["responses"].as_array().unwrap().clone();
        let sum: u64 = rows.iter().map(|row| row["count"].as_u64().unwrap()).sum();
        assert!(rows.iter().all(|row| row["cause"] == "socket_missing"), "{report:#}");
        let unmatched =
            report["failures"].as_array().unwrap().iter().filter(|row| row["outcome"] != "failed").count();
        (sum, unmatched)
    };
    assert_eq!(counts(&[]), (3, 0));
    assert_eq!(counts(&["--since", "2026-11-20 03:00"]), (2, 0));
    assert_eq!(counts(&["--since", "2026-11-20T02:00:00Z"]), (2, 0), "the logs' zone is told by their lines");
    assert_eq!(counts(&["--since", "2026-11-20 03:00", "--until", "2026-11-20 04:00:00"]), (1, 0));
    // The entry is of the time, its response is not: nothing of it is told as unmatched.
    assert_eq!(counts(&["--until", "2026-11-20 03:00"]), (1, 0));
    assert_eq!(counts(&["--since", "1s ago"]), (0, 0));
    let output = run(&["explain", all, "--since", "2026-11-20 03:00", "--until", "2026-11-20 03:30"]);
    let text = said(&output);
    assert!(text.starts_with("1 responses, 1 of them failed"), "{text}");
    assert!(text.contains("From 2026-11-20 03:00:00 until 2026-11-20 03:30:00 (UTC+01:00)"), "{text}");
    let text = said(&run(&["explain", all, "--since", "2026-11-21"]));
    assert!(text.starts_with("No response is of that time."), "{text}");
    for wrong in [["--since", "soon"], ["--until", "2026-13-01"]] {
        let output = run(&[&["explain", all], &wrong[..]].concat());
        assert!(!output.status.success() && stderr(&output).contains("2h ago"), "{}", stderr(&output));
    }
    let output = run(&["explain", all, "--since", "2026-11-21", "--until", "2026-11-20"]);
    assert!(!output.status.success() && stderr(&output).contains("--since is not before --until"));
}

/// As a user that may read no file that is closed to others.
fn run_as_nobody(dir: &Path, args: &[&str]) -> Output {
    let program = dir.join("badgateway");
    fs::copy(badgateway().unwrap(), &program).unwrap();
    let mut command = Command::new(program);
    command.args(args).env("TZ", "UTC");
    if rustix::process::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    command.output().unwrap()
}

#[test]
fn what_can_be_read_is_answered_and_the_rest_is_told_with_what_mends_it() {
    let dir = logs();
    let at = |name: &str| text(&dir.path().join(name)).to_owned();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(at("three"), fs::Permissions::from_mode(0o000)).unwrap();
    let output = run_as_nobody(
        dir.path(),
        &["explain", &at("one.log"), &at("two.log"), &at("three"), &at("gone.log")],
    );
    let (answer, error) = (said(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(answer.starts_with("3 responses, 3 of them failed") && answer.contains("Fix: "), "{answer}");
    for wanted in [
        "gone.log does not exist",
        &format!("cannot open {} for reading: permission denied", at("three")),
        &format!("sudo setfacl -m u:$(id -un):r {}", at("three")),
        "2 of what was named could not be read",
    ] {
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
}

#[test]
fn a_truncated_file_is_read_as_far_as_it_goes() {
    let dir = logs();
    let packed = dir.path().join("old.gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, access("01:00:00", 8).repeat(20_000).as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    fs::write(&packed, &bytes[..bytes.len() - 100]).unwrap();
    let output = run(&["explain", text(&packed), text(&dir.path().join("one.log"))]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("gzip -t") && said(&output).contains("of them failed"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn nothing_readable_is_an_error_and_never_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&dir.path().join(name)).to_owned();
    fs::write(at("empty.log"), "").unwrap();
    fs::write(at("strange_access.log"), "a b c\n".repeat(9)).unwrap();
    fs::write(at("strange"), "a b c\n".repeat(9)).unwrap();
    fs::write(at("packed.xz"), "\u{fd}7zXZ").unwrap();
    let utf_16: Vec<u8> = entry("02:00:00", 1).encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(at("windows.txt"), utf_16).unwrap();
    fs::create_dir(at("none")).unwrap();
    for (args, words) in [
        (vec![at("empty.log")], "empty.log is without a line"),
        (vec!["--access-log".to_owned(), at("empty.log")], "empty.log is without a line"),
        (vec![at("strange_access.log")], "no line of these logs could be understood"),
        (vec!["--access-log".to_owned(), at("strange")], "no line of these logs could be understood"),
        (vec![at("strange")], "Say what it is with --access-log"),
        (vec![at("packed.xz")], "xz -dc"),
        (vec![at("windows.txt")], "iconv -f UTF-16"),
        (vec![at("none")], "no file is in"),
        (vec![at("none/*.log")], "no file matches"),
        (vec![at("missing.log")], "does not exist"),
    ] {
        let words_of: Vec<_> = std::iter::once("explain").chain(args.iter().map(String::as_str)).collect();
        let output = run(&words_of);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(stderr(&output).contains(words), "{args:?}: {}", stderr(&output));
        assert!(!said(&output).contains("none of them failed"), "{args:?}: {}", said(&output));
    }
}

#[test]
fn a_container_s_log_is_access_and_error_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("web.log");
    let lines = [
        "/docker-entrypoint.sh: Configuration complete; ready for start up\n",
        &entry("02:00:00", 1),
        &access("02:00:00", 1),
    ];
    for front in ["", "nginx-1  | "] {
        let text_of: String = lines.iter().map(|line| format!("{front}{line}")).collect();
        fs::write(&path, text_of).unwrap();
        let report = explain(&[text(&path)]);
        assert_eq!(report["responses"][0]["cause"], "socket_missing", "{front}: {report:#}");
        assert_eq!(report["responses"][0]["upstream"], "unix:/run/x.sock");
        assert_eq!(
            report["lines"],
            serde_json::json!({"access": 1, "error": 1, "fpm": 0, "unparsed": 1}),
            "{front}"
        );
    }
}

#[test]
fn files_and_lines_together_are_told_apart() {
    let dir = logs();
    let file = text(&dir.path().join("one.log")).to_owned();
    for args in [vec![&*file, "upstream timed out"], vec!["upstream timed out", "--error-log", &file]] {
        let output = run(&[&["explain"], &args[..]].concat());
        assert!(!output.status.success());
        assert!(
            stderr(&output).contains("upstream timed out") && stderr(&output).contains("not both"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn a_nginx_that_did_not_start_is_told_with_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("error.log");
    let said_by_nginx = "host not found in upstream \"backend:8080\" in /etc/nginx/conf.d/default.conf:39";
    let stamped = format!("2026/11/20 15:00:00 [emerg] 1#1: {said_by_nginx}\n");
    let copy = format!("nginx: [emerg] {said_by_nginx}\n");
    for (lines, count, first) in [
        (format!("{stamped}{copy}").repeat(3), 3, Some("2026-11-20T15:00:00+00:00")),
        (format!("{stamped}{copy}"), 1, Some("2026-11-20T15:00:00+00:00")),
        (copy.clone(), 1, None),
    ] {
        fs::write(&path, lines).unwrap();
        let output = run(&["explain", "--error-log", text(&path)]);
        let said = said(&output);
        assert!(said.contains("nginx did not start") && said.contains(said_by_nginx), "{said}");
        assert!(said.contains("must resolve when nginx starts") && !said.contains("dig NAME"), "{said}");
        let told = &explain(&["--error-log", text(&path)])["not_started"][0];
        assert_eq!((told["count"].as_u64(), told["first"].as_str()), (Some(count), first));
    }
}

#[test]
fn an_error_log_alone_has_meanings_fixes_and_times() {
    let dir = logs();
    let output = run(&["explain", "--error-log", text(&dir.path().join("two.log"))]);
    let text_of = said(&output);
    for wanted in [
        "unix:/run/x.sock",
        "socket_missing (3), 2026-11-20 02:00:00 to 2026-11-20 04:00:00: The unix socket does not exist.",
        "Fix: start PHP-FPM",
    ] {
        assert!(text_of.contains(wanted), "{wanted}: {text_of}");
    }
}

/// A configuration whose formats nobody could guess.
fn configured(dir: &Path) -> String {
    fs::create_dir_all(dir.join("logs")).unwrap();
    fs::write(
        dir.join("nginx.conf"),
        format!(
            "error_log {0}/logs/main.err;\npid {0}/nginx.pid;\nevents {{ }}\nhttp {{ log_format odd '$status|$remote_addr|$request|$time_local';\n\
             server {{ server_name shop.test; listen unix:{0}/nginx.sock; access_log {0}/logs/shop odd; access_log {0}/logs/again; error_log {0}/logs/shop.err; location / {{ return 502; }} }} }}\n",
            dir.display()
        ),
    )
    .unwrap();
    let line = |n: u32| format!("502|192.0.2.1|GET /{n} HTTP/1.1|20/Nov/2026:02:00:00 +0100\n");
    fs::write(dir.join("logs/shop"), line(1)).unwrap();
    fs::write(dir.join("logs/shop.1"), line(2)).unwrap();
    fs::write(
        dir.join("logs/shop.err"),
        entry("02:00:00", 1).replace("server: a.test", "server: b.test") + &entry("02:00:00", 2),
    )
    .unwrap();
    text(&dir.join("nginx.conf")).to_owned()
}

#[test]
fn nginx_s_configuration_tells_logs_formats_and_servers() {
    let dir = tempfile::tempdir().unwrap();
    let config = configured(dir.path());
    let report = explain(&["--nginx-config", &config]);
    assert_eq!(report["lines"], serde_json::json!({"access": 1, "error": 2, "fpm": 0, "unparsed": 0}));
    assert_eq!(report["responses"][0]["server"], "shop.test");
    assert_eq!(report["responses"][0]["cause"], "socket_missing");
    // Rotated ones where the past is asked for, and files that are named are read by its formats.
    let past = explain(&["--nginx-config", &config, "--since", "2026-11-20"]);
    assert_eq!(past["lines"]["access"], 2);
    let logs = dir.path().join("logs");
    let named = explain(&["--nginx-config", &config, text(&logs)]);
    assert_eq!(named["lines"], past["lines"]);
    assert_eq!(named["responses"], past["responses"]);
    fs::write(dir.path().join("nginx.conf"), "http {\n  server {\n").unwrap();
    let output = run(&["explain", "--nginx-config", &config]);
    assert!(!output.status.success() && stderr(&output).contains("nginx.conf line 3"), "{}", stderr(&output));
}

/// More files than a shell allows at once.
#[test]
fn thousands_of_logs_are_one_answer() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..1500 {
        fs::write(dir.path().join(format!("{n}.log")), access("02:00:00", n)).unwrap();
    }
    let output = run(&["explain", text(dir.path())]);
    assert!(
        output.status.success() && said(&output).starts_with("1500 responses, 1500 of them failed"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn without_a_word_the_logs_of_the_nginx_that_runs_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let config = configured(dir.path());
    let nginx = find_program(&["nginx"], "nginx").unwrap();
    let mut command = proc::command(&nginx);
    command.args(["-p", text(dir.path()), "-c", &config, "-g", "daemon off;"]);
    let mut nginx = proc::Proc::start("nginx", &mut command).unwrap();
    wait_for("nginx", Duration::from_secs(10), || dir.path().join("nginx.pid").exists().then_some(()))
        .unwrap();
    // Others may run here, whose logs come and go.
    let output = run(&["explain"]);
    nginx.stop();
    assert!(
        said(&output).contains("shop.test") && stderr(&output).contains(&config),
        "{}{}",
        said(&output),
        stderr(&output)
    );
}

#[test]
fn where_no_nginx_is_the_forms_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(&["explain", "--path.procfs", text(dir.path())]);
    let is_installed = Path::new("/etc/nginx/nginx.conf").exists();
    let wanted = if is_installed { "/etc/nginx/nginx.conf" } else { "--access-log" };
    assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
}
