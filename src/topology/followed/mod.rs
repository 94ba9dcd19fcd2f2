//! The logs that are to be followed: those that the configurations of nginx and PHP-FPM name, chosen so that each request
//! is read once.

mod cover;
mod note;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

pub use note::{Elsewhere, Note, Noted};

use cover::{Candidate, Cover, cover};

use super::model::{Nginx, Topology};
use super::nginx_conf::{AccessLog, DirectiveId, ErrorLog, LogTarget, NginxConfig, Server, Severity};
use crate::record::format::{Field, Format};
use crate::source::fits;

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

/// What the file systems say.
pub trait Machine {
    /// Whether a path of that nginx is the same file where we are.
    fn is_ours(&self, nginx: &Nginx, path: &Path) -> bool;
    /// Whether there is a file at a path of ours.
    fn has_file(&self, path: &Path) -> bool;
}

/// Where the official images, nginx.org's packages and all distributions have them.
const USUAL: [&str; 2] = ["/var/log/nginx/access.log", "/var/log/nginx/error.log"];

/// Chooses the logs. `followed`: those that are followed already.
pub fn of(topology: &Topology, followed: &HashSet<LogName>, machine: &dyn Machine) -> FoundLogs {
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
    let access = cover(&lists.candidates(&lists.access), followed);
    let error = cover(&lists.candidates(&lists.error), followed);
    lists.note_doubled(&access);
    let without_errors = lists.without_errors(&access.chosen, &error.chosen);
    let mut fpm = BTreeSet::new();
    for of in topology.fpm.iter().filter(|of| of.pools.iter().any(|pool| pool.shown)) {
        let is_ours = of.process.as_ref().is_none_or(|process| process.shares_root);
        match &of.log {
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
    place: Option<super::config_error::Place>,
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
    fn note(&mut self, note: Note, server: &str, place: Option<&super::config_error::Place>) {
        self.notes.entry(note.clone()).or_insert_with(|| Noted::new(note)).add(server, place);
    }

    /// No configuration of nginx can be read, as beside nginx in a pod: the logs that are where they usually are.
    fn usual(&mut self, machine: &dyn Machine) {
        let [access, error] = USUAL.map(|path| machine.has_file(Path::new(path)).then(|| path.into()));
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
        let vague: HashSet<PathBuf> =
            patterns.into_iter().filter(|pattern| files.iter().any(|file| fits(pattern, file))).collect();
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
            list.candidates.iter().filter(|candidate| chosen.contains(&candidate.name)).count() > 0
        };
        let blind = self.pairs.iter().filter(|(_, at)| !at.is_some_and(|at| has(&self.error[at], error)));
        let logs = blind.flat_map(|(at, _)| &self.access[*at].candidates);
        logs.filter(|candidate| access.contains(&candidate.name))
            .map(|candidate| candidate.name.path().to_owned())
            .collect()
    }
}

/// Reads the servers of one nginx.
struct Reader<'a> {
    nginx: &'a Nginx,
    conf: &'a NginxConfig,
    machine: &'a dyn Machine,
}

impl Reader<'_> {
    fn read(&self, lists: &mut Lists) {
        // Levels that only inherit share one list: what is inherited by many servers is gone through once.
        let (mut access, mut error) = (HashMap::new(), HashMap::new());
        for server in &self.conf.http.servers {
            let name = server.name().unwrap_or_default();
            for (nth, level) in server.levels.iter().enumerate() {
                let errors = *error
                    .entry(level.error_logs.as_ptr())
                    .or_insert_with(|| self.errors(&level.error_logs, &name, lists));
                if level.access_logs.is_empty() {
                    if self.matters(server, nth, level.id) {
                        lists.note(Note::NoAccessLog, &name, self.place_of_off(level.id).as_ref());
                    }
                    continue;
                }
                let requests = *access
                    .entry(level.access_logs.as_ptr())
                    .or_insert_with(|| self.requests(&level.access_logs, &name, lists));
                if let Some(requests) = requests {
                    lists.pairs.insert((requests, errors));
                }
            }
        }
        // What the master writes is in the first log of the main level, which a server may have replaced.
        let servers = &self.conf.http.servers;
        if !servers.is_empty() {
            // Whose requests they are about was noted with those servers.
            let notes = lists.notes.clone();
            self.errors(&self.conf.error_logs, "", lists);
            lists.notes = notes;
        }
    }

    /// Whether a level without access log is one whose failed responses are missed: that of a server, or one from which
    /// requests go to an upstream.
    fn matters(&self, server: &Server, nth: usize, level: DirectiveId) -> bool {
        if nth == 0 {
            // Where every location has a log of its own, nothing is missed but what the server answers itself.
            return server.levels.iter().all(|level| level.access_logs.is_empty())
                || self.has_pass(level, &server.levels[1..].iter().map(|level| level.id).collect());
        }
        self.has_pass(level, &HashSet::new())
    }

    fn has_pass(&self, level: DirectiveId, other_levels: &HashSet<DirectiveId>) -> bool {
        fn within(block: super::nginx_conf::Directive<'_>, others: &HashSet<DirectiveId>) -> bool {
            block.block().any(|inner| {
                inner.name().ends_with("_pass") || !others.contains(&inner.id()) && within(inner, others)
            })
        }
        self.conf.tree.get(level).is_some_and(|block| within(block, other_levels))
    }

    fn place_of_off(&self, level: DirectiveId) -> Option<super::config_error::Place> {
        let block = self.conf.tree.get(level)?;
        let own = block.named("access_log").next().map(|off| off.place());
        Some(own.unwrap_or_else(|| block.place()))
    }

    /// The logs to which the same requests are written.
    fn requests(&self, logs: &[AccessLog], server: &str, lists: &mut Lists) -> Option<usize> {
        let mut candidates: Vec<Candidate<LogName>> = Vec::new();
        let (mut notes, mut repeated) = (Vec::new(), None);
        for log in logs {
            let named = if log.gzip {
                let path =
                    if let LogTarget::File(path) = &log.target { path.clone() } else { PathBuf::new() };
                Err(Elsewhere::Gzip(path))
            } else {
                self.name(&log.target)
            };
            let format = self.format(&log.format);
            match (named, format) {
                (Ok(None), _) => {}
                (Ok(Some(name)), Ok(format)) => {
                    if candidates.iter().any(|candidate| candidate.name == name) {
                        repeated = Some(name.path().to_owned());
                        continue;
                    }
                    candidates.push(Candidate { rank: rank(log, &name, &format), name });
                }
                (_, Err(why)) => notes.push((Note::Format(why), log)),
                (Err(elsewhere), Ok(_)) => notes.push((Note::NotAFile(elsewhere), log)),
            }
        }
        let place = logs.first().and_then(|log| log.place.clone());
        if let Some(path) = repeated {
            lists.note(Note::Twice(path), server, place.as_ref());
        }
        if candidates.is_empty() {
            // One of them that is read is enough.
            for (note, log) in notes {
                lists.note(note, server, log.place.as_ref());
            }
            return None;
        }
        let whole = |candidate: &&Candidate<LogName>| candidate.rank >= UNCONDITIONAL;
        if !candidates.iter().any(|candidate| whole(&candidate)) {
            lists.note(Note::Conditional(candidates[0].name.path().to_owned()), server, place.as_ref());
        }
        lists.access.push(List { candidates, server: server.to_owned(), place });
        Some(lists.access.len() - 1)
    }

    /// The logs to which the same entries are written, as far as they are grave enough for each.
    fn errors(&self, logs: &[ErrorLog], server: &str, lists: &mut Lists) -> Option<usize> {
        let mut candidates: Vec<Candidate<LogName>> = Vec::new();
        let mut notes = Vec::new();
        for log in logs {
            match self.name(&log.target) {
                Ok(Some(LogName::File(path))) if log.level > Severity::Error => {
                    notes.push((Note::Level(path, log.level), log));
                }
                Ok(Some(name)) => {
                    // The one with more is better.
                    candidates.push(Candidate { name, rank: 10 - log.level as u32 });
                }
                Ok(None) => {}
                Err(elsewhere) => notes.push((Note::NoErrorLog(elsewhere), log)),
            }
        }
        if candidates.is_empty() {
            for (note, log) in notes {
                // What is grave enough is still worth reading.
                if let Note::Level(path, _) = &note {
                    candidates.push(Candidate { name: LogName::File(path.clone()), rank: 0 });
                }
                lists.note(note, server, log.place.as_ref());
            }
            if !candidates.is_empty() {
                lists.error.push(List { candidates, server: server.to_owned(), place: None });
            }
            return None;
        }
        let place = logs.first().and_then(|log| log.place.clone());
        lists.error.push(List { candidates, server: server.to_owned(), place });
        Some(lists.error.len() - 1)
    }

    /// `None`: /dev/null.
    fn name(&self, target: &LogTarget) -> Result<Option<LogName>, Elsewhere> {
        match target {
            LogTarget::File(path) if path == Path::new("/dev/null") => Ok(None),
            LogTarget::File(path) if self.machine.is_ours(self.nginx, path) => {
                Ok(Some(LogName::File(path.clone())))
            }
            LogTarget::File(path) => Err(Elsewhere::Container(path.clone())),
            LogTarget::Variable(name) if name.starts_with('/') => {
                let pattern = pattern(name);
                if self.machine.is_ours(self.nginx, pattern.parent().unwrap_or(&pattern)) {
                    Ok(Some(LogName::Pattern(pattern)))
                } else {
                    Err(Elsewhere::Container(pattern))
                }
            }
            LogTarget::Variable(name) | LogTarget::Relative(name) => Err(Elsewhere::Relative(name.clone())),
            LogTarget::Syslog(_) => Err(Elsewhere::Syslog),
            LogTarget::Stdout | LogTarget::Stderr => Err(Elsewhere::Stream),
            LogTarget::Memory(_) => Err(Elsewhere::Memory),
        }
    }

    /// The format of that name, if its lines can be counted.
    fn format(&self, name: &str) -> Result<Format, String> {
        if name == "combined" {
            return Format::new(name).map_err(|error| error.to_string());
        }
        let Some(format) = self.conf.http.log_format(name) else {
            return Err(format!("its log_format {name:?} is not in nginx's configuration"));
        };
        format.compiled().map_err(|error| format!("log_format {name} ({}): {error}", format.place))
    }
}

/// From here on a log has every request.
const UNCONDITIONAL: u32 = 100;

/// How much a log tells: every request before richness, a plain name before a pattern.
fn rank(log: &AccessLog, name: &LogName, format: &Format) -> u32 {
    let fields = [
        (Field::Pid, 8),
        (Field::Connection, 8),
        (Field::UpstreamAddr, 6),
        (Field::UpstreamStatus, 6),
        (Field::Request, 4),
        (Field::ServerName, 2),
    ];
    let tells: u32 = fields.iter().filter(|(field, _)| format.has(*field)).map(|(_, worth)| worth).sum();
    let unconditional = if log.condition.is_none() { UNCONDITIONAL } else { 0 };
    let prompt = u32::from(log.buffer.is_none() || log.flush.is_some());
    unconditional + 2 * tells + 2 * u32::from(matches!(name, LogName::File(_))) + prompt
}

/// A name with variables as a pattern.
fn pattern(name: &str) -> PathBuf {
    let mut out = String::new();
    let mut chars = name.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '$' => {
                if chars.next_if_eq(&'{').is_some() {
                    chars.by_ref().find(|char| *char == '}');
                } else {
                    while chars.next_if(|char| char.is_ascii_alphanumeric() || *char == '_').is_some() {}
                }
                if !out.ends_with('*') {
                    out.push('*');
                }
            }
            '*' | '?' => out.extend(['[', char, ']']),
            '[' => out.push_str("[[]"),
            _ => out.push(char),
        }
    }
    out.into()
}
