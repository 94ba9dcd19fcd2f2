//! `explain` for a person: what failed, what it means, what to do first.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use super::advice;
use super::paste::meaning;
use super::report::{Report, Row};
use super::table::{align, moment, or_dash, zone_name};
use crate::attribute::{Attributor, Id, paste};
use crate::label::repaired;
use crate::record::LogKind;
use crate::record::stamp::Local;
use crate::vocabulary::{Cause, Outcome, code};

/// Renders the report.
pub fn render(report: &Report, attributor: &Attributor) -> String {
    let mut out = String::new();
    headline(report, &mut out);
    if let Some(within) = &report.within {
        let _ = writeln!(out, "{}", between(within, attributor.offset()));
    }
    advice::not_started(report, &mut out);
    if !report.responses.is_empty() {
        table(report, attributor, &mut out);
        advice::responses(report, attributor, &mut out);
    }
    attempts(report, attributor, &mut out);
    if report.responses.is_empty() {
        advice::attempts(report, attributor, &mut out);
    }
    exits(report, attributor, &mut out);
    unread(report, &mut out);
    out
}

/// `From 2026-11-27 02:00:00 until 2026-11-27 03:00:00 (UTC+01:00), as the logs have it.`
fn between(within: &Range<Local>, offset: i32) -> String {
    let since = Some(within.start).filter(|at| *at != Local::MIN).map(|at| format!("from {}", moment(at)));
    let until = Some(within.end).filter(|at| *at != Local::MAX).map(|at| format!("until {}", moment(at)));
    let both: Vec<_> = since.into_iter().chain(until).collect();
    format!("{} ({}), as the logs have it.", advice::capital(&both.join(" ")), zone_name(offset))
}

fn headline(report: &Report, out: &mut String) {
    let has_access = report.logs.iter().any(|log| log.kind == LogKind::Access);
    let _ = match (has_access, report.failed) {
        (false, _) => writeln!(
            out,
            "No access log was given, so no response can be counted: below is what the error log says by itself."
        ),
        (true, 0) if report.parsed(LogKind::Access) == 0 => {
            writeln!(out, "No line of an access log could be read, so no response can be counted.")
        }
        (true, 0) if report.total == 0 => writeln!(out, "No response is of that time."),
        (true, 0) => {
            writeln!(out, "{} responses, none of them failed (500, 502, 503, 504, 009).", report.total)
        }
        (true, failed) => {
            let percent = 100.0 * failed as f64 / report.total as f64;
            writeln!(out, "{} responses, {failed} of them failed ({percent:.1} %).", report.total)
        }
    };
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
        sum.add(*row);
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

/// Failed attempts that did not fail a response: retries, truncated answers, entries without a line.
fn attempts(report: &Report, attributor: &Attributor, out: &mut String) {
    let mut rows: Vec<_> =
        report.failures.iter().filter(|((_, _, outcome), _)| *outcome != Outcome::Failed).collect();
    if rows.is_empty() {
        return;
    }
    rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.count));
    let zone = zone_name(attributor.offset());
    let mut cells = vec![vec![
        "COUNT".to_owned(),
        "OUTCOME".to_owned(),
        "CAUSE".to_owned(),
        "UPSTREAM".to_owned(),
        format!("FIRST SEEN ({zone})"),
        "LAST SEEN".to_owned(),
    ]];
    for ((cause, upstream, outcome), row) in rows {
        cells.push(vec![
            row.count.to_string(),
            outcome.word().to_owned(),
            cause.word().to_owned(),
            or_dash(attributor.names.upstreams.text(*upstream)).to_owned(),
            moment(row.first),
            moment(row.last),
        ]);
    }
    out.push_str("\nFailures of the upstream that are not among the responses above\n\n");
    align(&cells, out);
    let seen = |outcome: &Outcome| report.failures.keys().any(|(_, _, o)| o == outcome);
    for outcome in Outcome::ALL.iter().filter(|o| **o != Outcome::Failed && seen(o)) {
        let _ = writeln!(out, "  {}: {}.", outcome.word(), outcome.meaning());
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
