//! Every value that a variable may have, as far as the configuration says: `set`, `map`, `geo`, `split_clients`.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::tree::Directive;

/// More values than this are not told apart.
const VALUES: usize = 256;
/// How often one variable may lead to the next.
const DEPTH: usize = 16;
/// No address is longer.
const LENGTH: usize = 4_096;

/// The values of a text with variables in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) known: BTreeSet<String>,
    /// There may be others: it depends on the request, or on what could not be read.
    pub(super) others: bool,
}

impl Values {
    /// Each of these, `between`, and each of those behind it.
    fn then(&self, between: &str, behind: &Self, budget: &mut usize) -> Self {
        let mut all = Self { known: BTreeSet::new(), others: self.others || behind.others };
        let pairs = self.known.iter().flat_map(|one| behind.known.iter().map(move |two| (one, two)));
        for (one, two) in pairs {
            if *budget == 0 || all.known.len() == VALUES {
                all.others = true;
                break;
            }
            *budget -= 1;
            all.known.insert(format!("{one}{between}{two}"));
        }
        all
    }

    fn cut(&mut self) {
        while self.known.len() > VALUES {
            self.known.pop_last();
            self.others = true;
        }
    }
}

/// Values as they are written, which may have variables in them.
#[derive(Clone, Debug, Default)]
struct Written {
    texts: BTreeSet<String>,
    literal: bool,
    others: bool,
}

impl Written {
    fn add(&mut self, text: &str) {
        if self.texts.len() < VALUES {
            self.texts.insert(text.to_owned());
        } else {
            self.others |= !self.texts.contains(text);
        }
    }
}

/// The variables of `http` or `stream`: those that hold in all servers.
#[derive(Default)]
pub(super) struct Shared {
    variables: HashMap<String, Written>,
    /// Lua, njs or Perl may set any variable that `set` has declared.
    scripts: bool,
}

impl Shared {
    pub(super) fn of(block: Directive<'_>) -> Self {
        let mut shared = Self::default();
        for directive in block.block() {
            let name = match directive.name() {
                "map" | "split_clients" => directive.args().nth(1),
                "geo" => directive.args().last(),
                name => {
                    shared.scripts |= is_script(name);
                    continue;
                }
            };
            let Some(name) = name.and_then(|name| name.strip_prefix('$')) else { continue };
            let written = shared.variables.entry(name.to_owned()).or_default();
            let has_variables = directive.name() == "map";
            written.literal = !has_variables;
            for entry in directive.block() {
                match (directive.name(), entry.name()) {
                    // What was read of an include is not in the tree: this one could not be read.
                    (_, "include") => written.others = true,
                    ("geo", "delete" | "proxy" | "proxy_recursive" | "ranges") => {}
                    ("map", "hostnames" | "volatile") if entry.args().next().is_none() => {}
                    _ => written.add(entry.arg()),
                }
            }
        }
        shared
    }
}

fn is_script(name: &str) -> bool {
    name.contains("_by_lua") || name.starts_with("js_") || name.starts_with("perl")
}

/// The variables of one server.
pub(super) struct Variables<'a> {
    shared: &'a Shared,
    own: HashMap<&'a str, Written>,
    /// Set by what is not known, or from the request: regular expressions name parts of it.
    unknown: HashSet<&'a str>,
    scripts: bool,
    /// Part of the configuration could not be read: it may set more.
    partial: bool,
}

impl<'a> Variables<'a> {
    pub(super) fn of(server: Directive<'a>, shared: &'a Shared, partial: bool) -> Self {
        let (own, unknown) = (HashMap::new(), HashSet::new());
        let mut variables = Self { shared, own, unknown, scripts: shared.scripts, partial };
        for directive in server.all() {
            variables.scripts |= is_script(directive.name());
            let first = directive.arg().strip_prefix('$');
            match (directive.name(), first) {
                ("set", Some(name)) => {
                    variables.own.entry(name).or_default().add(directive.args().nth(1).unwrap_or_default());
                }
                // auth_request_set, set_by_lua, js_set, set_random and whatever other modules have.
                (name, Some(variable)) if name.contains("set") => _ = variables.unknown.insert(variable),
                _ => {}
            }
            directive.words().for_each(|word| captures(word, &mut variables.unknown));
        }
        variables
    }

    /// Every value that a text may have; an empty one is none, for it leads nowhere. `budget`: so many values may yet be
    /// made.
    pub(super) fn values(&self, text: &str, is_url: bool, budget: &mut usize) -> Values {
        let mut values = self.expand(text, &mut Expansion { open: Vec::new(), is_url, budget });
        values.known.remove("");
        values.others |= self.partial && text.contains('$');
        values
    }

    fn expand(&self, text: &str, expansion: &mut Expansion<'_>) -> Values {
        let mut all = Values { known: BTreeSet::from([String::new()]), others: text.len() > LENGTH };
        let mut rest = text;
        while !rest.is_empty() && !all.known.is_empty() && text.len() <= LENGTH {
            let (before, variable) = rest.split_at(rest.find('$').unwrap_or(rest.len()));
            let mut here = Values { known: BTreeSet::from([String::new()]), others: false };
            rest = "";
            if !variable.is_empty() {
                let (name, behind) = name(variable);
                here = self.variable(name, expansion);
                rest = behind;
            }
            all = all.then(before, &here, expansion.budget);
        }
        all
    }

    fn variable(&self, name: &str, expansion: &mut Expansion<'_>) -> Values {
        let open = &expansion.open;
        if self.unknown.contains(name) || open.len() >= DEPTH || open.iter().any(|open| open == name) {
            return Values { known: BTreeSet::new(), others: true };
        }
        let own = self.own.get(name);
        let shared = self.shared.variables.get(name);
        if own.is_none() && shared.is_none() {
            return built_in(name, expansion.is_url);
        }
        let mut values = Values { known: BTreeSet::new(), others: own.is_some() && self.scripts };
        expansion.open.push(name.to_owned());
        for written in own.into_iter().chain(shared) {
            values.others |= written.others;
            for text in &written.texts {
                if written.literal {
                    values.known.insert(text.clone());
                } else {
                    let more = self.expand(text, expansion);
                    values.others |= more.others;
                    values.known.extend(more.known);
                }
            }
        }
        expansion.open.pop();
        values.cut();
        values
    }
}

/// What is known while values are put together.
struct Expansion<'b> {
    /// The variables whose values are being looked for.
    open: Vec<String>,
    is_url: bool,
    budget: &'b mut usize,
}

/// What is known of nginx's own variables. The path and the arguments of a URL do not tell where it leads.
fn built_in(name: &str, is_url: bool) -> Values {
    let known: &[&str] = match name {
        "scheme" => &["http", "https"],
        "request_uri" | "uri" | "document_uri" if is_url => &["/"],
        "is_args" | "args" | "query_string" if is_url => &[""],
        _ => &[],
    };
    Values { known: known.iter().map(|value| (*value).to_owned()).collect(), others: known.is_empty() }
}

/// The name that a `$` begins, and what is behind it. `$1` is a part of a regular expression's match, and no variable.
fn name(text: &str) -> (&str, &str) {
    let text = &text[1..];
    if let Some((name, behind)) = text.strip_prefix('{').and_then(|text| text.split_once('}')) {
        return (name, behind);
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    text.split_at(end)
}

/// The names that a regular expression gives to parts of what it matches: `(?<name>`, `(?P<name>`, `(?'name'`.
fn captures<'a>(word: &'a str, out: &mut HashSet<&'a str>) {
    for part in word.split("(?").skip(1) {
        let part = part.strip_prefix('P').unwrap_or(part);
        let named = part.strip_prefix('<').and_then(|part| part.split_once('>'));
        if let Some((name, _)) =
            named.or_else(|| part.strip_prefix('\'').and_then(|part| part.split_once('\'')))
        {
            out.insert(name);
        }
    }
}
