//! The logs of one nginx, by the levels of its configuration.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::cover::Candidate;
use super::note::{Elsewhere, Note};
use super::{List, Lists, LogName, Machine};
use crate::record::format::{Field, Format};
use crate::topology::config_error::Place;
use crate::topology::model::Nginx;
use crate::topology::nginx_conf::{
    AccessLog, Directive, DirectiveId, ErrorLog, LogTarget, NginxConfig, Server, Severity,
};

/// Reads the servers of one nginx.
pub(super) struct Reader<'a> {
    pub(super) nginx: &'a Nginx,
    pub(super) conf: &'a NginxConfig,
    pub(super) machine: &'a dyn Machine,
}

impl Reader<'_> {
    /// Adds its lists and notes.
    pub(super) fn read(&self, lists: &mut Lists) {
        // Levels that only inherit share one list: what is inherited by many servers is gone through once.
        let (mut access, mut error): (HashMap<_, Vec<usize>>, HashMap<_, _>) =
            (HashMap::new(), HashMap::new());
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
                let requests = access
                    .entry(level.access_logs.as_ptr())
                    .or_insert_with(|| self.requests(&level.access_logs, &name, lists));
                lists.pairs.extend(requests.iter().map(|requests| (*requests, errors)));
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
        fn within(block: Directive<'_>, others: &HashSet<DirectiveId>) -> bool {
            block.block().any(|inner| {
                inner.name().ends_with("_pass") || !others.contains(&inner.id()) && within(inner, others)
            })
        }
        self.conf.tree.get(level).is_some_and(|block| within(block, other_levels))
    }

    fn place_of_off(&self, level: DirectiveId) -> Option<Place> {
        let block = self.conf.tree.get(level)?;
        let own = block.named("access_log").next().map(|off| off.place());
        Some(own.unwrap_or_else(|| block.place()))
    }

    /// The logs of a level: lists of those to which the same requests are written.
    fn requests(&self, logs: &[AccessLog], server: &str, lists: &mut Lists) -> Vec<usize> {
        let mut candidates: Vec<(Option<&str>, Candidate<LogName>)> = Vec::new();
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
                    let condition = log.condition.as_deref();
                    let mut same = candidates.iter().filter(|(_, candidate)| candidate.name == name);
                    // Two conditions may never hold together.
                    if same.any(|(other, _)| other.is_none() || condition.is_none() || *other == condition) {
                        repeated = Some(name.path().to_owned());
                        continue;
                    }
                    let rank = rank(log, &name, &format);
                    candidates.push((condition, Candidate { name, rank }));
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
            return Vec::new();
        }
        // Logs of several conditions and none without one have different requests.
        let is_whole = candidates.iter().any(|(condition, _)| condition.is_none());
        let mut by_condition: BTreeMap<Option<&str>, Vec<Candidate<LogName>>> = BTreeMap::new();
        for (condition, candidate) in candidates {
            by_condition.entry(condition.filter(|_| !is_whole)).or_default().push(candidate);
        }
        let first = lists.access.len();
        for candidates in by_condition.into_values() {
            if !is_whole {
                let path = candidates[0].name.path().to_owned();
                lists.note(Note::Conditional(path), server, place.as_ref());
            }
            lists.access.push(List { candidates, server: server.to_owned(), place: place.clone() });
        }
        (first..lists.access.len()).collect()
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
            // As the official images link it.
            LogTarget::File(path) if self.machine.is_stream(path) => Err(Elsewhere::Stream),
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

/// A log that has every request is better than any that has not.
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
