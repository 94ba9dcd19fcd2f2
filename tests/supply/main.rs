//! The crates that are linked: their licences and sources are those that deny.toml allows, a crate has one version but for
//! those listed with a reason, and docs/dependencies.md says why each direct one is there.
//!
//! deny.toml is cargo-deny's own file: who has that program runs `cargo deny check licenses bans sources`. Distributions have no
//! package of it, so these tests read the same file.

#![allow(clippy::disallowed_methods, reason = "cargo is run")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod licence;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Clone, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Clone, Deserialize)]
struct Dependency {
    name: String,
    req: String,
    kind: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    root: Option<String>,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Bans {
    multiple_versions: String,
    wildcards: String,
    deny: Vec<Listed>,
    skip: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
}

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn deny() -> Deny {
    toml::from_str(&std::fs::read_to_string(root().join("deny.toml")).unwrap()).unwrap()
}

/// What cargo resolves for this platform, from Cargo.lock alone.
fn metadata() -> Metadata {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1", "--filter-platform", host])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The crates that the program is made of: those of the tests are left out.
fn shipped(metadata: &Metadata) -> Vec<Package> {
    let nodes: BTreeMap<&str, &Node> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut found = BTreeSet::new();
    let mut next = vec![metadata.resolve.root.as_deref().unwrap()];
    while let Some(id) = next.pop() {
        if found.insert(id) {
            let edges = nodes[id].deps.iter();
            let edges =
                edges.filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev")));
            next.extend(edges.map(|edge| edge.pkg.as_str()));
        }
    }
    metadata.packages.iter().filter(|package| found.contains(package.id.as_str())).cloned().collect()
}

#[test]
fn licences_are_allowed_and_each_allowed_one_is_needed() {
    let (metadata, deny) = (metadata(), deny());
    let allowed: BTreeSet<&str> = deny.licenses.allow.iter().map(String::as_str).collect();
    let mut used = BTreeSet::new();
    for package in &metadata.packages {
        let expression = package.license.as_deref().unwrap_or_default();
        let needed = licence::needed(expression, &allowed);
        let needed = needed.unwrap_or_else(|why| panic!("{} {}: {why}", package.name, package.version));
        used.extend(needed);
    }
    let idle: Vec<_> = allowed.iter().filter(|name| !used.contains(**name)).collect();
    assert!(idle.is_empty(), "allowed in deny.toml and needed by nothing: {idle:?}");
    println!(
        "{} crates, {} of them shipped; licences: {used:?}",
        metadata.packages.len(),
        shipped(&metadata).len()
    );
}

#[test]
fn sources_are_crates_io_and_this_directory() {
    let (metadata, deny) = (metadata(), deny());
    assert_eq!((deny.sources.unknown_registry.as_str(), deny.sources.unknown_git.as_str()), ("deny", "deny"));
    for package in &metadata.packages {
        match package.source.as_deref() {
            Some(source) => assert_eq!(source, CRATES_IO, "{}", package.name),
            None => assert!(
                ["badgateway", "badgateway-harness"].contains(&package.name.as_str()),
                "{}",
                package.name
            ),
        }
    }
}

#[test]
fn each_locked_crate_has_a_checksum() {
    let lock: toml::Value =
        toml::from_str(&std::fs::read_to_string(root().join("Cargo.lock")).unwrap()).unwrap();
    for package in lock["package"].as_array().unwrap() {
        let is_ours = package.get("source").is_none();
        let sum = package.get("checksum").and_then(toml::Value::as_str);
        assert_eq!(sum.is_some_and(|sum| sum.len() == 64), !is_ours, "{package:?}");
    }
}

#[test]
fn a_crate_has_one_version_but_for_those_with_a_reason() {
    let (metadata, deny) = (metadata(), deny());
    assert_eq!(deny.bans.multiple_versions, "deny");
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in shipped(&metadata) {
        versions.entry(package.name).or_default().insert(package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    // `NAME` or `NAME@VERSION` of each that may be there besides the newest.
    for listed in &deny.bans.skip {
        assert!(listed.reason.len() > 10, "{}: say why", listed.name);
        let (name, version) = listed.name.split_once('@').expect("NAME@VERSION");
        let found = versions
            .get_mut(name)
            .unwrap_or_else(|| panic!("{name} has one version: take it out of deny.toml"));
        let before = found.len();
        found.retain(|found| !found.starts_with(version));
        assert!(found.len() < before, "{} is not there: take it out of deny.toml", listed.name);
    }
    versions.retain(|_, versions| versions.len() > 1);
    assert!(versions.is_empty(), "more than one version, and no reason in deny.toml: {versions:?}");
}

#[test]
fn what_is_banned_is_not_there() {
    let (metadata, deny) = (metadata(), deny());
    assert_eq!(deny.bans.wildcards, "deny");
    for banned in &deny.bans.deny {
        assert!(
            metadata.packages.iter().all(|package| package.name != banned.name),
            "{}: {}",
            banned.name,
            banned.reason
        );
    }
    for package in metadata.packages.iter().filter(|package| package.source.is_none()) {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.source.is_some()) {
            assert_ne!(dependency.req, "*", "{}", dependency.name);
        }
    }
}

#[test]
fn every_direct_dependency_is_explained() {
    let metadata = metadata();
    let badgateway = metadata.packages.iter().find(|package| package.name == "badgateway").unwrap();
    let of_kind = |kind: Option<&str>| -> BTreeSet<String> {
        let dependencies = badgateway.dependencies.iter();
        dependencies.filter(|d| d.kind.as_deref() == kind).map(|d| d.name.clone()).collect()
    };
    let page = std::fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let (linked, tests) = page.split_once("## Tests only").expect("a section for the tests");
    for (section, kind) in [(linked, None), (tests, Some("dev"))] {
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
        let mut explained = BTreeSet::new();
        for (name, why) in rows {
            assert!(why.len() > 30, "{name}: say why");
            assert!(explained.insert(name.to_owned()), "{name} is there twice");
        }
        let wanted = of_kind(kind);
        // What is linked anyway needs no second row.
        let wanted: BTreeSet<_> =
            wanted.into_iter().filter(|name| kind.is_none() || !of_kind(None).contains(name)).collect();
        assert_eq!(explained, wanted, "docs/dependencies.md and Cargo.toml differ ({kind:?})");
    }
}
