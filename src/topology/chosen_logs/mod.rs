//! The logs that are to be followed: those that the configurations of nginx and PHP-FPM name, chosen so that each request
//! is read once.

mod cover;
mod note;
mod reader;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

pub use note::{Elsewhere, Note, Noted};

use cover::{Candidate, Cover, cover};
use reader::Reader;

use super::config_error::Place;
use super::model::{Nginx, Topology};
use crate::source::{fits, matcher};

/// A log, as a path or as all paths that fit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogName {
    /// One file.
    File(PathBuf),
    /// A name with `*` in the place of nginx's variables.
    Pattern(PathBuf),
}

impl LogName {
    /// The path, or the pattern.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Pattern(path) => path,
        }
    }
}

/// What is to be followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundLogs {
    /// Access logs.
    pub access: BTreeSet<LogName>,
    /// Error logs.
    pub error: BTreeSet<LogName>,
    /// PHP-FPM's logs.
    pub fpm: BTreeSet<LogName>,
    /// Access logs of whose failures a missing error entry means nothing: some of their servers have no error log that is
    /// followed and holds such entries.
    pub without_errors: BTreeSet<PathBuf>,
    /// What cannot be told.
    pub notes: Vec<Noted>,
}

/// What the operator says of logs, whatever the configurations say.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Paths and patterns of logs that are followed in any case: the requests in them are read there.
    pub named: Vec<PathBuf>,
    /// Paths and patterns of logs that are not.
    pub excluded: Vec<PathBuf>,
}

impl Wishes {
    fn names(&self, path: &Path) -> bool {
        self.named.iter().any(|pattern| fits(pattern, path))
    }

    fn excludes(&self, path: &Path) -> bool {
        !self.names(path) && self.excluded.iter().any(|pattern| fits(pattern, path))
    }
}

/// What the file systems say.
pub trait Machine {
    /// Whether a path of that nginx is the same file where we are.
    fn is_ours(&self, nginx: &Nginx, path: &Path) -> bool;
    /// Whether there is a file at a path of ours.
    fn has_file(&self, path: &Path) -> bool;
    /// Whether a path leads to the standard output or error of who opens it: for us to ours, and not to a server's.
    fn is_stream(&self, path: &Path) -> bool;
}

/// Where the official images, nginx.org's packages and all distributions have them.
const USUAL: [&str; 2] = ["/var/log/nginx/access.log", "/var/log/nginx/error.log"];

/// Chooses the logs. `followed`: those that are followed already.
pub fn of(topology: &Topology, followed: &HashSet<LogName>, machine: &dyn Machine) -> FoundLogs {
    as_wished(topology, followed, &Wishes::default(), machine)
}

/// The same, and it is as the operator says.
pub fn as_wished(
    topology: &Topology,
    followed: &HashSet<LogName>,
    wishes: &Wishes,
    machine: &dyn Machine,
) -> FoundLogs {
    let mut lists = Lists::default();
    for nginx in &topology.nginx {
        if let Some(conf) = &nginx.conf {
            Reader { nginx, conf, machine }.read(&mut lists);
        }
    }
    if topology.nginx.iter().all(|nginx| nginx.conf.is_none()) {
        lists.usual(machine);
    }
    lists.leave_vague_patterns_out();
    lists.grant(wishes);
    let access = cover(&lists.candidates(&lists.access), followed);
    let error = cover(&lists.candidates(&lists.error), followed);
    lists.note_doubled(&access);
    let without_errors = lists.without_errors(&access.chosen, &error.chosen);
    let mut fpm = BTreeSet::new();
    for of in topology.fpm.iter().filter(|of| of.pools.iter().any(|pool| pool.shown)) {
        let is_ours = of.process.as_ref().is_none_or(|process| process.shares_root);
        match &of.log {
            Some(log) if is_ours && wishes.excludes(log) => {}
            Some(log) if machine.is_stream(log) => lists.note(Note::FpmStream, "", None),
            Some(log) if is_ours => _ = fpm.insert(LogName::File(log.clone())),
            Some(_) => {}
            None if of.pools.iter().any(|pool| pool.settings.is_some()) => {
                lists.note(Note::FpmSyslog, "", None);
            }
            None => {}
        }
    }
    FoundLogs {
        access: access.chosen,
        error: error.chosen,
        fpm,
        without_errors,
        notes: lists.notes.into_values().collect(),
    }
}

/// The same requests or entries are written to all logs of a list.
#[derive(Debug)]
struct List {
    candidates: Vec<Candidate<LogName>>,
    server: String,
    place: Option<Place>,
}

#[derive(Debug, Default)]
struct Lists {
    access: Vec<List>,
    error: Vec<List>,
    /// For each pair of an access and an error list that hold for the same level.
    pairs: BTreeSet<(usize, Option<usize>)>,
    notes: BTreeMap<Note, Noted>,
}

impl Lists {
    fn note(&mut self, note: Note, server: &str, place: Option<&Place>) {
        self.notes.entry(note.clone()).or_insert_with(|| Noted::new(note)).add(server, place);
    }

    /// No configuration of nginx can be read, as beside nginx in a pod: the logs that are where they usually are.
    fn usual(&mut self, machine: &dyn Machine) {
        let [access, error] = USUAL
            .map(Path::new)
            .map(|path| (machine.has_file(path) && !machine.is_stream(path)).then(|| path.to_owned()));
        let list = |path: &PathBuf| List {
            candidates: vec![Candidate { name: LogName::File(path.clone()), rank: 0 }],
            server: String::new(),
            place: None,
        };
        self.access.extend(access.as_ref().map(list));
        self.error.extend(error.as_ref().map(list));
        if access.is_some() {
            self.pairs.insert((0, error.is_some().then_some(0)));
        }
        let found: Vec<PathBuf> = access.into_iter().chain(error).collect();
        self.note(if found.is_empty() { Note::NoNginx } else { Note::Usual(found) }, "", None);
    }

    /// What is named is read, and no other log of the same requests; what is excluded is not.
    fn grant(&mut self, wishes: &Wishes) {
        for list in self.access.iter_mut().chain(&mut self.error) {
            list.candidates.retain(|candidate| !wishes.excludes(candidate.name.path()));
            if list.candidates.iter().any(|candidate| wishes.names(candidate.name.path())) {
                list.candidates.retain(|candidate| wishes.names(candidate.name.path()));
            }
        }
    }

    fn candidates(&self, lists: &[List]) -> Vec<Vec<Candidate<LogName>>> {
        lists.iter().map(|list| list.candidates.clone()).collect()
    }

    /// A pattern that other logs fit would have them read as what they are not, or twice.
    fn leave_vague_patterns_out(&mut self) {
        let all = self.access.iter().chain(&self.error).flat_map(|list| &list.candidates);
        let (mut files, mut patterns) = (BTreeSet::new(), BTreeSet::new());
        for candidate in all {
            match &candidate.name {
                LogName::File(path) => files.insert(path.clone()),
                LogName::Pattern(path) => patterns.insert(path.clone()),
            };
        }
        let is_vague = |pattern: &PathBuf| {
            let is_of = matcher(pattern);
            files.iter().any(|file| is_of(file))
        };
        let vague: HashSet<PathBuf> = patterns.into_iter().filter(is_vague).collect();
        let mut noted = Vec::new();
        for list in &mut self.access {
            list.candidates.retain(|candidate| {
                let is_vague = matches!(&candidate.name, LogName::Pattern(path) if vague.contains(path));
                if is_vague {
                    let name = candidate.name.path().to_string_lossy().into_owned();
                    noted.push((Note::Variable(name), list.server.clone(), list.place.clone()));
                }
                !is_vague
            });
        }
        for (note, server, place) in noted {
            self.note(note, &server, place.as_ref());
        }
    }

    fn note_doubled(&mut self, cover: &Cover<LogName>) {
        for at in &cover.doubled {
            let list = &self.access[*at];
            let log = list.candidates.iter().find(|candidate| cover.chosen.contains(&candidate.name));
            if let Some(log) = log {
                let (path, server) = (log.name.path().to_owned(), list.server.clone());
                let place = list.place.clone();
                self.note(Note::Twice(path), &server, place.as_ref());
            }
        }
    }

    fn without_errors(&self, access: &BTreeSet<LogName>, error: &BTreeSet<LogName>) -> BTreeSet<PathBuf> {
        let has = |list: &List, chosen: &BTreeSet<LogName>| {
            list.candidates.iter().any(|candidate| chosen.contains(&candidate.name))
        };
        let blind = self.pairs.iter().filter(|(_, at)| !at.is_some_and(|at| has(&self.error[at], error)));
        let logs = blind.flat_map(|(at, _)| &self.access[*at].candidates);
        logs.filter(|candidate| access.contains(&candidate.name))
            .map(|candidate| candidate.name.path().to_owned())
            .collect()
    }
}
