//! PHP-FPM's log in another zone than nginx's, which only the time of its last change tells.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use badgateway_harness::serve::Serve;

use super::support::{json, run, text};

/// The present in Unix seconds, moved by so many, as the logs write it.
fn stamp(moved: i64, format: &str) -> String {
    let now = jiff::Timestamp::now().as_second() + moved;
    jiff::Timestamp::from_second(now).unwrap().strftime(format).to_string()
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// A failure now, and PHP-FPM's stop at the same moment in its own zone.
fn fail(dir: &Path, zone: i64) {
    let at = |format: &str| stamp(0, format);
    append(
        &dir.join("fpm"),
        &format!(
            "[{0}] NOTICE: Terminating ...\n[{0}] NOTICE: exiting, bye-bye!\n",
            stamp(zone, "%d-%b-%Y %H:%M:%S")
        ),
    );
    append(
        &dir.join("error"),
        &format!(
            "{} [crit] 7#7: *1 connect() to unix:/run/x.sock failed (2: No such file or directory) while connecting to \
             upstream, client: 192.0.2.1, server: a.test, request: \"GET / HTTP/1.1\", upstream: \
             \"fastcgi://unix:/run/x.sock:\", host: \"a.test\"\n",
            at("%Y/%m/%d %H:%M:%S")
        ),
    );
    append(
        &dir.join("access"),
        &format!(
            "192.0.2.1 - - [{} +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"-\"\n",
            at("%d/%b/%Y:%H:%M:%S")
        ),
    );
}

fn args(dir: &Path) -> Vec<String> {
    let of = |kind: &str| [format!("--{kind}-log"), text(&dir.join(kind)).to_owned()];
    ["access", "error", "fpm"].into_iter().flat_map(of).collect()
}

#[test]
fn a_log_of_another_zone_is_evidence_in_nginx_s() {
    for zone in [0, 2 * 3600, -5 * 3600, 20_700] {
        let dir = tempfile::tempdir().unwrap();
        fail(dir.path(), zone);
        let args = args(dir.path());
        let mut words = vec!["explain", "--format", "json"];
        words.extend(args.iter().map(String::as_str));
        let report = json(&run(&words));
        assert_eq!(report["responses"][0]["root_cause"], "fpm_stopped", "{zone}: {report:#}");

        // Its last change is no time of any zone: nothing is known, and nothing guessed. (A stop hours ago explains, too.)
        if zone > 0 {
            let odd = UNIX_EPOCH + Duration::from_secs(jiff::Timestamp::now().as_second() as u64 - 400);
            File::options().append(true).open(dir.path().join("fpm")).unwrap().set_modified(odd).unwrap();
            let report = json(&run(&words));
            assert_eq!(report["responses"][0]["root_cause"], "unknown", "{zone}: {report:#}");
        }
    }
}

#[test]
fn serve_moves_the_zone_of_what_is_written_while_it_runs() {
    for zone in [3 * 3600, -3600] {
        let dir = tempfile::tempdir().unwrap();
        for kind in ["access", "error", "fpm"] {
            fs::write(dir.path().join(kind), "").unwrap();
        }
        let machine = dir.path().join("proc");
        fs::create_dir(&machine).unwrap();
        let mut args = args(dir.path());
        args.extend(["--path.procfs".to_owned(), text(&machine).to_owned()]);
        let serve = Serve::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
        fail(dir.path(), zone);
        let root = "root_cause=\"fpm_stopped\"";
        serve.until(|serve| serve.sum("badgateway_http_root_causes_total", &[root]) > 0.0);
    }
}
