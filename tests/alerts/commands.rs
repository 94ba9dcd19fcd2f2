//! What runbooks tell people to type: programs that are there, where they are to be typed.

use std::{collections::BTreeSet, fs};

use regex::Regex;

use crate::rules;

/// In the official images of nginx (Debian's and Alpine's) and PHP-FPM, and in that of Badgateway: what all of them have.
const IN_IMAGES: &[&str] = &["cat", "grep", "head", "ls", "nginx", "php-fpm", "sh", "tail", "test"];

/// On a machine.
const ON_MACHINES: &[&str] = &[
    "amtool",
    "apt",
    "auditctl",
    "ausearch",
    "awk",
    "badgateway",
    "cat",
    "cgi-fcgi",
    "chgrp",
    "chmod",
    "chown",
    "curl",
    "cut",
    "df",
    "dig",
    "du",
    "echo",
    "find",
    "findmnt",
    "free",
    "grep",
    "head",
    "id",
    "install",
    "ip",
    "iptables",
    "journalctl",
    "jq",
    "logrotate",
    "ls",
    "mv",
    "mysql",
    "namei",
    "nft",
    "nginx",
    "nproc",
    "nstat",
    "openssl",
    "pgrep",
    "php-fpm8.2",
    "phpdismod",
    "ping",
    "promtool",
    "ps",
    "sed",
    "sh",
    "sleep",
    "sort",
    "ss",
    "stat",
    "sysctl",
    "systemctl",
    "systemd-tmpfiles",
    "tail",
    "tee",
    "test",
    "timeout",
    "uniq",
    "uptime",
    "usermod",
    "vmstat",
    "wc",
];

fn runbooks() -> Vec<(String, String)> {
    let entries = fs::read_dir(rules::directory().join("runbooks")).expect("the runbooks");
    let texts = entries.map(|entry| {
        let path = entry.expect("an entry").path();
        (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
    });
    texts.collect()
}

/// The programs of lines of shell: the first word after each `|`, `;`, `&&`, `||`, `do` and `sudo`, outside quotes.
fn programs(shell: &str) -> BTreeSet<String> {
    let quoted = Regex::new(r#"'[^']*'|"[^"]*""#).unwrap();
    let between = Regex::new(r"\|\|?|&&|;|\n|\bdo ").unwrap();
    let prefix = Regex::new(r"^(?:sudo(?: -u \S+)? |[a-z]+=\$\(|[A-Z_]+=\S+ )+").unwrap();
    // A line that ends in a backslash goes on.
    let text = quoted.replace_all(shell, "Q").replace("\\\n", " ");
    let parts = between.split(&text).map(str::trim).filter(|part| !part.is_empty() && !part.starts_with('#'));
    parts
        .map(|part| prefix.replace(part, "").split_whitespace().next().unwrap_or_default().to_owned())
        .filter(|word| !["for", "done", "while"].contains(&word.as_str()))
        .collect()
}

#[test]
fn programs_are_found_in_every_place_of_a_line() {
    let found =
        programs("sudo -u www-data ls /a | grep 'x | y' && A=b awk Q\nfor i in 1; do stat \\\n  x; done");
    let expected = ["awk", "grep", "ls", "stat"].map(str::to_owned);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_typed_on_a_machine_is_there() {
    let block = Regex::new(r"(?s)```sh\n(.*?)```").unwrap();
    let mut seen = BTreeSet::new();
    for (name, text) in runbooks() {
        for found in block.captures_iter(&text) {
            for program in programs(&found[1]) {
                assert!(ON_MACHINES.contains(&program.as_str()), "{name}: {program}, in\n{}", &found[1]);
                seen.insert(program);
            }
        }
    }
    let unused: Vec<_> = ON_MACHINES.iter().filter(|program| !seen.contains(**program)).collect();
    assert!(unused.is_empty(), "no runbook has {unused:?}");
}

/// Official images have no ps, ss, curl or systemctl.
#[test]
fn what_is_typed_in_a_container_is_there() {
    let exec = Regex::new(r"(?:docker exec [A-Z]+|kubectl exec POD -c [a-z-]+ --) ([^`]+)`").unwrap();
    let mut seen = 0;
    for (name, text) in runbooks() {
        for found in exec.captures_iter(&text) {
            let own = found[1].split([';', '|']).next().unwrap_or_default();
            let program = own.split_whitespace().next().unwrap_or_default();
            assert!(IN_IMAGES.contains(&program), "{name}: no image has {program}: {}", &found[1]);
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} were found");
}
