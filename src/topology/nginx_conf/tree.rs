//! All directives of a configuration with their places, in one table: some 25 bytes for each, and its words.

use std::path::Path;
use std::sync::Arc;

use crate::topology::config_error::Place;

/// What stands outside of all blocks has no parent.
const NONE: u32 = u32::MAX;

/// Ends a word. nginx's words are C strings to most of its modules.
const END: char = '\0';

/// Every directive, whether known or not, in the order in which nginx reads them: includes are resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// The words, each with its end.
    words: String,
    nodes: Vec<Node>,
    files: Vec<Arc<Path>>,
    /// The directives by the block that they stand in and their name, then in their order.
    by_name: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    /// Where its words begin; they end where those of the next directive begin.
    words: u32,
    /// Behind the last directive inside of it.
    end: u32,
    parent: u32,
    file: u32,
    line: u32,
}

/// Which directive, in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectiveId(u32);

impl Tree {
    /// What stands outside of all blocks.
    pub fn top(&self) -> impl Iterator<Item = Directive<'_>> {
        self.siblings(0, self.nodes.len() as u32)
    }

    /// The directive of that number; `None`: it is of another tree.
    pub fn get(&self, id: DirectiveId) -> Option<Directive<'_>> {
        self.nodes.get(id.0 as usize).map(|_| Directive { tree: self, at: id.0 })
    }

    /// How many directives there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn siblings(&self, from: u32, to: u32) -> impl Iterator<Item = Directive<'_>> {
        let mut next = from;
        std::iter::from_fn(move || {
            let at = next;
            (at < to).then(|| {
                next = self.node(at).end;
                Directive { tree: self, at }
            })
        })
    }

    fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    /// The directives of one name in a block, in their order.
    fn named(&self, block: u32, name: &str) -> impl DoubleEndedIterator<Item = Directive<'_>> {
        let key = |at: &u32| (self.node(*at).parent, Directive { tree: self, at: *at }.name());
        let from = self.by_name.partition_point(|at| key(at) < (block, name));
        let length = self.by_name[from..].partition_point(|at| key(at) == (block, name));
        self.by_name[from..from + length].iter().map(|at| Directive { tree: self, at: *at })
    }
}

/// Makes a [`Tree`].
#[derive(Default)]
pub(super) struct Builder {
    tree: Tree,
    /// The blocks that are open.
    open: Vec<u32>,
}

impl Builder {
    pub(super) fn len(&self) -> usize {
        self.tree.nodes.len()
    }

    /// The name of the innermost block that is open.
    pub(super) fn block(&self) -> Option<&str> {
        self.open.last().map(|at| Directive { tree: &self.tree, at: *at }.name())
    }

    pub(super) fn file(&mut self, path: &Arc<Path>) -> u32 {
        self.tree.files.push(Arc::clone(path));
        self.tree.files.len() as u32 - 1
    }

    /// False: there is no room for more.
    pub(super) fn push(&mut self, words: &[String], file: u32, line: usize) -> bool {
        let (Ok(begin), Ok(at)) = (u32::try_from(self.tree.words.len()), u32::try_from(self.len())) else {
            return false;
        };
        for word in words {
            self.tree
                .words
                .extend(word.chars().map(|letter| if letter == END { '\u{fffd}' } else { letter }));
            self.tree.words.push(END);
        }
        self.tree.nodes.push(Node {
            words: begin,
            end: at + 1,
            parent: self.open.last().copied().unwrap_or(NONE),
            file,
            line: u32::try_from(line).unwrap_or(u32::MAX),
        });
        true
    }

    /// The directive that was pushed last opens a block.
    pub(super) fn open(&mut self) {
        self.open.push(self.len() as u32 - 1);
    }

    pub(super) fn close(&mut self) {
        let end = self.len() as u32;
        if let Some(at) = self.open.pop() {
            self.tree.nodes[at as usize].end = end;
        }
    }

    pub(super) fn tree(mut self) -> Tree {
        while !self.open.is_empty() {
            self.close();
        }
        self.tree.words.shrink_to_fit();
        self.tree.nodes.shrink_to_fit();
        let mut by_name: Vec<u32> = (0..self.tree.nodes.len() as u32).collect();
        let key = |at: u32| (self.tree.node(at).parent, Directive { tree: &self.tree, at }.name(), at);
        by_name.sort_unstable_by(|a, b| key(*a).cmp(&key(*b)));
        self.tree.by_name = by_name;
        self.tree
    }
}

/// One directive.
#[derive(Clone, Copy)]
pub struct Directive<'a> {
    tree: &'a Tree,
    at: u32,
}

impl<'a> Directive<'a> {
    /// Its number in the tree.
    pub fn id(self) -> DirectiveId {
        DirectiveId(self.at)
    }

    /// Its name and its arguments, unquoted.
    pub fn words(self) -> impl Iterator<Item = &'a str> {
        let node = self.tree.node(self.at);
        let end = self
            .tree
            .nodes
            .get(self.at as usize + 1)
            .map_or(self.tree.words.len(), |next| next.words as usize);
        self.tree.words[node.words as usize..end].split_terminator(END)
    }

    /// Its first word.
    pub fn name(self) -> &'a str {
        self.words().next().unwrap_or_default()
    }

    /// All words but the first.
    pub fn args(self) -> impl Iterator<Item = &'a str> {
        self.words().skip(1)
    }

    /// The first argument, or nothing.
    pub fn arg(self) -> &'a str {
        self.args().next().unwrap_or_default()
    }

    /// Where it stands.
    pub fn place(self) -> Place {
        let node = self.tree.node(self.at);
        Place { file: Arc::clone(&self.tree.files[node.file as usize]), line: node.line as usize }
    }

    /// The block that it stands in; `None`: in none.
    pub fn parent(self) -> Option<Self> {
        Some(self.tree.node(self.at).parent).filter(|parent| *parent != NONE).map(|at| Self { at, ..self })
    }

    /// What stands in its braces, but not in braces in them.
    pub fn block(self) -> impl Iterator<Item = Self> {
        self.tree.siblings(self.at + 1, self.tree.node(self.at).end)
    }

    /// Everything that stands in its braces, in the order of the files.
    pub fn all(self) -> impl Iterator<Item = Self> {
        (self.at + 1..self.tree.node(self.at).end).map(move |at| Self { at, ..self })
    }

    /// The directives of one name in its braces.
    pub fn named(self, name: &str) -> impl DoubleEndedIterator<Item = Self> {
        self.tree.named(self.at, name)
    }

    /// What a setting is inside of its braces: those of the innermost level that has any, of this block or of one around
    /// it. That is how nginx inherits nearly all of its settings.
    pub fn settings(self, name: &str) -> Vec<Self> {
        let mut level = Some(self.at);
        while let Some(at) = level {
            let here: Vec<_> = self.tree.named(at, name).collect();
            if !here.is_empty() {
                return here;
            }
            level = Some(at).filter(|at| *at != NONE).map(|at| self.tree.node(at).parent);
        }
        Vec::new()
    }

    /// The same for a setting that may stand only once in a level.
    pub fn setting(self, name: &str) -> Option<Self> {
        self.settings(name).pop()
    }
}
