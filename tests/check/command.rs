//! The command: exit codes, formats, and configurations that are broken or hostile.

use std::path::Path;
use std::process::{Command, Output};

use crate::fixture::{Fixture, php, pool};

pub fn run(arguments: &[&str]) -> Output {
    let program = badgateway_harness::programs::badgateway().unwrap();
    Command::new(program).arg("check").args(arguments).output().unwrap()
}

fn files(fixture: &Fixture, more: &[&str]) -> (i32, String, String) {
    let (nginx, fpm) = (fixture.path("nginx.conf"), fixture.path("php-fpm.conf"));
    let mut arguments = vec!["--nginx-config", nginx.to_str().unwrap()];
    if fpm.exists() {
        arguments.extend(["--fpm-config", fpm.to_str().unwrap()]);
    }
    arguments.extend(more);
    let output = run(&arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_exit_code_is_that_of_the_gravest() {
    let pool = pool("/run/x.sock", "");
    let target = |path: &str, more: &str| php(&format!("{more}fastcgi_pass unix:{path};"));
    let (info, error) = (target("/run/x.sock", ""), target("/run/y.sock", ""));
    let warning = target("/run/x.sock", "error_log @D@/e crit;\n");
    for (nginx, fail_on, code) in [
        (&info, "warning", 0),
        (&info, "info", 1),
        (&warning, "warning", 1),
        (&warning, "error", 0),
        (&error, "error", 1),
    ] {
        let (found, out, _) = files(&Fixture::new(nginx, &pool), &["--fail-on", fail_on]);
        assert_eq!(found, code, "{fail_on}: {out}");
    }
    let good = php("return 204;");
    assert_eq!(files(&Fixture::new(&good, ""), &["--fail-on", "info"]).0, 0);
}

#[test]
fn annotations_have_file_and_line() {
    let fixture = Fixture::new(&php("fastcgi_pass unix:/run/y.sock;"), &pool("/run/x.sock", ""));
    let (code, out, _) = files(&fixture, &["--format", "github"]);
    let begin =
        fixture.filled("::error file=@D@/nginx.conf,line=10,title=no pool listens on unix%3A/run/y.sock::");
    assert!(code == 1 && out.starts_with(&begin), "{out}");
    assert!(out.contains("%0A    fastcgi_pass unix:/run/x.sock;"), "{out}");
    assert!(out.lines().skip(1).any(|line| line.starts_with("::notice file=")), "{out}");
}

#[test]
fn json_has_all_of_it() {
    let fixture = Fixture::new(&php("fastcgi_pass unix:/run/y.sock;"), &pool("/run/x.sock", ""));
    let (_, out, _) = files(&fixture, &["--format", "json"]);
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    let first = &found["findings"][0];
    assert_eq!(first["severity"], "error");
    assert_eq!(first["cause"], "socket_missing");
    assert_eq!(first["places"][0]["line"], 10);
    assert_eq!(first["fix"][0]["with"], "fastcgi_pass unix:/run/x.sock;");
    assert_eq!((&found["sum"]["error"], &found["live"]), (&1.into(), &false.into()));
}

/// Exit code 2 and a message with file and line, whatever the file is.
#[test]
fn what_cannot_be_read_is_said_with_its_place() {
    let include = "events { }\nhttp {\ninclude @D@/nginx.conf;\n}\n";
    for (nginx, fpm, said) in [
        ("http {\nserver {\n", "", "nginx.conf line 3: the file ends inside of a block"),
        ("http { }\n}\n", "", "nginx.conf line 2: '}' is not expected here"),
        ("events { }\n\"open", "", "nginx.conf line 2: the quote that opens in line 2"),
        (include, "", "or a file includes itself"),
        ("http {\ncontent_by_lua_block {\n x = '}'\n", "", "nginx.conf line"),
        ("events { }", "[www]\npm = static\n", "has no listen address"),
        ("events { }", "[www]\nlisten = /x\npm = statik\n", "php-fpm.conf line 5"),
        ("http {\ninclude @D@/gone.conf;\n}", "", "gone.conf"),
    ] {
        let (code, out, err) = files(&Fixture::new(nginx, fpm), &[]);
        assert_eq!(code, 2, "{nginx}\n{out}{err}");
        let all: String = format!("{out}{err}").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(all.contains(said), "{said}: {all}");
    }
    let output = run(&["--nginx-config", "/nowhere/nginx.conf"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/nginx.conf"));
}

#[test]
fn unknown_modules_and_lua_are_no_obstacle() {
    let nginx = "load_module x.so;\nmagic on { a { b c; } }\nhttp {\ninit_by_lua_block { if a then b = \"}{\" end }\n\
        server {\nlisten 80;\nlocation / {\ncontent_by_lua_block { ngx.say([[ } ]]) }\n}\nlocation /p {\n\
        fastcgi_pass unix:/run/y.sock;\n}\n}\n}\n";
    let (code, out, err) = files(&Fixture::new(nginx, &pool("/run/x.sock", "")), &[]);
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(code == 1 && out.contains("nginx.conf:11: no pool listens on unix:/run/y.sock"), "{out}{err}");
}

#[test]
fn ten_megabytes_are_too_long_and_a_device_is_no_file() {
    let fixture = Fixture::new(&format!("# {}\n", "x".repeat(10 << 20)), "");
    let (code, _, err) = files(&fixture, &[]);
    assert!(code == 2 && err.contains("longer than 1048576 bytes"), "{err}");
    for path in ["/dev/zero", "/", "/dev/null"] {
        let output = run(&["--nginx-config", path]);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && err.contains("plain file"), "{path}: {err}");
    }
}

#[test]
fn bytes_that_steer_a_terminal_are_shown() {
    let nginx = php("fastcgi_pass unix:/run/\x1b[31m.sock;");
    let (_, out, _) = files(&Fixture::new(&nginx, &pool("/run/x.sock", "")), &[]);
    assert!(!out.contains('\x1b') && out.contains("no pool listens on"), "{out}");
}

#[test]
fn files_below_another_root_are_read_as_if_it_were_ours() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("etc/nginx/nginx.conf", "events { }\nhttp {\ninclude /etc/nginx/sites/*;\n}\n");
    write("etc/nginx/sites/a", "server {\nlocation / {\nfastcgi_pass unix:/run/y.sock;\n}\n}\n");
    write("etc/php/php-fpm.conf", "include=/etc/php/pool.d/*.conf\n");
    write("etc/php/pool.d/www.conf", &pool("/run/x.sock", ""));
    let root = dir.path().to_str().unwrap();
    let named = ["--nginx-config", "/etc/nginx/nginx.conf", "--fpm-config", "/etc/php/php-fpm.conf"];
    let output = run(&[&named[..], &["--path.rootfs", root]].concat());
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.starts_with("error: /etc/nginx/sites/a:3: no pool listens on unix:/run/y.sock"), "{out}");
    assert!(Path::new(root).join("etc").exists());
}
