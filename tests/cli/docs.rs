//! Documents that are generated or that quote the code must be in step with it.

use std::path::Path;
use std::process::Command;

use badgateway::record::format::{self, RECOMMENDED, RECOMMENDED_JSON};
use badgateway::sample::status::compat;
use badgateway::vocabulary::families;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_metrics_page_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let page = families::markdown() + &compat::markdown();
    if std::env::var_os("BADGATEWAY_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(read("docs/metrics.md") == page, "docs/metrics.md is out of step: run `make docs`");
}

/// Joins nginx's quoted pieces of a `log_format` in the README.
fn directive(readme: &str, name: &str) -> String {
    let start = readme.find(&format!("log_format {name} ")).unwrap_or_else(|| panic!("README has no {name}"));
    let text = &readme[start..start + readme[start..].find(";\n").unwrap()];
    text.split('\'').skip(1).step_by(2).collect()
}

#[test]
fn the_readme_s_log_formats_are_the_ones_we_read() {
    let readme = read("README.md");
    assert_eq!(directive(&readme, "badgateway"), RECOMMENDED);
    let json = directive(&readme, "badgateway_json");
    assert_eq!(format!("escape=json {json}"), RECOMMENDED_JSON);
    assert!(readme.contains("docs/formats.md"));
}

#[test]
fn the_formats_page_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    if std::env::var_os("BADGATEWAY_WRITE_DOCS").is_some() {
        std::fs::write(&path, format::markdown()).unwrap();
    }
    let page = read("docs/formats.md");
    assert!(page == format::markdown(), "docs/formats.md is out of step: run `make docs`");
    for name in format::names() {
        assert!(
            page.contains(&format!("| `{name}` |")) && page.contains(&format!("log_format {name} ")),
            "{name}"
        );
    }
}

#[test]
fn the_configuration_page_has_the_keys() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = read("docs/configuration.md");
    let (begin, end) = ("<!-- keys -->\n", "<!-- end of keys -->");
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let made = format!("{before}{begin}{}{end}{after}", badgateway::configuration_keys());
    if std::env::var_os("BADGATEWAY_WRITE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert!(read("docs/configuration.md") == made, "docs/configuration.md is out of step: run `make docs`");
}

/// Each `console` block as typed: a `cd` from the clone, a command, and the beginning of what it prints.
#[test]
fn the_readme_s_console_blocks_print_what_they_say() {
    let readme = read("README.md");
    let blocks: Vec<_> = readme.split("```console\n").skip(1).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let block = block.split("```").next().unwrap();
        let mut dir = Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf();
        let mut said: Option<String> = None;
        let mut printed = String::new();
        for line in block.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => match command.strip_prefix("cd ") {
                    Some(to) => dir = dir.join(to),
                    None => {
                        let words: Vec<_> = command.split(' ').collect();
                        assert_eq!(words[0], "badgateway");
                        let mut program = Command::new(env!("CARGO_BIN_EXE_badgateway"));
                        let output = program.current_dir(&dir).args(&words[1..]).output().unwrap();
                        assert!(output.status.success(), "{command}: {output:?}");
                        said = Some(String::from_utf8(output.stdout).unwrap());
                    }
                },
                None => printed.push_str(&format!("{line}\n")),
            }
        }
        let said = said.expect("a command");
        assert!(said.starts_with(&printed), "the README shows\n{printed}\nbut it prints\n{said}");
    }
}

#[test]
fn the_changelog_names_this_version() {
    assert!(read("CHANGELOG.md").contains(&format!("## {}", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn every_path_of_the_architecture_page_exists() {
    let page = read("docs/architecture.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let paths: Vec<_> = page
        .split('`')
        .filter(|word| ["src/", "tests/", "alerts/"].iter().any(|dir| word.starts_with(dir)))
        .collect();
    assert!(paths.len() > 40, "{paths:?}");
    for path in paths {
        assert!(root.join(path).exists(), "docs/architecture.md names {path}");
    }
    for module in std::fs::read_dir(root.join("src")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = module.file_name().unwrap().to_str().unwrap();
        if module.is_dir() {
            assert!(page.contains(&format!("| `src/{name}/` |")), "docs/architecture.md lacks src/{name}");
        }
    }
}
