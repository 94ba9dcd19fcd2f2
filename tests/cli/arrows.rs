//! The direction in which data flows: no module imports one that comes after it.

use std::path::{Path, PathBuf};

const ORDER: [&str; 18] = [
    "vocabulary",
    "address",
    "sandbox",
    "source",
    "record",
    "config",
    "kernel",
    "topology",
    "sample",
    "attribute",
    "check",
    "view",
    "diagnosis",
    "ledger",
    "engine",
    "export",
    "web",
    "commands",
];

/// source and record know nothing of each other: bytes cross the border, nothing else.
const STRANGERS: [(&str, &str); 2] = [("record", "source"), ("attribute", "source")];

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true => files(&entry, out),
            false => out.push(entry),
        }
    }
}

#[test]
fn no_arrow_runs_backwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    for (at, module) in ORDER.iter().enumerate() {
        let mut of_module = Vec::new();
        match src.join(format!("{module}.rs")) {
            file if file.exists() => of_module.push(file),
            _ => files(&src.join(module), &mut of_module),
        }
        for file in of_module {
            let text = std::fs::read_to_string(&file).unwrap();
            let strangers = STRANGERS.iter().filter(|(from, _)| from == module).map(|(_, to)| to);
            for later in ORDER[at + 1..].iter().chain(strangers) {
                let import = format!("crate::{later}");
                assert!(!text.contains(&import), "{} imports {import}", file.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} files were found");
}

/// A file that is longer holds more than one concern. Only a table may.
#[test]
fn no_file_is_longer_than_400_lines() {
    let mut all = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    for file in all {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 400, "{} has {lines} lines", file.display());
    }
}
