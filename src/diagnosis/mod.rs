//! What is wrong now, in words: a pure function of the view. The page, `diagnose` and the texts of alerts say the same.

mod commands;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::LogKind;
use crate::sample::machine::Pool;
use crate::view::{Episode, Name, QUIET, View};
use crate::vocabulary::{Cause, RootCause};

pub use text::{at, text};

/// Most findings, and servers of one.
const MOST: usize = 200;
const MOST_SERVERS: usize = 5;

/// How things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Requests fail now.
    Failing,
    /// None failed in the last minutes, but the next ones may.
    Threatened,
    /// No access log can be read, so nothing is known of failures.
    Blind,
    /// Nothing of that.
    Well,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Whether requests fail of it now.
    pub fails: bool,
    /// What it is, where, and since when: a sentence.
    pub what: String,
    /// The root cause, the cause, or what was seen, as a word of the vocabulary.
    pub name: String,
    /// Where requests went; empty: nowhere.
    pub upstream: String,
    /// Failed requests since then.
    pub count: u64,
    /// Local time of the logs of the first and the last one, RFC 3339.
    pub since: Option<String>,
    /// The same of the last one.
    pub last: Option<String>,
    /// Whose requests they are, with how many, the most first.
    pub servers: Vec<(String, u64)>,
    /// Evidence beside the failed requests.
    pub evidence: Vec<String>,
    /// Whether what broke it is known, and not only what nginx saw.
    pub sure: bool,
    /// What to do first.
    pub fix: String,
    /// Commands to begin with, as the runbook has them.
    pub commands: Vec<String>,
    /// The runbook: `badgateway runbook NAME`.
    pub runbook: String,
}

/// What is wrong now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// How things stand.
    pub state: State,
    /// In one sentence.
    pub verdict: String,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// What could not be seen, each with what it would have told.
    pub unseen: Vec<String>,
}

/// Of a view.
pub fn of(view: &View) -> Diagnosis {
    let mut findings = failing(view);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.count));
    let failing = findings.len();
    findings.extend(threats(view, &findings));
    let unseen = unseen(view);
    let is_blind = !view.logs.iter().any(|log| log.is_access() && log.readable == Some(true));
    let state = match (failing, findings.len()) {
        (1.., _) => State::Failing,
        _ if is_blind => State::Blind,
        (0, 1..) => State::Threatened,
        (0, 0) => State::Well,
    };
    let verdict = match (state, findings.as_slice()) {
        (State::Blind, _) => {
            "No access log of nginx can be read, so nothing is known of failed requests.".to_owned()
        }
        (State::Well, _) if view.machine.pools.is_empty() => {
            "No request failed in the last 5 minutes; of PHP-FPM nothing is seen.".to_owned()
        }
        (State::Well, _) => {
            "Nothing is wrong: no request failed in the last 5 minutes, and what is seen of PHP-FPM is well."
                .to_owned()
        }
        (_, [only]) => only.what.clone(),
        (_, [first, rest @ ..]) => format!("{} And {} more, see below.", first.what, rest.len()),
        (_, []) => String::new(),
    };
    findings.truncate(MOST);
    Diagnosis { state, verdict, findings, unseen }
}

/// Failed responses of one episode that one thing broke; of `None` it is not known what did.
struct Part<'a> {
    episode: &'a Episode,
    root: Option<RootCause>,
    count: u64,
}

/// Those of the last seconds, whose root cause is not told yet, are counted to that of most others.
fn parts(episode: &Episode) -> impl Iterator<Item = Part<'_>> {
    let part = |(root, count): &(RootCause, u64)| {
        let root = Some(*root).filter(|root| *root != RootCause::Unknown);
        Part { episode, root, count: *count }
    };
    let mut parts: Vec<_> = episode.roots.iter().map(part).collect();
    let waiting = episode.count.saturating_sub(parts.iter().map(|part| part.count).sum());
    match parts.iter_mut().max_by_key(|part| part.count) {
        Some(most) => most.count += waiting,
        None => parts.push(Part { episode, root: None, count: waiting }),
    }
    parts.into_iter()
}

/// Failures of the last minutes, those together that one thing broke.
fn failing(view: &View) -> Vec<Finding> {
    let now = view.episodes.iter().filter(|episode| view.now.saturating_sub(episode.last) <= QUIET);
    let mut groups: BTreeMap<(Name, &'static str), Vec<Part<'_>>> = BTreeMap::new();
    for part in now.flat_map(parts) {
        let word = part.root.map_or(part.episode.cause.word(), RootCause::word);
        groups.entry((part.episode.upstream.clone(), word)).or_default().push(part);
    }
    groups.into_iter().map(|((upstream, word), parts)| finding(view, &upstream, word, &parts)).collect()
}

fn finding(view: &View, upstream: &str, word: &'static str, parts: &[Part<'_>]) -> Finding {
    let most = parts.iter().max_by_key(|part| part.count);
    let (root, cause) = (most.and_then(|part| part.root), most.map(|part| part.episode.cause));
    let count = parts.iter().map(|part| part.count).sum();
    let first = parts.iter().map(|part| part.episode.first).min().unwrap_or_default();
    let last = parts.iter().map(|part| part.episode.last).max().unwrap_or_default();
    let mut servers: BTreeMap<&str, u64> = BTreeMap::new();
    for part in parts {
        *servers.entry(&*part.episode.server).or_default() += part.count;
    }
    let mut servers: Vec<(String, u64)> = servers.into_iter().map(|(name, n)| (name.to_owned(), n)).collect();
    servers.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    servers.truncate(MOST_SERVERS);
    let pool = view.machine.pools.iter().find(|pool| pool.upstream == upstream);
    let mut found = view.findings.iter().flat_map(|findings| findings.iter());
    let found = found.find(|found| found.breaks.as_ref().is_some_and(|(at, _)| at == upstream));
    // What is down now, or in another place, was probably so a minute ago.
    let is_down = pool.is_some_and(|pool| pool.up == Some(false));
    let cannot_connect = matches!(cause, Some(Cause::ConnectionRefused | Cause::SocketMissing));
    let likely = match (root, cannot_connect) {
        (None, true) if is_down => Some(RootCause::FpmNotRunning),
        (None, true) => found.and_then(|found| Some(found.breaks.as_ref()?.1)),
        _ => None,
    };
    let (word, sure) = (likely.map_or(word, RootCause::word), root.is_some());
    let root = root.or(likely);
    let (meaning, fix, alert) = match (root, cause) {
        (Some(root), _) => (root.meaning(), root.fix(), root.alert()),
        (None, Some(cause)) => {
            // Whether the error log has said something of it.
            let entry = view
                .failures
                .iter()
                .any(|row| row.count > 0 && row.cause == cause && &*row.upstream == upstream);
            let (meaning, fix) = cause.advice(entry);
            (meaning, fix, cause.alert())
        }
        (None, None) => ("", "", ""),
    };
    let place = text::place(upstream, pool);
    let codes = text::codes(parts.iter().map(|part| part.episode.code));
    let requests = if count == 1 { "request" } else { "requests" };
    let what = format!(
        "{place}{meaning}; {count} {requests} failed with {codes} since {}.",
        text::clock(first, view.now)
    );
    let mut evidence = Vec::new();
    if let (Some(cause), Some(_)) = (cause, root) {
        evidence.push(format!("nginx: {} ({})", cause.meaning(), cause.word()));
    }
    evidence.extend(pool.map(text::pool));
    evidence.extend(found.map(|found| format!("check: {}", found.what)));
    Finding {
        fails: true,
        what,
        name: word.to_owned(),
        upstream: upstream.to_owned(),
        count,
        since: Some(at(first, view.offset)),
        last: Some(at(last, view.offset)),
        servers,
        evidence,
        sure,
        fix: commands::here(fix, view, pool),
        commands: commands::of(alert, view, pool),
        runbook: alert.to_owned(),
    }
}

/// What is wrong though no request failed of it yet. What already fails is not told again.
fn threats(view: &View, failing: &[Finding]) -> Vec<Finding> {
    let mut out = Vec::new();
    for (name, up) in &view.machine.nginx {
        if !up {
            let what = format!("nginx ({name}) is not running, so nobody is answered.");
            out.push(threat(
                view,
                "nginx_down",
                None,
                what,
                ("nginx -t; then systemctl start nginx", "NginxDown"),
            ));
        }
    }
    let known = |pool: &Pool| failing.iter().any(|finding| finding.upstream == pool.upstream);
    for pool in view.machine.pools.iter().filter(|pool| !known(pool)) {
        let place = text::place(&pool.upstream, Some(pool));
        let finding = if pool.up == Some(false) {
            let root = RootCause::FpmNotRunning;
            let what = format!("{place}{}.", root.meaning());
            Some(threat(view, root.word(), Some(pool), what, (root.fix(), root.alert())))
        } else if pool.ratio().is_some_and(|ratio| ratio > 1.0) {
            let root = RootCause::PoolSaturated;
            let what = format!("{place}{}, and clients wait.", root.meaning());
            Some(threat(view, root.word(), Some(pool), what, (root.fix(), root.alert())))
        } else {
            None
        };
        out.extend(finding.map(|mut finding| {
            finding.evidence.push(text::pool(pool));
            finding
        }));
    }
    for log in view.logs.iter().filter(|log| log.available == Some(0)) {
        let what = format!("The disk of {} is full, so nginx cannot log what fails.", log.log);
        out.push(threat(view, "disk_full", None, what, ("df -h; then make room", "NginxLogDiskFull")));
    }
    out
}

fn threat(view: &View, name: &str, pool: Option<&Pool>, what: String, (fix, alert): (&str, &str)) -> Finding {
    Finding {
        fails: false,
        what,
        name: name.to_owned(),
        upstream: pool.map(|pool| pool.upstream.clone()).unwrap_or_default(),
        count: 0,
        since: None,
        last: None,
        servers: Vec::new(),
        evidence: Vec::new(),
        sure: true,
        fix: commands::here(fix, view, pool),
        commands: commands::of(alert, view, pool),
        runbook: alert.to_owned(),
    }
}

/// What could not be seen.
fn unseen(view: &View) -> Vec<String> {
    let mut out = Vec::new();
    for log in view.logs.iter().filter(|log| log.readable == Some(false)) {
        let lost = match log.kind {
            Some(LogKind::Access) => "so failures in it are not counted",
            Some(LogKind::Error) => "so the causes that it names are missing",
            Some(LogKind::Fpm) => "so what ended workers is missing among the root causes",
            None => "so what is in it is missing",
        };
        out.push(format!("{} cannot be read, {lost}: ls -l {}", log.log, commands::quoted(&log.log)));
    }
    for (collector, _) in view.machine.collectors.iter().filter(|(_, seen)| !**seen) {
        out.push(format!("{collector} cannot be seen by this user; Badgateway's own log says why"));
    }
    if view.machine.nginx.is_empty() {
        out.push("no nginx is seen running from here: ps ax | grep nginx".to_owned());
    }
    let follows = |kind| view.logs.iter().any(|log| log.kind == Some(kind) && log.readable.is_some());
    if follows(LogKind::Access) && !follows(LogKind::Error) {
        out.push(
            "no error log of nginx is followed, so most causes are unknown: --error-log names one".to_owned(),
        );
    }
    if !view.machine.pools.is_empty() && !follows(LogKind::Fpm) {
        let lost = "no log of PHP-FPM is followed, so what ended workers is missing among the root causes";
        out.push(format!("{lost}: set error_log in php-fpm.conf to a file, or name it with --fpm-log"));
    }
    if view.logs.is_empty() {
        out.push("no log is followed: name them with --access-log and --error-log".to_owned());
    }
    out.truncate(MOST);
    out
}
