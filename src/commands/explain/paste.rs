//! `explain 'LINE'` and `explain -`: what pasted lines mean.

use std::fmt::Write as _;
use std::io::Read;

use serde::Serialize;

use super::ExplainError;
use super::advice::{capital, to_start};
use crate::attribute::paste::{self, Entry, Paste};
use crate::config::flags::Output;
use crate::label::repaired;
use crate::vocabulary::{RootCause, code, is_failed};

/// Most bytes that are taken from standard input: a paste, not a log.
const MOST: u64 = 4 << 20;

/// Lines as they were given: `-` stands for those of standard input.
///
/// # Errors
/// When standard input cannot be read, or no line is there.
pub fn lines(given: &[String]) -> Result<Vec<Vec<u8>>, ExplainError> {
    let mut lines = Vec::new();
    for text in given {
        if text == "-" {
            let mut bytes = Vec::new();
            std::io::stdin().lock().take(MOST).read_to_end(&mut bytes).map_err(ExplainError::Stdin)?;
            lines.extend(bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec));
        } else {
            lines.extend(text.split('\n').map(|line| line.as_bytes().to_vec()));
        }
    }
    lines.retain(|line| !line.trim_ascii().is_empty());
    if lines.is_empty() { Err(ExplainError::NoLine) } else { Ok(lines) }
}

/// For people.
pub fn text(lines: &[Vec<u8>]) -> String {
    let mut out = String::new();
    let mut unknown = 0;
    for line in lines {
        let paste = paste::read(line);
        if paste == Paste::Unknown && lines.len() > 1 {
            unknown += 1;
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        if lines.len() > 1 {
            let _ = writeln!(out, "{}", shortened(line));
        }
        out.push_str(&meaning(&paste));
    }
    if unknown > 0 {
        let _ = writeln!(out, "\n{unknown} of {} lines are none of nginx's or PHP-FPM's.", lines.len());
    }
    out.trim_start_matches('\n').to_owned()
}

/// What one line means, in a few lines.
pub fn meaning(paste: &Paste) -> String {
    match paste {
        Paste::Error(entry) => error(entry),
        Paste::Fpm(Some(root)) => {
            let mut out = format!("A line of PHP-FPM's log: {}.\n", root.meaning());
            root_cause("It is evidence of", *root, &mut out);
            let _ = writeln!(out, "More: badgateway runbook {}", root.alert());
            out
        }
        Paste::Fpm(None) => "A line of PHP-FPM's log that tells of nothing that breaks a request.\n".to_owned(),
        Paste::Access { status } if is_failed(*status) => format!(
            "A line of an access log: a response failed with {}. Why stands in nginx's error log of that second: \
             badgateway explain --access-log FILE --error-log FILE\n",
            code(*status)
        ),
        Paste::Access { status } => {
            format!("A line of an access log: a response with {}, no failure.\n", code(*status))
        }
        Paste::Unknown => "This is no line of nginx's or PHP-FPM's log, or the part that says what happened is missing. \
             An entry of nginx's error log reads like `connect() failed (111: Connection refused) while connecting to \
             upstream`.\n"
            .to_owned(),
    }
}

fn error(entry: &Entry) -> String {
    let mut out = String::new();
    if let Some(failure) = entry.failure {
        let (cause, (meaning, fix)) = (failure.cause, failure.cause.advice(true));
        let _ = writeln!(out, "{}: {}.", cause.word(), capital(meaning));
        let _ = writeln!(out, "  nginx says: {}", shortened(&entry.message));
        if let Some(upstream) = &entry.upstream {
            let _ = writeln!(out, "  Upstream: {}", repaired(upstream));
        }
        if entry.refused_to_start {
            out.push_str(
                "  It was an [emerg]: nginx did not start, or kept its old configuration on a reload. Until it starts every \
                 client is refused.\n",
            );
        }
        for root in cause.likely() {
            root_cause("  Likely behind it", *root, &mut out);
        }
        let fix = if entry.refused_to_start { to_start(&entry.message) } else { fix };
        let _ = writeln!(out, "  Fix: {fix}.");
        let _ = writeln!(out, "  More: badgateway runbook {}", cause.alert());
    } else if entry.refused_to_start {
        let _ = writeln!(
            out,
            "nginx did not start, or kept its old configuration on a reload: {}\n  Fix: {}.",
            shortened(&entry.message),
            to_start(&entry.message)
        );
    } else {
        let _ = writeln!(
            out,
            "An entry of nginx's error log, but no failure of an upstream or a gateway: {}",
            shortened(&entry.message)
        );
        return out;
    }
    for missing in &entry.missing {
        let _ = writeln!(out, "  Missing: {missing}.");
    }
    out
}

fn root_cause(lead: &str, root: RootCause, out: &mut String) {
    let _ = writeln!(out, "{lead}: {} ({}). Fix: {}.", root.word(), root.meaning(), root.fix());
}

/// A text that is not too long for a line.
pub fn shortened(text: &[u8]) -> String {
    const SHOWN: usize = 200;
    let text = repaired(text);
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.into_owned(),
    }
}

#[derive(Serialize)]
struct Line {
    line: u64,
    cause: Option<&'static str>,
    errno: Option<i32>,
    upstream: Option<String>,
    level: Option<&'static str>,
    root_cause: Option<&'static str>,
    likely: Vec<&'static str>,
    missing: Vec<&'static str>,
}

/// For programs: one JSON line for each line, numbered from 1; with `--format json` an object of all of them.
pub fn json(lines: &[Vec<u8>], one_a_line: bool) -> String {
    let lines = (1..).zip(lines).map(|(number, line)| of(number, &paste::read(line)));
    if one_a_line {
        return lines.map(|line| serde_json::to_string(&line).unwrap_or_default() + "\n").collect();
    }
    let object = serde_json::json!({ "pasted": lines.collect::<Vec<_>>() });
    serde_json::to_string_pretty(&object).unwrap_or_default() + "\n"
}

fn of(number: u64, paste: &Paste) -> Line {
    let empty = Entry::default();
    let entry = if let Paste::Error(entry) = paste { entry } else { &empty };
    Line {
        line: number,
        cause: paste.cause().map(|cause| cause.word()),
        errno: entry.failure.and_then(|failure| failure.errno),
        upstream: entry.upstream.as_ref().map(|peer| repaired(peer).into_owned()),
        level: entry.level.map(|level| level.name()),
        root_cause: if let Paste::Fpm(Some(root)) = paste { Some(root.word()) } else { None },
        likely: paste.cause().map_or_else(Vec::new, |c| c.likely().iter().map(|root| root.word()).collect()),
        missing: entry.missing.clone(),
    }
}

/// The flags that are about the form of the answer.
pub fn run(given: &[String], lines_only: bool, format: Output) -> Result<String, ExplainError> {
    let lines = lines(given)?;
    Ok(match format {
        _ if lines_only => json(&lines, true),
        Output::Json => json(&lines, false),
        Output::Text => text(&lines),
    })
}
