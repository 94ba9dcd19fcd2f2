//! Findings as text for a person, as JSON, and as annotations of GitHub's workflows.

use std::fmt::Write;

use serde_json::{Value, json};

use super::Checked;
use crate::check::finding::{Finding, Severity, Step};
use crate::topology::config_error::Place;

/// The width of a terminal that has the least.
const WIDTH: usize = 80;
/// So many places of one finding are named.
const PLACES: usize = 3;

/// The gravest first, each with its fix to copy; the sum at the end.
pub(super) fn text(checked: &Checked) -> String {
    let mut out = String::new();
    for finding in &checked.findings {
        one(&mut out, finding);
    }
    for problem in &checked.problems {
        wrapped(&mut out, [""; 2], &format!("could not be read: {problem}"));
    }
    if !checked.problems.is_empty() {
        out.push('\n');
    }
    for subject in &checked.subject {
        let _ = writeln!(out, "checked: {subject}");
    }
    for sentence in &checked.left_out {
        wrapped(&mut out, [""; 2], &format!("not looked at: {sentence}"));
    }
    if !checked.live {
        let left = "not looked at: sockets, permissions, memory, disks and logs. The files alone were checked; without \
                    --nginx-config and --fpm-config, the machine is.";
        wrapped(&mut out, [""; 2], left);
    }
    let _ = writeln!(out, "{}", sum(checked));
    out
}

fn one(out: &mut String, finding: &Finding) {
    let place = finding.places.first().map(|place| format!("{}: ", at(place))).unwrap_or_default();
    wrapped(out, ["", "    "], &format!("{}: {place}{}", finding.severity.word(), finding.what));
    let cause = finding.cause.map(|cause| format!(" [{}]", cause.word())).unwrap_or_default();
    wrapped(out, ["  "; 2], &format!("{}{cause}", finding.effect));
    if let [_, others @ ..] = finding.places.as_slice()
        && !others.is_empty()
    {
        let named: Vec<_> = others.iter().take(PLACES).map(at).collect();
        let more = others.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        wrapped(out, ["  "; 2], &format!("The same: {}{more}.", named.join(", ")));
    }
    for step in &finding.fix {
        let (title, lines) = step_of(step);
        wrapped(out, ["  "; 2], &title);
        for line in lines {
            let _ = writeln!(out, "      {line}");
        }
    }
    out.push('\n');
}

/// What to do in a sentence, and what to copy.
fn step_of(step: &Step) -> (String, Vec<String>) {
    let lines = |text: &str| text.lines().map(str::to_owned).collect();
    match step {
        Step::Replace { at: place, with } => (format!("In {} write instead:", at(place)), lines(with)),
        Step::Add { at: place, block, lines } => {
            (format!("In {}, below \"{block}\", add:", at(place)), lines.clone())
        }
        Step::Write { file, lines } => (format!("Write a file {}:", file.display()), lines.clone()),
        Step::Run(commands) => ("Run:".to_owned(), commands.clone()),
        Step::Decide(text) => (text.clone(), Vec::new()),
    }
}

fn at(place: &Place) -> String {
    match place.line {
        0 => place.file.display().to_string(),
        line => format!("{}:{line}", place.file.display()),
    }
}

fn sum(checked: &Checked) -> String {
    let count = |severity| checked.findings.iter().filter(|finding| finding.severity == severity).count();
    let [errors, warnings, infos] = Severity::ALL.map(count);
    let plural = |n: usize, word: &str| match (n, word) {
        (_, "info") => format!("{n} info"),
        (1, word) => format!("1 {word}"),
        (n, word) => format!("{n} {word}s"),
    };
    let sum = [plural(errors, "error"), plural(warnings, "warning"), plural(infos, "info")].join(", ");
    if checked.problems.is_empty() { sum } else { format!("{sum}; not everything could be read") }
}

/// `indents`: of the first line, and of those that follow.
fn wrapped(out: &mut String, indents: [&str; 2], text: &str) {
    let (mut column, mut indent) = (0, indents[0]);
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            out.push('\n');
            column = 0;
            indent = indents[1];
        }
        if column == 0 {
            out.push_str(indent);
            column = indent.len();
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
}

/// One object.
pub(super) fn json(checked: &Checked) -> String {
    let place = |place: &Place| json!({"file": place.file.to_string_lossy(), "line": place.line});
    let step = |step: &Step| match step {
        Step::Replace { at, with } => json!({"kind": "replace", "at": place(at), "with": with}),
        Step::Add { at, block, lines } => {
            json!({"kind": "add", "at": place(at), "block": block, "lines": lines})
        }
        Step::Write { file, lines } => {
            json!({"kind": "write", "file": file.to_string_lossy(), "lines": lines})
        }
        Step::Run(commands) => json!({"kind": "run", "commands": commands}),
        Step::Decide(text) => json!({"kind": "decide", "text": text}),
    };
    let findings: Vec<Value> = checked
        .findings
        .iter()
        .map(|finding| {
            json!({
                "severity": finding.severity.word(),
                "rule": finding.rule,
                "places": finding.places.iter().map(place).collect::<Vec<_>>(),
                "what": finding.what,
                "effect": finding.effect,
                "cause": finding.cause.map(|cause| cause.word()),
                "fix": finding.fix.iter().map(step).collect::<Vec<_>>(),
            })
        })
        .collect();
    let count = |severity| checked.findings.iter().filter(|finding| finding.severity == severity).count();
    let object = json!({
        "findings": findings,
        "checked": checked.subject,
        "live": checked.live,
        "left_out": checked.left_out,
        "problems": checked.problems,
        "sum": {
            "error": count(Severity::Error),
            "warning": count(Severity::Warning),
            "info": count(Severity::Info),
        },
    });
    format!("{object:#}\n")
}

/// One workflow command for each place: GitHub shows it beside the line.
pub(super) fn github(checked: &Checked) -> String {
    let mut out = String::new();
    for finding in &checked.findings {
        let level = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let mut message = format!("{}\n", finding.effect);
        for step in &finding.fix {
            let (title, lines) = step_of(step);
            let _ = writeln!(message, "{title}");
            lines.iter().for_each(|line| message.push_str(&format!("    {line}\n")));
        }
        let title = property(&finding.what);
        let data = escaped(message.trim_end());
        if finding.places.is_empty() {
            let _ = writeln!(out, "::{level} title={title}::{data}");
        }
        for place in &finding.places {
            let (file, line) = (property(&place.file.to_string_lossy()), place.line.max(1));
            let _ = writeln!(out, "::{level} file={file},line={line},title={title}::{data}");
        }
    }
    for problem in &checked.problems {
        let _ = writeln!(out, "::error title=not everything could be read::{}", escaped(problem));
    }
    let _ = writeln!(out, "{}", sum(checked));
    out
}

/// As the runner unescapes a command's data.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The same for a property, which ends at `:` and `,`.
fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}
