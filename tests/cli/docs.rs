//! Documents that are generated or that quote the code must be in step with it.

use std::path::Path;

use badgateway::record::format::{NAMES, RECOMMENDED, RECOMMENDED_JSON};
use badgateway::vocabulary::Cause;
use badgateway::vocabulary::families;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_metrics_page_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    if std::env::var_os("BADGATEWAY_WRITE_DOCS").is_some() {
        std::fs::write(&path, families::markdown()).unwrap();
    }
    assert!(
        read("docs/metrics.md") == families::markdown(),
        "docs/metrics.md is out of step: run `make docs`"
    );
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
    for name in NAMES {
        assert!(readme.contains(&format!("`{name}`")), "README does not name the format {name}");
    }
}

#[test]
fn the_readme_lists_every_cause() {
    let readme = read("README.md");
    for cause in Cause::ALL {
        let row = format!("| `{}` |", cause.word());
        assert!(readme.contains(&row), "README has no row for {}", cause.word());
        assert!(
            readme.contains(&cause.fix().replace('|', "\\|")),
            "README's fix of {} is another",
            cause.word()
        );
    }
}

#[test]
fn the_changelog_names_this_version() {
    assert!(read("CHANGELOG.md").contains(&format!("## {}", env!("CARGO_PKG_VERSION"))));
}
