//! The first screen: what is wrong, since when, how many, whose, how sure, and what to type.

use maud::{Markup, html};

use super::symbols::Symbol;
use super::words::{Times, count, minutes, share, thousands};
use crate::diagnosis::{Diagnosis, Finding, State};
use crate::view::{MINUTES, View};

/// Most commands of one finding, and findings that are shown at once.
const COMMANDS: usize = 3;
const FINDINGS: usize = 20;

/// An hour, in minutes.
const HOUR: u64 = 60;

pub(super) fn block(view: &View, diagnosis: &Diagnosis, times: &Times) -> Markup {
    let symbol = Symbol::of(diagnosis.state);
    let first = diagnosis.findings.first();
    html! {
        section.verdict.(symbol.word()) aria-labelledby="verdict" {
            h1 #verdict { (symbol.svg()) " " span.word { (symbol.name()) ":" } " " (sentence(diagnosis)) }
            @if let Some(finding) = first { (facts(finding)) }
            p { (window(view, times)) }
            @if let Some(finding) = first {
                h2 { "Do this first" }
                (fix(finding))
            }
        }
        @if diagnosis.findings.len() > 1 { (others(&diagnosis.findings[1..])) }
    }
}

fn sentence(diagnosis: &Diagnosis) -> Markup {
    match diagnosis.findings.first() {
        // The others have a heading of their own.
        Some(first) if diagnosis.state != State::Blind => with_code(&first.what, &first.upstream),
        _ => html! { (diagnosis.verdict) },
    }
}

/// A sentence with the address in it set apart.
fn with_code(text: &str, address: &str) -> Markup {
    match text.split_once(address).filter(|_| !address.is_empty()) {
        Some((before, after)) => html! { (before) code { (address) } (after) },
        None => html! { (text) },
    }
}

/// Whose requests they are, what speaks for it, and how sure that is.
fn facts(finding: &Finding) -> Markup {
    let name =
        |name: &str| if name.is_empty() { "(no server name in the log)".to_owned() } else { name.to_owned() };
    html! {
        @if !finding.servers.is_empty() {
            p {
                "Whose: "
                @for (at, (server, failed)) in finding.servers.iter().enumerate() {
                    @if at > 0 { ", " }
                    b { (name(server)) } " " (thousands(*failed))
                }
                "."
            }
        }
        ul.evidence {
            @for evidence in &finding.evidence { li { (evidence) } }
            @if finding.fails {
                li {
                    @if finding.sure { "sure: what broke it was seen" }
                    @else { "not sure: what broke it was not seen, only what nginx saw and how things stand now" }
                }
            }
        }
    }
}

/// How many failed lately, of how many.
fn window(view: &View, times: &Times) -> String {
    let now = times.minute();
    let (mut failed, mut answered, mut watched) = (0, 0, 0);
    for minute in view.history.last(HOUR, now) {
        failed += minute.failed.values().sum::<u64>();
        answered += minute.answered;
        watched += u64::from(minute.watched);
    }
    if watched == 0 && answered == 0 {
        return "No access log was read in the last hour, so nothing is known of it.".to_owned();
    }
    if failed > 0 {
        let share = share(failed, answered).map(|share| format!(" ({share})")).unwrap_or_default();
        let of = if failed <= answered { format!(" of {}", thousands(answered)) } else { String::new() };
        return format!("In the last hour {}{of} requests failed{share}.", thousands(failed));
    }
    let last = view.history.minutes().rev().find(|minute| !minute.failed.is_empty());
    let first = view.history.minutes().find(|minute| minute.watched);
    let answered = count(answered, "request was answered", "requests were answered");
    match (last, first) {
        (Some(last), _) => format!(
            "No failed response for {}; {answered} in the last hour.",
            minutes(now.saturating_sub(last.at))
        ),
        (None, Some(first)) if now.saturating_sub(first.at) + 1 < MINUTES => format!(
            "No failed response since the logs are read, for {}; {answered} in the last hour.",
            minutes(now.saturating_sub(first.at))
        ),
        (None, _) => format!("No failed response for a day; {answered} in the last hour."),
    }
}

/// What to do, and with which commands to begin.
fn fix(finding: &Finding) -> Markup {
    html! {
        p { (finding.fix.trim_end_matches('.')) "." }
        @if !finding.commands.is_empty() {
            ol.commands {
                @for command in finding.commands.iter().take(COMMANDS) {
                    li { pre { code { (command) } } button type="button" hidden { "Copy" } }
                }
            }
        }
        @if !finding.runbook.is_empty() {
            p { a href={ "/runbooks/" (finding.runbook) } { "Runbook " (finding.runbook) } }
        }
    }
}

fn others(findings: &[Finding]) -> Markup {
    let hidden = findings.len().saturating_sub(FINDINGS);
    html! {
        section aria-labelledby="also" {
            h2 #also { "Also wrong" }
            @for (at, finding) in findings.iter().take(FINDINGS).enumerate() {
                details #{ "also-" (at) } {
                    summary { (with_code(&finding.what, &finding.upstream)) }
                    (facts(finding))
                    (fix(finding))
                }
            }
            @if hidden > 0 { p { "And " (thousands(hidden as u64)) " more; " a href="/diagnosis" { "all as JSON" } "." } }
        }
    }
}
