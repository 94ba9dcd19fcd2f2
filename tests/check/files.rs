//! Findings in files alone: for each rule configurations that have it, and some that look alike and have it not.

use badgateway::check::finding::Severity;

use crate::fixture::{Fixture, of, php, pool, site};

/// Rule, nginx's configuration, PHP-FPM's, and whether it is found.
fn check(rule: &str, nginx: &str, fpm: &str, expected: bool) {
    let fixture = Fixture::new(nginx, fpm);
    let findings = fixture.findings(None);
    let found = of(&findings, rule);
    assert_eq!(!found.is_empty(), expected, "{rule}: {findings:#?}\n{nginx}\n{fpm}");
    for finding in found {
        assert!(!finding.effect.is_empty(), "{finding:?}");
        for place in &finding.places {
            assert!(place.line > 0 && place.file.exists(), "{place}");
        }
    }
}

const SOCKET: &str = "/run/php/php8.4-fpm.sock";

#[test]
fn a_target_that_no_pool_listens_on() {
    let fails = |target: &str, listen: &str, meant: Option<&str>| {
        let nginx = php(&format!("fastcgi_pass {target};"));
        check("no_listener", &nginx, &pool(listen, ""), true);
        let findings = Fixture::new(&nginx, &pool(listen, "")).findings(None);
        let text = format!("{:?}", of(&findings, "no_listener"));
        assert!(meant.is_none_or(|meant| text.contains(meant)), "{text}");
    };
    fails("unix:/run/php/php8.2-fpm.sock", SOCKET, Some("fastcgi_pass unix:/run/php/php8.4-fpm.sock;"));
    fails("unix:/run/php/php8.4-fmp.sock", SOCKET, Some("differs in a few letters"));
    fails("unix:/var/run/php8.4-fpm.sock", SOCKET, Some("in another directory"));
    fails("127.0.0.1:9001", "127.0.0.1:9000", Some("fastcgi_pass 127.0.0.1:9000;"));
    fails("127.0.0.1:9000", SOCKET, Some("the only pool"));
    for (target, listen) in [
        ("unix:/run/php/php8.4-fpm.sock", SOCKET),
        ("unix:///run/php/php8.4-fpm.sock", SOCKET),
        ("unix:/var/run/php/php8.4-fpm.sock", SOCKET),
        // Debian's alias, which leads to one of the versions.
        ("unix:/run/php/php-fpm.sock", SOCKET),
        ("127.0.0.1:9000", "9000"),
        ("127.0.0.1:9000", "0.0.0.0:9000"),
        ("localhost:9000", "127.0.0.1:9000"),
        // On another host.
        ("10.9.8.7:9000", SOCKET),
        ("php:9000", SOCKET),
    ] {
        check("no_listener", &php(&format!("fastcgi_pass {target};")), &pool(listen, ""), false);
    }
    // Without PHP-FPM's configuration nothing is known.
    check("no_listener", &php("fastcgi_pass unix:/run/x.sock;"), "", false);
    check("no_listener", &php("proxy_pass http://127.0.0.1:8080;"), &pool(SOCKET, ""), false);
}

#[test]
fn the_line_of_a_group_keeps_its_parameters() {
    let nginx = site(
        "upstream php {\nserver unix:/run/php/php8.2-fpm.sock max_fails=0;\nserver unix:/run/gone.sock down;\n}",
        "fastcgi_pass php;",
    );
    let findings = Fixture::new(&nginx, &pool(SOCKET, "")).findings(None);
    let found = of(&findings, "no_listener");
    assert_eq!(found.len(), 1, "{findings:?}");
    assert!(format!("{found:?}").contains("server unix:/run/php/php8.4-fpm.sock max_fails=0;"), "{found:?}");
}

#[test]
fn one_of_several_servers_is_less_grave() {
    let with = |others: &str| {
        let nginx =
            site(&format!("upstream php {{\nserver unix:/run/gone.sock;\n{others}\n}}"), "fastcgi_pass php;");
        let findings = Fixture::new(&nginx, &pool(SOCKET, "")).findings(None);
        of(&findings, "no_listener").iter().map(|finding| finding.severity).collect::<Vec<_>>()
    };
    assert_eq!(with(&format!("server unix:{SOCKET};")), [Severity::Warning]);
    assert_eq!(with(&format!("server unix:{SOCKET} down;")), [Severity::Error]);
}

#[test]
fn one_address_in_many_places_is_one_finding() {
    let nginx = site("", "fastcgi_pass unix:/run/x.sock;\n}\nlocation /a {\nfastcgi_pass unix:/run/x.sock;");
    let findings = Fixture::new(&nginx, &pool(SOCKET, "")).findings(None);
    let found = of(&findings, "no_listener");
    assert_eq!((found.len(), found[0].places.len()), (1, 2), "{findings:?}");
}

#[test]
fn a_socket_that_nginx_may_not_write_to() {
    let target = php(&format!("fastcgi_pass unix:{SOCKET};"));
    for (user, more, found) in [
        ("user www-data;", "", true),
        ("user www-data;", "listen.owner = apache\nlisten.group = apache", true),
        ("user www-data;", "listen.owner = www-data\nlisten.mode = 0400", true),
        ("user www-data;", "listen.acl_users = apache,nginx", true),
        ("user www-data;", "listen.owner = www-data", false),
        ("user www-data;", "listen.owner = x\nlisten.group = www-data", false),
        ("user nginx web;", "listen.owner = x\nlisten.group = web", false),
        ("user www-data;", "listen.mode = 0666", false),
        ("user www-data;", "listen.acl_users = apache,www-data", false),
        ("user root;", "", false),
        // Built in: not known.
        ("", "", false),
        ("user www-data;", "listen.owner = 33", false),
    ] {
        check("not_permitted", &format!("{user}\n{target}"), &pool(SOCKET, more), found);
    }
}

#[test]
fn a_service_at_only_one_address_of_localhost() {
    for (target, listen, found) in [
        ("localhost:9000", "127.0.0.1:9000", true),
        ("localhost:9000", "0.0.0.0:9000", true),
        ("localhost:9000", "9000", false),
        ("127.0.0.1:9000", "127.0.0.1:9000", false),
    ] {
        let nginx = php(&format!("fastcgi_pass {target};"));
        check("localhost_two_addresses", &nginx, &pool(listen, ""), found);
    }
}

#[test]
fn clients_that_a_pool_does_not_answer() {
    for (more, rule, found) in [
        ("listen.allowed_clients = 10.0.0.5", "client_not_allowed", true),
        ("listen.allowed_clients = 127.0.0.1", "client_not_allowed", false),
        ("listen.allowed_clients = 10.0.0.5,127.0.0.1", "client_not_allowed", false),
        ("", "client_not_allowed", false),
        ("listen.allowed_clients = 10.0.0.5, 127.0.0.1", "client_not_allowed", true),
        ("listen.allowed_clients = 10.0.0.5, 127.0.0.1", "client_misspelt", true),
        ("listen.allowed_clients = 127.0.0.0/8", "client_misspelt", true),
        ("listen.allowed_clients = 127.0.0.1,::1", "client_misspelt", false),
    ] {
        check(rule, &php("fastcgi_pass 127.0.0.1:9000;"), &pool("127.0.0.1:9000", more), found);
    }
}

#[test]
fn timeouts_in_the_wrong_order() {
    let with = |read: &str| php(&format!("{read}fastcgi_pass unix:{SOCKET};"));
    for (read, more, found) in [
        ("", "request_terminate_timeout = 300", true),
        ("fastcgi_read_timeout 10s;\n", "request_terminate_timeout = 60", true),
        ("fastcgi_read_timeout 5m;\n", "request_terminate_timeout = 299s", false),
        ("", "request_terminate_timeout = 60s", false),
        ("", "", false),
        ("", "request_terminate_timeout = 20\nphp_admin_value[max_execution_time] = 30", true),
        ("", "request_terminate_timeout = 40\nphp_admin_value[max_execution_time] = 30", false),
        ("", "php_value[max_execution_time] = 30", false),
    ] {
        check("timeout_order", &with(read), &pool(SOCKET, more), found);
    }
}

#[test]
fn buffers_that_nginx_refuses_together() {
    for (lines, found) in [
        ("fastcgi_buffer_size 16k;", true),
        ("fastcgi_buffer_size 32k;\nfastcgi_buffers 4 16k;", true),
        ("proxy_buffer_size 32k;", true),
        ("fastcgi_busy_buffers_size 64k;", true),
        ("fastcgi_buffers 1 64k;", true),
        ("fastcgi_buffer_size 8k;", false),
        ("fastcgi_buffer_size 32k;\nfastcgi_buffers 8 32k;", false),
        ("proxy_buffers 8 16k;\nproxy_buffer_size 16k;", false),
    ] {
        check("buffers_refused", &site(lines, "return 204;"), "", found);
    }
}

#[test]
fn a_queue_whose_end_waits_longer_than_nginx() {
    let nginx = php(&format!("fastcgi_pass unix:{SOCKET};"));
    for (more, found) in [
        ("listen.backlog = 65535", true),
        ("listen.backlog = 511", false),
        ("listen.backlog = -1", false),
        ("", false),
    ] {
        check("backlog_long", &nginx, &pool(SOCKET, more), found);
    }
}

#[test]
fn pools_without_a_page_that_answers_when_they_are_full() {
    let nginx = php(&format!("fastcgi_pass unix:{SOCKET};"));
    check("no_status_listen", &nginx, &pool(SOCKET, ""), true);
    let status = "pm.status_path = /status\npm.status_listen = 127.0.0.1:9001";
    check("no_status_listen", &nginx, &pool(SOCKET, status), false);
    check("reload_drops", &nginx, &pool(SOCKET, ""), true);
    let global = |line: &str| format!("{line}\n{}", pool(SOCKET, ""));
    check("reload_drops", &nginx, &global("process_control_timeout = 10s"), false);
    check("evidence_hidden", &nginx, &global("log_level = error"), true);
    check("evidence_hidden", &nginx, &global("log_level = notice"), false);
}

#[test]
fn logs_that_double_delay_or_hide() {
    let pass = "fastcgi_pass 127.0.0.1:9000;";
    let with = |lines: &str| php(&format!("{lines}\n{pass}"));
    for (rule, lines, found) in [
        ("logged_twice", "access_log @D@/a.log;\naccess_log @D@/a.log combined;", true),
        ("logged_twice", "access_log @D@/a.log;\naccess_log @D@/b.log;", false),
        ("logged_twice", "access_log @D@/a.log;", false),
        (
            "logged_twice",
            "access_log @D@/a.log combined if=$arg_x;\naccess_log @D@/a.log combined if=$arg_y;",
            false,
        ),
        ("log_delayed", "access_log @D@/a.log combined buffer=32k;", true),
        ("log_delayed", "access_log @D@/a.log combined gzip=1 flush=1s;", true),
        ("log_delayed", "access_log @D@/a.log combined buffer=32k flush=2s;", false),
        ("evidence_hidden", "error_log @D@/e.log crit;", true),
        ("evidence_hidden", "error_log /dev/null;", true),
        ("evidence_hidden", "error_log @D@/e.log warn;", false),
        ("evidence_hidden", "error_log @D@/e.log crit;\nerror_log @D@/all.log;", false),
        ("not_logged", "access_log off;", true),
        ("not_logged", "access_log /dev/null;", true),
        ("not_logged", "", false),
        ("no_join_fields", "", true),
    ] {
        check(rule, &with(lines), "", found);
    }
    let format =
        "log_format j '$pid $connection \"$upstream_addr\" ${upstream_status}';\naccess_log @D@/j.log j;";
    check("no_join_fields", &site(format, pass), "", false);
    check("no_join_fields", &site("", "return 204;"), "", false);
    check("log_unescaped", &site("log_format n escape=none '$request';", pass), "", true);
    check("log_unescaped", &site("log_format n escape=json '$request';", pass), "", false);
}

#[test]
fn retries_and_pages_that_hide_failures() {
    let group = "upstream g {\nserver 10.0.0.1:80;\nserver 10.0.0.2:80;\n}";
    let alone = "upstream g {\nserver 10.0.0.1:80;\n}";
    for (rule, http, lines, found) in [
        ("failures_hidden", group, "proxy_next_upstream error http_502;", true),
        ("failures_hidden", alone, "proxy_next_upstream error http_502;", false),
        ("failures_hidden", group, "proxy_next_upstream error http_404;", false),
        ("failures_hidden", group, "error_page 502 504 =200 /sorry.html;", true),
        ("failures_hidden", group, "error_page 404 =200 /x;\nerror_page 502 /sorry.html;", false),
        ("repeats_posts", group, "proxy_next_upstream error non_idempotent;", true),
        ("repeats_posts", group, "proxy_next_upstream error;", false),
    ] {
        check(rule, &site(http, &format!("{lines}\nproxy_pass http://g;")), "", found);
    }
}

#[test]
fn connections_that_are_kept_too_long() {
    let keep = "proxy_http_version 1.1;\nproxy_set_header Connection \"\";\nproxy_pass http://back;";
    let back = |time: &str, other: &str| {
        format!(
            "upstream back {{\nserver 127.0.0.1:8098;\nkeepalive 4;\n{time}\n}}\n\
             server {{\nlisten 127.0.0.1:8098;\n{other}\nreturn 204;\n}}"
        )
    };
    for (time, other, found) in [
        ("", "keepalive_timeout 5s;", true),
        ("keepalive_timeout 20s;", "keepalive_timeout 20s;", false),
        ("keepalive_timeout 4s;", "keepalive_timeout 5s;", false),
        ("", "", false),
    ] {
        check("stale_keepalive", &site(&back(time, other), keep), "", found);
    }
    let held = |count: u32, keep: &str| {
        let group = format!("upstream php {{\nserver unix:{SOCKET};\nkeepalive {count};\n}}");
        site(&group, &format!("{keep}\nfastcgi_pass php;"))
    };
    check("keepalive_holds_workers", &held(8, "fastcgi_keep_conn on;"), &pool(SOCKET, ""), true);
    check("keepalive_holds_workers", &held(2, "fastcgi_keep_conn on;"), &pool(SOCKET, ""), false);
    check("keepalive_holds_workers", &held(8, ""), &pool(SOCKET, ""), false);
}

#[test]
fn what_php_fpm_only_warns_of() {
    let nginx = php(&format!("fastcgi_pass unix:{SOCKET};"));
    check("fpm_config", &nginx, &format!("{}no.such = 1\n", pool(SOCKET, "")), true);
    check("fpm_config", &nginx, &pool(SOCKET, ""), false);
}
