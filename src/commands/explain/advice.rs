//! What failures mean and what to do first, by what has to be repaired: an upstream, and what broke it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::report::{NotStarted, Report, Row};
use super::table::moment;
use crate::attribute::{Attributor, Id};
use crate::vocabulary::{Cause, Outcome, RootCause};

const TITLE: &str = "\nWhat it means, and what to do first\n";

/// Of failed responses.
pub fn responses(report: &Report, attributor: &Attributor, out: &mut String) {
    let mut groups: BTreeMap<(Id, RootCause), BTreeMap<Cause, u64>> = BTreeMap::new();
    for (key, row) in &report.responses {
        *groups.entry((key.upstream, key.root)).or_default().entry(key.cause).or_default() += row.count;
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, causes)| Reverse(causes.values().sum::<u64>()));
    out.push_str(TITLE);
    for ((upstream, root), causes) in groups {
        let broken = match root {
            RootCause::Unknown => "what broke it is not known".to_owned(),
            root => format!("{} ({})", root.meaning(), root.word()),
        };
        let _ = writeln!(out, "\n  {}: {broken}", name(attributor.names.upstreams.text(upstream)));
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(_, count)| Reverse(*count));
        for (cause, count) in &causes {
            for (count, (meaning, fix)) in parts(report, *cause, upstream, *count) {
                let _ = writeln!(out, "    {} ({count}): {}.", cause.word(), capital(meaning));
                if !root.says_more() {
                    let _ = writeln!(out, "    Fix: {fix}.");
                }
            }
        }
        if root.says_more() {
            let _ = writeln!(out, "    Fix: {}.", root.fix());
        }
        more(causes.iter().map(|(cause, _)| cause.runbook(root)), out);
    }
}

/// Of entries of an error log alone, with their times.
pub fn attempts(report: &Report, attributor: &Attributor, out: &mut String) {
    let mut groups: BTreeMap<Id, BTreeMap<Cause, Row>> = BTreeMap::new();
    for ((cause, upstream, outcome), row) in &report.failures {
        // It is told as what kept nginx from starting.
        let at_start = (*cause, *outcome) == (Cause::DnsFailure, Outcome::Background);
        if at_start && *upstream == Id::NONE && !report.not_started.is_empty() {
            continue;
        }
        let sum = groups.entry(*upstream).or_default().entry(*cause).or_insert(Row { count: 0, ..*row });
        sum.add(*row);
    }
    if groups.is_empty() {
        return;
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, causes)| Reverse(causes.values().map(|row| row.count).sum::<u64>()));
    out.push_str(TITLE);
    for (upstream, causes) in groups {
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(_, row)| Reverse(row.count));
        let _ = writeln!(out, "\n  {}", name(attributor.names.upstreams.text(upstream)));
        for (cause, row) in &causes {
            let (meaning, fix) = cause.advice(true);
            let _ = writeln!(
                out,
                "    {} ({}), {}: {}.\n    Fix: {fix}.",
                cause.word(),
                row.count,
                span(row.first, row.last),
                capital(meaning)
            );
        }
        more(causes.iter().map(|(cause, _)| cause.alert()), out);
    }
}

/// Starts and reloads of nginx that failed.
pub fn not_started(report: &Report, out: &mut String) {
    if report.not_started.is_empty() {
        return;
    }
    out.push_str(
        "\nnginx did not start, or kept its old configuration on a reload. Until it starts, every client is refused.\n",
    );
    for (message, told) in &report.not_started {
        let _ = writeln!(out, "\n  {message}\n    {}.", times(told));
        let _ = writeln!(out, "    Fix: {}.", to_start(message.as_bytes()));
    }
}

fn times(told: &NotStarted) -> String {
    let times = if told.count() == 1 { "Once".to_owned() } else { format!("{} times", told.count()) };
    match told.span {
        Some((first, last)) => format!("{times}, {}", span(first, last)),
        None => times,
    }
}

/// What lets nginx start again, by what it said.
pub fn to_start(message: &[u8]) -> &'static str {
    if message.starts_with(b"host not found in upstream") {
        "the name must resolve when nginx starts: correct it, or start what has this name first; \
         or name it by a variable (set $backend NAME; proxy_pass http://$backend;) beside a resolver. Then nginx -t, and start nginx"
    } else if message.starts_with(b"bind() to ") && memchr::memmem::find(message, b"(98: ").is_some() {
        "another program listens there: ss -ltnp names it; stop one of the two, then start nginx"
    } else {
        "nginx -t names the file and the line; correct it, then start nginx"
    }
}

/// A cause with its meaning and fix, in two parts where it depends on whether the error log names an errno.
fn parts(
    report: &Report,
    cause: Cause,
    upstream: Id,
    count: u64,
) -> impl Iterator<Item = (u64, (&'static str, &'static str))> {
    let (with, without) = (cause.advice(true), cause.advice(false));
    let entries = report.failures.get(&(cause, upstream, Outcome::Failed)).map_or(0, |row| row.count);
    let entries = if with == without { count } else { entries.min(count) };
    [(entries, with), (count - entries, without)].into_iter().filter(|(count, _)| *count > 0)
}

fn more(runbooks: impl Iterator<Item = &'static str>, out: &mut String) {
    for runbook in runbooks.collect::<BTreeSet<_>>() {
        let _ = writeln!(out, "    More: badgateway runbook {runbook}");
    }
}

fn name(upstream: &str) -> &str {
    if upstream.is_empty() { "No upstream is named" } else { upstream }
}

fn span(first: i64, last: i64) -> String {
    if first == last { moment(first) } else { format!("{} to {}", moment(first), moment(last)) }
}

/// With its first letter as at the beginning of a sentence.
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
