//! SECURITY.md: behind every sentence about what somebody can or cannot do stands a test.

use std::fs;
use std::path::Path;

#[test]
fn every_sentence_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let part = page.split("\n## Who can do what\n").nth(1).unwrap().split("\n## ").next().unwrap().to_owned();
    let rows: Vec<_> = part.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    let mut who = std::collections::BTreeSet::new();
    for row in &rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, what, test] = cells[..] else { panic!("{row}") };
        assert!(what.starts_with("**can** ") || what.starts_with("**cannot**"), "{row}");
        let [_, file, _, function, _] = test.split('`').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let found =
            text.split(&format!("fn {function}() {{")).next().filter(|before| before.len() < text.len());
        let before = found.unwrap_or_else(|| panic!("{file} has no test {function}"));
        let attributes = &before[before.rfind("\n}\n").unwrap_or(0)..];
        assert!(attributes.contains("#[test]") || attributes.contains("::test]"), "{function} is no test");
        who.insert(name.to_owned());
    }
    assert!(rows.len() >= 20 && who.len() == 5, "{} rows, {who:?}", rows.len());
}
