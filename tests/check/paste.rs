//! The changes, made exactly as they are printed: the finding is gone, and nginx and PHP-FPM take the files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use badgateway::check::finding::{Finding, Step};
use badgateway_harness::{find_program, programs::php_fpm};

use crate::fixture::{Fixture, of, php, pool, site};

/// Makes the changes of a finding that stand in files below `dir`. Those lowest in a file first: lines above them stay.
pub fn apply(finding: &Finding, dir: &Path) {
    let mut steps: BTreeMap<PathBuf, Vec<&Step>> = BTreeMap::new();
    for step in &finding.fix {
        if let Step::Replace { at, .. } | Step::Add { at, .. } = step
            && at.file.starts_with(dir)
        {
            steps.entry(at.file.to_path_buf()).or_default().push(step);
        }
    }
    let line = |step: &&Step| match step {
        Step::Replace { at, .. } | Step::Add { at, .. } => at.line,
        _ => 0,
    };
    for (file, mut steps) in steps {
        let is_nginx = file.extension().is_some_and(|_| file.ends_with("nginx.conf"));
        let mut lines: Vec<String> =
            std::fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect();
        steps.sort_by_key(|step| std::cmp::Reverse(line(step)));
        for step in steps {
            match step {
                Step::Replace { at, with } => {
                    let begin = at.line - 1;
                    // A directive of nginx's may go on over several lines.
                    let more = lines[begin..].iter().position(|line| line.trim_end().ends_with(';'));
                    let end = begin + if is_nginx { more.unwrap() } else { 0 };
                    lines.splice(begin..=end, with.lines().map(str::to_owned));
                }
                Step::Add { at, block, lines: new } => {
                    let found = || lines.iter().position(|line| line.trim() == block).unwrap();
                    let begin = if at.line == 0 { found() } else { at.line - 1 };
                    assert_eq!(lines[begin].trim(), block, "{step:?}");
                    lines.splice(begin + 1..begin + 1, new.iter().cloned());
                }
                _ => {}
            }
        }
        std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    }
}

fn tests(fixture: &Fixture) -> (bool, String) {
    let mut said = String::new();
    let mut good = true;
    let mut run = |command: &mut Command| {
        let output = command.output().unwrap();
        good &= output.status.success();
        said += &String::from_utf8_lossy(&output.stderr);
    };
    let nginx = find_program(&["nginx"], "nginx").unwrap();
    run(Command::new(nginx)
        .arg("-t")
        .arg("-p")
        .arg(fixture.dir.path())
        .arg("-c")
        .arg(fixture.path("nginx.conf")));
    let fpm = fixture.path("php-fpm.conf");
    if fpm.exists() {
        run(Command::new(php_fpm().unwrap()).arg("-t").arg("-R").arg("-y").arg(fpm));
    }
    (good, said)
}

/// `refused`: nginx does not take the file before.
fn mends(rule: &str, nginx: &str, fpm: &str, refused: bool) {
    let fixture = Fixture::new(nginx, fpm);
    let (good, said) = tests(&fixture);
    assert_eq!(good, !refused, "{rule}, before: {said}");
    let findings = fixture.findings(None);
    let found = of(&findings, rule);
    assert!(!found.is_empty(), "{rule}: {findings:#?}");
    for finding in &found {
        assert!(!finding.fix.is_empty(), "{finding:?}");
    }
    apply(found[0], fixture.dir.path());
    let file = std::fs::read_to_string(fixture.path("nginx.conf")).unwrap();
    let (good, said) = tests(&fixture);
    assert!(good, "{rule}: {said}\n{file}\n{found:#?}");
    let left = fixture.findings(None);
    assert!(of(&left, rule).is_empty(), "{rule}: {left:#?}\n{file}");
}

#[test]
fn what_is_pasted_ends_the_finding() {
    let user = "user = nobody\n";
    let section = |listen: &str, more: &str| pool(listen, &format!("{user}{more}"));
    let unix = "@D@/php.sock";
    let pass = || php("fastcgi_pass unix:@D@/php.sock;");
    let port = || php("fastcgi_pass 127.0.0.1:9000;");
    let plain = section(unix, "");
    for (rule, nginx, fpm) in [
        ("no_listener", php("fastcgi_pass unix:@D@/pph.sock;"), plain.clone()),
        (
            "not_permitted",
            format!("user nobody nogroup;\n{}", pass()),
            section(unix, "listen.mode = 0400\nlisten.group = nogroup"),
        ),
        ("localhost_two_addresses", php("fastcgi_pass localhost:9000;"), section("127.0.0.1:9000", "")),
        (
            "localhost_two_addresses",
            php("proxy_pass http://localhost:9000/x;"),
            section("127.0.0.1:9000", ""),
        ),
        ("client_not_allowed", port(), section("127.0.0.1:9000", "listen.allowed_clients = 10.0.0.5")),
        (
            "client_misspelt",
            port(),
            section("127.0.0.1:9000", "listen.allowed_clients = 127.0.0.1, 10.0.0.5"),
        ),
        ("timeout_order", pass(), section(unix, "request_terminate_timeout = 300")),
        (
            "timeout_order",
            pass(),
            section(unix, "request_terminate_timeout = 20\nphp_admin_value[max_execution_time] = 30"),
        ),
        ("backlog_long", pass(), section(unix, "listen.backlog = 65535")),
        ("no_status_listen", pass(), plain.clone()),
        ("no_status_listen", port(), section("127.0.0.1:9000", "pm.status_path = /status")),
        ("reload_drops", pass(), plain.clone()),
        ("reload_drops", pass(), format!("process_control_timeout = 0\n{plain}")),
        ("evidence_hidden", pass(), format!("log_level = error\n{plain}")),
        (
            "evidence_hidden",
            php("error_log @D@/e.log emerg;\nfastcgi_pass unix:@D@/php.sock;"),
            plain.clone(),
        ),
        (
            "logged_twice",
            php("access_log @D@/a.log;\naccess_log @D@/a.log combined;\nfastcgi_pass unix:@D@/php.sock;"),
            plain.clone(),
        ),
        (
            "log_delayed",
            php("access_log @D@/a.log combined buffer=32k;\nfastcgi_pass unix:@D@/php.sock;"),
            plain.clone(),
        ),
        (
            "log_delayed",
            php("access_log @D@/a.log combined gzip flush=9s;\nfastcgi_pass unix:@D@/php.sock;"),
            plain.clone(),
        ),
        ("no_join_fields", pass(), plain.clone()),
        (
            "log_unescaped",
            site("log_format n escape=none\n 'it\\'s $request '\n \"x\\\\ $status\";", "return 204;"),
            String::new(),
        ),
        (
            "log_unescaped",
            site("log_format n escape=none '{\"r\":\"$request\"}';", "return 204;"),
            String::new(),
        ),
        ("failures_hidden", site("error_page 502 504 =200 /sorry.html;", "return 204;"), String::new()),
        (
            "repeats_posts",
            site(
                "upstream g {\nserver 10.0.0.1:80;\nserver 10.0.0.2:80;\n}",
                "proxy_next_upstream error timeout non_idempotent;\nproxy_pass http://g;",
            ),
            String::new(),
        ),
        (
            "stale_keepalive",
            site(
                "upstream back {\nserver 127.0.0.1:8098;\nkeepalive 4;\n}\n\
                 server {\nlisten 127.0.0.1:8098;\nkeepalive_timeout 5s;\nreturn 204;\n}",
                "proxy_http_version 1.1;\nproxy_set_header Connection \"\";\nproxy_pass http://back;",
            ),
            String::new(),
        ),
        (
            "keepalive_holds_workers",
            site(
                "upstream php {\nserver unix:@D@/php.sock;\nkeepalive 8;\n}",
                "fastcgi_keep_conn on;\nfastcgi_pass php;",
            ),
            plain.clone(),
        ),
    ] {
        mends(rule, &nginx, &fpm, false);
    }
}

#[test]
fn buffers_that_are_pasted_pass_nginx_s_test() {
    for lines in [
        "fastcgi_buffer_size 16k;",
        "proxy_buffer_size 32k;",
        "fastcgi_buffer_size 32k;\nfastcgi_buffers 4 16k;",
        "fastcgi_buffers 4 16k;\nfastcgi_buffer_size 64k;",
        "uwsgi_busy_buffers_size 64k;",
        "proxy_buffers 2 4k;\nproxy_busy_buffers_size 64k;\nproxy_buffer_size 8k;",
        "scgi_buffers 1 64k;",
    ] {
        mends("buffers_refused", &site(lines, "return 204;"), "", true);
    }
}
