//! What was found: where, what will happen, and the change that ends it.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use crate::topology::config_error::Place;
use crate::vocabulary::{Cause, RootCause};

/// How grave it is; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Requests fail now, or as soon as this configuration is loaded.
    Error,
    /// Requests will fail under load, at a reload or for some visitors; or failures will not be seen as they are.
    Warning,
    /// It works, and is better otherwise.
    Info,
}

impl Severity {
    /// All, the gravest first.
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Info];

    /// How many of these findings are of it.
    pub fn count(self, findings: &[Finding]) -> usize {
        findings.iter().filter(|finding| finding.severity == self).count()
    }

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// Which check found it: a word that stays.
    pub rule: &'static str,
    /// Where it stands, and where else the same does; empty: in no file.
    pub places: Vec<Place>,
    /// What is so: a phrase.
    pub what: String,
    /// What will happen: sentences.
    pub effect: String,
    /// What nginx will see.
    pub cause: Option<Cause>,
    /// The upstream of which that breaks the requests, and what that is called, where it is one and known.
    pub breaks: Option<(String, RootCause)>,
    /// What to change, in this order.
    pub fix: Vec<Step>,
}

impl Finding {
    /// Without a fix yet.
    pub fn new(
        severity: Severity,
        rule: &'static str,
        place: Option<Place>,
        what: impl Into<String>,
        effect: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            rule,
            places: place.into_iter().collect(),
            what: what.into(),
            effect: effect.into(),
            cause: None,
            breaks: None,
            fix: Vec::new(),
        }
    }

    /// With what nginx will see.
    #[must_use]
    pub fn cause(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    /// With the upstream of which it breaks the requests.
    #[must_use]
    pub fn breaks(mut self, upstream: String, root: RootCause) -> Self {
        self.breaks = Some((upstream, root));
        self
    }

    /// With one more step of the fix.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.fix.push(step);
        self
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This text in place of the directive that begins there.
    Replace {
        /// The directive.
        at: Place,
        /// What stands there then.
        with: String,
    },
    /// These lines in a block or section, as its first ones.
    Add {
        /// Where the block opens; line 0: its first line is not known.
        at: Place,
        /// The block's first words: `http {`, `[www]`.
        block: String,
        /// The lines.
        lines: Vec<String>,
    },
    /// A file with these lines.
    Write {
        /// The file.
        file: PathBuf,
        /// All of its lines.
        lines: Vec<String>,
    },
    /// To be typed in a shell, as root.
    Run(Vec<String>),
    /// A sentence: it needs a person to decide.
    Decide(String),
}

/// Findings of one rule that say the same become one with all of their places; then the gravest first, by file and line.
pub fn in_order(findings: Vec<Finding>) -> Vec<Finding> {
    let mut out: Vec<Finding> = Vec::new();
    let mut known = HashMap::new();
    let mut placed: HashSet<(usize, Place)> = HashSet::new();
    for finding in findings {
        let key = (finding.rule, finding.what.clone(), finding.effect.clone());
        let at = *known.entry(key).or_insert(out.len());
        let places: Vec<_> =
            finding.places.iter().filter(|place| placed.insert((at, (*place).clone()))).cloned().collect();
        match out.get_mut(at) {
            Some(first) => first.places.extend(places),
            None => out.push(Finding { places, ..finding }),
        }
    }
    out.sort_by(|a, b| (a.severity, &a.places, a.rule).cmp(&(b.severity, &b.places, b.rule)));
    out
}
