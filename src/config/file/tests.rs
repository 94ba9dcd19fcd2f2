use std::fmt::Write as _;
use std::time::{Duration, Instant};

use clap::CommandFactory;

use super::keys::NO_KEYS;
use super::*;
use crate::config::flags::Cli;

fn problems(text: &str) -> Vec<String> {
    let (_, problems) = ConfigFile::parse(text.as_bytes(), Path::new("/etc/badgateway"));
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn every_flag_of_serve_is_a_key_or_says_why_not() {
    let command = Cli::command();
    let serve = command.find_subcommand("serve").unwrap();
    let flags = serve.get_arguments().filter_map(clap::Arg::get_long);
    for flag in flags.filter(|flag| !["help", "version"].contains(flag)) {
        let keys = KEYS.iter().filter(|key| key.flag == flag).count();
        let reasons = NO_KEYS.iter().filter(|(name, reason)| *name == flag && !reason.is_empty()).count();
        assert_eq!(keys + reasons, 1, "--{flag} needs a row in src/config/file/keys.rs");
    }
    for key in KEYS {
        assert!(argument(serve, key).is_some(), "{key:?} has no flag");
        assert!(key.path.bytes().all(|byte| byte.is_ascii_lowercase() || b"_.".contains(&byte)), "{key:?}");
    }
}

/// All examples together are a file.
#[test]
fn every_example_can_be_used() {
    let mut text = String::new();
    for key in KEYS {
        match key.path.split_once('.') {
            Some((above, name)) => {
                let head = format!("{above}:\n");
                if !text.contains(&head) {
                    text.push_str(&head);
                }
                writeln!(text, "  {name}: {}", key.example).unwrap();
            }
            None => writeln!(text, "{}: {}", key.path, key.example).unwrap(),
        }
    }
    assert_eq!(problems(&text), Vec::<String>::new(), "{text}");
    let (file, _) = ConfigFile::parse(text.as_bytes(), Path::new("/"));
    assert_eq!(file.values.len(), KEYS.len());
}

#[test]
fn what_is_wrong_is_told_with_place_and_remedy() {
    for (text, wanted) in [
        ("acces_logs: []\n", "line 1, column 1: unknown key `acces_logs`; did you mean `access_logs`?"),
        (
            "web:\n  listen_adresses: []\n",
            "line 2, column 3: unknown key `listen_adresses`; did you mean `listen_addresses`?",
        ),
        (
            "telemetry_path: /m\n",
            "line 1, column 1: unknown key `telemetry_path` here; did you mean `telemetry_path` below `web`?",
        ),
        (
            "nginx-config: x\n",
            "line 1, column 1: unknown key `nginx-config` here; did you mean `nginx_configs` below `discovery`?",
        ),
        (
            "limits:\n  zzz: 1\n",
            "line 2, column 3: unknown key `zzz`; the keys below `limits` are series, bytes, config_file_bytes, config_bytes",
        ),
        (
            "read_from: end\nread_from: start\n",
            "line 2, column 1: the key `read_from` stands here again: it is at line 1, column 1 already",
        ),
        ("read_from: soon\n", "line 1, column 12: `read_from` cannot be \"soon\": write one of start, end"),
        (
            "join_window: 90x\n",
            "line 1, column 14: `join_window` cannot be \"90x\": \"x\" is no unit: write seconds (90), 90s, 2m or 1h",
        ),
        (
            "limits: 5\n",
            "line 1, column 9: `limits` has keys of its own: write each below it, indented, as in `  series: 500000`",
        ),
        (
            "limits:\n  series: [5000]\n",
            "line 2, column 11: `limits.series` must be one value, as in `series: 500000`",
        ),
        (
            "limits:\n  series: 5\n",
            "line 2, column 11: `limits.series` cannot be \"5\": give a whole number of at least 1000",
        ),
        (
            "limits:\n  bytes: 32MB\n",
            "line 2, column 10: `limits.bytes` cannot be \"32MB\": give at least 256KiB: a number, or one with KiB, MiB or GiB",
        ),
        (
            "access_logs: /a.log\n",
            "line 1, column 14: `access_logs` must be a list, as in `access_logs: [/var/log/nginx/*access.log]`",
        ),
        ("access_logs:\n- format: main\n", "line 2, column 3: this entry of `access_logs` has no `path`"),
        (
            "access_logs:\n- pth: /a\n",
            "line 2, column 3: unknown key `pth` in an entry of `access_logs`; did you mean `path`?",
        ),
        (
            "error_logs:\n- path: /a\n  format: main\n",
            "line 3, column 3: unknown key `format` in an entry of `error_logs`; an entry has path",
        ),
        ("access_logs: [\"/l/[a\"]\n", "line 1, column 15: "),
        ("access_logs: [/]\n", "line 1, column 15: "),
        (
            "access_logs:\n- path: /a\n  format: '$status $ x'\n",
            "line 3, column 20: this log format cannot be used: column 9: a $ must be followed",
        ),
        (
            "log_format: nope\n",
            "line 1, column 13: this log format cannot be used: no log format is called \"nope\"",
        ),
        (
            "status_pages:\n  enabled: maybe\n",
            "line 2, column 12: `status_pages.enabled` is true or false, not \"maybe\"",
        ),
        (
            "status_pages:\n  interval: 5\n",
            "line 2, column 13: `status_pages.interval` cannot be \"5\": write a whole number with its unit: 250ms, 5s, 2m or 1h",
        ),
        (
            "web:\n  listen_addresses: [example]\n",
            "line 2, column 22: `web.listen_addresses` cannot be \"example\": write HOST:PORT",
        ),
        ("web:\n  config_file: \"\"\n", "line 2, column 16: `web.config_file` is empty: write a path"),
        (
            "discovery:\n  trusted_uids: [www-data]\n",
            "line 2, column 18: `discovery.trusted_uids` cannot be \"www-data\": invalid digit",
        ),
        ("just words\n", "line 1, column 1: here must be a key and its value"),
        ("- a\n", "line 1, column 1: here must be a key and its value"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: a second document"),
    ] {
        let told = problems(text);
        assert_eq!(told.len(), 1, "{text}: {told:?}");
        assert!(told[0].starts_with(wanted), "{text}: {told:?}");
    }
}

#[test]
fn all_that_is_wrong_is_told_in_order() {
    let told = problems("acces_logs: []\nlimits:\n  series: 1\n  bytes: x\nread_from: soon\nlimits: {}\n");
    let lines: Vec<_> = told.iter().map(|text| text.split(',').next().unwrap()).collect();
    assert_eq!(lines, ["line 1", "line 3", "line 4", "line 5", "line 6"], "{told:?}");
    let many = problems(&(0..100).map(|n| format!("x{n}: 1\n")).collect::<String>());
    assert_eq!((many.len(), many.last().unwrap().as_str()), (51, "and 50 more problems"));
}

#[test]
fn what_is_empty_is_as_if_it_were_not_there() {
    for text in ["", "# nothing\n", "---\n", "access_logs:\nlimits:\nweb:\n  config_file: ~\n", "{}"] {
        assert_eq!(problems(text), Vec::<String>::new(), "{text}");
        assert!(ConfigFile::parse(text.as_bytes(), Path::new("/")).0.values.is_empty(), "{text}");
    }
}

#[test]
fn hostile_files_are_refused_within_bounds() {
    let bomb = (1..12).fold("a0: &a0 [x, x]\n".to_owned(), |bomb, n| {
        format!("{bomb}a{n}: &a{n} [{}x]\n", format!("*a{}, ", n - 1).repeat(9))
    });
    let files: [(&[u8], &str); 8] = [
        (&vec![b'#'; 10 << 20], "line 1, column 1048577: the file is longer than 1 MiB"),
        (&"access_logs:\n- /l\n".repeat(60_000).into_bytes(), "line "),
        (&"x: 1\n".repeat(100_000).into_bytes(), "line "),
        (&"[".repeat(1 << 20).into_bytes(), "line 1, column"),
        (&"a: {".repeat(100_000).into_bytes(), "line 1, column"),
        (bomb.as_bytes(), "line 2, column"),
        (b"a: \xff\n", "line 1, column 4: is not UTF-8"),
        (b"read_from: \0\n", "line 1, column 12: the control character"),
    ];
    for (bytes, wanted) in files {
        let begun = Instant::now();
        let (_, problems) = ConfigFile::parse(&bytes[..bytes.len().min((1 << 20) + 1)], Path::new("/"));
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|text| text.starts_with(wanted)), "{wanted}: {:?}", told.first());
        assert!(told.len() <= TOLD + 1 && told.iter().all(|text| text.len() < 600), "{told:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{wanted}: {:?}", begun.elapsed());
    }
}

#[test]
fn no_configuration_file_panics() {
    const WORDS: &[&str] = &[
        "access_logs:\n",
        "- path: ",
        "  format: ",
        "'$status'",
        "limits:\n",
        "  series: ",
        "web:\n",
        "discovery:\n",
        "  trusted_uids: [",
        "status_pages:\n",
        "5s",
        "32MiB",
        "true\n",
        "&a ",
        "*a",
        "<<: ",
        "- ",
        ": ",
        "!!str ",
        "|\n",
        ">\n",
        "---\n",
        "...\n",
        "{",
        "}",
        "[",
        "]",
        "\t",
        "# ",
        "? ",
        "\"\\u0000\"",
        "~",
    ];
    let page = include_str!("../../../docs/badgateway.yml");
    let small = "access_logs: [{path: /l/*.log, format: combined}]\nlimits: {series: 5000}\nread_from: end\n";
    crate::fuzz::target("configuration_file", vec![page.into(), small.into()], WORDS, |text| {
        let (file, problems) = ConfigFile::parse(text, Path::new("/etc/badgateway"));
        assert!(file.values.len() <= KEYS.len() && problems.len() <= TOLD + 1);
    });
}
