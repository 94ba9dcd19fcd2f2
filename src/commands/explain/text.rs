//! `explain` for a person: what failed, what it means, what to do first.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::paste::{capital, meaning};
use super::report::{Report, Row};
use crate::attribute::{Attributor, Id, paste};
use crate::engine::zone;
use crate::label::repaired;
use crate::record::LogKind;
use crate::record::stamp::Local;
use crate::vocabulary::{Cause, Outcome, RootCause, code};

/// Renders the report.
pub fn render(report: &Report, attributor: &Attributor) -> String {
    let mut out = String::new();
    headline(report, &mut out);
    if !report.responses.is_empty() {
        table(report, attributor, &mut out);
        meanings(report, &mut out);
    }
    attempts(report, attributor, &mut out);
    if report.responses.is_empty() {
        meanings_of_attempts(report, &mut out);
    }
    exits(report, attributor, &mut out);
    unread(report, &mut out);
    out
}

fn headline(report: &Report, out: &mut String) {
    let has_access = report.logs.iter().any(|log| log.kind == LogKind::Access);
    let _ = match (has_access, report.failed) {
        (false, _) => writeln!(
            out,
            "No access log was given, so no response can be counted: below is what the error log says by itself."
        ),
        (true, 0) => {
            writeln!(out, "{} responses, none of them failed (500, 502, 503, 504, 009).", report.total)
        }
        (true, failed) => {
            let percent = 100.0 * failed as f64 / report.total as f64;
            writeln!(out, "{} responses, {failed} of them failed ({percent:.1} %).", report.total)
        }
    };
}

/// `2026-11-20 15:08:28`: the zone stands once, above the table.
fn moment(at: Local) -> String {
    zone::rfc3339(at, 0).chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

fn zone_name(offset: i32) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    format!("UTC{sign}{:02}:{:02}", offset.abs() / 3600, offset.abs() % 3600 / 60)
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn table(report: &Report, attributor: &Attributor, out: &mut String) {
    let names = &attributor.names;
    let several_servers = report.responses.keys().any(|key| key.server != Id::NONE);
    // One line for each code, cause and upstream; root causes follow below.
    let mut rows: BTreeMap<(u16, Cause, Id, Id), Row> = BTreeMap::new();
    for (key, row) in &report.responses {
        let server = if several_servers { key.server } else { Id::NONE };
        let sum =
            rows.entry((key.status, key.cause, key.upstream, server)).or_insert(Row { count: 0, ..*row });
        sum.count += row.count;
        sum.first = sum.first.min(row.first);
        sum.last = sum.last.max(row.last);
    }
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.count));
    let zone = zone_name(attributor.offset());
    let mut cells = vec![vec![
        "COUNT".to_owned(),
        "CODE".to_owned(),
        "CAUSE".to_owned(),
        "UPSTREAM".to_owned(),
        "SERVER".to_owned(),
        format!("FIRST SEEN ({zone})"),
        "LAST SEEN".to_owned(),
    ]];
    for ((status, cause, upstream, server), row) in rows {
        cells.push(vec![
            row.count.to_string(),
            code(status),
            cause.word().to_owned(),
            or_dash(names.upstreams.text(upstream)).to_owned(),
            or_dash(names.servers.text(server)).to_owned(),
            moment(row.first),
            moment(row.last),
        ]);
    }
    if !several_servers {
        cells.iter_mut().for_each(|row| drop(row.remove(4)));
    }
    out.push('\n');
    align(&cells, out);
}

/// The first column flush right, the others flush left.
fn align(rows: &[Vec<String>], out: &mut String) {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = format!("{:>1$}", row[0], widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(line, "  {cell:<width$}");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

fn meanings(report: &Report, out: &mut String) {
    let mut causes: BTreeMap<Cause, (u64, BTreeMap<RootCause, u64>)> = BTreeMap::new();
    for (key, row) in &report.responses {
        let (count, roots) = causes.entry(key.cause).or_default();
        *count += row.count;
        *roots.entry(key.root).or_default() += row.count;
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    out.push_str("\nWhat it means, and what to do first\n");
    for (cause, (count, roots)) in causes {
        let entries = entries(report, cause);
        let (meaning, fix) = cause.advice(entries > 0);
        let _ = writeln!(out, "\n  {} ({count})\n    {}.", cause.word(), capital(meaning));
        if entries > 0 && entries < count && cause.advice(false).0 != meaning {
            let (meaning, fix) = cause.advice(false);
            let _ = writeln!(out, "    {} of them: {meaning}.\n    Fix: {fix}.", count - entries);
        }
        let mut roots: Vec<_> = roots.into_iter().filter(|(root, _)| *root != RootCause::Unknown).collect();
        roots.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        if roots.is_empty() {
            let _ = writeln!(out, "    Fix: {fix}.");
            more(cause.alert(), out);
        }
        for (root, count) in roots {
            let _ = writeln!(out, "    Behind {count} of them: {} ({}).", root.meaning(), root.word());
            let _ = writeln!(out, "    Fix: {}.", root.fix());
            more(cause.runbook(root), out);
        }
    }
}

/// How many entries of the error log tell of failed responses with this cause.
fn entries(report: &Report, cause: Cause) -> u64 {
    let failed =
        report.failures.iter().filter(|((of, _, outcome), _)| *of == cause && *outcome == Outcome::Failed);
    failed.map(|(_, count)| count).sum()
}

fn more(runbook: &str, out: &mut String) {
    let _ = writeln!(out, "    More: badgateway runbook {runbook}");
}

/// Failed attempts that did not fail a response: retries, truncated answers, entries without a line.
fn attempts(report: &Report, attributor: &Attributor, out: &mut String) {
    let mut cells =
        vec![vec!["COUNT".to_owned(), "OUTCOME".to_owned(), "CAUSE".to_owned(), "UPSTREAM".to_owned()]];
    for ((cause, upstream, outcome), count) in &report.failures {
        if *outcome != Outcome::Failed {
            let upstream = or_dash(attributor.names.upstreams.text(*upstream)).to_owned();
            cells.push(vec![count.to_string(), outcome.word().to_owned(), cause.word().to_owned(), upstream]);
        }
    }
    if cells.len() == 1 {
        return;
    }
    cells[1..].sort_by_key(|row| std::cmp::Reverse(row[0].parse::<u64>().unwrap_or_default()));
    out.push_str("\nFailures of the upstream that are not among the responses above\n\n");
    align(&cells, out);
    let seen = |outcome: &Outcome| report.failures.keys().any(|(_, _, o)| o == outcome);
    for outcome in Outcome::ALL.iter().filter(|o| **o != Outcome::Failed && seen(o)) {
        let _ = writeln!(out, "  {}: {}.", outcome.word(), outcome.meaning());
    }
}

/// Without an access log there are no responses to explain, but what the entries say is as well known.
fn meanings_of_attempts(report: &Report, out: &mut String) {
    let mut causes: BTreeMap<Cause, u64> = BTreeMap::new();
    for ((cause, ..), count) in &report.failures {
        *causes.entry(*cause).or_default() += count;
    }
    if causes.is_empty() {
        return;
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    out.push_str("\nWhat it means, and what to do first\n");
    for (cause, count) in causes {
        let (meaning, fix) = cause.advice(true);
        let _ = writeln!(out, "\n  {} ({count})\n    {}.\n    Fix: {fix}.", cause.word(), capital(meaning));
        more(cause.alert(), out);
    }
}

fn exits(report: &Report, attributor: &Attributor, out: &mut String) {
    if report.exits.is_empty() {
        return;
    }
    out.push_str("\nEnds of PHP-FPM workers\n\n");
    let mut cells = vec![vec!["COUNT".to_owned(), "POOL".to_owned(), "REASON".to_owned(), String::new()]];
    for ((pool, reason), count) in &report.exits {
        let pool = attributor.names.pools.text(*pool).to_owned();
        cells.push(vec![count.to_string(), pool, reason.word().to_owned(), reason.meaning().to_owned()]);
    }
    align(&cells, out);
}

fn unread(report: &Report, out: &mut String) {
    for log in report.logs.iter().filter(|log| log.unparsed > 0) {
        let (all, path) = (log.parsed + log.unparsed, &log.path);
        let _ = writeln!(out, "\n{} of {all} lines of {path} could not be read.", log.unparsed);
        if log.oversized > 0 {
            let _ = writeln!(out, "  {} of them are longer than 256 KiB and were skipped.", log.oversized);
        }
        if let Some(example) = &log.example {
            let _ = writeln!(out, "  The first one: {}.", repaired(example.why.as_bytes()));
            let _ = writeln!(out, "  {:?}", example.line);
            let pasted = paste::read(example.line.as_bytes());
            if log.kind == LogKind::Error && pasted.is_failure() {
                // A log is read strictly, so that nobody can forge an entry; a person may be told what is meant.
                out.push_str("  It is not counted. Read as a pasted line it means:\n");
                meaning(&pasted).lines().for_each(|line| _ = writeln!(out, "    {line}"));
            }
            if log.kind == LogKind::Access {
                out.push_str("  If the log has another log_format, give its string with --log-format.\n");
            }
        }
    }
}
