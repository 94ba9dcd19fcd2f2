//! The committed files are what the source says.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::source;

/// Where they are.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

/// File name and content of each committed dashboard.
pub(crate) fn committed() -> Vec<(String, Value)> {
    let entries = fs::read_dir(directory()).expect("the dashboards");
    let mut found: Vec<(String, Value)> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a dashboard");
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

#[test]
fn the_dashboards_are_in_step() {
    let mut names = Vec::new();
    for (name, board) in source::all() {
        let right = serde_json::to_string_pretty(&board).unwrap() + "\n";
        let path = directory().join(name);
        if std::env::var_os("BADGATEWAY_WRITE_DOCS").is_some() {
            fs::write(&path, &right).expect("a dashboard can be written");
        }
        assert!(fs::read_to_string(&path).unwrap_or_default() == right, "dashboards/{name}: run `make docs`");
        names.push(name);
    }
    names.sort_unstable();
    let there: Vec<String> = committed().into_iter().map(|(name, _)| name).collect();
    assert_eq!(there, names, "a file that no source makes");
}

#[test]
fn links_to_runbooks_can_lead_elsewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    for part in ["alerts", "dashboards"] {
        fs::create_dir(dir.path().join(part)).unwrap();
        for entry in fs::read_dir(root.join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, dir.path().join(part).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    let build = dir.path().join("alerts/build.sh");
    let done =
        std::process::Command::new("sh").arg(build).arg("https://wiki.example.com/r/").status().unwrap();
    assert!(done.success());
    for (name, _) in committed() {
        let text = fs::read_to_string(dir.path().join("target/dashboards").join(&name)).unwrap();
        serde_json::from_str::<Value>(&text).unwrap();
        assert!(
            text.contains("\"https://wiki.example.com/r/${__") && !text.contains("${exporter}/runbooks"),
            "{name}"
        );
    }
}
