//! No two files of the sources import each other, in however many steps.
//!
//! A module and its own submodules count as one place: a parent names its children, and they use its types.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// A module path such as `source::saved`; the crate's root is the empty one.
type Module = Vec<String>;

fn modules(dir: &Path, at: &Module, out: &mut BTreeMap<Module, PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_stem().unwrap().to_str().unwrap().to_owned();
        let module: Module = at.iter().cloned().chain([name.clone()]).collect();
        if entry.is_dir() {
            modules(&entry, &module, out);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let module = if ["mod", "lib", "main"].contains(&name.as_str()) { at.clone() } else { module };
            if name != "main" && name != "tests" && !at.contains(&"tests".to_owned()) {
                out.insert(module, entry);
            }
        }
    }
}

/// The paths of a `use` without its braces: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(tree: &str, before: &str, out: &mut Vec<String>) {
    let Some(open) = tree.find('{') else {
        out.push(format!("{before}{tree}"));
        return;
    };
    let (mut depth, mut from) = (0, open + 1);
    let prefix = format!("{before}{}", &tree[..open]);
    for (at, byte) in tree.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if (byte == b',' && depth == 1) || (byte == b'}' && depth == 0) {
            expand(&tree[from..at], &prefix, out);
            from = at + 1;
        }
    }
}

/// The file that a path leads to: the longest beginning of it that is a module.
fn resolve(path: &str, own: &Module, known: &BTreeMap<Module, PathBuf>) -> Option<Module> {
    let mut words: Vec<&str> = path.split("::").collect();
    let mut at = match *words.first()? {
        "crate" => Module::new(),
        "super" => own[..own.len().checked_sub(1)?].to_vec(),
        "self" => own.clone(),
        _ => return None,
    };
    words.remove(0);
    for word in words {
        if word == "super" {
            at.pop();
            continue;
        }
        let deeper: Module = at.iter().cloned().chain([word.to_owned()]).collect();
        if !known.contains_key(&deeper) {
            break;
        }
        at = deeper;
    }
    Some(at)
}

fn imports(known: &BTreeMap<Module, PathBuf>) -> BTreeMap<Module, BTreeSet<Module>> {
    let uses = Regex::new(r"(?m)^(?:pub(?:\([a-z]+\))? )?use ([^;]+);").unwrap();
    let of = |(own, file): (&Module, &PathBuf)| {
        let text = std::fs::read_to_string(file).unwrap();
        let mut paths = Vec::new();
        for found in uses.captures_iter(&text) {
            expand(&found[1].split_whitespace().collect::<String>(), "", &mut paths);
        }
        let found = paths.iter().filter_map(|path| resolve(path, own, known));
        let apart = found.filter(|other| !other.starts_with(own) && !own.starts_with(other));
        (own.clone(), apart.collect())
    };
    known.iter().map(of).collect()
}

/// A way from `at` back to `goal`, if there is one.
fn way(
    at: &Module,
    goal: &Module,
    graph: &BTreeMap<Module, BTreeSet<Module>>,
    seen: &mut BTreeSet<Module>,
) -> Option<Vec<String>> {
    for next in graph.get(at).into_iter().flatten() {
        if next == goal {
            return Some(vec![at.join("::"), goal.join("::")]);
        }
        if seen.insert(next.clone())
            && let Some(mut rest) = way(next, goal, graph, seen)
        {
            rest.insert(0, at.join("::"));
            return Some(rest);
        }
    }
    None
}

#[test]
fn no_file_imports_itself_by_way_of_others() {
    let mut known = BTreeMap::new();
    modules(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &Module::new(), &mut known);
    let graph = imports(&known);
    let edges: usize = graph.values().map(BTreeSet::len).sum();
    assert!(known.len() > 100 && edges > 200, "{} modules, {edges} imports", known.len());
    for module in known.keys() {
        let circle = way(module, module, &graph, &mut BTreeSet::new());
        assert!(circle.is_none(), "a circle of imports: {}", circle.unwrap().join(" -> "));
    }
}

#[test]
fn a_use_with_braces_is_several_paths() {
    let mut out = Vec::new();
    expand("crate::{a::{B,c::D},e}", "", &mut out);
    assert_eq!(out, ["crate::a::B", "crate::a::c::D", "crate::e"]);
}
