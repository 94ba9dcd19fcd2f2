//! `check-config`: what a person reads of a file that is wrong, and of one that is right.

use std::path::Path;
use std::time::{Duration, Instant};

use super::support::{run, stderr, text};

struct Checked {
    code: Option<i32>,
    out: String,
}

/// The file is `badgateway.yml` in an empty directory, of which the name is left out.
fn check(contents: &[u8]) -> Checked {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("badgateway.yml");
    std::fs::write(&file, contents).unwrap();
    std::fs::write(dir.path().join("there.log"), "").unwrap();
    let output = run(&["check-config", text(&file)]);
    assert_eq!(stderr(&output), "");
    let out = String::from_utf8(output.stdout).unwrap().replace(&format!("{}/", text(dir.path())), "");
    Checked { code: output.status.code(), out }
}

#[test]
fn all_that_is_wrong_is_shown_where_it_stands() {
    let checked = check(
        b"# ours\nread_from: soon\nacces_logs:\n  - /var/log/a.log\naccess_logs:\n  - path: there.log\n    format: '$status $ x'\n\
          limits:\n\tseries: 5\n",
    );
    assert_eq!(checked.code, Some(1));
    let tab = "line 9, column 2: tabs disallowed within this context (block indentation): indent with spaces";
    assert!(checked.out.contains(tab), "{}", checked.out);
    let checked = check(
        b"# ours\nread_from: soon\nacces_logs:\n  - /var/log/a.log\naccess_logs:\n  - path: there.log\n    format: '$status $ x'\n\
          limits:\n  series: 5\n  series: 6000\n",
    );
    assert_eq!(checked.code, Some(1));
    let wanted = "badgateway.yml cannot be used: 5 errors.
  line 2, column 12: `read_from` cannot be \"soon\": write one of start, end
      read_from: soon
                 ^
  line 3, column 1: unknown key `acces_logs`; did you mean `access_logs`?
      acces_logs:
      ^
  line 7, column 22: this log format cannot be used: column 9: a $ must be followed by the name of a variable, as in $status or ${status}
          format: '$status $ x'
                           ^
  line 9, column 11: `limits.series` cannot be \"5\": give a whole number of at least 1000
        series: 5
                ^
  line 10, column 3: the key `series` stands here again: it is at line 9, column 3 already
        series: 6000
        ^
";
    assert_eq!(checked.out, wanted);
}

#[test]
fn what_may_come_later_is_a_warning() {
    let checked = check(b"access_logs: [there.log, '*.nothing', later.log]\n");
    let wanted = "badgateway.yml can be used.
2 warnings:
  line 1, column 26: no file matches *.nothing: those that will are followed when they appear
      access_logs: [there.log, '*.nothing', later.log]
                               ^
  line 1, column 39: later.log is not there: it is followed when it appears
      access_logs: [there.log, '*.nothing', later.log]
                                            ^
";
    assert_eq!((checked.code, checked.out.as_str()), (Some(0), wanted));
    for nothing in ["", "# nothing\n"] {
        let checked = check(nothing.as_bytes());
        assert_eq!((checked.code, checked.out.as_str()), (Some(0), "badgateway.yml can be used.\n"));
    }
}

#[test]
fn files_that_it_names_are_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("badgateway.yml");
    std::fs::write(&file, "web:\n  config_file: web.yml\ndiscovery:\n  fpm_configs: [none.conf]\n").unwrap();
    std::fs::write(dir.path().join("web.yml"), "basic_auth_users:\n  a: secret\n").unwrap();
    let output = run(&["check-config", text(&file)]);
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{out}");
    let of_web = "line 2, column 16: `web.config_file`: ";
    assert!(
        out.contains(of_web) && out.contains("web.yml:2:6: the password of \"a\" is no bcrypt hash"),
        "{out}"
    );
    assert!(
        out.contains("line 4, column 17: `discovery.fpm_configs`: ")
            && out.contains("none.conf cannot be read")
    );
}

#[test]
fn what_cannot_be_read_is_another_exit_code() {
    for path in ["/nowhere/badgateway.yml", "/"] {
        let output = run(&["check-config", path]);
        assert_eq!(output.status.code(), Some(2), "{path}");
        assert!(stderr(&output).contains(&format!("{path} cannot be read: ")), "{}", stderr(&output));
    }
}

#[test]
fn the_example_and_the_page_can_be_used() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let output = run(&["check-config", text(&docs.join("badgateway.yml"))]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let page = std::fs::read_to_string(docs.join("configuration.md")).unwrap();
    let blocks: Vec<_> =
        page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 3);
    for block in blocks {
        let checked = check(block.as_bytes());
        assert_eq!(checked.code, Some(0), "{block}{}", checked.out);
    }
}

#[test]
fn hostile_files_end_with_a_message_and_soon() {
    let long = vec![b'#'; 10 << 20];
    let deep = "[".repeat(100_000);
    let bomb: String = (0..30).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n.max(1) - 1)).collect();
    for (contents, wanted) in [
        (long.as_slice(), "the file is longer than 1 MiB"),
        (deep.as_bytes(), "nested more than 16 levels deep"),
        (bomb.as_bytes(), "line 1, column "),
        (b"read_from: \xff\n", "line 1, column 12: is not UTF-8"),
        (b"read_from: \0\n", "line 1, column 12: the control character 0x00"),
        (b"read_from:\n\t\tend: 1\n", "line 2, column "),
        (b"- a\n", "line 1, column 1: here must be a key and its value"),
        (b"\x1b[2J: 1\n", "line 1, column 1: the control character 0x1b"),
    ] {
        let begun = Instant::now();
        let Checked { code, out } = check(contents);
        assert!(code == Some(1) && out.contains(wanted), "{wanted}: {out}");
        assert!(
            out.len() < 10_000 && !out.contains('\x1b') && begun.elapsed() < Duration::from_secs(10),
            "{wanted}"
        );
    }
}

#[test]
fn serve_does_not_start_with_a_file_that_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("badgateway.yml");
    std::fs::write(&file, "acces_logs: []\nlimits: 1\n").unwrap();
    let output = run(&["serve", "--config.file", text(&file)]);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        told.contains(
            "badgateway.yml: line 1, column 1: unknown key `acces_logs`; did you mean `access_logs`?"
        ),
        "{told}"
    );
    assert!(told.contains("badgateway.yml: line 2, column 9: "), "all at once: {told}");
}
